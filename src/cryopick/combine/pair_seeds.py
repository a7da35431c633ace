"""First guesses of the map between two unlabelled pick sets of a tilt pair, from triangles.

Three picks that are neighbours in both views fix an affine map. Triangles of one view are laid on
those of the other, and of all maps that a tilt can make those are kept under which the picks around
the triangle fall on picks too (as Xmipp's tilt assignment does: Vilas et al. 2016,
doi 10.1016/j.jsb.2016.06.012).

A Delaunay triangulation is not kept by a tilt: what is nearest changes when one direction shrinks.
So the tilted picks are also triangulated after stretching them back, along many directions; the
one that is nearly right has the triangles of the untilted view.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.pair_affine import affine_through

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AXES = 12
_STRETCHED_TILTS = 3
# Area over squared longest side; 0.43 for an equilateral triangle. Slivers fix no map.
_LEAST_FATNESS = 0.12
_AT_ONCE = 100_000
# Picking errors move the corners of small triangles: seeds are allowed more than fits.
_SEED_SLACK = 0.08
_NEIGHBOURS = 24


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class TiltLimits:
    """What a map must look like to come from a tilt.

    Attributes
    ----------
    tilt_min_deg, tilt_max_deg
        Range of tilts.
    scale_min, scale_max
        Range of the magnification of one view over that of the other.
    """

    tilt_min_deg: float = 15.0
    tilt_max_deg: float = 72.0
    scale_min: float = 0.92
    scale_max: float = 1.08

    def allow(self, matrix: Floats, *, slack: float = 0.0) -> NDArray[np.bool_]:
        """Which of the matrices ``(k, 2, 2)`` are unmirrored tilts within the limits."""
        long, short = singular_values(matrix)
        ratio = np.divide(short, long, out=np.zeros_like(short), where=long > 0)
        low, high = np.cos(np.deg2rad([self.tilt_max_deg, self.tilt_min_deg]))
        return (
            (np.linalg.det(matrix) > 0)
            & (long >= self.scale_min - slack)
            & (long <= self.scale_max + slack)
            & (ratio >= low - slack)
            & (ratio <= high + slack)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seeds:
    """Maps worth refining, best first.

    Attributes
    ----------
    matrix, shift
        ``(k, 2, 2)`` and ``(k, 2)``.
    centre
        ``(k, 2)`` where in the untilted view each comes from.
    support
        ``(k,)`` picks around that place which fall on a pick.
    """

    matrix: Floats
    shift: Floats
    centre: Floats
    support: Ints

    def __len__(self) -> int:
        return len(self.support)


def singular_values(matrix: Floats) -> tuple[Floats, Floats]:
    """Singular values of matrices ``(k, 2, 2)``: the larger ones, the smaller ones.

    Examples
    --------
    >>> [v.tolist() for v in singular_values(np.array([[[0.0, -2.0], [1.0, 0.0]]]))]
    [[2.0], [1.0]]
    """
    a, b, c, d = (matrix[:, i, j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
    turned, mirrored = np.hypot(a + d, c - b), np.hypot(a - d, b + c)
    return (turned + mirrored) / 2, np.abs(turned - mirrored) / 2


def find_seeds(
    untilted: Floats,
    tilted: Floats,
    *,
    tolerance: float,
    limits: TiltLimits,
    rng: np.random.Generator,
    maps: int,
    keep: int,
) -> Seeds:
    """Find maps under which picks around a triangle fall on picks.

    Parameters
    ----------
    untilted, tilted
        ``(n, 2)`` and ``(m, 2)``, in one unit.
    tolerance
        How far from a pick counts as on it.
    limits
        Of the tilt.
    rng
        Chooses among the triangles where there are too many.
    maps
        About how many maps to look at.
    keep
        How many to hand back.
    """
    from scipy.spatial import cKDTree

    first = triangles(untilted)
    second = tilted_triangles(tilted, limits)
    if not len(first) or not len(second):
        return _no_seeds()
    most = max(maps // (3 * len(second)), 20)
    if len(first) > most:
        first = first[rng.choice(len(first), most, replace=False)]
    near = min(_NEIGHBOURS, len(untilted))
    centre = untilted[first].mean(axis=1)
    around = np.asarray(cKDTree(untilted).query(centre, k=near)[1]).reshape(len(first), near)
    discs = _Discs.around(tilted, tolerance)
    best = _no_seeds()
    for i, j in _compatible(untilted[first], tilted[second], limits):
        matrix, shift, row = _maps(untilted[first], tilted[second], i, j, limits)
        moved = np.einsum("kij,knj->kni", matrix, untilted[around[row]]) + shift[:, None]
        support = discs.hit(moved).sum(axis=1)
        found = Seeds(matrix=matrix, shift=shift, centre=centre[row], support=support)
        best = _best_of(best, found, keep)
    return best


def triangles(points: Floats) -> Ints:
    """Fat triangles ``(k, 3)`` of a Delaunay triangulation, all anticlockwise from x to y."""
    from scipy.spatial import Delaunay, QhullError

    if len(points) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    try:
        corners = np.asarray(Delaunay(points).simplices, dtype=np.int64)
    except QhullError:  # all on a line
        return np.zeros((0, 3), dtype=np.int64)
    area = _areas(points[corners])
    corners[area < 0] = corners[area < 0][:, ::-1]
    sides = np.linalg.norm(points[corners] - points[np.roll(corners, 1, axis=1)], axis=2)
    return corners[np.abs(area) >= _LEAST_FATNESS * sides.max(axis=1) ** 2]


def tilted_triangles(points: Floats, limits: TiltLimits) -> Ints:
    """Triangles ``(k, 3)`` of the tilted picks as they would be untilted, for any axis; each once."""
    found = [triangles(points)]
    tilts = np.linspace(limits.tilt_min_deg, limits.tilt_max_deg, 2 * _STRETCHED_TILTS + 1)[1::2]
    for tilt_deg in tilts.tolist():
        for axis_deg in np.arange(0.0, 180.0, 180.0 / _AXES).tolist():
            angle = np.deg2rad(axis_deg)
            along = np.array([np.cos(angle), np.sin(angle)])
            across = np.array([-np.sin(angle), np.cos(angle)])
            stretched = [points @ along, points @ across / np.cos(np.deg2rad(tilt_deg))]
            found.append(triangles(np.stack(stretched, axis=1)))
    every = np.concatenate(found)
    if not len(every):
        return every
    # The same triangle may begin at another corner; the smallest first makes them equal.
    first = np.argmin(every, axis=1)
    turned = np.take_along_axis(every, (first[:, None] + np.arange(3)) % 3, axis=1)
    return np.unique(turned, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Discs:
    """A picture of discs around points, to look up whether places are within one of them."""

    covered: NDArray[np.bool_]
    corner: Floats
    pixel: float

    @staticmethod
    def around(points: Floats, radius: float) -> _Discs:
        from scipy.spatial import cKDTree

        corner = points.min(axis=0) - 2 * radius
        extent = points.max(axis=0) + 2 * radius - corner
        pixel = max(radius / 4, float(extent.max()) / 3000)
        nx, ny = (np.ceil(extent / pixel).astype(int) + 1).tolist()
        y, x = np.mgrid[:ny, :nx]
        places = np.stack([x, y], axis=-1).reshape(-1, 2) * pixel + corner
        apart, _ = cKDTree(points).query(places, distance_upper_bound=radius)
        return _Discs(covered=np.isfinite(apart).reshape(ny, nx), corner=corner, pixel=pixel)

    def hit(self, places: Floats) -> NDArray[np.bool_]:
        """Which places ``(..., 2)`` are within a disc."""
        index = np.rint((places - self.corner) / self.pixel)
        x, y = index[..., 0], index[..., 1]
        ny, nx = self.covered.shape
        inside = (x >= 0) & (y >= 0) & (x < nx) & (y < ny)
        column = np.where(inside, x, 0).astype(np.int64)
        row = np.where(inside, y, 0).astype(np.int64)
        return self.covered[row, column] & inside


def _areas(corners: Floats) -> Floats:
    """Signed areas of triangles ``(k, 3, 2)``; positive anticlockwise."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def _compatible(first: Floats, second: Floats, limits: TiltLimits) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of triangles whose areas a tilt can turn into one another, a portion at a time."""
    area, tilted_area = _areas(first), _areas(second)
    order = np.argsort(tilted_area)
    ranked = tilted_area[order]
    low, high = np.cos(np.deg2rad([limits.tilt_max_deg, limits.tilt_min_deg]))
    start = np.searchsorted(ranked, area * (low - _SEED_SLACK) * limits.scale_min**2)
    stop = np.searchsorted(ranked, area * (high + _SEED_SLACK) * limits.scale_max**2)
    count = np.maximum(stop - start, 0)
    begin = 0
    while begin < len(first):
        reach = np.cumsum(count[begin:])
        end = begin + max(int(np.searchsorted(reach, _AT_ONCE, side="right")), 1)
        n = count[begin:end]
        i = np.repeat(np.arange(begin, end), n)
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield i, order[np.repeat(start[begin:end], n) + within]
        begin = end


def _maps(
    first: Floats, second: Floats, i: Ints, j: Ints, limits: TiltLimits
) -> tuple[Floats, Floats, Ints]:
    """Maps of triangles ``i`` onto triangles ``j``, any corner first, that can be tilts."""
    matrices: list[Floats] = []
    shifts: list[Floats] = []
    rows: list[Ints] = []
    for turn in range(3):
        matrix, shift = affine_through(first[i], np.roll(second[j], turn, axis=1))
        fine = limits.allow(matrix, slack=_SEED_SLACK)
        matrices.append(matrix[fine])
        shifts.append(shift[fine])
        rows.append(i[fine])
    return np.concatenate(matrices), np.concatenate(shifts), np.concatenate(rows)


def _best_of(one: Seeds, other: Seeds, keep: int) -> Seeds:
    support = np.concatenate([one.support, other.support])
    chosen = np.argsort(-support, kind="stable")[:keep]
    return Seeds(
        matrix=np.concatenate([one.matrix, other.matrix])[chosen],
        shift=np.concatenate([one.shift, other.shift])[chosen],
        centre=np.concatenate([one.centre, other.centre])[chosen],
        support=support[chosen],
    )


def _no_seeds() -> Seeds:
    return Seeds(
        matrix=np.zeros((0, 2, 2)),
        shift=np.zeros((0, 2)),
        centre=np.zeros((0, 2)),
        support=np.zeros(0, dtype=np.int64),
    )
