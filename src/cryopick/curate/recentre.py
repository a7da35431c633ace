"""Centre class averages by their mass, and move their particles along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import rotate

# Pixels dimmer than this share of the brightest are background.
_SHARE = 0.3
_SMOOTH_SHARE_OF_BOX = 0.03


def mass_centre_px(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where the mass of each image lies, from pixel ``N // 2``.

    Mass is what a smoothed image shows above the level of its rim, without what is dimmer than a
    third of the brightest place. An image that shows nothing has its mass in the centre.

    Parameters
    ----------
    images
        ``(k, b, b)``, matter bright.

    Returns
    -------
    ndarray
        ``(k, 2)``: x, y in pixels.

    Examples
    --------
    >>> image = np.zeros((1, 32, 32), np.float32)
    >>> image[0, 14:19, 18:23] = 1.0
    >>> mass_centre_px(image).round(3) + 0.0
    array([[4., 0.]])
    """
    from scipy.ndimage import gaussian_filter

    box = images.shape[-1]
    offset = np.arange(box) - box // 2
    rim = np.hypot(offset[:, None], offset[None, :]) > 0.45 * box
    centres = np.zeros((len(images), 2))
    for row, image in enumerate(images):
        smooth = gaussian_filter(image.astype(np.float64), _SMOOTH_SHARE_OF_BOX * box)
        mass = smooth - np.median(smooth[rim])
        mass[mass < _SHARE * mass.max()] = 0
        total = mass.sum()
        if total > 0:
            centres[row] = mass.sum(axis=0) @ offset / total, mass.sum(axis=1) @ offset / total
    return centres


def moved_images(images: NDArray[np.float32], shift_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move each image ``(k, b, b)`` by ``x, y`` pixels ``(k, 2)``, in Fourier space."""
    box = images.shape[-1]
    ky, kx = np.fft.fftfreq(box)[:, None], np.fft.rfftfreq(box)[None, :]
    x, y = shift_px[:, 0, None, None], shift_px[:, 1, None, None]
    spectrum = np.fft.rfft2(images) * np.exp(-2j * np.pi * (kx * x + ky * y))
    return np.fft.irfft2(spectrum, s=(box, box)).astype(np.float32)


def recentred_shift_angstrom(
    shift_angstrom: NDArray[np.float64],
    orientation: NDArray[np.float64],
    centre_angstrom: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Shifts of particles once their reference is centred on its mass.

    The reference's mass lies at ``centre_angstrom`` from its centre; in the image that is turned
    by the particle's rotation, and the particle is to be moved by as much less.

    Parameters
    ----------
    shift_angstrom
        ``(n, 2)`` to add to what the image shows, to centre the reference as it was.
    orientation
        ``(n, 4)`` rotations template -> image about z.
    centre_angstrom
        ``(n, 2)`` of each particle's reference, x, y.
    """
    vector = np.column_stack([centre_angstrom, np.zeros(len(centre_angstrom))])
    return shift_angstrom - rotate(orientation, vector)[:, :2]
