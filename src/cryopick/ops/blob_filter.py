"""Filters that answer to round things of one diameter, in 2D and 3D.

Both are defined by their Fourier transforms, which depend on the spatial frequency alone: the
same particle gives the same answer at any binning and at any sub-pixel position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

RadialProfile = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Steps of the table from which radial profiles are interpolated.
_TABLE_STEPS = 16384

# The rim of the disc is softened by this share of its diameter: particles are not discs.
EDGE_SHARE = 0.05


def disc_transform(
    frequency: NDArray[np.float64], diameter_angstrom: float, *, ndim: int
) -> NDArray[np.float64]:
    """Fourier transform of a disc (2D) or ball (3D) of unit sum.

    Parameters
    ----------
    frequency
        Spatial frequencies in 1/Å, any shape.
    diameter_angstrom
        Diameter.
    ndim
        2 or 3.

    Examples
    --------
    >>> disc_transform(np.array([0.0]), 100.0, ndim=3)
    array([1.])
    """
    from scipy.special import j1

    x = np.pi * frequency * diameter_angstrom
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    if ndim == 2:
        return np.where(small, 1 - x**2 / 8, 2 * j1(safe) / safe)
    return np.where(small, 1 - x**2 / 10, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3)


def disc_contrast_transform(
    frequency: NDArray[np.float64], diameter_angstrom: float, *, ndim: int
) -> NDArray[np.float64]:
    """Fourier transform of a disc minus the ring of equal area (ball, shell, volume) around it.

    Its answer is the mean inside the disc minus the mean just outside: what a filled particle, a
    hollow one and a ring have in common. It is zero on any flat or evenly sloping background.
    """
    outer_angstrom = diameter_angstrom * 2 ** (1 / ndim)
    inside = disc_transform(frequency, diameter_angstrom, ndim=ndim)
    both = disc_transform(frequency, outer_angstrom, ndim=ndim)
    softening = np.exp(-2 * (np.pi * frequency * EDGE_SHARE * diameter_angstrom) ** 2)
    return 2 * (inside - both) * softening


def laplacian_transform(
    frequency: NDArray[np.float64], diameter_angstrom: float
) -> NDArray[np.float64]:
    """Fourier transform of RELION's scale-normalised Laplacian of Gaussian for one diameter.

    ``k² / s² exp(-k² / 2 s²)`` with ``s = 0.5 / diameter``.
    """
    squared = (frequency * diameter_angstrom / 0.5) ** 2
    return squared * np.exp(-squared / 2)


def radial_frequency(shape: tuple[int, ...], pixel_size_angstrom: float) -> NDArray[np.float32]:
    """Length of the frequency vector in 1/Å at every sample of a real FFT of ``shape``."""
    squared = np.zeros((1,) * len(shape))
    for axis, n in enumerate(shape):
        frequencies = np.fft.rfftfreq if axis == len(shape) - 1 else np.fft.fftfreq
        line = frequencies(n, pixel_size_angstrom) ** 2
        squared = squared + line.reshape(-1, *(1,) * (len(shape) - 1 - axis)).astype(np.float32)
    return np.sqrt(squared, dtype=np.float32)


def tabulated(profile: RadialProfile, frequency: torch.Tensor) -> torch.Tensor:
    """Evaluate a radial profile at every frequency, by linear interpolation in a fine table.

    Equals ``profile(frequency)`` to about 1e-4 of its maximum, at a tenth of the time: a volume
    has 10^8 samples but few different radii.
    """
    import torch

    highest = float(frequency.max())
    if highest == 0:
        return torch.full_like(frequency, float(profile(np.zeros(1))[0]))
    values = profile(np.linspace(0, highest, _TABLE_STEPS + 1))
    table = torch.as_tensor(values, dtype=torch.float32, device=frequency.device)
    place = frequency * (_TABLE_STEPS / highest)
    below = place.to(torch.int32).clamp_(0, _TABLE_STEPS - 1)
    share = place - below
    low = table[below]
    return low + share * (table[below + 1] - low)


def white_noise_gain(response: torch.Tensor, shape: tuple[int, ...]) -> float:
    """Standard deviation of a filter's answer to white noise of unit standard deviation.

    ``response`` holds the real FFT samples of the filter on ``shape``.
    """
    return math.sqrt(float(_axis_power(response, shape, axis=0).sum()) / math.prod(shape))


def mirror_noise_gain(
    response: torch.Tensor, padded: tuple[int, ...], shape: tuple[int, ...]
) -> list[NDArray[np.float64]]:
    """How much louder white noise answers near mirrored edges, one factor per axis.

    Beside a mirror the same noise enters a filter twice. With ``a`` the autocorrelation of the
    filter, the variance at ``d`` pixels from one edge is exactly ``1 + a(2 d + 1)``; where two
    edges meet, the product of both is a close bound.

    Parameters
    ----------
    response
        Real FFT samples of the filter on the padded shape.
    padded, shape
        Shape with and without the mirrored margin.

    Returns
    -------
    gain
        One ``(n,)`` array of standard deviations per axis; multiply their outer product.
    """
    gains: list[NDArray[np.float64]] = []
    for axis, (length, n) in enumerate(zip(padded, shape, strict=True)):
        power = _axis_power(response, padded, axis=axis)
        # The autocorrelation along one axis through the centre is the transform of the power
        # summed over the other axes.
        last = axis == len(padded) - 1
        line = np.fft.irfft(power, length) if last else np.fft.ifft(power).real
        line = line / line[0]
        line = np.where(np.arange(length) <= length // 2, line, 0.0)
        near = 2 * np.arange(n) + 1
        reach = np.where(near < length, line[np.minimum(near, length - 1)], 0.0)
        gains.append(np.sqrt(np.maximum(1 + reach + reach[::-1], 0.25)))
    return gains


def _axis_power(
    response: torch.Tensor, shape: tuple[int, ...], *, axis: int
) -> NDArray[np.float64]:
    """Squared response summed over all axes but one; the half-stored last axis counts twice."""
    import torch

    last = len(shape) - 1
    weight = torch.full((response.shape[-1],), 2.0, dtype=torch.float64, device=response.device)
    weight[0] = 1.0
    if shape[-1] % 2 == 0:
        weight[-1] = 1.0
    others = tuple(a for a in range(last) if a != axis)
    power = response.square()
    summed = power.sum(dim=others, dtype=torch.float64) if others else power.double()
    if axis == last:
        return summed.cpu().numpy()
    return (summed * weight).sum(dim=-1).cpu().numpy()


def pad_mirrored(pixels: torch.Tensor, pad_px: int) -> tuple[torch.Tensor, tuple[slice, ...]]:
    """Mirror the pixels beyond every edge, by at least ``pad_px``, up to a good FFT length.

    Returns the padded tensor and the slices that cut the original out again.
    """
    import torch
    from scipy.fft import next_fast_len

    padded = pixels
    for axis, n in enumerate(pixels.shape):
        before = pad_px
        after = next_fast_len(n + 2 * pad_px, real=True) - n - before
        index = np.arange(-before, n + after) % (2 * n)
        mirrored = np.where(index < n, index, 2 * n - 1 - index)
        padded = padded.index_select(axis, torch.as_tensor(mirrored, device=pixels.device))
    inside = tuple(slice(pad_px, pad_px + n) for n in pixels.shape)
    return padded, inside
