"""`MrcHeader`: the 1024 bytes before the pixels of an MRC file, read and written.

The layout is MRC2014 (`doi:10.1016/j.jsb.2015.04.002`) with IMOD's stamp and flags. Why this is
not left to a library: ``docs/adr/0002-own-mrc-reader.md``.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import FormatError

HEADER_BYTES = 1024
DTYPES: dict[int, str] = {
    0: "i1", 1: "i2", 2: "f4", 3: "2i2", 4: "c8", 6: "u2", 12: "f2", 101: "u1",
}  # fmt: skip
MODE_NAMES = {
    0: "int8", 1: "int16", 2: "float32", 3: "complex int16", 4: "complex64", 6: "uint16",
    12: "float16", 101: "4-bit",
}  # fmt: skip
_IMOD_STAMP = 1146047817
_IMOD_SIGNED = 1
_ORIGIN = re.compile(r"cryopick grid origin ((?:\S+ ){2,3})A\b")
_MOST_PX = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class MrcHeader:
    """The fields of an MRC header that mean something to us.

    Attributes
    ----------
    size_px
        Columns, rows, sections as stored (``nx ny nz``).
    mode
        Type of the pixels, a key of `DTYPES`.
    start_px, sampling, cell_angstrom, axis_order
        ``nxstart..``, ``mx..``, ``xlen..`` and ``mapc mapr maps``.
    statistics
        ``dmin dmax dmean rms`` as stored.
    space_group, extended_bytes, extended_type, version
        ``ispg nsymbt exttyp nversion``.
    imod_flags
        IMOD's flags, or None without its stamp.
    origin_angstrom
        The ORIGIN field; shown, never used (conventions 19).
    labels
        Text labels.
    byte_order
        ``<`` or ``>``.
    stamped
        Whether the letters ``MAP`` are where they should be.
    """

    size_px: tuple[int, int, int]
    mode: int
    start_px: tuple[int, int, int] = (0, 0, 0)
    sampling: tuple[int, int, int] = (0, 0, 0)
    cell_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axis_order: tuple[int, int, int] = (1, 2, 3)
    statistics: tuple[float, float, float, float] = (0.0, -1.0, -2.0, -1.0)
    space_group: int = 1
    extended_bytes: int = 0
    extended_type: str = ""
    version: int = 20141
    imod_flags: int | None = None
    origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0)
    labels: tuple[str, ...] = field(default=())
    byte_order: str = "<"
    stamped: bool = True

    @property
    def unsigned_bytes(self) -> bool:
        """Whether mode 0 means 0 to 255: IMOD's stamp without its flag for signed bytes."""
        if self.mode != 0:
            return False
        if self.imod_flags is not None:
            return not self.imod_flags & _IMOD_SIGNED
        return self.statistics[0] >= 0 and 127 < self.statistics[1] <= 255

    @property
    def voxel_size_angstrom(self) -> tuple[float, float, float]:
        """Edges of a voxel along x, y, z; 0 where the header says nothing.

        The shortest decimal that gives the stored cell is chosen, so that 1.35 comes back as 1.35.
        """
        x, y, z = (
            _voxel(cell, n or size)
            for cell, n, size in zip(self.cell_angstrom, self.sampling, self.size_px, strict=True)
        )
        return x, y, z

    @property
    def grid_origin_angstrom(self) -> tuple[float, ...]:
        """Grid origin from cryopick's label; empty without one."""
        for label in reversed(self.labels):
            if found := _ORIGIN.match(label):
                try:
                    values = tuple(float(v) for v in found[1].split())
                except ValueError:
                    continue
                if all(math.isfinite(v) and abs(v) < 1e12 for v in values):
                    return values
        return ()


def origin_label(origin_angstrom: Sequence[float]) -> str:
    """Write a Grid origin as a label of at most 80 characters.

    >>> origin_label((1.5, 1.5, 0.0))
    'cryopick grid origin 1.5 1.5 0 A'
    """
    texts = [f"{v:.17g}" if float(f"{v:.12g}") != v else f"{v:.12g}" for v in origin_angstrom]
    label = f"cryopick grid origin {' '.join(texts)} A"
    if len(label) > 80:
        label = f"cryopick grid origin {' '.join(f'{v:.11g}' for v in origin_angstrom)} A"
    return label


def parse_header(head: bytes, path: Path) -> MrcHeader:
    """Read a header in whichever byte order makes sense; a `FormatError` if none does."""
    if len(head) < HEADER_BYTES:
        raise FormatError(path, f"{len(head)} bytes are too few for an MRC header of 1024")
    for order in _byte_orders(head):
        if _plausible(head, order):
            return _parse(head, order)
    nx, ny, nz, mode = struct.unpack("<4i", head[:16])
    raise FormatError(
        path,
        f"not an MRC header: nx ny nz mode are {nx} {ny} {nz} {mode}",
        "check that the file is an MRC file and whole",
    )


def looks_like_mrc(head: bytes) -> bool:
    """Tell whether the first 1024 bytes can be an MRC header in either byte order."""
    return len(head) >= HEADER_BYTES and any(_plausible(head, o) for o in "<>")


def _byte_orders(head: bytes) -> str:
    return "><" if head[212:214] == b"\x11\x11" else "<>"


def _plausible(head: bytes, order: str) -> bool:
    nx, ny, nz, mode = struct.unpack(order + "4i", head[:16])
    return mode in DTYPES and all(0 < n <= _MOST_PX for n in (nx, ny, nz))


def _parse(head: bytes, order: str) -> MrcHeader:
    ints: Any = struct.unpack(order + "10i", head[:40])
    cell: Any = struct.unpack(order + "3f", head[40:52])
    axes: Any = struct.unpack(order + "3i", head[64:76])
    low, high, mean = struct.unpack(order + "3f", head[76:88])
    group, extended = struct.unpack(order + "2i", head[88:96])
    stamp, flags = struct.unpack(order + "2i", head[152:160])
    origin: Any = struct.unpack(order + "3f", head[196:208])
    (rms,) = struct.unpack(order + "f", head[216:220])
    (n_labels,) = struct.unpack(order + "i", head[220:224])
    texts = [_text(head[224 + 80 * i : 304 + 80 * i]) for i in range(min(max(n_labels, 0), 10))]
    return MrcHeader(
        size_px=ints[:3],
        mode=ints[3],
        start_px=ints[4:7],
        sampling=ints[7:10],
        cell_angstrom=cell,
        axis_order=axes,
        statistics=(low, high, mean, rms),
        space_group=group,
        extended_bytes=extended,
        extended_type=_text(head[104:108]),
        version=struct.unpack(order + "i", head[108:112])[0],
        imod_flags=flags if stamp == _IMOD_STAMP else None,
        origin_angstrom=origin,
        labels=tuple(t for t in texts if t),
        byte_order=order,
        stamped=head[208:211] == b"MAP",
    )


def pack_header(header: MrcHeader) -> bytes:
    """Write a header as 1024 bytes, little-endian."""
    head = bytearray(HEADER_BYTES)
    struct.pack_into("<10i", head, 0, *header.size_px, header.mode, *header.start_px,
                     *header.sampling)  # fmt: skip
    struct.pack_into("<6f", head, 40, *header.cell_angstrom, 90.0, 90.0, 90.0)
    struct.pack_into("<3i", head, 64, *header.axis_order)
    struct.pack_into("<3f", head, 76, *header.statistics[:3])
    struct.pack_into("<2i", head, 88, header.space_group, header.extended_bytes)
    struct.pack_into("<i", head, 108, header.version)
    struct.pack_into("<3f", head, 196, *header.origin_angstrom)
    head[208:212], head[212:216] = b"MAP ", b"\x44\x44\x00\x00"
    struct.pack_into("<f", head, 216, header.statistics[3])
    labels = header.labels[:10]
    struct.pack_into("<i", head, 220, len(labels))
    for i, label in enumerate(labels):
        text = label.encode("ascii", "replace")[:80].ljust(80)
        head[224 + 80 * i : 304 + 80 * i] = text
    return bytes(head)


def _text(raw: bytes) -> str:
    kept = raw.split(b"\0")[0].decode("ascii", "replace")
    return "".join(c if c.isprintable() else "?" for c in kept).strip()


def _voxel(cell: float, samples: int) -> float:
    if samples <= 0 or not math.isfinite(cell) or cell <= 0:
        return 0.0
    exact = cell / samples
    for digits in range(1, 9):
        short = float(f"{exact:.{digits}g}")
        if np.float32(short * samples) == np.float32(cell):
            return short
    return exact
