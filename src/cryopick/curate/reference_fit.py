"""Bring references to the pixel size and the box of particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


def fit_references(
    references: NDArray[np.float32],
    pixel_size_angstrom: float,
    *,
    to_pixel_size_angstrom: float,
    box_px: int,
    contrast: str = "bright",
) -> NDArray[np.float32]:
    """Resample references in Fourier space, then cut or pad them about pixel ``N // 2``.

    Parameters
    ----------
    references
        ``(k, n, n)``.
    pixel_size_angstrom
        Of the references.
    to_pixel_size_angstrom, box_px
        Of the particles.
    contrast
        ``bright``: matter is brighter than its surroundings; ``dark`` references are turned over.

    Returns
    -------
    ndarray
        ``(k, box_px, box_px)`` float32, bright; grey values are kept, pixels beyond a smaller
        reference are 0.

    Examples
    --------
    >>> fit_references(np.ones((1, 6, 6), np.float32), 2.0, to_pixel_size_angstrom=2.0, box_px=4)[0, 0]
    array([1., 1., 1., 1.], dtype=float32)
    """
    if references.ndim != 3 or references.shape[1] != references.shape[2]:
        raise InputError(f"references: expected square images (k, n, n), got {references.shape}")
    if not np.isfinite(references).all():
        raise InputError("references: hold values that are not finite")
    ratio = to_pixel_size_angstrom / pixel_size_angstrom
    matrix = _interpolation(references.shape[1], box_px, ratio)
    fitted = np.einsum("yi,kij,xj->kyx", matrix, references, matrix, optimize=True)
    return (-fitted if contrast == "dark" else fitted).astype(np.float32)


def _interpolation(old_px: int, new_px: int, ratio: float) -> NDArray[np.float64]:
    """Trigonometric interpolation ``(new, old)`` along one axis, centre on centre.

    Frequencies above the new Nyquist are cut; places beyond the old image give 0.
    """
    place = (np.arange(new_px) - new_px // 2) * ratio + old_px // 2
    k = np.fft.fftfreq(old_px) * old_px
    kept = np.abs(k) * ratio <= old_px / 2 + 1e-9
    wave = np.exp(2j * np.pi * np.outer(place, k[kept]) / old_px)
    back = np.exp(-2j * np.pi * np.outer(k[kept], np.arange(old_px)) / old_px) / old_px
    inside = (place > -0.5) & (place < old_px - 0.5)
    return (wave @ back).real * inside[:, None]
