"""What surrounds the particles of a micrograph: textured ice, ice crystals, a carbon edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.ops.dose import frequency_image

# Amorphous texture is coarse at low resolution, as water moves during the exposure.
_TEXTURE_ANGSTROM = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A lump of ice on the film: position in Å (``x, y``), radius in Å, outline in harmonics."""

    centre_angstrom: tuple[float, float]
    radius_angstrom: float
    wobble: tuple[float, ...]
    phase: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonEdge:
    """A carbon film that covers one side of the image.

    Attributes
    ----------
    angle_deg
        Direction, from x towards y, in which the carbon lies.
    offset_angstrom
        Distance of the edge from the image centre along that direction.
    curvature_per_angstrom
        The edge is an arc of a hole: 1 / radius.
    """

    angle_deg: float
    offset_angstrom: float
    curvature_per_angstrom: float

    def depth_angstrom(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far inside the carbon a point lies; negative in the hole. About the image centre."""
        angle = np.deg2rad(self.angle_deg)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        return along - self.offset_angstrom + 0.5 * self.curvature_per_angstrom * across**2


def texture_spectrum(
    shape: tuple[int, int], pixel_size_angstrom: float, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Spectrum (``rfft2``) of amorphous texture with unit variance before it is imaged.

    Power falls as ``1 / (1 + (k * 15 Å)²)``. Drawn in Fourier space, which saves a transform.
    """
    frequency = frequency_image(shape, pixel_size_angstrom)
    amplitude = 1 / np.sqrt(1 + (frequency * _TEXTURE_ANGSTROM) ** 2)
    amplitude[0, 0] = 0
    # Parseval on the half plane: inner columns stand for two of the full plane.
    power = 2 * (amplitude**2).sum() - (amplitude[:, 0] ** 2).sum()
    if shape[1] % 2 == 0:
        power -= (amplitude[:, -1] ** 2).sum()
    n = shape[0] * shape[1]
    amplitude *= n / np.sqrt(2 * power)
    size = (*amplitude.shape, 2)
    noise = rng.standard_normal(size, dtype=np.float32).view(np.complex64)[..., 0]
    return noise * amplitude.astype(np.float32)


def random_blobs(
    n: int,
    *,
    extent_angstrom: tuple[float, ...],
    radius_angstrom: tuple[float, float],
    rng: np.random.Generator,
) -> list[Blob]:
    """Draw lumps of ice anywhere in the image."""
    blobs: list[Blob] = []
    for _ in range(n):
        x, y = rng.uniform(0, 1, 2) * np.asarray(extent_angstrom[:2])
        wobble = rng.uniform(0, 0.12, 4) / np.arange(1, 5)
        blobs.append(
            Blob(
                centre_angstrom=(float(x), float(y)),
                radius_angstrom=float(rng.uniform(*radius_angstrom)),
                wobble=tuple(wobble.tolist()),
                phase=tuple(rng.uniform(0, 2 * np.pi, 4).tolist()),
            )
        )
    return blobs


def blob_thickness(
    blobs: list[Blob], shape: tuple[int, int], pixel_size_angstrom: float
) -> NDArray[np.float32]:
    """Thickness in Å of all lumps, ``(y, x)``: half-ellipsoids with an uneven outline."""
    out = np.zeros(shape, dtype=np.float32)
    for blob in blobs:
        reach = 1.6 * blob.radius_angstrom
        x0, y0 = blob.centre_angstrom
        rows, columns = (
            slice(
                max(int((c - reach) / pixel_size_angstrom), 0),
                max(min(int((c + reach) / pixel_size_angstrom) + 2, n), 0),
            )
            for c, n in ((y0, shape[0]), (x0, shape[1]))
        )
        y = np.arange(shape[0])[rows, None] * pixel_size_angstrom - y0
        x = np.arange(shape[1])[None, columns] * pixel_size_angstrom - x0
        angle = np.arctan2(y, x)
        outline = np.ones_like(angle)
        for order, (wobble, phase) in enumerate(zip(blob.wobble, blob.phase, strict=True), 2):
            outline += wobble * np.cos(order * angle + phase)
        inside = 1 - (np.hypot(x, y) / (blob.radius_angstrom * outline)) ** 2
        out[rows, columns] += (1.2 * blob.radius_angstrom * np.sqrt(np.maximum(inside, 0))).astype(
            np.float32
        )
    return out


def random_carbon_edge(
    extent_angstrom: tuple[float, ...], rng: np.random.Generator, *, share: float
) -> CarbonEdge:
    """Draw a carbon edge that covers about ``share`` of the image."""
    angle = float(rng.uniform(0, 360))
    width, height = extent_angstrom[:2]
    direction = np.deg2rad(angle)
    span = abs(width * np.cos(direction)) + abs(height * np.sin(direction))
    curvature = 1 / float(rng.uniform(6_000, 12_000))
    # The arc takes area beside the straight edge: a sixth of the sagitta's square at half width.
    sagitta = curvature * (max(width, height) / 2) ** 2 / 6
    return CarbonEdge(
        angle_deg=angle,
        offset_angstrom=float(span * (0.5 - share) + sagitta),
        curvature_per_angstrom=curvature,
    )
