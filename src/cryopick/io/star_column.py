"""`TextColumn`: one column of a STAR table as it stands in the file, typed when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

# Either fixed-width bytes (small, fast) or, where one value is very long, a list.
Chunk = NDArray[np.bytes_] | list[bytes]


class TextColumn(Sequence[str]):
    """Values of one column, kept as the bytes of the file in chunks of some thousand rows.

    Examples
    --------
    >>> column = TextColumn([np.array([b"1.50", b"007"])])
    >>> list(column), column.numbers().tolist()
    (['1.50', '007'], [1.5, 7.0])
    """

    __slots__ = ("_chunks", "_length")

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = tuple(chunks)
        self._length = sum(map(len, self._chunks))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return list(self)[index]
        place = range(self._length)[index]
        for chunk in self._chunks:
            if place < len(chunk):
                return as_text(bytes(chunk[place]))
            place -= len(chunk)
        raise IndexError(index)

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            yield from map(as_text, chunk if isinstance(chunk, list) else chunk.tolist())

    def widths(self) -> tuple[int, int]:
        """Bytes of the longest value, and of all values together (at least)."""
        longest = total = 0
        for chunk in self._chunks:
            if isinstance(chunk, list):
                sizes = [len(v) for v in chunk]
                longest, total = max([longest, *sizes]), total + sum(sizes)
            elif len(chunk):
                longest, total = max(longest, chunk.dtype.itemsize), total + chunk.nbytes
        return longest, total

    def texts(self) -> NDArray[np.str_]:
        """All values as an array of text; see `widths` before."""
        try:
            parts = [np.asarray(c, dtype=np.bytes_).astype(np.str_) for c in self._chunks]
        except UnicodeDecodeError:  # not plain ASCII: value by value
            parts = [np.array(list(self), dtype=np.str_)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype="<U1")

    def numbers(self) -> NDArray[np.float64]:
        """All values as float64; a ``ValueError`` where one is not a number."""
        parts: list[NDArray[np.float64]] = []
        for chunk in self._chunks:
            if isinstance(chunk, list):
                parts.append(np.array([float(v) for v in chunk], dtype=np.float64))
            else:
                parts.append(chunk.astype(np.float64))
            # 1_000 converts, but no program writes numbers so, and some write names so.
            if b"_" in (b"".join(chunk) if isinstance(chunk, list) else chunk.tobytes()):
                raise ValueError("_")
        return np.concatenate(parts) if parts else np.zeros(0)


def as_text(value: bytes) -> str:
    """Bytes of a file as text: UTF-8, or Latin-1 where they are not."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
