"""Average sub-volumes of particles in one orientation: a template from own picks.

Each particle is sampled where the voxels of the template lie in the tomogram, at ``p + R u`` for
the pick ``p`` with orientation ``R``: shift and rotation in one interpolation. What the missing
wedge takes from every sub-volume differs with its orientation, so that in the sum each wave of the
template has been seen a different number of times; where the tilt range is known the sum is divided
by that number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import to_matrix
from cryopick.model import PixelSource

# Waves seen by a smaller share of the particles are not brought up further: they are noise.
_LEAST_SEEN = 0.1
# Room around the sampled ball for the cubic spline.
_ROOM_PX = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleSum:
    """Sum of particles, to which those of more tomograms can be added.

    Attributes
    ----------
    total
        ``(n, n, n)`` float64, sum of normalised sub-volumes in the orientation of the template.
    seen
        ``(n, n, n // 2 + 1)``: how many particles each wave was seen in, on the half space of
        ``rfftn``.
    used, at_edge
        Particles that were summed, and those left out as their box leaves the tomogram.
    """

    total: NDArray[np.float64]
    seen: NDArray[np.float64]
    used: int
    at_edge: int

    def __add__(self, other: ParticleSum) -> ParticleSum:
        return ParticleSum(
            total=self.total + other.total,
            seen=self.seen + other.seen,
            used=self.used + other.used,
            at_edge=self.at_edge + other.at_edge,
        )

    def average(self) -> NDArray[np.float32]:
        """Give the average, ``(n, n, n)`` float32, its mean over the box 0."""
        if not self.used:
            raise InputError("average: no particle lies wholly inside its tomogram")
        share = np.maximum(self.seen / self.used, _LEAST_SEEN)
        spectrum = np.fft.rfftn(self.total / self.used) / share
        spectrum[0, 0, 0] = 0
        return np.fft.irfftn(spectrum, s=self.total.shape, axes=(0, 1, 2)).astype(np.float32)


def average_particles(
    tomogram: PixelSource,
    position_px: NDArray[np.float64],
    orientation: NDArray[np.float64],
    *,
    box_px: int,
    tilt_range_deg: tuple[float, float] | None = None,
) -> ParticleSum:
    """Cut particles out of a tomogram, turn them back, and sum them.

    Parameters
    ----------
    tomogram
        ``(z, y, x)``; only the boxes are read.
    position_px
        ``(m, 3)``, ``x, y, z``; fractions of a voxel are kept.
    orientation
        ``(m, 4)`` unit quaternions, template -> tomogram.
    box_px
        Edge of the average; its centre is voxel ``box_px // 2``.
    tilt_range_deg
        Lowest and highest tilt, about y; None: the missing wedge is not compensated.

    Examples
    --------
    >>> volume = np.random.default_rng(0).normal(size=(40, 40, 40))
    >>> volume[20, 20, 23] += 100  # three voxels from the pick along x
    >>> here, quarter_turn_about_z = [[20.0, 20.0, 20.0]], [[0.5**0.5, 0, 0, 0.5**0.5]]
    >>> found = average_particles(
    ...     volume, np.array(here), np.array(quarter_turn_about_z), box_px=12
    ... ).average()
    >>> [int(i) - 6 for i in np.unravel_index(found.argmax(), found.shape)]
    [0, -3, 0]
    """
    positions = np.asarray(position_px, dtype=np.float64).reshape(-1, 3)
    matrices = to_matrix(np.asarray(orientation, dtype=np.float64).reshape(-1, 4))
    if len(positions) != len(matrices):
        raise InputError(f"average: {len(positions)} positions, {len(matrices)} orientations")
    if box_px < 4:
        raise InputError(f"average: box: expected at least 4 px, got {box_px}")
    points = _points(box_px)
    waves = _waves(box_px)
    total = np.zeros((box_px,) * 3)
    seen = np.zeros((box_px, box_px, box_px // 2 + 1))
    used = 0
    for position, matrix in zip(positions, matrices, strict=True):
        cut = _cut(tomogram, position, reach=(box_px - 1) // 2)
        if cut is None:
            continue
        values, offset = cut
        total += _sampled(values, points @ matrix.T + offset)
        seen += 1.0 if tilt_range_deg is None else _seen(waves @ matrix.T, tilt_range_deg)
        used += 1
    return ParticleSum(total=total, seen=seen, used=used, at_edge=len(positions) - used)


def _points(box: int) -> NDArray[np.float64]:
    """Voxels of a box from its centre, ``(n, n, n, 3)``, ``x, y, z``."""
    axis = np.arange(box, dtype=np.float64) - box // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack([x, y, z], axis=-1)


def _waves(box: int) -> NDArray[np.float64]:
    """Frequencies of ``rfftn``, ``(n, n, n // 2 + 1, 3)``, ``x, y, z``."""
    full, half = np.fft.fftfreq(box), np.fft.rfftfreq(box)
    z, y, x = np.meshgrid(full, full, half, indexing="ij")
    return np.stack([x, y, z], axis=-1).astype(np.float64)


def _cut(
    tomogram: PixelSource, position: NDArray[np.float64], *, reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The ball's surroundings, normalised, and where the pick lies in them (x, y, z).

    None where the ball inscribed in the box leaves the tomogram.
    """
    nearest = np.rint(position).astype(int)
    size = np.asarray(tomogram.shape[::-1])
    if np.any(nearest < reach) or np.any(nearest > size - 1 - reach):
        return None
    # The corners of a turned box reach further than its faces; there the tomogram may end.
    wide = math.ceil(reach * math.sqrt(3)) + _ROOM_PX
    low = np.maximum(nearest - wide, 0)
    high = np.minimum(nearest + wide + 1, size)
    part = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
    values = np.asarray(tomogram[part], dtype=np.float64)
    finite = values[np.isfinite(values)]
    spread = float(finite.std()) if finite.size else 0.0
    if spread == 0:
        return None
    scaled = (values - float(finite.mean())) / spread
    values = np.asarray(np.nan_to_num(scaled, posinf=0.0, neginf=0.0), dtype=np.float64)
    offset = np.asarray(position - low, dtype=np.float64)
    return values, offset


def _sampled(values: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at points ``(n, n, n, 3)``, ``x, y, z``, by a cubic spline; 0 (the mean) outside."""
    from scipy.ndimage import map_coordinates

    places = np.moveaxis(points[..., ::-1], -1, 0)
    sampled: Any = map_coordinates(values, places, order=3, mode="constant", cval=0.0)
    return np.asarray(sampled)


def _seen(waves: NDArray[np.float64], tilt_range: tuple[float, float]) -> NDArray[np.float64]:
    """Which waves of the tomogram ``(..., 3)`` lie within the tilts: 1 or 0.

    A projection tilted by ``t`` about y holds the waves ``k (cos t, sin t)`` along x and z.
    """
    low, high = tilt_range
    x, z = waves[..., 0], waves[..., 2]
    flip = np.where(x < 0, -1.0, 1.0)
    angle = np.rad2deg(np.arctan2(z * flip, x * flip))
    inside = (angle >= low) & (angle <= high)
    # Waves along y, and the mean, are in every projection.
    return (inside | (np.hypot(x, z) < 1e-9)).astype(np.float64)
