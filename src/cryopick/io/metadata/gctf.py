"""Gctf's results: its STAR file of many images, and the log of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.metadata.ctffind import MAX_DEFOCUS_UM
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_number
from cryopick.model import Defocus, Optics

_NEEDED = ("rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GctfTable:
    """Defocus of ``n`` images.

    Attributes
    ----------
    image
        ``(n,)`` file of each image as written.
    defocus
        In µm and degrees.
    score
        ``(n,)`` cross correlation; None where the file has none.
    resolution_angstrom
        ``(n,)``; None where the file has none.
    optics
        None where the file does not tell or where the images differ.
    """

    image: NDArray[np.str_]
    defocus: tuple[Defocus, ...]
    score: NDArray[np.float64] | None = None
    resolution_angstrom: NDArray[np.float64] | None = None
    optics: Optics | None = None

    def __len__(self) -> int:
        return len(self.defocus)


def read_gctf_star(path: str | Path) -> GctfTable:
    """Read ``micrographs_all_gctf.star``: Å become µm."""
    path = Path(path)
    block = read_star(path).table_with(*_NEEDED)
    if block is None:
        raise FormatError(path, f"no table with {', '.join(_NEEDED)}", "give the STAR of Gctf")
    columns = [_finite(block, name, path) for name in _NEEDED[1:]]
    phase = (
        _finite(block, "rlnPhaseShift", path)
        if "rlnPhaseShift" in block
        else np.zeros_like(columns[0])
    )
    worst = max((float(np.abs(c).max(initial=0.0)) for c in columns[:2]), default=0.0) / 1e4
    if worst > MAX_DEFOCUS_UM:
        raise FormatError(path, f"rlnDefocusU: {worst:g} µm is not possible")
    rows = zip(*(c.tolist() for c in (*columns, phase)), strict=True)
    return GctfTable(
        image=block.text("rlnMicrographName"),
        defocus=tuple(
            Defocus(u_um=u / 1e4, v_um=v / 1e4, astigmatism_angle_deg=a, phase_shift_deg=p)
            for u, v, a, p in rows
        ),
        score=_optional(block, "rlnCtfFigureOfMerit"),
        resolution_angstrom=_optional(block, "rlnFinalResolution", "rlnCtfMaxResolution"),
        optics=_optics(block, path),
    )


def read_gctf_log(path: str | Path) -> Defocus:
    r"""Read the last line ``... Final Values`` of a ``_gctf.log``: defocus U, V, angle (, phase).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a_gctf.log"
    >>> _ = path.write_text(
    ...     "   Defocus_U   Defocus_V       Angle         CCC\n"
    ...     "    25123.12    24898.43       45.12    0.123456  Final Values\n"
    ... )
    >>> read_gctf_log(path).v_um
    2.489843
    """
    lines = [line for line in read_text(path).split("\n") if line.strip().endswith("Final Values")]
    if not lines:
        raise FormatError(path, "no line of Final Values", "give the log of Gctf")
    words = lines[-1].split()[:-2]
    if len(words) not in (4, 5):
        raise FormatError(path, f"Final Values: expected 4 or 5 numbers, got {len(words)}")
    numbers = [to_number(word, path, "Final Values") for word in words]
    if max(abs(numbers[0]), abs(numbers[1])) / 1e4 > MAX_DEFOCUS_UM:
        raise FormatError(path, f"Final Values: defocus {numbers[0]:g} Å is not possible")
    return Defocus(
        u_um=numbers[0] / 1e4,
        v_um=numbers[1] / 1e4,
        astigmatism_angle_deg=numbers[2],
        phase_shift_deg=numbers[3] if len(numbers) == 5 else 0.0,
    )


def _finite(block: StarBlock, column: str, path: Path) -> NDArray[np.float64]:
    values = block.number(column)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise FormatError(path, f"row {bad[0] + 1}, {column}: not a finite number")
    return values


def _optional(block: StarBlock, *columns: str) -> NDArray[np.float64] | None:
    name = block.first(*columns)
    return None if name is None else block.number(name)


def _optics(block: StarBlock, path: Path) -> Optics | None:
    names = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
    if not block.has(*names):
        return None
    values = [np.unique(_finite(block, name, path)) for name in names]
    if any(len(v) != 1 for v in values):
        return None
    voltage, cs, contrast = (float(v[0]) for v in values)
    if not (1 <= voltage <= 3000 and 0 <= contrast <= 1):
        raise FormatError(path, f"rlnVoltage {voltage:g}, rlnAmplitudeContrast {contrast:g}")
    return Optics(voltage_kv=voltage, cs_mm=cs, amplitude_contrast=contrast)
