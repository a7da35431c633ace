"""AreTomo's ``.aln``: global and local alignment of a tilt series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.metadata.tlt import check_tilts
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_integer, to_number

_COLUMNS = 10  # SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT
_LOCAL_COLUMNS = 7  # section, patch, x, y, shift x, shift y, reliability


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkFrame:
    """An image that was left out because it is dark.

    Attributes
    ----------
    first, second
        The two numbers of the line as written; versions differ in what they count.
    tilt_deg
        Its tilt.
    """

    first: int
    second: int
    tilt_deg: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AretomoAlignment:
    """A ``.aln`` file.

    Attributes
    ----------
    raw_size
        Images of the raw stack: x, y in pixels and their number.
    dark_frames
        Images left out.
    alpha_offset_deg, beta_offset_deg
        Tilt of the specimen about y and x; None where the file (an older one) has no such line.
    section
        ``(n,)`` ``SEC``: place of each aligned image in the raw stack as written (AreTomo3
        counts from 1, AreTomo2 from 0).
    axis_angle_deg
        ``(n,)`` ``ROT``.
    shift_px
        ``(n, 2)`` ``TX``, ``TY`` in pixels of the raw images.
    tilt_deg
        ``(n,)`` ``TILT``. The alpha offset is *in* these angles already; it must not be added.
    n_patches
        Patches of the local alignment; 0 without one.
    local
        ``(rows, 7)``: section, patch, x, y, shift x, shift y, reliability.
    """

    raw_size: tuple[int, int, int]
    dark_frames: tuple[DarkFrame, ...]
    alpha_offset_deg: float | None
    beta_offset_deg: float | None
    section: NDArray[np.int64]
    axis_angle_deg: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    tilt_deg: NDArray[np.float64]
    n_patches: int
    local: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tilt_deg)

    @property
    def first_section(self) -> int:
        """What ``SEC`` counts from: 0 where it must, else 1."""
        return 0 if self.section.min() == 0 or self._darks_from_zero() else 1

    def _darks_from_zero(self) -> bool:
        """AreTomo2 counts dark frames and sections from 0: together they are 0 to n-1."""
        seen = {*self.section.tolist(), *(d.second for d in self.dark_frames)}
        return seen == set(range(self.raw_size[2]))


def read_aln(path: str | Path) -> AretomoAlignment:
    """Read a ``.aln`` of AreTomo, AreTomo2 or AreTomo3."""
    header: dict[str, list[str]] = {}
    darks: list[DarkFrame] = []
    rows: list[list[float]] = []
    local: list[list[float]] = []
    in_local = False
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        words, place = line.split(), f"line {number}"
        if not words:
            continue
        if words[0] == "#":
            in_local = in_local or words[1:3] == ["Local", "Alignment"]
            if len(words) > 2 and words[2] == "=":
                if words[1] == "DarkFrame":
                    darks.append(_dark_frame(words[3:], path, place))
                else:
                    header[words[1]] = words[3:]
            continue
        width = _LOCAL_COLUMNS if in_local else _COLUMNS
        if len(words) != width:
            raise FormatError(path, f"{place}: expected {width} numbers, got {len(words)}")
        (local if in_local else rows).append([to_number(w, path, place) for w in words])
    if not rows:
        raise FormatError(path, "holds no aligned images")
    return _alignment(header, darks, np.asarray(rows), local, path)


def _dark_frame(words: list[str], path: str | Path, place: str) -> DarkFrame:
    if len(words) != 3:
        raise FormatError(path, f"{place}: DarkFrame: expected 3 numbers, got {len(words)}")
    return DarkFrame(
        first=to_integer(words[0], path, place),
        second=to_integer(words[1], path, place),
        tilt_deg=to_number(words[2], path, place),
    )


def _alignment(
    header: dict[str, list[str]],
    darks: list[DarkFrame],
    table: NDArray[np.float64],
    local: list[list[float]],
    path: str | Path,
) -> AretomoAlignment:
    size = [to_integer(word, path, "RawSize") for word in header.get("RawSize", [])]
    if len(size) != 3 or min(size) < 1:
        raise FormatError(path, "RawSize: expected x, y and the number of images")
    section = table[:, 0]
    if (section != np.round(section)).any() or np.unique(section).size != section.size:
        raise FormatError(path, "SEC: expected whole numbers, each once")
    if section.min() < 0 or section.max() > size[2]:
        raise FormatError(
            path, f"SEC: {section.max():g} is not an image of a stack of {size[2]} (RawSize)"
        )
    check_tilts(table[:, 9], path)
    patches = header.get("NumPatches", ["0"])
    return AretomoAlignment(
        raw_size=(size[0], size[1], size[2]),
        dark_frames=tuple(darks),
        alpha_offset_deg=_offset(header, "AlphaOffset", path),
        beta_offset_deg=_offset(header, "BetaOffset", path),
        section=section.astype(np.int64),
        axis_angle_deg=table[:, 1],
        shift_px=table[:, 3:5],
        tilt_deg=table[:, 9],
        n_patches=to_integer(patches[0] if patches else "", path, "NumPatches"),
        local=np.asarray(local, dtype=np.float64).reshape(-1, _LOCAL_COLUMNS),
    )


def _offset(header: dict[str, list[str]], key: str, path: str | Path) -> float | None:
    words = header.get(key)
    return None if words is None else to_number(words[0] if words else "", path, key)
