"""Defocus files of IMOD's ctfplotter, versions 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.metadata.number_list import read_number_rows
from cryopick.model import Defocus

# The sum of these is the first number of a version 3 file.
ASTIGMATISM = 1
AXIS_IN_RADIANS = 2
PHASE_SHIFT = 4
PHASE_IN_RADIANS = 8
TILTS_INVERTED = 16
CUT_ON = 32
_KNOWN = ASTIGMATISM | AXIS_IN_RADIANS | PHASE_SHIFT | PHASE_IN_RADIANS | TILTS_INVERTED | CUT_ON

_MAX_VIEWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DefocusRange:
    """Defocus measured on a range of views.

    Attributes
    ----------
    first_view, last_view
        Range of images of the stack, counted from 1, both included.
    first_tilt_deg, last_tilt_deg
        Their tilts.
    defocus
        In µm and degrees.
    """

    first_view: int
    last_view: int
    first_tilt_deg: float
    last_tilt_deg: float
    defocus: Defocus


@dataclass(frozen=True, slots=True, kw_only=True)
class ImodDefocus:
    """A ``.defocus`` file.

    Attributes
    ----------
    version
        1, 2 or 3.
    ranges
        One entry per row, in the order of the file.
    tilts_inverted
        The tilts of this file have the other sign than IMOD's ``.tlt``.
    """

    version: int
    ranges: tuple[DefocusRange, ...]
    tilts_inverted: bool = False

    @property
    def last_view(self) -> int:
        """Largest view that a row names."""
        return max(r.last_view for r in self.ranges)

    def per_view(self, n: int) -> NDArray[np.float64]:
        """Spread the ranges over the ``n`` views of the stack.

        Returns
        -------
        ndarray
            ``(n, 4)``: u and v in µm, astigmatism angle and phase shift in degrees. A view in
            several ranges gets the range whose middle is nearest; a view in none (it was left
            out of the fit) the values of the nearest range.
        """
        if self.last_view > n:
            raise InputError(f"defocus: names view {self.last_view}, but there are {n} tilt images")
        first = np.asarray([r.first_view for r in self.ranges])
        final = np.asarray([r.last_view for r in self.ranges])
        value = np.asarray(
            [
                (
                    r.defocus.u_um,
                    r.defocus.v_um,
                    r.defocus.astigmatism_angle_deg,
                    r.defocus.phase_shift_deg,
                )
                for r in self.ranges
            ]
        )
        view = np.arange(1, n + 1)[:, None]
        outside = np.maximum(np.maximum(first - view, view - final), 0)
        middle = np.abs(view - (first + final) / 2)
        return value[np.argmin(outside * (2.0 * n + 1) + middle, axis=1)]


def read_imod_defocus(path: str | Path) -> ImodDefocus:
    """Read a ``.defocus`` file; nm become µm, radians become degrees.

    Version 2 rows are ``first view, last view, first tilt, last tilt, defocus``, with the version
    as sixth number of the first row. Version 3 starts with a row ``flags 0 0. 0. 0. 3`` and its
    rows may go on with the second defocus, the axis of astigmatism, the phase shift and the
    cut-on frequency (1/nm; left out), as the flags say. Without a version number, views of files
    that start at 0 are counted from 0.
    """
    rows = read_number_rows(path)
    flags, version, places = _heading(rows, path)
    width = 5 + 2 * bool(flags & ASTIGMATISM) + bool(flags & PHASE_SHIFT) + bool(flags & CUT_ON)
    ranges: list[DefocusRange] = []
    shift = 1 if version == 1 and min(r[0] for r in rows) == 0 else 0
    for place, row in places:
        if len(row) < width:
            raise FormatError(path, f"row {place}: expected {width} numbers, got {len(row)}")
        first, last = row[0] + shift, row[1] + shift
        if not (1 <= first <= last <= _MAX_VIEWS and first == int(first) and last == int(last)):
            raise FormatError(path, f"row {place}: {row[0]:g} to {row[1]:g} is no range of views")
        ranges.append(
            DefocusRange(
                first_view=int(first),
                last_view=int(last),
                first_tilt_deg=row[2],
                last_tilt_deg=row[3],
                defocus=_defocus(row, flags),
            )
        )
    if not ranges:
        raise FormatError(path, "holds no defocus values")
    return ImodDefocus(
        version=version, ranges=tuple(ranges), tilts_inverted=bool(flags & TILTS_INVERTED)
    )


def _heading(
    rows: list[list[float]], path: str | Path
) -> tuple[int, int, list[tuple[int, list[float]]]]:
    """Flags, version, and the rows of values with their places."""
    head = rows[0]
    places = list(enumerate(rows, start=1))
    if len(head) < 5:
        raise FormatError(path, f"row 1: expected at least 5 numbers, got {len(head)}")
    if len(head) == 6 and head[5] == 3:
        if head[0] != int(head[0]) or not 0 <= head[0] <= _KNOWN:
            raise FormatError(path, f"row 1: flags {head[0]:g} are not known")
        return int(head[0]), 3, places[1:]
    if len(head) == 6 and head[5] != 2:
        raise FormatError(path, f"row 1: version {head[5]:g} is not known", "use version 2 or 3")
    return 0, 2 if len(head) == 6 else 1, places


def _defocus(row: list[float], flags: int) -> Defocus:
    u_um = row[4] / 1000
    v_um, axis, phase, at = u_um, 0.0, 0.0, 5
    if flags & ASTIGMATISM:
        v_um, axis, at = row[5] / 1000, row[6], 7
        axis = float(np.degrees(axis)) if flags & AXIS_IN_RADIANS else axis
    if flags & PHASE_SHIFT:
        phase = float(np.degrees(row[at])) if flags & PHASE_IN_RADIANS else row[at]
    return Defocus(u_um=u_um, v_um=v_um, astigmatism_angle_deg=axis, phase_shift_deg=phase)


def write_imod_defocus(
    path: str | Path, defocus: Sequence[Defocus], *, tilt_deg: Sequence[float]
) -> None:
    r"""Write one row per view: version 2 where neither astigmatism nor phase shift is set, else 3.

    Parameters
    ----------
    path
        The file.
    defocus
        Defocus of each view.
    tilt_deg
        Tilt of each view.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.defocus"
    >>> write_imod_defocus(path, [Defocus(u_um=3.0, v_um=3.0)], tilt_deg=[-60.0])
    >>> path.read_text()
    '1\t1\t-60.00\t-60.00\t3000.0\t2\n'
    """
    if len(defocus) != len(tilt_deg) or not defocus:
        raise InputError(
            f"{path}: expected one defocus per tilt, got {len(defocus)} and {len(tilt_deg)}"
        )
    astigmatic = any(d.u_um != d.v_um for d in defocus)
    phase = any(d.phase_shift_deg != 0 for d in defocus)
    full = astigmatic or phase
    lines: list[str] = []
    if full:
        lines.append(f"{ASTIGMATISM + PHASE_SHIFT * phase}\t0\t0.0\t0.0\t0.0\t3\n")
    for view, (value, tilt) in enumerate(zip(defocus, tilt_deg, strict=True), start=1):
        words = [f"{view}", f"{view}", f"{tilt:.2f}", f"{tilt:.2f}", f"{value.u_um * 1000:.1f}"]
        if full:
            words += [f"{value.v_um * 1000:.1f}", f"{value.astigmatism_angle_deg:.2f}"]
        if phase:
            words.append(f"{value.phase_shift_deg:.2f}")
        if not full and view == 1:
            words.append("2")
        lines.append("\t".join(words) + "\n")
    write_text(path, "".join(lines))
