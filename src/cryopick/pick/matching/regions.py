"""Where in a tomogram to search, and in which directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.nearest import on_grid
from cryopick.pick.matching.search import Cones

_PLANES_AT_ONCE = 8


def searched_region(
    grid: Grid,
    *,
    tomogram: Grid,
    mask: Image | None = None,
    ranges_px: tuple[tuple[int, int] | None, ...] = (None, None, None),
) -> NDArray[np.bool_] | None:
    """Voxels of a grid that are to be searched; None: all.

    Parameters
    ----------
    grid
        The grid that is asked about.
    tomogram
        Grid of the tomogram, in whose pixels the ranges are given.
    mask
        Above 0 where to search; of any grid.
    ranges_px
        First and end pixel (not included) along x, y and z; None: all of that axis.

    Examples
    --------
    >>> grid = Grid(shape=(4, 4, 4), pixel_size_angstrom=10.0)
    >>> int(searched_region(grid, tomogram=grid, ranges_px=((1, 3), None, None)).sum())
    32
    """
    region = None
    if mask is not None:
        region = on_grid(np.asarray(mask.data[...]) > 0, mask.grid, grid)
    check_ranges(tomogram, ranges_px)
    for axis, limits in enumerate(ranges_px):
        if limits is None:
            continue
        first, end = limits
        place = np.arange(grid.size_px[axis]) * grid.pixel_size_angstrom
        place += grid.origin_angstrom[axis] - tomogram.origin_angstrom[axis]
        px = place / tomogram.pixel_size_angstrom
        inside = (px > first - 0.5) & (px < end - 0.5)
        if region is None:
            region = np.ones(grid.shape, dtype=bool)
        shape = [1, 1, 1]
        shape[2 - axis] = len(inside)
        region &= inside.reshape(shape)
    if region is not None and not region.any():
        raise InputError("search region: holds no voxel; widen the mask or the ranges")
    return region


def check_ranges(tomogram: Grid, ranges_px: tuple[tuple[int, int] | None, ...]) -> None:
    """Refuse ranges along x, y and z that are empty or leave the tomogram.

    Examples
    --------
    >>> check_ranges(Grid(shape=(4, 4, 4), pixel_size_angstrom=10.0), (None, (0, 5), None))
    Traceback (most recent call last):
    cryopick.errors.InputError: --search-y 0 5: expected a range within 0 to 4
    """
    for axis, limits in enumerate(ranges_px):
        if limits is not None and not 0 <= limits[0] < limits[1] <= tomogram.size_px[axis]:
            raise InputError(
                f"--search-{'xyz'[axis]} {limits[0]} {limits[1]}: expected a range within 0 to "
                f"{tomogram.size_px[axis]}"
            )


def cones_around(
    grid: Grid,
    position_angstrom: NDArray[np.float64],
    axis: NDArray[np.float64],
    *,
    half_angle_deg: float,
    distance_angstrom: float,
) -> Cones:
    """Cones about given directions, for all voxels near the places where they were given.

    Parameters
    ----------
    grid
        Of the search.
    position_angstrom
        ``(n, 3)`` points of a surface, or prior positions.
    axis
        ``(n, 3)`` directions there: normals, or the z axes of prior orientations.
    half_angle_deg
        Largest deviation.
    distance_angstrom
        Voxels farther than this from every point are not searched.

    Examples
    --------
    >>> grid = Grid(shape=(5, 5, 5), pixel_size_angstrom=10.0)
    >>> cones = cones_around(grid, np.array([[20.0, 20, 20]]), np.array([[0.0, 0, 2]]),
    ...                      half_angle_deg=15, distance_angstrom=10)
    >>> int((cones.nearest >= 0).sum()), cones.axis.tolist()
    (7, [[0.0, 0.0, 1.0]])
    """
    from scipy.spatial import cKDTree

    length = np.linalg.norm(axis, axis=1, keepdims=True)
    if len(position_angstrom) == 0 or not (np.isfinite(length).all() and (length > 0).all()):
        raise InputError("cones: expected points with directions that are not 0")
    tree = cKDTree(position_angstrom)
    nz, ny, nx = grid.shape
    nearest = np.full(grid.shape, -1, np.int32)
    x, y, z = (
        np.arange(n) * grid.pixel_size_angstrom + origin
        for n, origin in zip((nx, ny, nz), grid.origin_angstrom, strict=True)
    )
    low = position_angstrom.min(0) - distance_angstrom
    high = position_angstrom.max(0) + distance_angstrom
    rows = np.flatnonzero((y >= low[1]) & (y <= high[1]))
    columns = np.flatnonzero((x >= low[0]) & (x <= high[0]))
    for first in range(0, nz, _PLANES_AT_ONCE):
        planes = np.arange(first, min(nz, first + _PLANES_AT_ONCE))
        planes = planes[(z[planes] >= low[2]) & (z[planes] <= high[2])]
        if not (len(planes) and len(rows) and len(columns)):
            continue
        zz, yy, xx = np.meshgrid(z[planes], y[rows], x[columns], indexing="ij")
        points = np.stack([xx, yy, zz], axis=-1).reshape(-1, 3)
        _, found = tree.query(points, distance_upper_bound=distance_angstrom * (1 + 1e-9))
        found = np.where(found == len(position_angstrom), -1, found).astype(np.int32)
        nearest[np.ix_(planes, rows, columns)] = found.reshape(zz.shape)
    if not (nearest >= 0).any():
        raise InputError(
            f"cones: no voxel lies within {distance_angstrom:.0f} Å of the given points; are they of "
            "this tomogram?"
        )
    return Cones(axis=axis / length, nearest=nearest, half_angle_deg=half_angle_deg)
