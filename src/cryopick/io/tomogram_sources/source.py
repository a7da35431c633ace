"""`TomogramSource`: a tomogram to search and how it was taken, whoever reconstructed it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.model import Defocus, Optics, TiltSeries

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TomogramSource:
    """One tomogram, its tilts and what belongs to it.

    Attributes
    ----------
    name
        As the project calls it; always text (``007``).
    path
        The reconstructed volume.
    pixel_size_angstrom
        Of the volume; None: not known.
    tilts
        The tilt images that were *used* in the reconstruction: excluded and dark ones are not in
        it, but their exposure counts. None: see ``wedge_deg``.
    wedge_deg
        Smallest and largest tilt of a continuous wedge, where single tilts are not known.
    defocus
        One value for the whole tomogram, where there are no tilts to hold it.
    optics
        Microscope settings; None: not known.
    mask
        Volume that tells where to search; None: everywhere.
    tilt_series_pixel_angstrom
        Of the unbinned tilt images.
    binning
        Pixel size of the volume over that of the tilt images.
    size_unbinned_px
        Size ``x, y, z`` of the unbinned tomogram.
    warnings
        One sentence per oddity.
    """

    name: str
    path: Path
    pixel_size_angstrom: float | None = None
    tilts: TiltSeries | None = None
    wedge_deg: tuple[float, float] | None = None
    defocus: Defocus | None = None
    optics: Optics | None = None
    mask: Path | None = None
    tilt_series_pixel_angstrom: float | None = None
    binning: float | None = None
    size_unbinned_px: tuple[int, int, int] | None = None
    warnings: tuple[str, ...] = ()


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in the order in which people count: ``TS_2`` before ``TS_10``.

    >>> natural_order(["TS_10", "TS_2", "007"])
    ['007', 'TS_2', 'TS_10']
    """
    return sorted(names, key=_natural_key)


def _natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    parts = re.split(r"([0-9]+)", name)
    key = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)
    return key, name


def chosen(
    names: Iterable[str], *, include: Sequence[str] = (), exclude: Sequence[str] = (), where: object
) -> list[str]:
    """Names that wildcards ask for, in natural order.

    Parameters
    ----------
    names
        All there are.
    include
        Wildcards; empty: all names.
    exclude
        Wildcards of names to leave out.
    where
        What the names come from, for messages.

    Examples
    --------
    >>> chosen(["TS_10", "TS_2", "bad"], include=["TS_*"], exclude=["*_10"], where="a.star")
    ['TS_2']
    """
    known = natural_order(names)
    for pattern in include:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise InputError(f"{where}: --include {pattern} matches none of {listed(known)}")
    kept = [
        name
        for name in known
        if (not include or any(fnmatchcase(name, p) for p in include))
        and not any(fnmatchcase(name, p) for p in exclude)
    ]
    if known and not kept:
        raise InputError(
            f"{where}: --include and --exclude leave no tomogram of {listed(known)}; name fewer"
        )
    return kept


def listed(names: Sequence[str]) -> str:
    """Some names for a message, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def refuse_missing(missing: Sequence[str], total: int, *, what: str, remedy: str) -> None:
    """Raise one error for all tomograms that lack something; their names tell it."""
    if missing:
        raise InputError(
            f"{len(missing)} of {total} tomograms: {what}: {listed(missing)}; {remedy}"
        )


def only_used(
    series: TiltSeries, used: NDArray[np.bool_] | None = None, *, why: str = "excluded"
) -> tuple[TiltSeries, tuple[str, ...]]:
    """Cut a tilt series to the images that were used, and say which are gone.

    Parameters
    ----------
    series
        All images.
    used
        ``(n,)``; default: those that ``series.excluded`` does not name.
    why
        One word for the message.

    Examples
    --------
    >>> series = TiltSeries(name="TS_1", tilt_deg=[-3.0, 0.0, 3.0], excluded=[True, False, False])
    >>> only_used(series)[0].tilt_deg, only_used(series)[1]
    (array([0., 3.]), ('1 of 3 tilt images left out (excluded): -3°',))
    """
    keep = used
    if keep is None:
        keep = np.ones(len(series), bool) if series.excluded is None else ~series.excluded
    if keep.all():
        return replace(series, excluded=None), ()
    if not keep.any():
        raise InputError(f"tilt series {series.name}: all {len(series)} images are {why}")
    columns: dict[str, Any] = {
        f.name: value[keep]
        for f in fields(TiltSeries)
        if isinstance(value := getattr(series, f.name), np.ndarray)
    }
    gone = left_out(series.tilt_deg[~keep].tolist(), of=len(series), why=why)
    return replace(series, **{**columns, "excluded": None}), (gone,)


def left_out(tilts_deg: Sequence[float], *, of: int, why: str) -> str:
    """One sentence on images that are not in a tilt series."""
    shown = listed([f"{tilt:g}°" for tilt in tilts_deg])
    return f"{len(tilts_deg)} of {of} tilt images left out ({why}): {shown}"


def check_finite(series: TiltSeries, path: Path) -> None:
    """Refuse a tilt series in which a number is missing; the row tells where."""
    for field in fields(TiltSeries):
        values = getattr(series, field.name)
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            continue
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise FormatError(
                path, f"tilt {bad[0] + 1}: {field.name} is {values[bad[0]]}", "correct the row"
            )


def gaps(series: TiltSeries) -> tuple[str, ...]:
    """Say which columns that a search can use are not known.

    >>> gaps(TiltSeries(name="TS_1", tilt_deg=[0.0], exposure_e_per_a2=[0.0]))
    ('defocus of the tilts is not known: no CTF',)
    """
    said: list[str] = []
    if series.exposure_e_per_a2 is None:
        said.append("exposure of the tilts is not known: no dose weighting")
    if series.defocus_u_um is None:
        said.append("defocus of the tilts is not known: no CTF")
    return tuple(said)
