"""Text output of ctffind 4 and 5, and of AreTomo3, which writes the same columns."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_number
from cryopick.model import Defocus, Optics

COLUMNS = 7
MAX_DEFOCUS_UM = 1000.0

_VOLTAGE = re.compile(r"acceleration voltage:\s*([0-9.]+)")
_CS = re.compile(r"spherical aberration:\s*([0-9.]+)")
_CONTRAST = re.compile(r"amplitude contrast:\s*([0-9.]+)")
_PIXEL = re.compile(r"Pixel size:\s*([0-9.]+)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CtffindTable:
    """Defocus of ``n`` images, in the order of the file.

    Attributes
    ----------
    number
        ``(n,)`` number of each image, counted from 1.
    defocus
        In µm and degrees.
    score
        ``(n,)`` cross correlation.
    fit_resolution_angstrom
        ``(n,)`` spacing up to which the fit is good; infinite where it failed.
    hand
        AreTomo3's sign of the defocus gradient (its own convention), where the file has it.
    optics
        From the comments; None where they do not tell.
    pixel_size_angstrom
        From the comments; None where they do not tell.
    """

    number: NDArray[np.int64]
    defocus: tuple[Defocus, ...]
    score: NDArray[np.float64]
    fit_resolution_angstrom: NDArray[np.float64]
    hand: int | None = None
    optics: Optics | None = None
    pixel_size_angstrom: float | None = None

    def __len__(self) -> int:
        return len(self.defocus)

    @property
    def columns(self) -> NDArray[np.float64]:
        """``(n, 4)``: u and v in µm, astigmatism angle and phase shift in degrees."""
        return np.asarray(
            [(d.u_um, d.v_um, d.astigmatism_angle_deg, d.phase_shift_deg) for d in self.defocus]
        )


def read_ctffind(path: str | Path) -> CtffindTable:
    """Read the text output of ctffind (not ``_avrot.txt``): Å become µm, radians degrees.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = path.write_text("1 14477.87 13500.0 75.0 0.5 0.001 12.1")
    >>> read_ctffind(path).defocus[0].v_um
    1.35
    """
    rows: list[list[float]] = []
    comments: list[str] = []
    for line_number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.lstrip().startswith("#"):
            comments.append(line)
        elif line.strip():
            rows.append(_row(line.split(), path, f"line {line_number}"))
    if not rows:
        raise FormatError(path, "holds no rows of ctffind")
    numbers = [row[0] for row in rows]
    if numbers != sorted(set(numbers)) or min(numbers) < 0 or any(n != int(n) for n in numbers):
        raise FormatError(path, "column 1: expected the numbers of the images, rising")
    notes = "\n".join(comments)
    return CtffindTable(
        number=np.asarray(numbers, dtype=np.int64),
        defocus=tuple(
            Defocus(
                u_um=row[1] / 1e4,
                v_um=row[2] / 1e4,
                astigmatism_angle_deg=row[3],
                phase_shift_deg=math.degrees(row[4]),
            )
            for row in rows
        ),
        score=np.asarray([row[5] for row in rows]),
        fit_resolution_angstrom=np.asarray([row[6] for row in rows]),
        hand=_hand(notes, rows, path),
        optics=_optics(notes, path),
        pixel_size_angstrom=_noted(_PIXEL, notes, path),
    )


def _row(words: list[str], path: str | Path, place: str) -> list[float]:
    if len(words) < COLUMNS:
        raise FormatError(path, f"{place}: expected {COLUMNS} numbers or more, got {len(words)}")
    row = [to_number(word, path, place) for word in words[:5]]
    # ctffind writes inf and nan into the columns that only rate the fit
    row += [_loose(word, path, place) for word in words[5:]]
    worst = max(abs(row[1]), abs(row[2])) / 1e4
    if worst > MAX_DEFOCUS_UM or row[0] > 2**31:
        raise FormatError(path, f"{place}: defocus {worst:g} µm is not possible")
    return row


def _loose(word: str, path: str | Path, place: str) -> float:
    unsigned = word.lower().lstrip("+-")
    if unsigned in ("inf", "infinity", "nan"):
        return math.inf if unsigned.startswith("inf") else math.nan
    return to_number(word, path, place)


def _hand(notes: str, rows: list[list[float]], path: str | Path) -> int | None:
    if "#8 - dfHand" not in notes:
        return None
    hands = {row[7] for row in rows if len(row) > 7}
    if len(hands) != 1 or not hands <= {-1.0, 0.0, 1.0}:
        raise FormatError(path, f"column 8, dfHand: expected one sign, got {sorted(hands)[:5]}")
    return int(hands.pop())


def _noted(pattern: re.Pattern[str], notes: str, path: str | Path) -> float | None:
    found = pattern.search(notes)
    return to_number(found[1], path, "comments") if found else None


def _optics(notes: str, path: str | Path) -> Optics | None:
    voltage, cs = _noted(_VOLTAGE, notes, path), _noted(_CS, notes, path)
    contrast = _noted(_CONTRAST, notes, path)
    if voltage is None or cs is None or contrast is None:
        return None
    if not (1 <= voltage <= 3000 and 0 <= contrast <= 1):
        raise FormatError(path, f"comments: {voltage:g} kV, amplitude contrast {contrast:g}")
    return Optics(voltage_kv=voltage, cs_mm=cs, amplitude_contrast=contrast)
