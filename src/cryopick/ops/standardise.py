"""Bring pixels to mean 0 and standard deviation 1 before picking."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Several passes over a slab: it shall stay in the cache.
_SLAB_PIXELS = 1 << 17


def standardise(pixels: torch.Tensor, *, outlier_sigma: float = 8.0) -> torch.Tensor:
    """Subtract the mean, divide by the standard deviation, and set outliers and gaps to 0.

    Pixels that are not finite count as gaps. A flat image comes back as zeros.

    Parameters
    ----------
    pixels
        Any shape.
    outlier_sigma
        Pixels farther than this from the mean are set to it: hot pixels, gold, ice crystals.
    """
    import torch

    mean, spread = _moments(pixels)
    if not spread > 1e-6 * max(1.0, abs(mean)):
        return torch.zeros_like(pixels)
    out = torch.empty_like(pixels)
    # Slab by slab: fast, and a volume of several GB needs little beside itself and the result.
    for slab, target in zip(_slabs(pixels), _slabs(out), strict=True):
        scaled = (slab - mean) / spread
        keep = scaled.abs() <= outlier_sigma  # False for NaN
        target.copy_(torch.where(keep, scaled, torch.zeros_like(scaled)))
    return out


def _moments(pixels: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation of the finite pixels."""
    import torch

    def summed(power: int, centre: float) -> tuple[float, int]:
        total, count = 0.0, 0
        for slab in _slabs(pixels):
            values = slab - centre
            part = _sum(values if power == 1 else values.square_())
            if not math.isfinite(part):
                values = slab[torch.isfinite(slab)] - centre
                part = float((values if power == 1 else values.square_()).sum(dtype=torch.float64))
            total += part
            count += values.numel()
        return total, count

    total, count = summed(1, 0.0)
    if count == 0:
        return 0.0, 0.0
    mean = total / count
    return mean, (summed(2, mean)[0] / count) ** 0.5


def _sum(values: torch.Tensor) -> float:
    """Sum of all values: lines in their own type, which is fast, and the lines in float64."""
    return float(values.sum(-1).double().sum())


def _slabs(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    rows = max(1, _SLAB_PIXELS * pixels.shape[0] // max(pixels.numel(), 1))
    return pixels.split(rows)
