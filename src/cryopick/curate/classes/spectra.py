"""Particle images on their way to Fourier space: centred by whole pixels, masked, transformed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.errors import InputError


def soft_disc(box_px: int, *, radius_px: float, edge_px: float) -> NDArray[np.float32]:
    """Disc about pixel ``b // 2``: 1 up to the radius, a cosine down to 0 over the edge beyond."""
    line = np.arange(box_px) - box_px // 2
    away = (np.hypot(line[:, None], line[None, :]) - radius_px) / max(edge_px, 1e-6)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0, 1))).astype(np.float32)


def particle_spectra(
    images: NDArray[np.float32],
    *,
    band: Band,
    centre_px: NDArray[np.int64],
    mask: NDArray[np.float32] | None,
) -> NDArray[np.complex64]:
    """Coefficients ``(n, D)`` of images ``(n, b, b)``.

    Parameters
    ----------
    images
        Particle images.
    band
        Fourier pixels wanted.
    centre_px
        ``(n, 2)`` whole pixels ``x, y`` by which each image is moved first (around its edge).
    mask
        ``(b, b)`` that the moved image is multiplied with.
    """
    b = band.box_px
    line = np.arange(b)
    x = (line[None, :] - centre_px[:, :1]) % b
    y = (line[None, :] - centre_px[:, 1:]) % b
    moved = images[np.arange(len(images))[:, None, None], y[:, :, None], x[:, None, :]]
    if mask is not None:
        moved = moved * mask
    return band.of_images(moved)


def check_images(images: NDArray[np.float32], particles: NDArray[np.int64]) -> None:
    """Refuse images that hold no number or nothing at all, by the particle's number from 1."""
    flat = images.reshape(len(images), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    for bad, what in (
        (~(np.isfinite(low) & np.isfinite(high)), "holds values that are not numbers"),
        (low == high, "is the same in every pixel"),
    ):
        if bad.any():
            number = int(particles[np.flatnonzero(bad)[0]]) + 1
            raise InputError(
                f"particle {number}: its image {what} ({int(bad.sum())} such images); "
                "leave it out, or extract it anew"
            )
