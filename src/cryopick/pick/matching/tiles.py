"""Cut a volume into tiles that are searched one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.correlation import Shape, fast_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The voxels of a volume that one tile answers for.

    Attributes
    ----------
    first, stop
        Array indices z, y, x.
    block
        Shape of the block that is transformed: the tile and the halo of the template, raised to
        lengths that are fast to transform.
    """

    first: Shape
    stop: Shape
    block: Shape

    @property
    def place(self) -> tuple[slice, slice, slice]:
        """Where the tile lies in the volume."""
        z, y, x = (slice(a, b) for a, b in zip(self.first, self.stop, strict=True))
        return z, y, x

    @property
    def shape(self) -> Shape:
        """Voxels along z, y, x."""
        z, y, x = (b - a for a, b in zip(self.first, self.stop, strict=True))
        return z, y, x

    @property
    def block_voxels(self) -> int:
        """What is transformed for each rotation."""
        return int(np.prod(self.block))


def plan_tiles(
    shape: Sequence[int],
    box_px: int,
    *,
    most_voxels: int,
    region: NDArray[np.bool_] | None = None,
) -> list[Tile]:
    """Cut a volume, or the bounding box of a region of it, into tiles of equal size.

    Parameters
    ----------
    shape
        ``z, y, x`` of the volume.
    box_px
        Edge of the template.
    most_voxels
        Largest block; exceeded only where it would leave tiles smaller than the template.
    region
        ``(z, y, x)``: tiles without any of its voxels are left out.

    Examples
    --------
    >>> tiles = plan_tiles((40, 100, 100), 11, most_voxels=50 * 60 * 60)
    >>> len(tiles), tiles[0].shape, tiles[0].block
    (4, (40, 50, 50), (50, 60, 60))
    """
    low, high = _bounds(shape, region)
    lengths = [b - a for a, b in zip(low, high, strict=True)]
    if min(lengths) <= 0:
        return []
    counts = [1, 1, 1]
    while _block_voxels(lengths, counts, box_px) > most_voxels:
        pieces = [-(-n // c) for n, c in zip(lengths, counts, strict=True)]
        widest = int(np.argmax(pieces))
        if pieces[widest] <= box_px:
            break
        counts[widest] += 1
    block = _block(lengths, counts, box_px)
    tiles: list[Tile] = []
    for place in product(*(range(c) for c in counts)):
        # Pieces that differ by a voxel at most.
        first = _cut(low, lengths, counts, place)
        stop = _cut(low, lengths, counts, tuple(i + 1 for i in place))
        tile = Tile(first=first, stop=stop, block=block)
        if region is None or region[tile.place].any():
            tiles.append(tile)
    return tiles


def read_block(volume: NDArray[np.float32], tile: Tile, *, box_px: int) -> NDArray[np.float64]:
    """Copy the block of a tile: it begins ``box // 2`` before the tile; outside the volume it is NaN.

    Examples
    --------
    >>> tile = Tile(first=(0, 0, 0), stop=(1, 1, 2), block=(3, 3, 4))
    >>> read_block(np.ones((1, 1, 2), np.float32), tile, box_px=3)[1, 1]
    array([nan,  1.,  1., nan])
    """
    out = np.full(tile.block, np.nan)
    source: list[slice] = []
    target: list[slice] = []
    for first, size, length in zip(tile.first, tile.block, volume.shape, strict=True):
        start = first - box_px // 2
        begin, end = max(start, 0), min(start + size, length)
        source.append(slice(begin, end))
        target.append(slice(begin - start, end - start))
    out[tuple(target)] = volume[tuple(source)]
    return out


def _bounds(shape: Sequence[int], region: NDArray[np.bool_] | None) -> tuple[list[int], list[int]]:
    if region is None:
        return [0, 0, 0], [int(n) for n in shape]
    low: list[int] = []
    high: list[int] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(region.any(axis=others))
        low.append(int(held[0]) if len(held) else 0)
        high.append(int(held[-1]) + 1 if len(held) else 0)
    return low, high


def _block(lengths: list[int], counts: list[int], box_px: int) -> Shape:
    z, y, x = (fast_length(-(-n // c) + box_px - 1) for n, c in zip(lengths, counts, strict=True))
    return z, y, x


def _block_voxels(lengths: list[int], counts: list[int], box_px: int) -> int:
    return int(np.prod(_block(lengths, counts, box_px)))


def _cut(low: list[int], lengths: list[int], counts: list[int], place: tuple[int, ...]) -> Shape:
    z, y, x = (a + n * i // c for a, n, c, i in zip(low, lengths, counts, place, strict=True))
    return z, y, x
