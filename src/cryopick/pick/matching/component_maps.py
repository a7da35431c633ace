"""Component maps of one tile of a volume, by Fourier transforms, two at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.bank import Bank
from cryopick.pick.matching.tiles import Tile

if TYPE_CHECKING:
    import torch


def component_maps(
    block: torch.Tensor,
    tile: Tile,
    bank: Bank,
    *,
    voxel: NDArray[np.int64] | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Correlate one tile with every component of a bank.

    Parameters
    ----------
    block
        What `tiles.read_block` gives for boxes of ``2 reach + 1`` voxels, without NaN.
    tile
        Whose block it is.
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

    device = block.device
    spectrum = torch.fft.fftn(block.to(torch.complex64))
    chosen = None if voxel is None else torch.from_numpy(voxel).to(device)
    count = int(np.prod(tile.shape)) if voxel is None else len(voxel)
    out = torch.empty((bank.rank, count), dtype=dtype, device=device)
    for first in range(0, bank.rank, 2):
        boxes = torch.from_numpy(bank.boxes(slice(first, first + 2))).to(device)
        pair = _correlated(spectrum, boxes, tile.shape)
        # Two real maps in one complex transform: the second lies in the imaginary part.
        for place, values in enumerate((pair.real, pair.imag)[: len(boxes)]):
            flat = values.reshape(-1)
            out[first + place] = flat if chosen is None else flat[chosen]
    return out


def _correlated(
    spectrum: torch.Tensor, boxes: torch.Tensor, shape: tuple[int, int, int]
) -> torch.Tensor:
    """``a + i b``: correlations of the block behind ``spectrum`` with one or two real boxes.

    A correlation is a convolution with the mirrored box; its result lies ``edge - 1`` further down
    each axis. Lines of zeros are not transformed, and what is not wanted is dropped as soon as an
    axis is done.
    """
    import torch

    second = boxes[1] if len(boxes) == 2 else torch.zeros_like(boxes[0])
    values = torch.complex(boxes[0], second).flip(0, 1, 2)
    edge = values.shape[0]
    for axis in (2, 1, 0):
        values = torch.fft.fft(values, n=spectrum.shape[axis], dim=axis)
    values.mul_(spectrum)
    for axis, wanted in enumerate(shape):
        values = torch.fft.ifft(values, dim=axis).narrow(axis, edge - 1, wanted)
    return values
