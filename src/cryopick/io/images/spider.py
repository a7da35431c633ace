"""SPIDER files (also written by Xmipp): single images, volumes and stacks of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import atomic_open
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat, Kind, bare_suffix, usable_pixel_size
from cryopick.io.images.raw import array_in_file, compression, read_head
from cryopick.io.images.views import Field, Section
from cryopick.model import PixelSource

SUFFIXES = (".spi", ".stk", ".vol", ".xmp")
# Words of the header, counted from 0: 4-byte floats, integers among them stored as floats.
_NZ, _NY, _IFORM, _HIGH, _LOW, _MEAN, _DEVIATION = 0, 1, 4, 6, 7, 8, 9
_NX, _LABREC, _LABBYT, _LENBYT, _ISTACK, _MAXIM, _PIXEL_SIZE = 11, 12, 21, 22, 23, 25, 37
_WORDS = 256
_MOST_PX = 2**24
_MOST_HEADER = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    words: NDArray[np.float32]
    order: str
    header_bytes: int
    n_images: int  # 0: not a stack

    @property
    def shape(self) -> tuple[int, int, int]:
        nz, ny, nx = (abs(int(self.words[i])) for i in (_NZ, _NY, _NX))
        return nz, ny, nx


def sniff(path: Path, head: bytes) -> int:
    """Likely when the lengths in the header agree with each other."""
    if _parse(head) is not None:
        return 3 if bare_suffix(path) in SUFFIXES else 2
    return 1 if bare_suffix(path) in SUFFIXES else 0


def read(path: Path) -> Content:
    """Read the header and map the pixels, in either byte order."""
    header = _parse(read_head(path, 4 * _WORDS))
    if header is None:
        raise FormatError(path, "not a SPIDER header in either byte order", "check the file")
    nz, ny, nx = header.shape
    pixels = np.dtype(header.order + "f4")
    warnings: list[str] = []
    if header.n_images:
        n = _images_present(path, header, warnings)
        tail = (ny, nx) if nz == 1 else (nz, ny, nx)
        record = np.dtype([("header", f"V{header.header_bytes}"), ("pixels", pixels, tail)])
        records = array_in_file(path, offset=header.header_bytes, shape=(n,), dtype=record)
        data: PixelSource = Field(records, "pixels")
        kind: Kind = "stack"
    else:
        stored = array_in_file(path, offset=header.header_bytes, shape=(nz, ny, nx), dtype=pixels)
        kind = "volume" if nz > 1 else "image"
        data = stored if nz > 1 else Section(stored)
    size = float(header.words[_PIXEL_SIZE])
    known = usable_pixel_size(size)
    return Content(
        format="SPIDER",
        kind=kind,
        data=data,
        pixel_size_angstrom=float(f"{size:.7g}") if known else None,
        trusted=known and size != 1.0,
        facts=_facts(header),
        warnings=tuple(warnings),
    )


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write an image, a volume or a stack, little-endian float32; the Grid origin is not kept."""
    del origin_angstrom
    if dtype != "float32":
        raise InputError(f"{path}: dtype {dtype}: SPIDER holds float32")
    shape = tuple(data.shape)
    if len(shape) not in ((3, 4) if stack else (2, 3)):
        raise InputError(f"{path}: cannot write an array of shape {shape} as SPIDER")
    one = shape[1:] if stack else shape
    images = (data[i] for i in range(shape[0])) if stack else iter([data[...]])
    with atomic_open(path, "wb") as file:
        if stack:
            file.write(_pack(one, pixel_size_angstrom, n_images=shape[0], values=None))
        for image in images:
            values = check_cast(np.asarray(image), np.dtype(np.float32), path)
            file.write(_pack(one, pixel_size_angstrom, n_images=0, values=values))
            file.write(np.ascontiguousarray(values, dtype="<f4").tobytes())


def _parse(head: bytes) -> _Header | None:
    if len(head) < 4 * (_PIXEL_SIZE + 1):
        return None
    for order in "<>":
        words = np.frombuffer(head[: len(head) // 4 * 4][: 4 * _WORDS], dtype=order + "f4")
        lengths = words[[_NZ, _NY, _NX, _LABREC, _LABBYT, _LENBYT, _ISTACK, _MAXIM]]
        if not np.all(np.isfinite(lengths)) or np.any(np.abs(lengths) > _MOST_PX):
            continue
        if np.any(lengths != np.rint(lengths)):
            continue
        nz, ny, nx, labrec, labbyt, lenbyt, istack, maxim = (int(v) for v in lengths)
        if min(abs(nz), ny, nx, labrec) < 1 or words[_IFORM] not in (1, 3):
            continue
        # Old programs left labbyt out; it is labrec records of one row each.
        n_bytes = labbyt or labrec * (lenbyt or 4 * nx)
        if not 4 * _NX < n_bytes <= _MOST_HEADER or (lenbyt and lenbyt != 4 * nx):
            continue
        n_images = max(maxim, 1) if istack > 0 else 0
        return _Header(
            words=words.astype(np.float32), order=order, header_bytes=n_bytes, n_images=n_images
        )
    return None


def _images_present(path: Path, header: _Header, warnings: list[str]) -> int:
    """Number of images in a stack: as declared; a plain file may hold more (``maxim`` is stale)."""
    if compression(path):
        return header.n_images
    each = header.header_bytes + 4 * math.prod(header.shape)
    held, extra = divmod(path.stat().st_size - header.header_bytes, each)
    if held > header.n_images or (held == header.n_images and extra):
        rest = path.stat().st_size - header.header_bytes - header.n_images * each
        warnings.append(f"file is {rest} bytes longer than its header declares; ignored")
    return header.n_images


def _pack(
    shape: tuple[int, ...],
    pixel_size_angstrom: float,
    *,
    n_images: int,
    values: NDArray[Any] | None,
) -> bytes:
    nz, ny, nx = (1, *shape) if len(shape) == 2 else shape
    row = 4 * nx
    records = -(-4 * _WORDS // row)
    words = np.zeros(records * row // 4, dtype="<f4")
    words[[_NZ, _NY, _NX]] = nz, ny, nx
    words[_IFORM] = 1 if nz == 1 else 3
    words[[2, _LABREC, _LABBYT, _LENBYT]] = records + ny * nz, records, records * row, row
    words[_PIXEL_SIZE] = pixel_size_angstrom
    if values is not None:
        words[5] = 1
        words[[_HIGH, _LOW]] = values.max(), values.min()
        words[[_MEAN, _DEVIATION]] = values.mean(dtype=float), values.std(dtype=float)
    if n_images:
        words[[_ISTACK, _MAXIM]] = 2, n_images
    return words.tobytes()


def _facts(header: _Header) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "mode": int(header.words[_IFORM]),
        "byte_order": "little" if header.order == "<" else "big",
        "header_bytes": header.header_bytes,
    }
    low, high, mean = (float(header.words[i]) for i in (_LOW, _HIGH, _MEAN))
    if header.words[5] > 0 and all(math.isfinite(v) for v in (low, high, mean)) and low < high:
        facts |= {"min": low, "max": high, "mean": mean}
    return facts


FORMAT = ImageFormat(
    name="spider", title="SPIDER", suffixes=SUFFIXES, sniff=sniff, read=read, write=write
)
