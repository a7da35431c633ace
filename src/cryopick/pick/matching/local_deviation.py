"""The local standard deviation of a tomogram under a mask: the denominator of the score.

::

    σ(x)² = Σ_u V(x + u)² M(u) / Σ M - (Σ_u V(x + u) M(u) / Σ M)²

The difference of two nearly equal numbers is exact enough only if the volume's mean is taken off
first and both are formed in float64. Where a volume is flat, the score would be rounding divided by
rounding: variances up to `FLAT` times that of the whole volume count as that of the whole volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.correlation import (
    Shape,
    block_spectrum,
    correlate,
    fast_length,
    kernel_spectrum,
)
from cryopick.pick.matching.tiles import plan_tiles, read_block

if TYPE_CHECKING:
    import torch

FLAT = 1e-5
_MOST_VOXELS = 8_000_000


def local_deviation(
    volume: NDArray[np.float32], mask: NDArray[np.float32], *, device: str = "cpu"
) -> NDArray[np.float32]:
    """Standard deviation of a volume under a mask that is centred on each voxel.

    Parameters
    ----------
    volume
        ``(z, y, x)``, which may be a memory map; outside it counts as its mean.
    mask
        ``(n, n, n)`` from 0 to 1; its centre is voxel ``n // 2``.
    device
        Torch device.

    Returns
    -------
    ndarray
        ``(z, y, x)`` float32, above 0.

    Examples
    --------
    >>> steps = np.tile(np.float32([0, 0, 0, 0, 2, 2, 2, 2]), (8, 8, 1))
    >>> local_deviation(steps, np.ones((3, 3, 3), np.float32))[4, 4].round(2)
    array([0.47, 1.  , 1.  , 0.94, 0.94, 1.  , 1.  , 0.47], dtype=float32)
    """
    import torch

    mean, variance = volume_moments(volume)
    out = np.empty(volume.shape, dtype=np.float32)
    kernel = torch.from_numpy(mask.copy()).to(device)
    for tile in plan_tiles(volume.shape, mask.shape[0], most_voxels=_MOST_VOXELS):
        # What lies outside the volume, NaN, becomes its mean.
        block = np.nan_to_num(read_block(volume, tile, box_px=mask.shape[0]) - mean, nan=0.0)
        local = block_variance(torch.from_numpy(block).to(device), kernel)
        z, y, x = tile.shape
        out[tile.place] = deviation(local[:z, :y, :x], variance).cpu().numpy()
    return out


def block_variance(block: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Variance under the mask, as `cryopick.pick.matching.correlation` places a kernel's values.

    Parameters
    ----------
    block
        ``(z, y, x)`` float64 of a volume whose mean was taken off.
    mask
        ``(n, n, n)``.

    Returns
    -------
    Tensor
        ``(z - n + 1, y - n + 1, x - n + 1)`` float32.
    """
    import torch

    n = mask.shape[0]
    z, y, x = block.shape
    out = torch.empty((z - n + 1, y - n + 1, x - n + 1), device=block.device)
    # float64 takes twice the memory of the search itself: so only a few planes at a time.
    depth = min(z, fast_length(3 * n))
    kernel = mask.to(block.dtype) / mask.to(block.dtype).sum()
    for first in range(0, len(out), depth - n + 1):
        # The last slab reaches back, so that all are of one depth.
        start = min(first, z - depth)
        slab = block[start : start + depth]
        mean = _mean_under(kernel, slab)
        out[start : start + depth - n + 1] = _mean_under(kernel, slab.square()) - mean.square_()
    return out


def _mean_under(kernel: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
    shape: Shape = (block.shape[0], block.shape[1], block.shape[2])
    spectrum = kernel_spectrum(kernel, shape)
    return correlate(block_spectrum(block), spectrum, shape, edge=kernel.shape[0])


def deviation(local: torch.Tensor, variance: float) -> torch.Tensor:
    """Square root of local variances; flat ones are replaced by the volume's ``variance``."""
    whole = variance if variance > 0 else 1.0
    return local.masked_fill(local <= FLAT * whole, whole).sqrt_()


def volume_moments(volume: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and variance of a volume, which may be a memory map, in float64, plane by plane."""
    count = volume.size
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in volume) / count
    squares = sum(float(np.square(plane - np.float64(mean)).sum()) for plane in volume)
    return mean, squares / count
