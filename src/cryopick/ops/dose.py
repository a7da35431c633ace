"""Radiation damage: how exposure dims each spatial frequency.

The critical exposure curve ``N_e(k) = 0.24499 k^-1.6649 + 2.8141`` e/Å² (k in 1/Å, 300 kV) and the
0.8 for 200 kV are those of Grant & Grigorieff 2015, doi 10.7554/eLife.06980.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

# Below 300 kV damage per electron grows; the paper gives the ratio for 200 kV.
_RATIO_200_KV = 0.8


def critical_exposure_e_per_a2(
    frequency_per_angstrom: NDArray[np.float64], voltage_kv: float = 300.0
) -> NDArray[np.float64]:
    """Exposure in e/Å² at which the signal *intensity* at a frequency falls to 1/e.

    Parameters
    ----------
    frequency_per_angstrom
        Spatial frequencies in 1/Å; infinite exposure is given for 0.
    voltage_kv
        The curve was measured at 300 kV and scaled by 0.8 at 200 kV; in between and below it is
        interpolated and held.

    Examples
    --------
    >>> critical_exposure_e_per_a2(np.array([0.1, 0.25])).round(2)
    array([14.14,  5.28])
    """
    k = np.asarray(frequency_per_angstrom, dtype=np.float64)
    scale = float(np.interp(voltage_kv, [200.0, 300.0], [_RATIO_200_KV, 1.0]))
    with np.errstate(divide="ignore"):
        return scale * (0.24499 * k**-1.6649 + 2.8141)


def exposure_filter(
    frequency_per_angstrom: NDArray[np.float64],
    exposure_e_per_a2: float,
    *,
    voltage_kv: float = 300.0,
) -> NDArray[np.float64]:
    """Amplitude that is left at each frequency after an exposure: ``exp(-N / (2 N_e(k)))``.

    Examples
    --------
    >>> exposure_filter(np.array([0.0, 0.1]), 28.27).round(3)
    array([1.   , 0.368])
    """
    if exposure_e_per_a2 < 0:
        raise InputError(f"exposure: expected 0 e/Å² or more, got {exposure_e_per_a2}")
    critical = critical_exposure_e_per_a2(frequency_per_angstrom, voltage_kv)
    return np.exp(-exposure_e_per_a2 / (2 * critical))


def frequency_image(shape: tuple[int, int], pixel_size_angstrom: float) -> NDArray[np.float64]:
    """Length of the frequency vector in 1/Å on the half plane of ``rfft2``: ``(y, x // 2 + 1)``."""
    ky = np.fft.fftfreq(shape[0], pixel_size_angstrom)[:, None]
    kx = np.fft.rfftfreq(shape[1], pixel_size_angstrom)[None, :]
    return np.hypot(ky, kx)
