"""Filter a tilted image whose defocus changes across the tilt axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# At 50 Å resolution and 300 kV, 0.05 µm turn the phase of the CTF by less than 0.02 turns.
DEFOCUS_STEP_UM = 0.05


def filter_with_gradient(
    image: NDArray[np.float32],
    transfer: Callable[[float], NDArray[np.float32]],
    *,
    defocus_um: float,
    slope_um_per_px: float,
) -> NDArray[np.float32]:
    """Filter an image by a transfer function that depends on the defocus at each column.

    The image is filtered at a few defocus values, and each column blended from the two nearest.

    Parameters
    ----------
    image
        ``(y, x)``; the tilt axis is y.
    transfer
        ``transfer(defocus_um)`` on the half plane of ``rfft2``; may be complex.
    defocus_um
        At column ``x // 2``.
    slope_um_per_px
        Change of defocus from one column to the next.

    Examples
    --------
    >>> image = np.ones((4, 6), np.float32)
    >>> gain = lambda defocus: np.full((4, 4), defocus, np.float32)
    >>> filter_with_gradient(image, gain, defocus_um=1.0, slope_um_per_px=0.25)[0].round(3)
    array([0.25, 0.5 , 0.75, 1.  , 1.25, 1.5 ], dtype=float32)
    """
    from scipy import fft

    width = image.shape[1]
    wanted = defocus_um + slope_um_per_px * (np.arange(width) - width // 2)
    low, high = float(wanted.min()), float(wanted.max())
    count = int(np.ceil((high - low) / DEFOCUS_STEP_UM)) + 1
    spectrum = fft.rfft2(np.asarray(image, dtype=np.float32))
    planes = np.linspace(low, high, count)
    out = np.zeros(image.shape, dtype=np.float32)
    step = (high - low) / (count - 1) if count > 1 else 1.0
    for plane in planes:
        weight = np.maximum(1 - np.abs(wanted - plane) / step, 0).astype(np.float32)
        if weight.any():
            filtered = fft.irfft2(spectrum * transfer(float(plane)), s=image.shape)
            out += np.asarray(filtered, dtype=np.float32) * weight
    return out
