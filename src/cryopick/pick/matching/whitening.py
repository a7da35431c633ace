"""Whitening: make the spectrum of a tomogram flat, so that no resolution outvoices the others.

The power of a tomogram is averaged over patches that overlap by half, each under a Hann window;
patches of the highest variance (gold, carbon) are left out. Of each shell of resolution the median
over the Fourier voxels inside the wedge counts, so that single reflections do not.

Welch 1967, doi 10.1109/TAU.1967.1161901.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.wedge import wedge_weight

_SMALLEST_PATCH_PX = 64
# More patches than these make the average no better, only slower.
_MOST_PATCHES = 400
_REJECTED = 0.1
_FEWEST_TO_REJECT = 10
_COVERED = 0.05
# The gain falls to 0 over the last tenth below the Nyquist frequency.
_TAPER = 0.9
# Shells that hold less power than this, relative to the strongest, are not raised further.
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whitening:
    """Gain of each resolution, for a tomogram and for the template that is searched in it.

    Attributes
    ----------
    frequency_per_angstrom
        ``(n,)`` rising.
    gain
        ``(n,)`` from 0 to 1; beyond the last frequency it is 0.
    """

    frequency_per_angstrom: NDArray[np.float64]
    gain: NDArray[np.float64]

    def at(self, frequency_per_angstrom: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gain at frequencies of any shape, interpolated linearly."""
        return np.interp(frequency_per_angstrom, self.frequency_per_angstrom, self.gain, right=0.0)


def whitening_profile(
    volume: NDArray[np.float32], *, box_px: int, imaging: Imaging, pixel_size_angstrom: float
) -> Whitening:
    """Measure the gain that makes the spectrum of a tomogram flat.

    Parameters
    ----------
    volume
        ``(z, y, x)``, unfiltered; may be a memory map.
    box_px
        Box of the template. Patches are as wide, but at least 64 voxels, and no wider than the
        volume is thin.
    imaging
        Its wedge tells which Fourier voxels hold a signal.
    pixel_size_angstrom
        Of the volume.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(32, 32, 32)).astype(np.float32)
    >>> found = whitening_profile(noise, box_px=16, imaging=Imaging(), pixel_size_angstrom=10.0)
    >>> float(found.gain[0]), bool(found.gain[3:14].min() > 0.6)  # white already: no slope
    (0.0, True)
    """
    if volume.ndim != 3 or min(volume.shape) < 4:
        raise InputError(
            f"whitening: expected a volume of 4 voxels or more a side, got {volume.shape}"
        )
    edge = min(max(box_px, _SMALLEST_PATCH_PX), *volume.shape)
    power = _mean_power(volume, _kept(volume, edge), edge)
    radius, profile = _radial_median(power, imaging)
    nyquist = edge / 2
    profile = np.maximum(profile, profile[1:].max() * _FLOOR)
    taper = np.clip((radius / nyquist - _TAPER) / (1 - _TAPER), 0, 1)
    gain = (1 + np.cos(np.pi * taper)) / 2 / np.sqrt(profile)
    gain[0] = 0
    return Whitening(
        frequency_per_angstrom=radius / (edge * pixel_size_angstrom), gain=gain / gain.max()
    )


def _kept(volume: NDArray[np.float32], edge: int) -> list[tuple[slice, ...]]:
    """Patches that count: spread over the volume, not empty, not of the highest variance."""
    starts = [_starts(length, edge) for length in volume.shape]
    corners = list(product(*starts))
    chosen = np.unique(np.linspace(0, len(corners) - 1, _MOST_PATCHES).astype(int))
    patches = [tuple(slice(first, first + edge) for first in corners[i]) for i in chosen]
    variance = np.array([np.var(volume[patch], dtype=np.float64) for patch in patches])
    usable = np.isfinite(variance) & (variance > 0)
    if not usable.any():
        raise InputError("whitening: the tomogram is constant or holds NaN everywhere")
    if usable.sum() >= _FEWEST_TO_REJECT:
        usable &= variance <= np.quantile(variance[usable], 1 - _REJECTED)
    return [patch for patch, used in zip(patches, usable, strict=True) if used]


def _starts(length: int, edge: int) -> NDArray[np.int64]:
    """First voxels of patches that overlap by half or a little more and reach both ends."""
    count = int(np.ceil((length - edge) / (edge / 2))) + 1
    return np.rint(np.linspace(0, length - edge, count)).astype(np.int64)


def _mean_power(
    volume: NDArray[np.float32], patches: list[tuple[slice, ...]], edge: int
) -> NDArray[np.float64]:
    from scipy import fft

    # The zeros at both ends of a Hann window would waste two voxels of the patch.
    window = np.hanning(edge + 2)[1:-1].astype(np.float32)
    power = np.zeros((edge, edge, edge // 2 + 1))
    taper = window[:, None, None] * window[None, :, None] * window[None, None, :]
    for patch in patches:
        values = np.array(volume[patch], dtype=np.float32)
        values -= values.mean(dtype=np.float64).astype(np.float32)
        power += np.square(np.abs(np.asarray(fft.rfftn(values * taper))))
    return power


def _radial_median(
    power: NDArray[np.float64], imaging: Imaging
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median power of each shell up to the Nyquist frequency, over the voxels inside the wedge."""
    edge = power.shape[0]
    index = np.fft.fftfreq(edge, 1 / edge)
    z, y, x = index[:, None, None], index[None, :, None], np.arange(edge // 2 + 1)[None, None, :]
    shell = np.rint(np.sqrt(z**2 + y**2 + x**2)).astype(np.int64)
    covered = wedge_weight(z, x, wedge_deg=imaging.wedge_deg, edge=1.0) > _COVERED
    used = np.broadcast_to(covered, shell.shape) & (shell <= edge // 2)
    order = np.argsort(shell[used], kind="stable")
    ordered = power[used][order]
    bounds = np.searchsorted(shell[used][order], np.arange(edge // 2 + 2))
    profile = np.array([np.median(ordered[a:b]) for a, b in pairwise(bounds)])
    return np.arange(edge // 2 + 1, dtype=np.float64), profile
