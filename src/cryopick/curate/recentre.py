"""Centre class averages by their mass, and move their particles along."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import rotate

# Pixels dimmer than this share of the brightest are background.
_SHARE = 0.3
_SMOOTH_SHARE_OF_BOX = 0.03
# Particles are cut in boxes about 1.5 times as wide as they are.
_RADIUS_SHARE_OF_BOX = 1 / 3
_STEPS = 100
_LAST_STEPS = 4
_SETTLED_PX = 0.01


def mass_centre_px(
    images: NDArray[np.float32], *, radius_px: float | None = None
) -> NDArray[np.float64]:
    """Where the mass of each image lies, from pixel ``N // 2``.

    Mass is what a smoothed image shows above the level of its rim, without what is dimmer than a
    third of the brightest place. An image that shows nothing has its mass in the centre. Of several
    particles the one next to the centre counts, see `settled_centre_px`.

    Parameters
    ----------
    images
        ``(k, b, b)``, matter bright.
    radius_px
        Of the particle; a third of the box where it is not given.

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
    mass = np.zeros(images.shape)
    for row, image in enumerate(images):
        smooth = gaussian_filter(image.astype(np.float64), _SMOOTH_SHARE_OF_BOX * box)
        mass[row] = _matter(np.maximum(smooth - np.median(smooth[rim]), 0))
    return settled_centre_px(mass, radius_px=radius_px or _RADIUS_SHARE_OF_BOX * box)


def _matter(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where matter is in an image ``(b, b)``, all of it counted nearly alike.

    A hollow particle counts as full, and where two overlap as elsewhere: between the rims of two
    would be a place to rest, too.
    """
    from scipy.ndimage import binary_fill_holes

    matter = height > _SHARE * height.max()
    if not matter.any():
        return np.zeros_like(height)
    usual = np.median(height[matter])
    full = np.where(matter, np.minimum(height, usual), usual)
    return np.where(binary_fill_holes(matter), full, 0)


def settled_centre_px(mass: NDArray[np.floating], *, radius_px: float) -> NDArray[np.float64]:
    """Mean of the mass within a particle's radius of the nearest place where mass is densest.

    That place is where a Gaussian window comes to rest that starts in the centre and moves to the
    mean of what it sees. So neighbours do not pull, as they would pull the mean over the box.

    Parameters
    ----------
    mass
        ``(k, b, b)``, none below 0.
    radius_px
        Of the particle.

    Returns
    -------
    ndarray
        ``(k, 2)``: x, y in pixels from ``N // 2``; the centre itself where there is no mass.

    Examples
    --------
    >>> mass = np.zeros((1, 32, 32))
    >>> mass[0, 14:19, 18:23] = 1.0
    >>> mass[0, 14:19, 2:5] = 5.0
    >>> settled_centre_px(mass, radius_px=9).round(3) + 0.0
    array([[4., 0.]])
    """
    centre = np.zeros((len(mass), 2))
    for _ in range(_STEPS):
        # Narrow enough for two particles that touch to be two places.
        moved = _mean_place(mass, lambda away: np.exp(-2 * away / radius_px**2), centre)
        step = np.hypot(*(moved - centre).T)
        centre = moved
        if step.max(initial=0) < _SETTLED_PX:
            break
    for _ in range(_LAST_STEPS):
        centre = _mean_place(mass, lambda away: np.exp(-((away / radius_px**2) ** 4)), centre)
    return centre


def _mean_place(
    mass: NDArray[np.floating],
    window: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    centre: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean place of the mass ``(k, b, b)`` seen through a window of squared distance."""
    line = np.arange(mass.shape[-1]) - mass.shape[-1] // 2
    away = (line - centre[:, :1])[:, None, :] ** 2 + (line - centre[:, 1:])[:, :, None] ** 2
    held = mass * window(away)
    total = np.maximum(held.sum((1, 2)), np.finfo(np.float64).tiny)
    return np.stack([held.sum(1) @ line, held.sum(2) @ line], axis=1) / total[:, None]


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
