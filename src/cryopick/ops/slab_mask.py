"""Where the ice of a tomogram begins and ends: two planes, from the variance of its voxels.

A lamella, or a film of ice, holds matter and so varies more from place to place than what is above
and below it. Voxels are averaged in small blocks, which takes most of the noise away, and the
variance of the blocks in boxes all over the tomogram comes from integral images: one pass over the
voxels. Where, going inwards, the variance of a tile of boxes has risen half-way, there is a point
of the surface; planes are fitted to the points by consensus.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.planes import Plane, consensus_plane, fit_plane
from cryopick.model import PixelSource

# Blocks along the edge of a box.
_BLOCKS = 8
# Edge of the tiles that give one point of the surface each, in edges of a box.
_TILE_BOXES = 0.8
_MOST_TILES = 10
# Below this ratio of the variances inside and outside, there is no telling them apart.
_LEAST_RATIO = 1.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceGrid:
    """Variance in boxes on a regular grid, of blocks of an eighth of their edge.

    Attributes
    ----------
    variance
        ``(gz, gy, gx)`` float64, of the means of blocks.
    first_px
        Centre of the first box along each axis, in voxels.
    stride_px
        From one box to the next.
    box_px
        Edge of a box.
    mean
        Of all voxels that were looked at.
    """

    variance: NDArray[np.float64]
    first_px: float
    stride_px: int
    box_px: int
    mean: float

    def centre_px(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """Turn places on the grid into voxels."""
        return self.first_px + np.asarray(index, dtype=np.float64) * self.stride_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Slab:
    """What lies between two planes, in voxels ``x, y, z`` of a tomogram.

    Attributes
    ----------
    bottom, top
        The planes; z grows from bottom to top.
    ratio
        Variance inside over that outside; NaN where it was not looked at.
    """

    bottom: Plane
    top: Plane
    ratio: float = float("nan")

    def grown(self, distance_px: float) -> Slab:
        """Give the slab with both planes moved outwards (inwards where negative)."""
        return replace(
            self, bottom=self.bottom.moved(-distance_px), top=self.top.moved(distance_px)
        )

    def thickness_px(self, shape: tuple[int, ...]) -> float:
        """Distance of the planes in the middle of a tomogram of ``shape``, square to them."""
        y, x = (shape[1] - 1) / 2, (shape[2] - 1) / 2
        gap = float(self.top.height(x, y) - self.bottom.height(x, y))
        slope = (self.top.a + self.bottom.a) / 2, (self.top.b + self.bottom.b) / 2
        return gap / float(np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2))

    def range_px(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Smallest and largest gap along z over the corners of the tomogram."""
        x, y = np.meshgrid([0, shape[2] - 1], [0, shape[1] - 1])
        gap = self.top.height(x, y) - self.bottom.height(x, y)
        return float(gap.min()), float(gap.max())

    def section(self, z: int, shape: tuple[int, ...], *, border_px: int = 0) -> NDArray[np.bool_]:
        """Give section ``z`` of the mask, ``(ny, nx)``; the border stays out in x and y."""
        y, x = np.arange(shape[1])[:, None], np.arange(shape[2])[None, :]
        inside = (z >= self.bottom.height(x, y)) & (z <= self.top.height(x, y))
        if border_px > 0:
            inside[:border_px] = inside[-border_px:] = False
            inside[:, :border_px] = inside[:, -border_px:] = False
        return inside


def slab_mask(slab: Slab, shape: tuple[int, ...], *, border_px: int = 0) -> NDArray[np.int8]:
    """Make the mask of a slab in memory: 1 between its planes, ``(z, y, x)`` int8.

    Examples
    --------
    >>> flat = Slab(bottom=Plane(a=0, b=0, c=2), top=Plane(a=0, b=0, c=5))
    >>> slab_mask(flat, (8, 4, 4))[:, 0, 0].tolist(), flat.thickness_px((8, 4, 4))
    ([0, 0, 1, 1, 1, 1, 0, 0], 3.0)
    """
    return np.stack(
        [slab.section(z, shape, border_px=border_px).astype(np.int8) for z in range(shape[0])]
    )


def local_variance(source: PixelSource, *, box_px: int = 32) -> VarianceGrid:
    """Variance of the means of small blocks, in boxes an eighth of their edge apart.

    The volume is read once, a few sections at a time. Voxels that are not finite count as mean.

    Parameters
    ----------
    source
        ``(z, y, x)``: an array, a memory map, or the data of an `Image`.
    box_px
        Edge of a box, rounded up to a multiple of 8; at most a quarter of the thickness.

    Examples
    --------
    >>> volume = np.random.default_rng(0).normal(0, 2, (32, 32, 32))
    >>> found = local_variance(volume, box_px=8)
    >>> found.variance.shape, round(float(found.variance.mean()))
    ((25, 25, 25), 4)
    """
    shape = tuple(int(n) for n in source.shape)
    if len(shape) != 3 or min(shape) < _BLOCKS:
        raise InputError(
            f"local variance: expected a volume of at least {_BLOCKS} voxels along each axis, "
            f"got {shape}"
        )
    # Boxes must fit several times into the thickness to show where it ends.
    most = max(1, min(shape[0] // 4, *shape[1:]) // _BLOCKS)
    stride = min(max(1, -(-box_px // _BLOCKS)), most)
    blocks, offset = _block_means(source, stride)
    n = _BLOCKS**3
    mean = _box_sums(blocks) / n
    variance = np.maximum(_box_sums(blocks**2) / n - mean**2, 0)
    return VarianceGrid(
        variance=variance,
        first_px=stride * _BLOCKS / 2 - 0.5,
        stride_px=stride,
        box_px=stride * _BLOCKS,
        mean=offset + float(blocks.mean()),
    )


def find_slab(
    grid: VarianceGrid,
    shape: tuple[int, ...],
    *,
    seed: int,
    percentile: float = 95.0,
    iterations: int = 3,
) -> Slab:
    """Fit a plane to the top and one to the bottom of what varies.

    Parameters
    ----------
    grid
        See `local_variance`.
    shape
        Of the tomogram, ``z, y, x``.
    seed
        Of the trials of the consensus.
    percentile
        A tile of boxes has their variance at this percentile: at each height, matter in one box
        of twenty tells of ice.
    iterations
        Planes are fitted this often, each time but the first only to points outside of the last
        plane: where particles are few, the outermost ones tell where the ice ends.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> volume = rng.normal(size=(64, 96, 96))
    >>> volume[20:44] *= 2
    >>> slab = find_slab(local_variance(volume, box_px=8), volume.shape, seed=1)
    >>> abs(slab.thickness_px(volume.shape) - 24) < 3
    True
    """
    if iterations < 1:
        raise InputError(f"slab: iterations: expected at least 1, got {iterations}")
    tiles, centres = _tiles(grid, percentile)
    outside, inside = _levels(tiles)
    ratio = inside / outside if outside > 0 else (float("inf") if inside > 0 else 1.0)
    if not ratio >= _LEAST_RATIO:
        raise InputError(
            f"slab: the variance at the liveliest heights is only {ratio:.2f} times that at the "
            "quietest: the ice fills the volume, or nothing tells it from what is around; give "
            "clicked points (--points)"
        )
    level = (outside + inside) / 2
    rng = np.random.default_rng(seed)
    planes: dict[int, Plane] = {}
    for side in (-1, 1):
        height = _crossings(tiles, level, grid, shape[0], side)
        found = np.isfinite(height)
        if found.sum() < 3:
            raise InputError(
                "slab: too few places where the variance rises; use a smaller box, a lower "
                "percentile, or clicked points (--points)"
            )
        points = np.column_stack([centres[found], height[found]])
        planes[side] = _outer_plane(
            points, side, tolerance=grid.box_px / 2, iterations=iterations, rng=rng
        )
    return _checked(Slab(bottom=planes[-1], top=planes[1], ratio=ratio), shape)


def simple_slab(
    grid: VarianceGrid,
    *,
    thickness_px: float,
    seed: int,
    percentile: float = 95.0,
) -> Slab:
    """Fit one plane to the boxes of highest variance; the slab has a given thickness around it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> volume = rng.normal(size=(64, 64, 64))
    >>> volume[28:36] *= 3
    >>> slab = simple_slab(local_variance(volume, box_px=8), thickness_px=20, seed=1)
    >>> round(slab.thickness_px(volume.shape)), abs(slab.bottom.height(31.5, 31.5) - 21.5) < 2
    (20, np.True_)
    """
    if not thickness_px > 0:
        raise InputError(f"slab: thickness: expected more than 0 px, got {thickness_px}")
    level = np.percentile(grid.variance, percentile)
    z, y, x = (grid.centre_px(i) for i in np.nonzero(grid.variance >= level))
    points = np.column_stack([x, y, z])
    middle, _ = consensus_plane(points, tolerance=thickness_px / 4, rng=np.random.default_rng(seed))
    return Slab(bottom=middle.moved(-thickness_px / 2), top=middle.moved(thickness_px / 2))


def slab_from_points(points: NDArray[np.float64], shape: tuple[int, ...]) -> Slab:
    """Fit two planes to points clicked on the surfaces, in sets of four: two on each.

    In a set, of one slice through the tomogram usually, the order does not matter. Of the ways to
    share the points between the planes, the one that fits best is taken: two before two in the
    order given, the two highest and the two lowest, or the higher of the two on either side.

    Parameters
    ----------
    points
        ``(n, 3)`` in voxels ``x, y, z``; n is a multiple of 4, at least 8, better 12.
    shape
        Of the tomogram.

    Examples
    --------
    >>> sets = [[[0, y, 10], [50, y, 10], [0, y, 30], [50, y, 30]] for y in (0, 20, 40)]
    >>> slab = slab_from_points(np.array(sets, float).reshape(-1, 3), (40, 41, 51))
    >>> round(slab.thickness_px((40, 41, 51)), 6)
    20.0
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 8 or len(points) % 4:
        raise InputError(
            f"slab: expected clicked points in sets of 4 (two on the top, two on the bottom), at "
            f"least 8, better 12; got {len(points)}"
        )
    sets = points.reshape(-1, 4, 3)
    best: tuple[float, Slab] | None = None
    for upper in _sharings(sets):
        high, low = sets[upper].reshape(-1, 3), sets[~upper].reshape(-1, 3)
        try:
            slab = Slab(bottom=fit_plane(low), top=fit_plane(high))
        except InputError:
            continue
        if slab.range_px(shape)[0] <= 0:
            continue
        misfit = float(
            np.square(slab.top.above(high)).sum() + np.square(slab.bottom.above(low)).sum()
        )
        if best is None or misfit < best[0]:
            best = misfit, slab
    if best is None:
        raise InputError(
            "slab: no two planes, one above the other, through these points; click at least 3 "
            "slices apart, in each two points on the top and two on the bottom"
        )
    return best[1]


def _sharings(sets: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Ways to say which two points of each set ``(k, 4, 3)`` lie on the upper plane."""
    first = np.tile([True, True, False, False], (len(sets), 1))
    highest = np.zeros_like(first)
    order = np.argsort(sets[..., 2], axis=1)
    np.put_along_axis(highest, order[:, 2:], values=True, axis=1)
    sides = np.zeros_like(first)
    for row, four in zip(sides, sets, strict=True):
        # Along the slice: the horizontal direction in which the points lie apart.
        flat = four[:, :2] - four[:, :2].mean(axis=0)
        along = flat @ np.linalg.svd(flat, full_matrices=False)[2][0]
        ranked = np.argsort(along)
        for pair in (ranked[:2], ranked[2:]):
            row[pair[np.argmax(four[pair, 2])]] = True
    return [first, ~first, highest, sides]


def _tiles(
    grid: VarianceGrid, percentile: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of each tile at each height, ``(tiles, gz)``, and where the tiles are, ``x, y``."""
    if not 0 < percentile <= 100:
        raise InputError(f"slab: percentile: expected above 0, up to 100, got {percentile}")
    cuts: list[list[NDArray[np.int64]]] = []
    for n in grid.variance.shape[1:]:
        pieces = max(2, min(_MOST_TILES, int(n / (_TILE_BOXES * _BLOCKS))))
        cuts.append([part for part in np.array_split(np.arange(n), pieces) if len(part)])
    rows: list[NDArray[np.float64]] = []
    centres: list[tuple[float, float]] = []
    for y in cuts[0]:
        for x in cuts[1]:
            part = grid.variance[:, y[0] : y[-1] + 1, x[0] : x[-1] + 1]
            rows.append(np.percentile(part.reshape(len(part), -1), percentile, axis=1))
            centres.append((float(grid.centre_px(x).mean()), float(grid.centre_px(y).mean())))
    return np.stack(rows), np.asarray(centres)


def _levels(tiles: NDArray[np.float64]) -> tuple[float, float]:
    """Variance outside and inside: what most tiles have at their quietest and liveliest heights.

    The liveliest but a few: those of half a box, so that a bead or a streak alone does not count.
    """
    rank = min(_BLOCKS // 2, tiles.shape[1])
    lively = np.partition(tiles, -rank, axis=1)[:, -rank]
    return float(np.median(tiles.min(axis=1))), float(np.median(lively))


def _crossings(
    tiles: NDArray[np.float64], level: float, grid: VarianceGrid, nz: int, side: int
) -> NDArray[np.float64]:
    """Height at which each tile's variance first reaches the level, coming from one side."""
    rows = tiles[:, ::-1] if side > 0 else tiles
    reached = rows >= level
    # One box alone is noise, or the streak of a bead.
    lasting = reached & np.roll(reached, -1, axis=1)
    lasting[:, -1] = reached[:, -1]
    index = lasting.argmax(axis=1)
    each = np.arange(len(rows))
    after, before = rows[each, index], rows[each, np.maximum(index - 1, 0)]
    step = np.divide(after - level, after - before, out=np.zeros_like(after), where=after > before)
    place = index - np.clip(step, 0, 1)
    place = len(rows[0]) - 1 - place if side > 0 else place
    height = grid.centre_px(place)
    # What is full up to the outermost box may well go on to the end of the tomogram. Where only a
    # few tiles are, it is the streak of a bead.
    full = lasting[:, 0]
    ends = nz - 1 if side > 0 else 0
    height[full] = ends if np.count_nonzero(full) * 2 > len(full) else np.nan
    height[~lasting.any(axis=1)] = np.nan
    return height


def _outer_plane(
    points: NDArray[np.float64],
    side: int,
    *,
    tolerance: float,
    iterations: int,
    rng: np.random.Generator,
) -> Plane:
    plane, near = consensus_plane(points, tolerance=tolerance, rng=rng)
    points = points[near]
    for _ in range(iterations - 1):
        points = points[side * plane.above(points) >= 0]
        if len(points) < 6:
            break
        try:
            plane = fit_plane(points)
        except InputError:  # what is left lies on one line
            break
    return plane


def _checked(slab: Slab, shape: tuple[int, ...]) -> Slab:
    if slab.range_px(shape)[0] <= 0:
        raise InputError(
            "slab: the planes found for top and bottom cross; give clicked points (--points)"
        )
    return slab


def _block_means(source: PixelSource, stride: int) -> tuple[NDArray[np.float64], float]:
    """Means, less an offset, of blocks of ``stride`` voxels; what remains over is left out."""
    nz, ny, nx = (int(n) // stride for n in source.shape)
    middle = np.asarray(source[int(source.shape[0]) // 2], dtype=np.float64)
    finite = middle[np.isfinite(middle)]
    # Squares of values far from 0 would drown the variance.
    offset = float(finite.mean()) if finite.size else 0.0
    means = np.empty((nz, ny, nx))
    for z in range(nz):
        planes = np.asarray(source[z * stride : (z + 1) * stride])
        planes = planes[:, : ny * stride, : nx * stride]
        flat = planes.sum(axis=0, dtype=np.float32)
        if not np.isfinite(flat).all():
            planes = np.nan_to_num(planes, nan=offset, posinf=offset, neginf=offset)
            flat = planes.sum(axis=0, dtype=np.float32)
        blocks = flat.reshape(ny, stride, nx, stride)
        means[z] = blocks.sum(axis=(1, 3), dtype=np.float64) / stride**3 - offset
    return means, offset


def _box_sums(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over cubes of ``_BLOCKS`` blocks, by an integral image."""
    total = np.pad(blocks, [(1, 0)] * 3)
    for axis in range(3):
        total = np.cumsum(total, axis=axis)
        n = total.shape[axis]
        late = np.take(total, range(_BLOCKS, n), axis=axis)
        total = late - np.take(total, range(n - _BLOCKS), axis=axis)
    return total
