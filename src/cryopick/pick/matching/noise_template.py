"""Background correction by noise that has the spectrum of the template.

Where a tomogram is crowded or textured, everything scores high. A template with the same amplitudes
but shuffled phases tells how high; what it scores above its own mean is taken off.

The highest of many rotations of a noise template varies from voxel to voxel by itself, so its map
is smoothed over the size of a particle. A tenth of the rotations is then enough: the highest of
fewer scores is lower by a factor that extreme-value theory gives.

Wan, Khavnekar & Wagner 2024, doi 10.1107/S205979832400295X (phase-randomised templates).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.pick.matching.template import Template


def phase_randomised(template: Template, *, seed: int) -> Template:
    """Shuffle the phases of a template; its amplitudes and its mask stay.

    Phases up to the Nyquist frequency are shuffled among each other, those in the corners beyond
    it likewise.

    Parameters
    ----------
    template
        Of any size.
    seed
        The same seed gives the same noise.

    Examples
    --------
    >>> density = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    >>> template = Template(
    ...     density=density, mask=np.ones_like(density), pixel_size_angstrom=10.0, name="lump",
    ...     diameter_angstrom=80.0, symmetry="C2",
    ... )
    >>> noise = phase_randomised(template, seed=1)
    >>> noise.name, noise.symmetry
    ('lump noise', 'C1')
    >>> both = [np.abs(np.fft.rfftn(t.density)) for t in (template, noise)]
    >>> bool(np.allclose(*both, atol=1e-4))
    True
    """
    from scipy import fft

    n = template.box_px
    spectrum = np.asarray(fft.fftn(template.density.astype(np.float64))).ravel()
    own, mirror = _pairs(n)
    rng = np.random.default_rng(seed)
    phase = np.angle(spectrum[own])
    k = np.fft.fftfreq(n)
    within = (k[:, None, None] ** 2 + k[:, None] ** 2 + k**2).ravel()[own] <= 0.25
    for group in (within, ~within):
        phase[group] = rng.permutation(phase[group])
    shuffled = spectrum.copy()
    shuffled[own] = np.abs(spectrum[own]) * np.exp(1j * phase)
    # A real volume: the frequency opposite has the opposite phase.
    shuffled[mirror] = np.conj(shuffled[own])
    density = np.asarray(fft.ifftn(shuffled.reshape(n, n, n))).real.astype(np.float32)
    return replace(template, density=density, name=f"{template.name} noise", symmetry="C1")


def sparse_rotations(
    rotations: NDArray[np.float64], *, fraction: float = 0.1, seed: int
) -> NDArray[np.float64]:
    """Choose a random part of the rotations ``(m, 4)``, at least two of several, in their order.

    Examples
    --------
    >>> sparse_rotations(np.eye(4), fraction=0.5, seed=0).shape
    (2, 4)
    """
    if not 0 < fraction <= 1:
        raise InputError(
            f"noise template: expected a fraction of the rotations above 0, up to 1, got {fraction}"
        )
    count = min(len(rotations), max(2, round(len(rotations) * fraction)))
    chosen = np.random.default_rng(seed).choice(len(rotations), count, replace=False)
    return rotations[np.sort(chosen)]


def extreme_value_scale(rotations: int, noise_rotations: int) -> float:
    """How much higher the best of all rotations is than the best of fewer, in noise.

    The highest of ``m`` normal scores lies near ``σ √(2 ln m)``.

    Examples
    --------
    >>> round(extreme_value_scale(9000, 900), 3)
    1.157
    """
    if not 1 <= noise_rotations <= rotations:
        raise InputError(
            f"noise template: expected from 1 to {rotations} rotations, got {noise_rotations}"
        )
    # Of a single score nothing is the highest; two stand for it.
    return math.sqrt(math.log(max(rotations, 2)) / math.log(max(noise_rotations, 2)))


def background_map(
    noise: NDArray[np.float32],
    *,
    smooth_px: float = 0.0,
    scale: float = 1.0,
    region: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """What to take off a score map: the map of a noise template, smoothed, less its mean.

    Parameters
    ----------
    noise
        ``(z, y, x)``: highest score of the noise template at each voxel.
    smooth_px
        Standard deviation of a Gaussian; half a particle's diameter is right, 0 smooths nothing.
    scale
        From `extreme_value_scale`.
    region
        The voxels that were searched; others are 0, and count neither in the mean nor in the
        smoothing.

    Examples
    --------
    >>> background_map(np.float32([[[1, 2, 3]]]), scale=2.0)
    array([[[-2.,  0.,  2.]]], dtype=float32)
    """
    from scipy.ndimage import gaussian_filter

    if region is not None and region.shape != noise.shape:
        raise InputError(f"background: region of {region.shape} voxels, noise of {noise.shape}")
    if region is not None and not region.any():
        return np.zeros(noise.shape, np.float32)
    values = noise if region is None else np.where(region, noise, np.float32(0))
    if smooth_px > 0:
        values = gaussian_filter(values, smooth_px, mode="nearest")
        if region is not None:
            seen = gaussian_filter(region.astype(np.float32), smooth_px, mode="nearest")
            values = values / np.maximum(seen, 1e-6)
    inside = values if region is None else values[region]
    values = (values - np.float32(inside.mean(dtype=np.float64))) * np.float32(scale)
    return np.asarray(values if region is None else np.where(region, values, 0), dtype=np.float32)


def correct_background(
    score: NDArray[np.float32],
    noise: NDArray[np.float32],
    *,
    smooth_px: float = 0.0,
    scale: float = 1.0,
    region: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Take the background off a score map: ``score - (noise - mean of noise)``.

    Parameters are those of `background_map`; without smoothing and scale it is the correction that
    other programs make with a noise map of all rotations.

    Examples
    --------
    >>> correct_background(np.float32([[[5, 5, 5]]]), np.float32([[[1, 2, 3]]]))
    array([[[6., 5., 4.]]], dtype=float32)
    """
    if score.shape != noise.shape:
        raise InputError(f"background: score of {score.shape} voxels, noise of {noise.shape}")
    return score - background_map(noise, smooth_px=smooth_px, scale=scale, region=region)


def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Flat indices of one frequency of each opposite pair, and of the other one."""
    minus = (-np.arange(n)) % n
    opposite = np.ravel_multi_index(
        np.meshgrid(minus, minus, minus, indexing="ij"), (n, n, n)
    ).ravel()
    every = np.arange(n**3)
    own = every[every < opposite]
    return own, opposite[own]
