"""One tilt series, its exposure or its defocus, from whatever file somebody has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.metadata.ctffind import COLUMNS, read_ctffind
from cryopick.io.metadata.gctf import read_gctf_log, read_gctf_star
from cryopick.io.metadata.imod_defocus import read_imod_defocus
from cryopick.io.metadata.number_list import read_defocus_um, read_doses
from cryopick.io.metadata.tlt import read_tilts
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import split_rows
from cryopick.model import TiltSeries

TILT_SUFFIXES = (".tlt", ".rawtlt", ".mdoc", ".aln", ".xml", ".star")
MAX_DEFOCUS_UM = 100.0
# Refined and nominal tilts differ by a constant and by less than this.
SAME_TILT_DEG = 3.0


def read_tilt_file(
    path: str | Path, *, column: int | None = None, pixel_size_angstrom: float | None = None
) -> TiltSeries:
    r"""Read the tilts of one series, with all else that its file knows.

    Parameters
    ----------
    path
        ``.mdoc`` (SerialEM), ``.aln`` (AreTomo, with the files beside it), ``.xml`` (Warp),
        ``.star`` (RELION), or a list of angles (``.tlt``, ``.rawtlt``, ``.txt``, ...).
    column
        Of the angles in a list with several columns, counted from 0.
    pixel_size_angstrom
        Of the tilt images; overrides what the file says.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "007.tlt"
    >>> _ = path.write_text("-3 1\n0 2\n3 3\n")
    >>> read_tilt_file(path, column=0).tilt_deg
    array([-3.,  0.,  3.])
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".aln":
        from cryopick.io.metadata.aretomo3 import read_aretomo3_tilt_series

        return read_aretomo3_tilt_series(path, pixel_size_angstrom=pixel_size_angstrom)
    if suffix == ".xml":
        from cryopick.io.metadata.warp_xml import read_warp_xml

        series = read_warp_xml(path).series
    elif suffix == ".mdoc":
        from cryopick.io.metadata.mdoc import mdoc_tilt_series, read_mdoc

        series = mdoc_tilt_series(read_mdoc(path))
    elif suffix == ".star":
        from cryopick.io.metadata.relion_tilt_series import read_tilt_series

        series = read_tilt_series(path)
    else:
        series = TiltSeries(name=path.stem, tilt_deg=read_tilts(path, column=column))
    if pixel_size_angstrom is not None:
        series = replace(series, pixel_size_angstrom=pixel_size_angstrom)
    return series


def read_exposure(path: str | Path, n: int, *, column: int | None = None) -> NDArray[np.float64]:
    """Read the accumulated exposure of ``n`` tilts in e/Å²; another number of rows is refused."""
    dose = read_doses(path, column=column)
    _check_count(path, len(dose), n, "doses")
    return dose


def read_tilt_defocus(
    source: str | Path, n: int, *, tilt_deg: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Read the defocus of ``n`` tilts, whoever measured it.

    Parameters
    ----------
    source
        A number in µm, or a file: ``.defocus`` (IMOD), ``.star`` or ``.log`` (Gctf), the text of
        ctffind, or a list of µm. Another number of rows than ``n`` is refused.
    n
        Number of tilts.
    tilt_deg
        ``(n,)`` tilts that the tilts in an IMOD file must follow; a constant offset is allowed.

    Returns
    -------
    ndarray
        ``(n, 4)``: u and v in µm, astigmatism angle and phase shift in degrees.

    Examples
    --------
    >>> read_tilt_defocus("3.5", 2)
    array([[3.5, 3.5, 0. , 0. ],
           [3.5, 3.5, 0. , 0. ]])
    """
    value = one_defocus_um(str(source))
    if value is not None:
        return np.tile([value, value, 0.0, 0.0], (n, 1))
    path = Path(source)
    if not path.is_file():
        raise MissingFileError(path, "give a file or one number in µm as --defocus")
    suffix = path.suffix.lower()
    if suffix == ".log":
        d = read_gctf_log(path)
        return np.tile([d.u_um, d.v_um, d.astigmatism_angle_deg, d.phase_shift_deg], (n, 1))
    if suffix == ".star":
        rows = [
            (d.u_um, d.v_um, d.astigmatism_angle_deg, d.phase_shift_deg)
            for d in read_gctf_star(path).defocus
        ]
        _check_count(path, len(rows), n, "defoci")
        return np.asarray(rows)
    if suffix == ".defocus":
        return _imod(path, n, tilt_deg)
    return _from_text(path, n, tilt_deg)


def one_defocus_um(text: str) -> float | None:
    """A defocus given as one number; None where the text is no number.

    >>> one_defocus_um("3.5"), one_defocus_um("TS_1.defocus") is None
    (3.5, True)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    if not abs(value) <= MAX_DEFOCUS_UM:
        raise InputError(f"defocus {text}: expected µm, at most {MAX_DEFOCUS_UM:g}")
    return value


def _from_text(path: Path, n: int, tilt_deg: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """A text file: one column is µm, five or six are IMOD's, seven or more ctffind's."""
    rows = split_rows(read_text(path), path=path)
    width = max((len(cells) for _, cells in rows[:2]), default=0)
    if width >= COLUMNS:
        values = read_ctffind(path).columns
    elif width in (5, 6):
        return _imod(path, n, tilt_deg)
    else:
        um = read_defocus_um(path)
        zero = np.zeros_like(um)
        values = np.stack([um, um, zero, zero], axis=1)
    _check_count(path, len(values), n, "defoci")
    return values


def _imod(path: Path, n: int, tilt_deg: NDArray[np.float64] | None) -> NDArray[np.float64]:
    table = read_imod_defocus(path)
    if table.last_view > n:
        raise FormatError(
            path,
            f"names view {table.last_view}, but the series has {n} tilts",
            "use files of one series",
        )
    if tilt_deg is not None:
        sign = -1.0 if table.tilts_inverted else 1.0
        apart = np.asarray(
            [
                sign * stated - tilt_deg[view - 1]
                for r in table.ranges
                for view, stated in (
                    (r.first_view, r.first_tilt_deg),
                    (r.last_view, r.last_tilt_deg),
                )
            ]
        )
        if np.ptp(apart) > SAME_TILT_DEG:
            raise FormatError(
                path,
                f"its tilts and those of the series differ by {apart.min():g}° to {apart.max():g}°",
                "use files of one series, in the same order",
            )
    return table.per_view(n)


def _check_count(path: str | Path, found: int, expected: int, what: str) -> None:
    if found != expected:
        raise FormatError(
            path, f"{found} {what}, but the series has {expected} tilts", "use files of one series"
        )
