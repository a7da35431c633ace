"""Filters that answer to round things of one diameter, in 2D and 3D.

All are defined by their Fourier transforms, which depend on the spatial frequency alone: the
same particle gives the same answer at any binning and at any sub-pixel position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def dome_contrast_transform(
    frequency: NDArray[np.float64], diameter_angstrom: float, *, ndim: int
) -> NDArray[np.float64]:
    """Fourier transform of a dome minus the ring (shell) around it: where the centre of a thing is.

    The dome falls as ``1 - (r / R)²`` from the centre to the radius. A disc answers alike as long
    as all of a particle lies within it; the dome's answer is highest where the mean square distance
    of the particle's mass is least.
    """
    from scipy.special import jv, spherical_jn

    inside = disc_transform(frequency, diameter_angstrom, ndim=ndim)
    both = disc_transform(frequency, diameter_angstrom * 2 ** (1 / ndim), ndim=ndim)
    x = np.pi * frequency * diameter_angstrom
    small = np.abs(x) < 1e-2
    safe = np.where(small, 1.0, x)
    bent = 8 * jv(2, safe) if ndim == 2 else 15 * spherical_jn(2, safe)
    dome = np.where(small, 1 - x**2 / (2 * (ndim + 4)), bent / safe**2)
    return dome - (2 * both - inside)


def laplacian_transform(
    frequency: NDArray[np.float64], diameter_angstrom: float
) -> NDArray[np.float64]:
    """Fourier transform of RELION's scale-normalised Laplacian of Gaussian for one diameter.

    ``k² / s² exp(-k² / 2 s²)`` with ``s = 0.5 / diameter``.
    """
    squared = (frequency * diameter_angstrom / 0.5) ** 2
    return squared * np.exp(-squared / 2)


def radial_frequency(shape: tuple[int, ...], pixel_size_angstrom: float) -> NDArray[np.float32]:
    """Length of the frequency vector in 1/Å at the frequencies of 0 and above of every axis.

    Of a transform of ``shape`` this is one orthant, ``n // 2 + 1`` long on each axis: all others
    mirror it, and so does every radial filter.
    """
    squared = np.zeros((1,) * len(shape))
    for axis, n in enumerate(shape):
        line = np.fft.rfftfreq(n, pixel_size_angstrom) ** 2
        squared = squared + line.reshape(-1, *(1,) * (len(shape) - 1 - axis)).astype(np.float32)
    return np.sqrt(squared, dtype=np.float32)


def tabulated(profile: RadialProfile, frequency: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evaluate a radial profile at every frequency, by linear interpolation in a fine table.

    Equals ``profile(frequency)`` to about 1e-4 of its maximum, at a fraction of the time: a volume
    has 10^7 samples but few different radii.
    """
    highest = float(frequency.max())
    if highest == 0:
        return np.full_like(frequency, profile(np.zeros(1))[0])
    values = profile(np.linspace(0, highest, _TABLE_STEPS + 1)).astype(np.float32)
    slope = np.diff(values, append=values[-1])
    response = np.empty_like(frequency)
    for plane, target in zip(_planes(frequency), _planes(response), strict=True):
        place = plane * np.float32(_TABLE_STEPS / highest)
        below = place.astype(np.intp)
        place -= below
        place *= slope[below]
        np.add(values[below], place, out=target)
    return response


def weighted(
    transform: NDArray[np.complexfloating],
    response: NDArray[np.floating],
    *,
    out: NDArray[np.complexfloating] | None = None,
) -> NDArray[np.complexfloating]:
    """Multiply a real FFT by a radial filter of which one orthant is given.

    Parameters
    ----------
    transform
        As of ``scipy.fft.rfftn``.
    response
        At the frequencies of `radial_frequency`.
    out
        Where the product goes; may be ``transform`` itself.
    """
    result = np.empty_like(transform) if out is None else out
    *above, rows = (_orthant_index(n) for n in transform.shape[:-1])
    planes = zip(_planes(transform), above[0] if above else [0], _planes(result), strict=True)
    for plane, place, target in planes:
        np.multiply(plane, _planes(response)[place].take(rows, 0), out=target)
    return result


def inverse_inside(
    transform: NDArray[np.complexfloating], shape: tuple[int, ...], inside: tuple[slice, ...]
) -> NDArray[np.float32]:
    """Transform a real FFT back and cut a part out, axis by axis, so that less is transformed.

    Parameters
    ----------
    transform
        As of ``scipy.fft.rfftn`` of ``shape``; it is overwritten.
    shape, inside
        The whole, and the part of it that is wanted.
    """
    import scipy.fft

    values: Any = transform
    for axis, kept in enumerate(inside[:-1]):
        values = scipy.fft.ifft(values, axis=axis, overwrite_x=True)
        values = values[(slice(None),) * axis + (kept,)]
    return scipy.fft.irfft(values, shape[-1])[..., inside[-1]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoiseGain:
    """How loud a filter answers to white noise of unit standard deviation.

    Attributes
    ----------
    inside
        Standard deviation of the answer far from the edges.
    near_edges
        One ``(n,)`` array of factors per axis, to be multiplied as an outer product: how much
        louder it is where the noise is mirrored.
    """

    inside: float
    near_edges: tuple[NDArray[np.float64], ...]


def noise_gain(
    response: NDArray[np.floating], padded: tuple[int, ...], shape: tuple[int, ...]
) -> NoiseGain:
    """Compute how loud noise answers, from the power of a filter along each axis.

    Beside a mirror the same noise enters a filter twice. With ``a`` the autocorrelation of the
    filter, the variance at ``d`` pixels from one edge is exactly ``1 + a(2 d + 1)``; where two
    edges meet, the product of both is a close bound.

    Parameters
    ----------
    response
        The filter on the padded shape, at the frequencies of `radial_frequency`.
    padded, shape
        Shape with and without the mirrored margin.
    """
    powers = _axis_powers(response, padded)
    gains: list[NDArray[np.float64]] = []
    for power, length, n in zip(powers, padded, shape, strict=True):
        # The autocorrelation along one axis through the centre is the transform of the power
        # summed over the other axes.
        line = np.fft.irfft(power, length)
        line = line / line[0]
        line = np.where(np.arange(length) <= length // 2, line, 0.0)
        near = 2 * np.arange(n) + 1
        reach = np.where(near < length, line[np.minimum(near, length - 1)], 0.0)
        gains.append(np.sqrt(np.maximum(1 + reach + reach[::-1], 0.25)))
    total = float(powers[0] @ _multiplicity(padded[0]))
    return NoiseGain(inside=math.sqrt(total / math.prod(padded)), near_edges=tuple(gains))


def _axis_powers(
    response: NDArray[np.floating], shape: tuple[int, ...]
) -> list[NDArray[np.float64]]:
    """For each axis, the squared response summed over both signs of all other frequencies."""
    *above, rows, columns = [_multiplicity(n) for n in shape]
    along_y, along_x = np.zeros(len(rows)), np.zeros(len(columns))
    totals: list[float] = []
    for plane, count in zip(_planes(response), above[0] if above else np.ones(1), strict=True):
        power = np.square(plane, dtype=np.float64)
        lines = power @ columns
        along_y += count * lines
        along_x += count * (rows @ power)
        totals.append(float(lines @ rows))
    return [np.asarray(totals), along_y, along_x] if above else [along_y, along_x]


def _planes(values: NDArray[Any]) -> NDArray[Any]:
    """Show a volume as planes, and a plane as one of them: what stays in the cache together."""
    return values if values.ndim == 3 else values[np.newaxis]


def _orthant_index(n: int) -> NDArray[np.intp]:
    """Where in an orthant the absolute values of ``n`` frequencies lie."""
    forward = np.arange(n)
    return np.minimum(forward, n - forward)


def _multiplicity(n: int) -> NDArray[np.float64]:
    """How many of ``n`` frequencies have each absolute value."""
    count = np.full(n // 2 + 1, 2.0)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    return count


def pad_mirrored(
    pixels: NDArray[np.float32], pad_px: int
) -> tuple[NDArray[np.float32], tuple[slice, ...]]:
    """Mirror the pixels beyond every edge, by at least ``pad_px``, up to a good FFT length.

    Returns the padded array and the slices that cut the original out again.
    """
    from scipy.fft import next_fast_len

    padded = pixels
    for axis, n in enumerate(pixels.shape):
        before = pad_px
        after = next_fast_len(n + 2 * pad_px, real=True) - n - before
        index = np.arange(-before, n + after) % (2 * n)
        padded = padded.take(np.where(index < n, index, 2 * n - 1 - index), axis)
    inside = tuple(slice(pad_px, pad_px + n) for n in pixels.shape)
    return padded, inside
