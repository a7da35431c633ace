"""`Field`: what a micrograph shows beside particles, and where particles may lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.simulate.surroundings import (
    Blob,
    CarbonEdge,
    blob_thickness,
    random_blobs,
    random_carbon_edge,
)

CARBON_ANGSTROM = 150.0
# Path over which 1/e of the electrons stay in the image (300 kV, energy filter).
MEAN_FREE_PATH_ANGSTROM = 3000.0
_CRYSTAL_RADIUS_ANGSTROM = (150.0, 500.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """The field of view, on a canvas that is larger than the image; the image is its first corner.

    Attributes
    ----------
    shape
        Of the canvas, ``(y, x)``.
    pixel_size_angstrom, centre_angstrom
        Of the image.
    blobs, thickness
        Lumps of ice, and their thickness in Å on the canvas.
    carbon, depth
        The carbon edge, and how far inside it each pixel lies, in Å.
    """

    shape: tuple[int, int]
    pixel_size_angstrom: float
    centre_angstrom: tuple[float, float]
    blobs: list[Blob]
    thickness: NDArray[np.float32] | None
    carbon: CarbonEdge | None
    depth: NDArray[np.float32] | None

    def film(self) -> NDArray[np.float32]:
        """Share of the carbon film over each pixel: 0 in the hole, 1 on the film."""
        if self.depth is None:
            return np.zeros((1, 1), np.float32)
        return np.clip(self.depth / 20.0 + 0.5, 0, 1).astype(np.float32)

    def transmission(self) -> NDArray[np.float32]:
        """Share of electrons that reach the detector."""
        path = self.film() * np.float32(CARBON_ANGSTROM)
        if self.thickness is not None:
            path = path + self.thickness
        return np.exp(-path / np.float32(MEAN_FREE_PATH_ANGSTROM))

    def free(self, position: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
        """Tell at which ``(n, 2)`` positions a disc lies on clean ice."""
        ok = np.ones(len(position), dtype=bool)
        for blob in self.blobs:
            away = np.linalg.norm(position - np.asarray(blob.centre_angstrom), axis=1)
            ok &= away > 1.3 * blob.radius_angstrom + radius
        if self.carbon is not None:
            about = position - np.asarray(self.centre_angstrom)
            ok &= self.carbon.depth_angstrom(about[:, 0], about[:, 1]) < -radius
        return ok


def random_field(
    size_px: tuple[int, int],
    pixel_size_angstrom: float,
    *,
    rim_px: int,
    ice_crystals: int,
    carbon_share: float,
    rng: np.random.Generator,
) -> Field:
    """Draw the field of an image of ``x, y`` pixels, on a canvas with a rim at its far edges."""
    from scipy.fft import next_fast_len

    width, height = size_px
    size = pixel_size_angstrom
    shape = (next_fast_len(height + rim_px, real=True), next_fast_len(width + rim_px, real=True))
    extent = (width * size, height * size)
    centre = (width // 2 * size, height // 2 * size)
    blobs = random_blobs(
        ice_crystals, extent_angstrom=extent, radius_angstrom=_CRYSTAL_RADIUS_ANGSTROM, rng=rng
    )
    carbon = depth = None
    if carbon_share > 0:
        carbon = random_carbon_edge(extent, rng, share=carbon_share)
        x = np.arange(shape[1], dtype=np.float64)[None, :] * size - centre[0]
        y = np.arange(shape[0], dtype=np.float64)[:, None] * size - centre[1]
        depth = carbon.depth_angstrom(x, y).astype(np.float32)
    return Field(
        shape=shape,
        pixel_size_angstrom=size,
        centre_angstrom=centre,
        blobs=blobs,
        thickness=blob_thickness(blobs, shape, size) if blobs else None,
        carbon=carbon,
        depth=depth,
    )
