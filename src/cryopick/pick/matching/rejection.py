"""Why a candidate is no particle, whatever it scores: its place, its neighbours, its surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.nearest import inside_mask_at

# Neighbours that tell what is usual around a candidate, and how far they may be, in diameters.
_NEIGHBOURS = 24
_REACH_DIAMETERS = 4.0
_FEWEST_NEIGHBOURS = 8
# A sheet is looked for in voxels of this share of the diameter, in a shell of these radii: without
# the particle itself, which has edges of its own.
_VOXELS_PER_DIAMETER = 8
_SHELL_DIAMETERS = (0.35, 1.0)
_PATCHES_AT_ONCE = 256


def near_edge(
    position_angstrom: NDArray[np.float64], grid: Grid, *, margin_angstrom: float
) -> NDArray[np.bool_]:
    """Tell which positions ``(n, 3)`` lie nearer to a face of the tomogram than the margin.

    Examples
    --------
    >>> grid = Grid(shape=(20, 20, 20), pixel_size_angstrom=10.0)
    >>> near_edge(np.array([[100.0, 100, 100], [30, 100, 100]]), grid, margin_angstrom=50)
    array([False,  True])
    """
    if margin_angstrom <= 0:
        return np.zeros(len(position_angstrom), dtype=bool)
    px = grid.to_px(position_angstrom)
    margin = margin_angstrom / grid.pixel_size_angstrom
    last = np.asarray(grid.size_px) - 1
    return np.any((px < margin) | (px > last - margin), axis=1)


def outside_mask(position_angstrom: NDArray[np.float64], mask: Image) -> NDArray[np.bool_]:
    """Tell which positions ``(n, 3)`` lie where a mask, of any binning, is 0 or less.

    What lies beyond the mask's own edge is outside.
    """
    if mask.ndim != 3:
        raise InputError(f"mask {mask.name}: is an image; give a volume")
    return ~inside_mask_at(position_angstrom, mask)


def prominence(
    position_angstrom: NDArray[np.float64],
    score: NDArray[np.float64],
    *,
    diameter_angstrom: float,
) -> NDArray[np.float64]:
    """How far each score stands out of those around it, in robust standard deviations.

    The neighbours are the 24 nearest candidates, none farther than four diameters; their median
    and median absolute deviation say what is usual there. Along a membrane or the edge of the ice
    many candidates score alike; a particle stands out even among other particles, as most
    candidates are background.

    Parameters
    ----------
    position_angstrom, score
        ``(n, 3)`` and ``(n,)`` of all candidates, most of them background.
    diameter_angstrom
        Of the particle.

    Returns
    -------
    prominence
        ``(n,)``; infinity for a candidate with fewer than eight neighbours.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> place = rng.uniform(0, 1000, (100, 3))
    >>> score = rng.normal(5, 0.1, 100)
    >>> score[7] = 7.0
    >>> found = prominence(place, score, diameter_angstrom=200)
    >>> int(found.argmax()), bool(found[7] > 10)
    (7, True)
    """
    from scipy.spatial import cKDTree

    n = len(score)
    if n <= _FEWEST_NEIGHBOURS:
        return np.full(n, np.inf)
    count = min(_NEIGHBOURS + 1, n)
    distance, index = cKDTree(position_angstrom).query(
        position_angstrom, k=count, distance_upper_bound=_REACH_DIAMETERS * diameter_angstrom
    )
    # The first neighbour is the candidate itself.
    around = np.where(np.isfinite(distance), np.append(score, np.nan)[index], np.nan)[:, 1:]
    known = np.isfinite(around).sum(axis=1) >= _FEWEST_NEIGHBOURS
    found = np.full(n, np.inf)
    median = np.nanmedian(around[known], axis=1)
    deviation = 1.4826 * np.nanmedian(np.abs(around[known] - median[:, None]), axis=1)
    floor = 0.1 * float(np.std(score)) or 1e-12
    found[known] = (score[known] - median) / np.maximum(deviation, floor)
    return found


def planarity(
    position_angstrom: NDArray[np.float64], tomogram: Image, *, diameter_angstrom: float
) -> NDArray[np.float64]:
    """How much the tomogram around each position looks like one flat sheet.

    The structure tensor of a shell around the position, weighted by the size of the gradients,
    has eigenvalues ``a >= b >= c``; a sheet has one direction of change only: ``(a - b) / a`` is
    near 1. The missing wedge hides sheets that lie flat, and makes ``c`` small everywhere.

    Parameters
    ----------
    position_angstrom
        ``(n, 3)``.
    tomogram
        Of any pixel size.
    diameter_angstrom
        Of the particle.

    Returns
    -------
    planarity
        ``(n,)`` from 0 to 1.
    """
    small, grid = _reduced(tomogram, diameter_angstrom / _VOXELS_PER_DIAMETER)
    per_diameter = diameter_angstrom / grid.pixel_size_angstrom
    low, high = (share * per_diameter for share in _SHELL_DIAMETERS)
    reach = int(np.ceil(high))
    offset = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1)
    radius = np.linalg.norm(offset.astype(np.float64), axis=-1)
    offset = offset[(radius >= low) & (radius <= high)]
    whole = np.pad(small, reach, mode="edge")
    gradient = np.stack([np.gradient(whole, axis=axis) for axis in range(3)], axis=-1)
    centre = np.rint(grid.to_px(position_angstrom)).astype(np.int64)[:, ::-1]
    centre = np.clip(centre, 0, np.array(small.shape) - 1) + reach
    found = np.empty(len(centre))
    for first in range(0, len(centre), _PATCHES_AT_ONCE):
        rows = slice(first, first + _PATCHES_AT_ONCE)
        index = centre[rows, None] + offset[None]
        around = gradient[index[..., 0], index[..., 1], index[..., 2]].astype(np.float64)
        tensor = np.einsum("nvi,nvj->nij", around, around)
        values = np.linalg.eigvalsh(tensor)
        found[rows] = (values[:, 2] - values[:, 1]) / np.maximum(values[:, 2], 1e-30)
    return found


def _reduced(tomogram: Image, pixel_angstrom: float) -> tuple[NDArray[np.float32], Grid]:
    """The tomogram in voxels of about a size, smoothed a little; read a few planes at a time."""
    from scipy.ndimage import gaussian_filter

    from cryopick.ops.resample import mean_bin

    factor = max(1, round(pixel_angstrom / tomogram.grid.pixel_size_angstrom))
    factor = min(factor, *tomogram.grid.shape)
    grid = tomogram.grid.binned_by_mean(factor)
    small = np.empty(grid.shape, dtype=np.float32)
    for z in range(grid.shape[0]):
        planes = np.asarray(tomogram.data[z * factor : (z + 1) * factor], dtype=np.float32)
        planes = np.nan_to_num(planes, nan=0.0, posinf=0.0, neginf=0.0)
        small[z] = mean_bin(planes, factor)[0]
    # Beads and dirt would outshine every membrane.
    low, high = np.percentile(small, (1, 99))
    return gaussian_filter(np.clip(small, low, high), 1.0), grid
