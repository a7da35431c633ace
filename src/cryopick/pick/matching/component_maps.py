"""Component maps of one tile of a volume, by Fourier transforms, two at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.bank import Bank

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A block of voxels whose scores are computed together.

    Attributes
    ----------
    start, shape
        The block, ``zyx``.
    fft_shape
        Lengths of its Fourier transforms: the block with a margin on both sides, or more.
    margin_px
        Reach of the components.
    """

    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    fft_shape: tuple[int, int, int]
    margin_px: int

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The block in the volume."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.start, self.shape, strict=True))
        return z, y, x


def plan_tiles(shape: tuple[int, int, int], margin_px: int, *, voxels_at_once: int) -> list[Tile]:
    """Cut a volume into equal tiles whose transforms have about ``voxels_at_once`` voxels.

    Small tiles waste work on their margins, large ones need memory and leave the cache.

    Examples
    --------
    >>> [tile.start for tile in plan_tiles((20, 40, 40), 5, voxels_at_once=30 * 30 * 50)]
    [(0, 0, 0), (0, 20, 0)]
    """
    from scipy.fft import next_fast_len

    pieces = [1, 1, 1]

    def edges() -> list[int]:
        return [-(-n // p) for n, p in zip(shape, pieces, strict=True)]

    def lengths() -> list[int]:
        return [next_fast_len(n + 2 * margin_px) for n in edges()]

    while np.prod(lengths(), dtype=np.int64) > voxels_at_once:
        longest = max(range(3), key=lambda axis: (edges()[axis], -axis))
        if edges()[longest] <= max(margin_px, 4):
            break
        pieces[longest] += 1
    edge, length = edges(), lengths()
    tiles: list[Tile] = []
    for z in range(0, shape[0], edge[0]):
        for y in range(0, shape[1], edge[1]):
            for x in range(0, shape[2], edge[2]):
                start = (z, y, x)
                size = tuple(min(e, n - a) for e, n, a in zip(edge, shape, start, strict=True))
                tiles.append(
                    Tile(
                        start=start,
                        shape=(size[0], size[1], size[2]),
                        fft_shape=(length[0], length[1], length[2]),
                        margin_px=margin_px,
                    )
                )
    return tiles


def component_maps(
    volume: torch.Tensor,
    tile: Tile,
    bank: Bank,
    *,
    voxel: NDArray[np.int64] | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Correlate one tile with every component of a bank.

    Parameters
    ----------
    volume
        ``(z, y, x)`` float32, padded by the tile's margin on every face (see `patches.padded`).
    voxel
        Flat indices of the wanted voxels within the tile; None: all.
    dtype
        Of the result.

    Returns
    -------
    Tensor
        ``(k, voxels)``.
    """
    import torch

    margin, device = tile.margin_px, volume.device
    block = torch.zeros(tile.fft_shape, dtype=torch.complex64, device=device)
    window = tuple(
        slice(a, a + n + 2 * margin) for a, n in zip(tile.start, tile.shape, strict=True)
    )
    part = volume[window]
    block[: part.shape[0], : part.shape[1], : part.shape[2]] = part
    spectrum = torch.fft.fftn(block)
    begin = margin + bank.reach_px
    inner = tuple(slice(begin, begin + n) for n in tile.shape)
    chosen = None if voxel is None else torch.from_numpy(voxel).to(device)
    count = int(np.prod(tile.shape)) if voxel is None else len(voxel)
    out = torch.empty((bank.rank, count), dtype=dtype, device=device)
    for first in range(0, bank.rank, 2):
        boxes = torch.from_numpy(bank.boxes(slice(first, first + 2))).to(device)
        pair = _correlated(spectrum, boxes)[inner]
        # Two real maps in one complex transform: the second lies in the imaginary part.
        for place, values in enumerate((pair.real, pair.imag)[: len(boxes)]):
            flat = values.reshape(-1)
            out[first + place] = flat if chosen is None else flat[chosen]
    return out


def _correlated(spectrum: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """``a + i b``: correlations of the volume behind ``spectrum`` with one or two real boxes.

    A correlation is a convolution with the mirrored box. Its centre stands at index ``reach``,
    so the result at a voxel lies ``reach`` further down each axis. Lines that hold only zeros are
    not transformed.
    """
    import torch

    second = boxes[1] if len(boxes) == 2 else torch.zeros_like(boxes[0])
    values = torch.complex(boxes[0], second).flip(0, 1, 2)
    for axis in (2, 1, 0):
        values = torch.fft.fft(values, n=spectrum.shape[axis], dim=axis)
    return torch.fft.ifftn(values.mul_(spectrum))
