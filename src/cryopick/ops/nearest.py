"""Values and masks of one grid looked up at places of another, at the nearest pixel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Grid, Image, PixelSource


def values_at(
    position_angstrom: NDArray[np.float64], data: PixelSource, grid: Grid
) -> NDArray[np.float64]:
    """Values at the pixels nearest to positions ``(n, d)``; NaN outside.

    Of a volume only the planes that hold a position are read.

    Examples
    --------
    >>> grid = Grid(shape=(2, 3), pixel_size_angstrom=10.0)
    >>> values_at(np.array([[21.0, 9.0], [-8.0, 0.0]]), np.arange(6).reshape(2, 3), grid)
    array([ 5., nan])
    """
    values = np.full(len(position_angstrom), np.nan)
    px = np.rint(grid.to_px(position_angstrom)).astype(np.int64)
    inside = np.all((px >= 0) & (px < np.asarray(grid.size_px)), axis=1)
    if grid.ndim == 2:
        x, y = px[inside].T
        values[inside] = np.asarray(data[...])[y, x]
        return values
    for z in np.unique(px[inside, 2]):
        rows = np.flatnonzero(inside & (px[:, 2] == z))
        values[rows] = np.asarray(data[int(z)])[px[rows, 1], px[rows, 0]]
    return values


def inside_mask_at(position_angstrom: NDArray[np.float64], mask: Image) -> NDArray[np.bool_]:
    """Tell at which positions ``(n, d)`` a mask, of any binning, is above 0; beyond it: nowhere."""
    return values_at(position_angstrom, mask.data, mask.grid) > 0


def on_grid(
    mask: NDArray[np.bool_],
    grid: Grid,
    target: Grid,
    *,
    beyond: Literal["outside", "edge"] = "outside",
) -> NDArray[np.bool_]:
    """Look a mask up at the pixels of another grid of the same specimen.

    Parameters
    ----------
    mask, grid
        ``(y, x)`` or ``(z, y, x)``, and where its pixels lie.
    target
        The grid that is asked about.
    beyond
        What holds where the mask ends: nothing is inside, or what its last pixel says.

    Examples
    --------
    >>> fine = Grid(shape=(2, 4), pixel_size_angstrom=10.0)
    >>> on_grid(np.array([[False, True]]), fine.binned_by_mean(2), fine).tolist()
    [[False, False, True, True], [False, False, True, True]]
    """
    index: list[NDArray[np.int64]] = []
    inside: list[NDArray[np.bool_]] = []
    ndim = len(target.shape)
    for axis in range(ndim):
        place = np.arange(target.shape[axis]) * target.pixel_size_angstrom
        place += target.origin_angstrom[ndim - 1 - axis] - grid.origin_angstrom[ndim - 1 - axis]
        nearest = np.rint(place / grid.pixel_size_angstrom).astype(np.int64)
        inside.append((nearest >= 0) & (nearest < grid.shape[axis]))
        index.append(np.clip(nearest, 0, grid.shape[axis] - 1))
    found = mask[np.ix_(*index)]
    if beyond == "outside":
        for axis, within in enumerate(inside):
            found &= within.reshape([-1 if a == axis else 1 for a in range(ndim)])
    return found
