"""Lazy views over pixels on disk: unpacked, permuted, computed. They read when sliced."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import PixelSource


class Packed4Bit:
    """Pixels of 4 bits, two to a byte, rows padded to whole bytes; the first in the low half.

    Parameters
    ----------
    rows
        ``(..., y, (x + 1) // 2)`` uint8.
    width_px
        Number of pixels in a row.
    """

    def __init__(self, rows: PixelSource, width_px: int) -> None:
        self._rows = rows
        self.shape = (*rows.shape[:-1], width_px)
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]:
        *outer, last = full_index(index, len(self.shape))
        if _is_place(last):  # one column: only its bytes are read
            place = range(self.shape[-1])[int(last)]
            column = np.asarray(self._rows[(*outer, place // 2)])
            return np.asarray(column >> 4 if place % 2 else column & 15, dtype=np.uint8)
        packed = np.asarray(self._rows[(*outer, slice(None))])
        width = self.shape[-1]
        pixels = np.empty((*packed.shape[:-1], width), dtype=np.uint8)
        pixels[..., 0::2] = packed & 15
        pixels[..., 1::2] = (packed >> 4)[..., : width // 2]
        return pixels[..., last]


class Computed:
    """Pixels that are a function of stored values, value by value."""

    def __init__(
        self, source: PixelSource, compute: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any
    ) -> None:
        self._source, self._compute = source, compute
        self.shape, self.dtype = source.shape, np.dtype(dtype)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        return self._compute(np.asarray(self._source[index]))


class Permuted:
    """Stored axes in another order; axis ``i`` is stored axis ``axes[i]``."""

    def __init__(self, source: PixelSource, axes: tuple[int, ...]) -> None:
        self._source, self._axes = source, axes
        self.shape, self.dtype = tuple(source.shape[a] for a in axes), source.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        """Slice along stored axes first, so that a plane reads a plane."""
        wanted = full_index(index, len(self.shape))
        stored: list[Any] = [slice(None)] * len(wanted)
        for place, axis in enumerate(self._axes):
            stored[axis] = _as_slice(wanted[place], self.shape[place])
        block = np.asarray(self._source[tuple(stored)]).transpose(self._axes)
        dropped = tuple(0 if _is_place(w) else slice(None) for w in wanted)
        return block[dropped]


class Reshaped:
    """A stack of sections seen as volumes: ``(n * z, y, x)`` as ``(n, z, y, x)``."""

    def __init__(self, source: PixelSource, depth_px: int) -> None:
        self._source, self._depth = source, depth_px
        n, *rest = source.shape
        self.shape, self.dtype = (n // depth_px, depth_px, *rest), source.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        first, *rest = full_index(index, len(self.shape))
        chosen = np.arange(self.shape[0])[first]
        volumes = [
            np.asarray(self._source[int(i) * self._depth : (int(i) + 1) * self._depth])
            for i in np.atleast_1d(chosen)
        ]
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        block = np.stack(volumes) if volumes else empty
        return (block[0] if np.ndim(chosen) == 0 else block)[
            tuple(rest) if np.ndim(chosen) == 0 else (slice(None), *rest)
        ]


def full_index(index: Any, ndim: int) -> tuple[Any, ...]:
    """Write an index out: one entry per axis, no Ellipsis."""
    parts = _parts(index)
    places = [i for i, part in enumerate(parts) if part is Ellipsis]
    missing = ndim - len(parts) + len(places)
    if missing < 0 or len(places) > 1:
        raise IndexError(f"too many indices: {ndim} axes, got {len(parts)} indices")
    fill: tuple[Any, ...] = (slice(None),) * missing
    if places:
        return (*parts[: places[0]], *fill, *parts[places[0] + 1 :])
    return (*parts, *fill)


def _parts(index: Any) -> tuple[Any, ...]:
    return tuple(index) if isinstance(index, tuple) else (index,)  # type: ignore[arg-type]


def _is_place(part: Any) -> bool:
    return isinstance(part, (int, np.integer))


def _as_slice(part: Any, length: int) -> Any:
    if not _is_place(part):
        return part
    place = int(part)
    place += length if place < 0 else 0
    if not 0 <= place < length:
        raise IndexError(f"index {part} is outside of an axis of {length}")
    return slice(place, place + 1)


class AddedAxis:
    """One image seen as a stack or volume of one: ``(y, x)`` as ``(1, y, x)``."""

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self.shape, self.dtype = (1, *source.shape), source.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        first, *rest = full_index(index, len(self.shape))
        return np.asarray(self._source[tuple(rest)])[np.newaxis][first]


class Section:
    """One entry along the first axis: ``(n, y, x)`` as ``(y, x)``."""

    def __init__(self, source: PixelSource, place: int = 0) -> None:
        self._source, self._place = source, place
        self.shape, self.dtype = source.shape[1:], source.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        return np.asarray(self._source[(self._place, *_parts(index))])


class Field:
    """One field of an array of records: the pixels between the headers of a stack."""

    def __init__(self, records: PixelSource, name: str) -> None:
        self._records, self._name = records, name
        kind = records.dtype[name]
        self.shape, self.dtype = (*records.shape, *kind.shape), kind.base

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        first, *rest = full_index(index, len(self.shape))
        chosen = np.asarray(self._records[first])[self._name]
        return chosen[tuple(rest) if _is_place(first) else (slice(None), *rest)]


class ReadOnce:
    """Pixels that can only be decoded as a whole: decoded when first asked for."""

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], decode: Callable[[], NDArray[Any]]
    ) -> None:
        self.shape, self.dtype, self._decode = shape, dtype, decode

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        return self._pixels[index]

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        return self._decode()


def amplitude(values: NDArray[Any]) -> NDArray[np.float32]:
    """Amplitude of complex numbers, or of records of ``re`` and ``im``."""
    if values.dtype.names:
        real, imaginary = values["re"].astype(np.float32), values["im"].astype(np.float32)
        return np.hypot(real, imaginary)
    return np.abs(values).astype(np.float32)


def luminance(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Grey values of ``(..., 3 or 4)`` colours after ITU-R BT.601; transparency is ignored."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.asarray(colours[..., :3].astype(np.float32) @ weights)
