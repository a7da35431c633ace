"""EM files (TOM toolbox, PyTom, STOPGAP): 512 bytes of header, then pixels."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import atomic_open
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat, Kind, bare_suffix
from cryopick.io.images.raw import array_in_file, read_head, size_limit
from cryopick.io.images.views import Computed, Section, amplitude
from cryopick.model import PixelSource

_HEADER_BYTES = 512
_DTYPES = {1: "i1", 2: "i2", 4: "i4", 5: "f4", 8: "c8", 9: "f8"}
_MACHINES = {0: "OS-9", 1: "VAX", 2: "Convex", 3: "SGI", 4: "Sun", 5: "Mac", 6: "PC"}
_LITTLE = {1, 6}
_MOST_PX = 2**24


def sniff(path: Path, head: bytes) -> int:
    """Likely when codes and lengths are sane, and the file is as long as they say."""
    found = _header(head)
    if found is None:
        return 1 if bare_suffix(path) == ".em" else 0
    dtype, shape, _ = found
    needed = _HEADER_BYTES + math.prod(shape) * dtype.itemsize
    exact = needed == path.stat().st_size
    if bare_suffix(path) == ".em":
        return 3 if exact else 2
    return 2 if exact else 0


def read(path: Path) -> Content:
    """Read the header and map the pixels; the pixel size is not in the file."""
    head = read_head(path, _HEADER_BYTES)
    found = _header(head)
    if found is None:
        raise FormatError(
            path,
            f"not an EM header: {len(head)} bytes, machine and type codes {list(head[:4])}",
            "check that the file is an EM file and whole",
        )
    dtype, shape, order = found
    data = array_in_file(path, offset=_HEADER_BYTES, shape=shape, dtype=dtype)
    warnings: list[str] = []
    if size_limit(path) == path.stat().st_size:
        extra = path.stat().st_size - _HEADER_BYTES - math.prod(shape) * dtype.itemsize
        if extra > 0:
            warnings.append(f"file is {extra} bytes longer than its header declares; ignored")
    if dtype.kind == "c":
        warnings.append("complex pixels (a Fourier transform): the amplitude is shown")
        data = Computed(data, amplitude, np.float32)
    kind: Kind = "volume"
    if shape[0] == 1:
        data, kind = data[0] if isinstance(data, np.ndarray) else Section(data), "image"
    comment = head[16:96].split(b"\0")[0].decode("ascii", "replace").strip()
    facts = {
        "mode": head[3],
        "byte_order": "little" if order == "<" else "big",
        "machine": _MACHINES[head[0]],
        "labels": [comment] if comment.isprintable() and comment else [],
    }
    return Content(format="EM", kind=kind, data=data, facts=facts, warnings=tuple(warnings))


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write an image or a volume, little-endian. The format keeps neither pixel size nor origin."""
    del pixel_size_angstrom, origin_angstrom
    codes = {np.dtype(code).name: number for number, code in _DTYPES.items()}
    if dtype not in codes:
        raise InputError(f"{path}: dtype {dtype}: EM holds {', '.join(codes)}")
    shape = tuple(data.shape)
    if stack or len(shape) not in (2, 3):
        raise InputError(f"{path}: EM holds one image or one volume, got an array of shape {shape}")
    head = bytearray(_HEADER_BYTES)
    head[0], head[3] = 6, codes[dtype]
    struct.pack_into("<3i", head, 4, *shape[::-1], *(1,) * (3 - len(shape)))
    kind = np.dtype(dtype).newbyteorder("<")
    with atomic_open(path, "wb") as file:
        file.write(bytes(head))
        for section in [data] if len(shape) == 2 else (data[i] for i in range(shape[0])):
            pixels = check_cast(np.asarray(section[...]), np.dtype(dtype), path)
            file.write(np.ascontiguousarray(pixels, dtype=kind).tobytes())


def _header(head: bytes) -> tuple[np.dtype, tuple[int, int, int], str] | None:
    if len(head) < _HEADER_BYTES or head[0] not in _MACHINES or head[3] not in _DTYPES:
        return None
    order = "<" if head[0] in _LITTLE else ">"
    for each in (order, "<" if order == ">" else ">"):
        nx, ny, nz = struct.unpack(each + "3i", head[4:16])
        if all(0 < n <= _MOST_PX for n in (nx, ny, nz)):
            return np.dtype(each + _DTYPES[head[3]]), (nz, ny, nx), each
    return None


FORMAT = ImageFormat(name="em", title="EM", suffixes=(".em",), sniff=sniff, read=read, write=write)
