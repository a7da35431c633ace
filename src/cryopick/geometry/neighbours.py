"""Neighbours of points, within one image or image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

# A gigabyte of lists; a tolerance that makes more of them says nothing about matches.
MAX_PAIRS = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of points from a first and a second set.

    Attributes
    ----------
    first, second
        ``(k,)`` indices into the sets.
    distance
        ``(k,)`` in the unit of the positions.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)


def pairs_within(
    first: ArrayLike,
    second: ArrayLike,
    radius: float,
    *,
    first_image: ArrayLike | None = None,
    second_image: ArrayLike | None = None,
) -> Pairs:
    """Find all pairs of one point of each set that are at most ``radius`` apart.

    Parameters
    ----------
    first, second
        Positions ``(n, d)`` and ``(m, d)``.
    radius
        In the unit of the positions, 0 or more.
    first_image, second_image
        ``(n,)`` and ``(m,)`` image names: only points of one image pair up. Both or none.

    Returns
    -------
    Pairs
        Sorted by ``first``, then ``second``.

    Examples
    --------
    >>> pairs = pairs_within([[0, 0], [5, 0]], [[0, 1], [5, 0], [9, 9]], 2.0)
    >>> pairs.first, pairs.second, pairs.distance
    (array([0, 1]), array([0, 1]), array([1., 0.]))
    """
    a, b = _points(first, "first"), _points(second, "second")
    _check_dimensions(a, b)
    if not (np.isfinite(radius) and radius >= 0):
        raise InputError(f"radius {radius}: expected a finite distance of 0 or more")
    blocks = [
        (rows, columns, *_block_pairs(a[rows], b[columns], radius))
        for rows, columns in _per_image(len(a), len(b), first_image, second_image)
    ]
    if not blocks:
        none = np.zeros(0, dtype=np.int64)
        return Pairs(first=none, second=none, distance=np.zeros(0))
    i = np.concatenate([rows[k] for rows, _, k, _ in blocks])
    j = np.concatenate([columns[k] for _, columns, _, k in blocks])
    order = np.lexsort((j, i))
    i, j = i[order], j[order]
    return Pairs(first=i, second=j, distance=np.linalg.norm(a[i] - b[j], axis=1))


def nearest_distance(
    points: ArrayLike,
    others: ArrayLike | None = None,
    *,
    image: ArrayLike | None = None,
    other_image: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Distance ``(n,)`` from each point to the nearest of the others; inf where there is none.

    Without ``others``, to the nearest other point of the same set. Image names as in
    `pairs_within`.

    Examples
    --------
    >>> nearest_distance([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])
    array([5., 1., 1.])
    """
    from scipy.spatial import cKDTree

    a = _points(points, "points")
    same = others is None
    b = a if same else _points(others, "others")
    _check_dimensions(a, b)
    names = image if same else other_image
    result = np.full(len(a), np.inf)
    for rows, columns in _per_image(len(a), len(b), image, names):
        place = 2 if same else 1
        if len(columns) >= place and len(rows):
            distance, _ = cKDTree(b[columns]).query(a[rows], k=[place])
            result[rows] = np.ravel(distance)
    return result


def _block_pairs(
    a: NDArray[np.float64], b: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from scipy.spatial import cKDTree

    if len(a) == 0 or len(b) == 0:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    left, right = cKDTree(a), cKDTree(b)
    count = int(left.count_neighbors(right, radius))
    if count > MAX_PAIRS:
        raise InputError(
            f"radius {radius:g}: {count:,} pairs of {len(a):,} and {len(b):,} points lie within "
            "it; take a smaller one"
        )
    near = left.query_ball_tree(right, radius)
    i = np.repeat(np.arange(len(a)), [len(row) for row in near])
    j = np.fromiter((k for row in near for k in row), dtype=np.int64, count=len(i))
    return i, j


def _per_image(
    n: int, m: int, first: ArrayLike | None, second: ArrayLike | None
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Row indices of both sets for each image that both have, in order of names."""
    if first is None or second is None:
        if first is not None or second is not None:
            raise InputError("image names: expected for both sets or for none")
        return [(np.arange(n), np.arange(m))]
    a, b = np.asarray(first, dtype=np.str_), np.asarray(second, dtype=np.str_)
    if a.shape != (n,) or b.shape != (m,):
        raise InputError(
            f"image names: expected {n} and {m} of them, got shapes {a.shape} and {b.shape}"
        )
    rows, columns = _rows_by_name(a), _rows_by_name(b)
    return [(rows[name], columns[name]) for name in sorted(rows.keys() & columns.keys())]


def _rows_by_name(names: NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    if len(names) == 0:
        return {}
    unique, inverse = np.unique(names, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    parts = np.split(order, np.searchsorted(inverse[order], np.arange(1, len(unique))))
    return dict(zip(unique.tolist(), parts, strict=True))


def _points(values: ArrayLike, name: str) -> NDArray[np.float64]:
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2:
        raise InputError(f"{name}: expected positions (n, d), got shape {points.shape}")
    if not np.all(np.isfinite(points)):
        raise InputError(f"{name}: expected finite positions")
    return points


def _check_dimensions(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"positions: expected both sets in 2D or both in 3D, "
            f"got {a.shape[1]} and {b.shape[1]} coordinates"
        )
