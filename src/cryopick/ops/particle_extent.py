"""How far a particle reaches in a map, and whether it is bright or dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.masks import background_of, without_specks

Contrast = Literal["bright", "dark", "cannot tell"]
"""Matter above or below the background."""

# A particle ends where its density falls below this share of its plateau.
_EDGE = 0.15
# Share of its voxels that its diameter holds: a wisp of density is no particle.
_WITHIN = 0.995
# Third standardised moment of the density below which its sign does not tell the contrast.
_LEAST_SKEW = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Particle:
    """A particle as measured in a map: see `measure_particle`.

    Attributes
    ----------
    diameter_angstrom
        Of the ball about the centre that holds it.
    half_width_angstrom
        Farthest from the centre along x, y or z.
    contrast
        Of its density.
    touches_edge
        Whether it reaches the edge of its box.
    """

    diameter_angstrom: float
    half_width_angstrom: float
    contrast: Contrast
    touches_edge: bool


def measure_particle(
    volume: NDArray[np.float32],
    pixel_size_angstrom: float,
    *,
    centre_px: tuple[float, float, float] | None = None,
) -> Particle:
    """Measure the particle in a map by where its density rises above the background.

    Solid is what exceeds 15 % of the plateau (the mean of the density weighted by itself) and four
    standard deviations of the background, specks left out.

    Parameters
    ----------
    volume
        ``(z, y, x)``, bright or dark on a background of 0.
    pixel_size_angstrom
        Of its voxels.
    centre_px
        ``x, y, z``; default: voxel ``N // 2``.

    Examples
    --------
    >>> z, y, x = np.indices((32, 32, 32)) - 16
    >>> ball = np.where(x**2 + y**2 + z**2 <= 100, -2.0, 0.0).astype(np.float32)
    >>> found = measure_particle(ball, 5.0)
    >>> 95 < found.diameter_angstrom < 110, found.contrast, found.touches_edge
    (True, 'dark', False)
    """
    contrast = contrast_of(volume)
    solid = _solid(-volume if contrast == "dark" else volume)
    default = tuple(float(n // 2) for n in volume.shape[::-1])
    centre = np.asarray(default if centre_px is None else centre_px)
    place = np.argwhere(solid)[:, ::-1] - centre
    faces = [solid.take(i, axis=axis) for axis in range(3) for i in (0, -1)]
    if not len(place):
        raise InputError("template: the map holds no density above its background")
    radius = np.quantile(np.linalg.norm(place, axis=1), _WITHIN)
    return Particle(
        diameter_angstrom=float(2 * radius + 1) * pixel_size_angstrom,
        half_width_angstrom=float(np.quantile(np.abs(place), _WITHIN, axis=0).max() + 0.5)
        * pixel_size_angstrom,
        contrast=contrast,
        touches_edge=any(bool(face.any()) for face in faces),
    )


def contrast_of(volume: NDArray[Any]) -> Contrast:
    """Tell whether a particle is brighter or darker than its background, by the skew of its density.

    Examples
    --------
    >>> volume = np.zeros((9, 9, 9))
    >>> volume[3:6, 3:6, 3:6] = 1
    >>> contrast_of(volume), contrast_of(-volume), contrast_of(volume * 0)
    ('bright', 'dark', 'cannot tell')
    """
    values = np.asarray(volume, dtype=np.float64)
    values = values - background_of(values)[0]
    spread = float(np.sqrt(np.mean(values**2)))
    skew = float(np.mean((values / spread) ** 3)) if spread > 0 else 0.0
    if abs(skew) < _LEAST_SKEW:
        return "cannot tell"
    return "bright" if skew > 0 else "dark"


def _solid(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    middle, spread = background_of(values)
    above = values - np.float32(middle)
    positive = np.maximum(above, 0).astype(np.float64)
    total = float(positive.sum())
    plateau = float(np.square(positive).sum()) / total if total > 0 else 0.0
    return without_specks(above > max(_EDGE * plateau, 4 * spread))
