"""Six features of a particle minus its reference: what RELION's particle sorting looked at.

Where the particle is what its reference shows, the difference is noise: mean 0, alike in every
quarter, without direction. Ice, edges, neighbours and wrong alignments leave something behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FEATURES = (
    "mean",
    "sd",
    "skewness",
    "kurtosis",
    "quadrants",
    "asymmetry",
)
"""Columns of `difference_features`."""


def disc_pixels(box_px: int, radius_px: float) -> NDArray[np.bool_]:
    """``(b, b)``: pixels at most ``radius_px`` from pixel ``b // 2``.

    Examples
    --------
    >>> int(disc_pixels(8, 1.0).sum())
    5
    """
    offset = np.arange(box_px) - box_px // 2
    return np.hypot(offset[:, None], offset[None, :]) <= radius_px


def difference_features(
    images: torch.Tensor,
    expected: torch.Tensor,
    *,
    radius_px: float,
    frequency_max: float = 0.5,
) -> torch.Tensor:
    """Describe the difference of centred particles and their expected images.

    Parameters
    ----------
    images, expected
        ``(n, b, b)`` each.
    radius_px
        Of the disc that counts; outside, the difference is 0.
    frequency_max
        Rings of the power spectrum up to this frequency count, in cycles per pixel.

    Returns
    -------
    torch.Tensor
        ``(n, 6)``, columns `FEATURES`: mean, standard deviation, skewness and excess kurtosis in
        the disc; standard deviation of the four quarters' standard deviations; variance of the
        power spectrum about its mean on rings.
    """
    import torch

    box = images.shape[-1]
    disc = torch.from_numpy(disc_pixels(box, radius_px)).to(images.device)
    difference = (images - expected) * disc
    inside = difference[:, disc]
    mean, sd, skewness, kurtosis = moments(inside)
    quadrants = torch.stack(
        [difference[:, part].std(dim=1, correction=0) for part in _quadrants(disc)], dim=1
    )
    asymmetry = _asymmetry(difference, frequency_max)
    spread = quadrants.std(dim=1, correction=0)
    return torch.stack([mean, sd, skewness, kurtosis, spread, asymmetry], dim=1)


def moments(
    values: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, standard deviation, skewness, excess kurtosis of each row; 0 for those of a flat row."""
    mean = values.mean(dim=1)
    centred = values - mean[:, None]
    square = centred * centred
    variance = square.mean(dim=1)
    safe = variance.clamp_min(1e-30)
    flat = variance <= 1e-30
    skewness = (square * centred).mean(dim=1) / safe**1.5
    kurtosis = (square * square).mean(dim=1) / safe**2 - 3
    return (
        mean,
        variance.sqrt(),
        skewness.masked_fill(flat, 0.0),
        kurtosis.masked_fill(flat, 0.0),
    )


def _quadrants(disc: torch.Tensor) -> list[torch.Tensor]:
    """Masks of the four quarters of the disc."""
    import torch

    box = disc.shape[-1]
    far = torch.arange(box, device=disc.device) >= box // 2
    rows = (far[:, None], ~far[:, None])
    columns = (far[None, :], ~far[None, :])
    return [disc & y & x for y in rows for x in columns]


def _asymmetry(difference: torch.Tensor, frequency_max: float) -> torch.Tensor:
    """Variance of the power spectrum about its ring means."""
    import torch

    box = difference.shape[-1]
    power = torch.fft.rfft2(difference).abs().square()
    ky = torch.fft.fftfreq(box, device=difference.device)[:, None]
    kx = torch.fft.rfftfreq(box, device=difference.device)[None, :]
    k = torch.hypot(ky, kx)
    used = k <= frequency_max + 1e-6
    ring = torch.round(k * box).long()[used]
    values = power[:, used]
    count = torch.bincount(ring).clamp_min(1).to(values.dtype)
    total = values.new_zeros((len(values), len(count)))
    total.index_add_(1, ring, values)
    residual = values - (total / count)[:, ring]
    return residual.square().mean(dim=1)
