"""Directions from which to look at a particle, spread evenly over what its symmetry leaves.

A view is a direction of the template that points along the beam. Views that the point group turns
into each other give the same projection, so only the asymmetric unit is covered. Opposite views
give mirror images, which no in-plane rotation brings together: both count.
"""

from __future__ import annotations

from math import ceil, pi

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.healpix import pixel_directions
from cryopick.geometry.rotation import from_z_direction, inverse, to_matrix
from cryopick.geometry.symmetry import point_group

MAX_VIEWS = 2000
_POINTS_PER_VIEW = 60
_FEWEST_POINTS = 3000
_ROUNDS = 30


def view_count(spacing_deg: float, *, symmetry: str = "C1") -> int:
    """Number of views that lie about ``spacing_deg`` apart: each has a square of that edge.

    Examples
    --------
    >>> view_count(30), view_count(30, symmetry="D2"), view_count(30, symmetry="I")
    (46, 12, 1)
    """
    if not 1 <= spacing_deg <= 180:
        raise InputError(f"spacing of the views: expected 1 to 180 degrees, got {spacing_deg:g}")
    area = 4 * pi / len(point_group(symmetry))
    count = ceil(area / np.deg2rad(spacing_deg) ** 2)
    if count > MAX_VIEWS:
        raise InputError(
            f"spacing of the views: {spacing_deg:g} degrees make {count:,} views, more than "
            f"{MAX_VIEWS:,}; take a larger spacing"
        )
    return count


def even_views(count: int, *, symmetry: str = "C1") -> NDArray[np.float64]:
    """Rotations ``(count, 4)`` that turn evenly spread directions of the template into the beam.

    The directions are the centres of cells of equal distance (Lloyd's algorithm on the sphere,
    where a direction and its images under the point group are one), started from the points that
    lie farthest from all before them. The result is the same in every run.

    Parameters
    ----------
    count
        How many.
    symmetry
        Point group of the template.

    Examples
    --------
    >>> from cryopick.geometry.rotation import rotate
    >>> views = rotate(inverse(even_views(6)), [0.0, 0.0, 1.0])
    >>> bool(np.sort(views @ views[0])[:-1].max() < 0.2)  # about 90 degrees or more apart
    True
    """
    if not 1 <= count <= MAX_VIEWS:
        raise InputError(f"number of views: expected 1 to {MAX_VIEWS}, got {count}")
    group = to_matrix(point_group(symmetry))
    points = _asymmetric_points(count, group)
    centres = _farthest(points, group, count)
    for _ in range(_ROUNDS):
        centres = _recentred(points, group, centres)
    return inverse(from_z_direction(centres))


def _asymmetric_points(count: int, group: NDArray[np.float64]) -> NDArray[np.float64]:
    """One of each orbit of a fine grid of directions ``(m, 3)``."""
    wanted = max(_POINTS_PER_VIEW * count, _FEWEST_POINTS // len(group)) * len(group)
    grid = pixel_directions(ceil((wanted / 12) ** 0.5))
    # Any direction on no axis or mirror plane chooses a copy of the unit that is whole.
    chosen = np.array([0.291, 0.133, 0.947])
    height = np.einsum("gij,nj,i->ng", group, grid, chosen)
    return grid[height[:, 0] >= height.max(axis=1) - 1e-9]


def _farthest(
    points: NDArray[np.float64], group: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Take points ``(count, 3)`` in turn, each the farthest from the images of those before it."""
    chosen = [0]
    nearest = np.full(len(points), -np.inf)
    while len(chosen) < count:
        images = group @ points[chosen[-1]]
        nearest = np.maximum(nearest, (points @ images.T).max(axis=1))
        chosen.append(int(np.argmin(nearest)))
    return points[chosen]


def _recentred(
    points: NDArray[np.float64], group: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move each centre to the mean of the points that are nearest to it."""
    images = np.einsum("gij,nj->gni", group, centres).reshape(-1, 3)
    owner = np.argmax(points @ images.T, axis=1)
    element, centre = np.divmod(owner, len(centres))
    # Turned back by the element that brought the centre there.
    back = np.einsum("nji,nj->ni", group[element], points)
    total = np.zeros_like(centres)
    np.add.at(total, centre, back)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-9, total / np.maximum(length, 1e-9), centres)
