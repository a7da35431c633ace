"""Grids of rotations for a search: HEALPix directions times spins about the template's z axis.

A rotation of the grid is ``Rz(longitude) Ry(colatitude) Rz(spin)``. The directions are the pixel
centres of a HEALPix grid with an integer ``nside`` (Gorski et al. 2005, doi 10.1086/427976); every
second pixel has its spins staggered by half a step, which costs nothing and lowers the worst
distance to the grid by some 7 %.
"""

from __future__ import annotations

from math import ceil, isqrt, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError
from cryopick.geometry.healpix import pixel_angles_deg, ring_and_place
from cryopick.geometry.rotation import (
    from_axis_angle,
    from_z_direction,
    multiply,
    rotate,
)
from cryopick.geometry.symmetry import (
    axial_fold,
    pick_representative,
    point_group,
)

MIN_STEP_DEG = 0.1
MAX_STEP_DEG = 90.0
MAX_ROTATIONS = 10_000_000
_ROWS_AT_ONCE = 16384
# A pose further than this fraction of the step from every kept pose is put back.
_HOLE = 0.75


def nside_for_step(step_deg: float) -> int:
    """Smallest integer HEALPix ``nside`` whose pixels are at most ``step_deg`` wide.

    Examples
    --------
    >>> [nside_for_step(step) for step in (7, 10)]
    [9, 6]
    """
    _check_step(step_deg)
    pixels = 4 * pi / (step_deg * pi / 180) ** 2
    nside = isqrt(ceil(pixels / 12))
    return nside if 12 * nside * nside >= pixels else nside + 1


def rotation_grid(
    step_deg: float,
    *,
    symmetry: str = "C1",
    cone: tuple[ArrayLike, float] | None = None,
) -> NDArray[np.float64]:
    """Rotations ``(n, 4)`` that cover all orientations at about ``step_deg``.

    Parameters
    ----------
    step_deg
        Distance between neighbours, 0.1 to 90 degrees. At 7 degrees a random orientation is 3.2
        degrees from the grid on average, 5.5 at worst.
    symmetry
        Point group of the template. Of equivalent poses only the one closest to the identity is
        kept, so the grid shrinks by about the order of the group.
    cone
        ``(axis, half_angle_deg)``: only rotations that take the template's z axis to within
        ``half_angle_deg`` of ``axis`` (x, y, z in the image). Where no direction of the grid is in
        the cone, its axis is taken, so that a half angle of 0 searches the spin alone.

    Examples
    --------
    >>> rotation_grid(10).shape, rotation_grid(10, symmetry="C4").shape
    ((15552, 4), (3888, 4))
    >>> rotation_grid(10, cone=([0, 0, 1], 30)).shape
    (864, 4)
    """
    nside = nside_for_step(step_deg)
    fold = axial_fold(symmetry)
    group = point_group(symmetry)
    colatitude, longitude = pixel_angles_deg(nside)
    # Opposite pixels have the same parity, which keeps the grid whole under the two-fold axes of
    # the D groups.
    stagger = np.sum(ring_and_place(nside), axis=0) % 2
    towards = multiply(
        from_axis_angle([0.0, 0.0, 1.0], longitude), from_axis_angle([0.0, 1.0, 0.0], colatitude)
    )
    if cone is not None:
        inside = _in_cone(towards, cone)
        towards, stagger = towards[inside], stagger[inside]
        if len(towards) == 0:
            towards, stagger = from_z_direction(np.atleast_2d(cone[0])), np.zeros(1, dtype=int)
    spins = ceil(360 / fold / step_deg)
    if len(towards) * spins > MAX_ROTATIONS:
        raise InputError(
            f"angular step {step_deg:g}: makes {len(towards) * spins:,} rotations, more than "
            f"{MAX_ROTATIONS:,}; take a larger step or a narrower cone"
        )
    spin_deg = (np.arange(spins) + stagger[:, None] / 2) * (360 / fold / spins)
    grid = multiply(towards[:, None], from_axis_angle([0.0, 0.0, 1.0], spin_deg)).reshape(-1, 4)
    if len(group) == 1:
        return grid
    axial = group[np.hypot(group[:, 1], group[:, 2]) < 1e-9]
    grid = _representatives(grid, axial, None)
    return grid if len(axial) == len(group) else _one_per_pose(grid, group, step_deg, cone)


def _one_per_pose(
    grid: NDArray[np.float64],
    group: NDArray[np.float64],
    step_deg: float,
    cone: tuple[ArrayLike, float] | None,
) -> NDArray[np.float64]:
    """Keep the poses that represent their orbit; fill the seams this leaves.

    The grid is not whole under T, O and I: along the border of the asymmetric unit a pose may be
    dropped while no equivalent is in the grid. Dropped poses that are further than ``_HOLE`` steps
    from every kept one come back, in the order of the grid.
    """
    representative = _representatives(grid, group, cone)
    is_kept = np.all(np.abs(representative - grid) < 1e-8, axis=1)
    kept, dropped = grid[is_kept], representative[~is_kept]
    far = dropped[_distance_deg(dropped, kept, group) > _HOLE * step_deg]
    return np.concatenate([kept, _thinned(far, group, _HOLE * step_deg)])


def _thinned(
    poses: NDArray[np.float64], group: NDArray[np.float64], gap_deg: float
) -> NDArray[np.float64]:
    """Take poses in order, each that is more than ``gap_deg`` from those taken before it."""
    from scipy.spatial import cKDTree

    if len(poses) == 0:
        return poses
    images = multiply(poses[None], group[:, None])
    tree = cKDTree(np.concatenate([images.reshape(-1, 4), -images.reshape(-1, 4)]))
    near = tree.query_ball_point(poses, 2 * np.sin(np.deg2rad(gap_deg) / 4))
    # Group elements are the outer axis: image k belongs to pose k modulo the number of poses.
    free = np.ones(len(poses), dtype=bool)
    taken: list[int] = []
    for place, neighbours in enumerate(near):
        if free[place]:
            taken.append(place)
            free[np.asarray(neighbours) % len(poses)] = False
    return poses[taken]


def _distance_deg(
    poses: NDArray[np.float64], kept: NDArray[np.float64], group: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Angle from each pose to the nearest kept one, modulo the group."""
    from scipy.spatial import cKDTree

    images = multiply(kept[:, None], group[None]).reshape(-1, 4)
    chord, _ = cKDTree(np.concatenate([images, -images])).query(poses)
    return np.rad2deg(4 * np.arcsin(np.minimum(chord / 2, 1)))


def _representatives(
    grid: NDArray[np.float64],
    group: NDArray[np.float64],
    cone: tuple[ArrayLike, float] | None,
) -> NDArray[np.float64]:
    parts: list[NDArray[np.float64]] = []
    for start in range(0, len(grid), _ROWS_AT_ONCE):
        orbits = multiply(grid[start : start + _ROWS_AT_ONCE, None], group[None])
        allowed = None
        if cone is not None:
            allowed = _in_cone(orbits, cone)
            # The pose itself always counts: it may be the cone's axis with a half angle of 0.
            allowed[:, 0] = True
        parts.append(pick_representative(orbits, allowed))
    return np.concatenate(parts)


def _in_cone(quaternion: NDArray[np.float64], cone: tuple[ArrayLike, float]) -> NDArray[np.bool_]:
    axis, half_angle_deg = np.asarray(cone[0], dtype=np.float64), float(cone[1])
    if axis.shape != (3,) or not 0 < np.linalg.norm(axis) < np.inf:
        raise InputError(f"cone axis: expected x, y, z not all 0, got {cone[0]}")
    if not 0 <= half_angle_deg <= 180:
        raise InputError(f"cone half angle {half_angle_deg}: expected 0 to 180 degrees")
    cosine = rotate(quaternion, [0.0, 0.0, 1.0]) @ (axis / np.linalg.norm(axis))
    return cosine >= np.cos(np.deg2rad(half_angle_deg)) - 1e-12


def _check_step(step_deg: float) -> None:
    if not MIN_STEP_DEG <= step_deg <= MAX_STEP_DEG:
        raise InputError(
            f"angular step {step_deg}: expected {MIN_STEP_DEG:g} to {MAX_STEP_DEG:g} degrees"
        )
