"""Particle images as ``classify`` takes them: bright particles on a background of mean 0, sd 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.particles import read_particle_images
from cryopick.model import Particles

# What RELION, too, takes for a background that has been normalised.
_MEAN_OFF, _SD_LOW, _SD_HIGH = 0.2, 0.7, 1.4
_LOOKED_AT = 200
# Share of an item's memory that the images may stay in.
_MEMORY_SHARE = 0.4
# Sd that no image has unless it is empty.
_EMPTY = 1e-10


class ParticleImages:
    """Images of particles by row: kept in memory where they fit, else read as they are wanted.

    Parameters
    ----------
    particles
        Dark ones are turned over, so that class averages are always bright.
    mask_diameter_angstrom
        What lies outside is background.
    memory_bytes
        What this item may use.

    Attributes
    ----------
    warnings
        What was done to the images that one might not expect.
    """

    def __init__(
        self, particles: Particles, *, mask_diameter_angstrom: float, memory_bytes: int
    ) -> None:
        self._particles = particles
        n, box = len(particles), particles.box_px
        self.shape = (n, box, box)
        self.warnings: list[str] = []
        radius_px = mask_diameter_angstrom / particles.pixel_size_angstrom / 2
        self._outside = background_pixels(box, min(radius_px, box / 2 - 1))
        self._normalise = self._is_raw()
        if self._normalise:
            self.warnings.append(
                "the background of the particles is not of mean 0 and standard deviation 1: "
                "each was normalised outside the mask"
            )
        self._kept: NDArray[np.float32] | None = None
        if 4 * n * box**2 <= _MEMORY_SHARE * memory_bytes:
            self._kept = self._read(np.arange(n))

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give the images of these rows, ``(len(rows), box, box)``."""
        return self._read(rows) if self._kept is None else self._kept[rows]

    def _is_raw(self) -> bool:
        n = len(self._particles)
        some = np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
        mean, sd = background(self._raw(some), self._outside)
        return bool(
            np.median(np.abs(mean)) > _MEAN_OFF or not _SD_LOW < float(np.median(sd)) < _SD_HIGH
        )

    def _raw(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images = read_particle_images(self._particles, rows)
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2)))
        if bad.size:
            row = int(rows[bad[0]])
            where = f"{self._particles.file[row]}, image {self._particles.index[row] + 1}"
            raise InputError(f"{where}: holds values that are not finite; extract it again")
        return -images if self._particles.dark else images

    def _read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images = self._raw(rows)
        if self._normalise:
            mean, sd = background(images, self._outside)
            images = (images - mean[:, None, None]) / np.maximum(sd, _EMPTY)[:, None, None]
        return images.astype(np.float32, copy=False)


def background_pixels(box_px: int, radius_px: float) -> NDArray[np.bool_]:
    """Pixels ``(box, box)`` further than that from the centre, pixel ``N // 2``.

    Examples
    --------
    >>> background_pixels(4, 1.5).sum(axis=1)
    array([4, 1, 1, 1])
    """
    y, x = np.mgrid[:box_px, :box_px] - box_px // 2
    return x**2 + y**2 > radius_px**2


def background(
    images: NDArray[np.float32], outside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation ``(n,)`` of the background of images ``(n, box, box)``."""
    pixels = images[:, outside].astype(np.float64)
    return pixels.mean(axis=1).astype(np.float32), pixels.std(axis=1).astype(np.float32)
