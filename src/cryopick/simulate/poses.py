"""Random orientations: all of them alike, or within a cone about the beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_z_direction


def random_orientations(
    n: int, rng: np.random.Generator, *, cone_deg: float = 180.0
) -> NDArray[np.float64]:
    """Draw orientations whose template z axis lies within a cone about the image's z axis.

    Directions are uniform on the cap of half-angle ``cone_deg``, spins about the template's own z
    axis are uniform. 180 degrees gives all rotations alike; 0 only views along the template's z.

    Returns
    -------
    ndarray
        ``(n, 4)`` unit quaternions ``w, x, y, z``.

    Examples
    --------
    >>> random_orientations(5, np.random.default_rng(0), cone_deg=20).shape
    (5, 4)
    """
    if not 0 <= cone_deg <= 180:
        raise InputError(f"cone: expected 0 to 180 degrees, got {cone_deg}")
    height = rng.uniform(np.cos(np.deg2rad(cone_deg)), 1.0, n)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    radius = np.sqrt(np.maximum(1 - height**2, 0))
    direction = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height], axis=-1)
    return from_z_direction(direction, rng.uniform(0, 360, n))
