"""Arrays that lie in a file as they lie in memory, plain or compressed, read when sliced."""

from __future__ import annotations

import bz2
import gzip
import math
import tempfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.model import PixelSource

_CHUNK = 1 << 20
# Inflated pixels above this go to a temporary file, so that memory stays small.
_IN_MEMORY = 64 << 20
# The best that deflate and bzip2 can do; a header that promises more lies.
_RATIO = {"": 1, "gz": 1040, "bz2": 1_100_000}


def compression(path: Path) -> str:
    """``gz``, ``bz2`` or nothing, from the first bytes of a file."""
    with path.open("rb") as file:
        magic = file.read(10)
    if magic[:3] == b"\x1f\x8b\x08":
        return "gz"
    return "bz2" if magic[:3] == b"BZh" and magic[4:10] == b"1AY&SY" else ""


def read_head(path: Path, n_bytes: int, *, offset: int = 0) -> bytes:
    """Read up to ``n_bytes`` from ``offset``, after decompression; fewer where the file ends.

    A compressed stream that is damaged or cut gives what could be read.
    """
    kind = compression(path)
    if not kind:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(n_bytes)
    parts: list[bytes] = []
    missing = n_bytes
    with _inflated(path, kind) as file:
        try:
            file.seek(offset)
            while missing > 0 and (part := file.read(min(missing, _CHUNK))):
                parts.append(part)
                missing -= len(part)
        except (EOFError, OSError, zlib.error):
            pass  # what came out before the damage is all there is; the caller sees it is short
    return b"".join(parts)


def size_limit(path: Path) -> int:
    """The most bytes that a file can hold: its size, or what its compression allows."""
    return path.stat().st_size * _RATIO[compression(path)]


def array_in_file(
    path: Path, *, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> PixelSource:
    """Give an array that starts at byte ``offset`` of a file, as a memory map where possible.

    A file too short for the array is a `FormatError`: at once for a plain file, when pixels are
    first asked for in a compressed one (or at once if no compression could reach that size).

    Parameters
    ----------
    path
        The file; gzip and bzip2 are recognised by content.
    offset
        First byte of the array, after decompression.
    shape, dtype
        As the header declares them.
    """
    needed = offset + math.prod(shape) * dtype.itemsize
    what = f"images of {dtype.itemsize} bytes" if dtype.names else f"pixels of {dtype.name}"
    if needed > size_limit(path):
        raise FormatError(
            path,
            f"header declares {'x'.join(str(n) for n in reversed(shape))} {what} "
            f"({needed} bytes), the file is shorter ({path.stat().st_size} bytes)",
            "copy or write the file again",
        )
    kind = compression(path)
    if kind:
        return InflatedArray(path, offset=offset, shape=shape, dtype=dtype, kind=kind)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


class InflatedArray:
    """An array in a compressed file: inflated once, when pixels are first asked for."""

    def __init__(
        self, path: Path, *, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], kind: str
    ) -> None:
        self._path, self._offset, self._kind = path, offset, kind
        self.shape, self.dtype = shape, dtype

    def __getitem__(self, index: Any, /) -> Any:
        return self._pixels[index]

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        n_bytes = math.prod(self.shape) * self.dtype.itemsize
        with _inflated(self._path, self._kind) as source:
            try:
                source.seek(self._offset)
                if n_bytes <= _IN_MEMORY:
                    flat = np.frombuffer(self._read(source, n_bytes), dtype=self.dtype)
                    pixels = flat.reshape(self.shape)
                else:
                    pixels = self._spill(source, n_bytes)
                source.read(1)  # past the last pixel: only there the checksum is compared
            except (EOFError, zlib.error, OSError) as error:
                raise FormatError(
                    self._path, f"compressed data are damaged or cut ({error})", "copy it again"
                ) from error
        return pixels

    def _read(self, source: IO[bytes], n_bytes: int) -> bytes:
        parts: list[bytes] = []
        missing = n_bytes
        while missing:
            part = source.read(min(missing, _CHUNK))
            if not part:
                raise EOFError(f"{missing} of {n_bytes} bytes are missing")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _spill(self, source: IO[bytes], n_bytes: int) -> NDArray[Any]:
        """Inflate into a temporary file that vanishes with the array."""
        with tempfile.TemporaryFile(prefix="cryopick-") as file:
            for start in range(0, n_bytes, _CHUNK):
                file.write(self._read(source, min(_CHUNK, n_bytes - start)))
            file.flush()
            return np.memmap(file, dtype=self.dtype, mode="r", shape=self.shape)


def _inflated(path: Path, kind: str) -> IO[bytes]:
    opener: Any = gzip.open if kind == "gz" else bz2.open
    return opener(path, "rb")
