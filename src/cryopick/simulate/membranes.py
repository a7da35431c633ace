"""Membranes: closed vesicles and open sheets, their density, and points on them with normals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# A lipid bilayer: head groups of both leaflets, in Å from the middle and relative to protein.
_LEAFLET_ANGSTROM = 18.0
_HEAD_SIGMA_ANGSTROM = 6.0
_HEAD_DENSITY = 0.6
HALF_THICKNESS_ANGSTROM = 30.0


class Membrane(Protocol):
    """A smooth surface that has a distance everywhere, and normals and points on it."""

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance in Å of ``(..., 3)`` points ``x, y, z``, positive outside; exact near it."""
        ...

    def normal(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outward unit normals ``(..., 3)`` at points on the surface."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """``(n, 3)`` points spread evenly over the surface (about, for uneven ones)."""
        ...

    def reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners of a box around it, ``x, y, z``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Vesicle:
    """An ellipsoid.

    Attributes
    ----------
    centre_angstrom, radii_angstrom
        ``x, y, z``.
    """

    centre_angstrom: tuple[float, float, float]
    radii_angstrom: tuple[float, float, float]

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance to first order: the implicit function over the length of its gradient."""
        offset = points - np.asarray(self.centre_angstrom)
        radii = np.asarray(self.radii_angstrom)
        level = np.linalg.norm(offset / radii, axis=-1)
        slope = np.linalg.norm(offset / radii**2, axis=-1)
        # At the very centre both vanish; the nearest wall is the smallest radius away.
        deep = slope < 1e-12
        distance = level * (level - 1) / np.where(deep, 1.0, slope)
        return np.where(deep, -radii.min(), distance)

    def normal(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction of the gradient, away from the centre."""
        outward = (points - np.asarray(self.centre_angstrom)) / np.square(self.radii_angstrom)
        return outward / np.linalg.norm(outward, axis=-1, keepdims=True)

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Points uniform in area: stretched from the sphere, kept in proportion to the stretch."""
        radii = np.asarray(self.radii_angstrom)
        found = np.zeros((0, 3))
        while len(found) < n:
            sphere = rng.standard_normal((2 * n + 8, 3))
            sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
            stretch = np.linalg.norm(sphere / radii, axis=1) * radii.min()
            found = np.concatenate([found, sphere[rng.uniform(size=len(sphere)) < stretch]])
        return found[:n] * radii + np.asarray(self.centre_angstrom)

    def reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Box around the ellipsoid."""
        centre, radii = np.asarray(self.centre_angstrom), np.asarray(self.radii_angstrom)
        return centre - radii, centre + radii


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A wavy sheet that crosses the whole tomogram.

    Attributes
    ----------
    point_angstrom
        A point of the unbent plane, ``x, y, z``.
    angle_deg
        Direction of the normal in the xy plane, from x towards y.
    lean_deg
        Angle of the normal out of the xy plane, towards z.
    amplitude_angstrom, period_angstrom, phase_rad
        Of the wave along the sheet.
    half_length_angstrom
        Half of the edge of the square from which points are drawn.
    """

    point_angstrom: tuple[float, float, float]
    angle_deg: float
    lean_deg: float
    amplitude_angstrom: float
    period_angstrom: float
    phase_rad: float
    half_length_angstrom: float

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance to first order; positive on the side of the normal."""
        _, across, along = self._frame(points)
        slope = self._slope(along)
        return (across - self._height(along)) / np.sqrt(1 + slope**2)

    def normal(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normals, tilted with the wave."""
        axes, _, along = self._frame(points)
        outward = axes[0] - self._slope(along)[..., None] * axes[1]
        return outward / np.linalg.norm(outward, axis=-1, keepdims=True)

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Points even along both directions of the plane (the wave is shallow)."""
        axes = self._axes()
        along, up = rng.uniform(-1, 1, (2, n)) * self.half_length_angstrom
        height = self._height(along)
        return (
            np.asarray(self.point_angstrom)
            + height[:, None] * axes[0]
            + along[:, None] * axes[1]
            + up[:, None] * axes[2]
        )

    def reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """It is everywhere."""
        return np.full(3, -np.inf), np.full(3, np.inf)

    def _axes(self) -> NDArray[np.float64]:
        angle = np.deg2rad(self.angle_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        lean = np.deg2rad(self.lean_deg)
        normal = np.array([cos * np.cos(lean), sin * np.cos(lean), np.sin(lean)])
        along = np.array([-sin, cos, 0.0])
        return np.stack([normal, along, np.cross(normal, along)])

    def _frame(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        axes = self._axes()
        offset = points - np.asarray(self.point_angstrom)
        return axes, offset @ axes[0], offset @ axes[1]

    def _height(self, along: NDArray[np.float64]) -> NDArray[np.float64]:
        wave = 2 * np.pi * along / self.period_angstrom + self.phase_rad
        return self.amplitude_angstrom * np.sin(wave)

    def _slope(self, along: NDArray[np.float64]) -> NDArray[np.float64]:
        steep = 2 * np.pi / self.period_angstrom
        return self.amplitude_angstrom * steep * np.cos(steep * along + self.phase_rad)


def bilayer_density(
    distance_angstrom: NDArray[np.float64], pixel_size_angstrom: float
) -> NDArray[np.float32]:
    """Density of a bilayer at a distance from its middle: two lines of head groups.

    The lines are at least as wide as the pixels can hold; their integral stays.

    Examples
    --------
    >>> bilayer_density(np.array([0.0, 18.0, 60.0]), 4.0).round(2)
    array([0.01, 0.6 , 0.  ], dtype=float32)
    """
    sigma = max(_HEAD_SIGMA_ANGSTROM, 0.6 * pixel_size_angstrom)
    height = _HEAD_DENSITY * _HEAD_SIGMA_ANGSTROM / sigma
    lower = np.exp(-0.5 * ((distance_angstrom + _LEAFLET_ANGSTROM) / sigma) ** 2)
    upper = np.exp(-0.5 * ((distance_angstrom - _LEAFLET_ANGSTROM) / sigma) ** 2)
    return (height * (lower + upper)).astype(np.float32)


def paint_membrane(
    volume: NDArray[np.float32], membrane: Membrane, pixel_size_angstrom: float
) -> None:
    """Add a membrane's density to a volume ``(z, y, x)`` in place."""
    size = np.asarray(volume.shape[::-1])
    low, high = membrane.reach()
    rim = 2 * HALF_THICKNESS_ANGSTROM
    first = np.clip(np.floor((low - rim) / pixel_size_angstrom), 0, size).astype(int)
    last = np.clip(np.ceil((high + rim) / pixel_size_angstrom) + 1, 0, size).astype(int)
    if np.any(last <= first):
        return
    x, y, z = (np.arange(a, b) * pixel_size_angstrom for a, b in zip(first, last, strict=True))
    points = np.empty((len(y), len(x), 3))
    points[..., 0], points[..., 1] = x[None, :], y[:, None]
    window = (slice(first[1], last[1]), slice(first[0], last[0]))
    for index, height in enumerate(z, int(first[2])):
        points[..., 2] = height
        plane = volume[index][window]
        plane += bilayer_density(membrane.distance(points), pixel_size_angstrom)
