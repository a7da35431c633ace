"""Triangulated surfaces: normals, and points spread over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# So that a fine spacing on a large surface cannot fill the memory unseen.
MAX_POINTS = 2_000_000


def area_normals(vertex: NDArray[np.float64], triangle: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normals ``(m, 3)`` as long as their triangle's area, to the side that sees it anticlockwise.

    Examples
    --------
    >>> area_normals(np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]]), np.array([[0, 1, 2]]))
    array([[0., 0., 2.]])
    """
    a, b, c = (vertex[triangle[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a) / 2


def vertex_normals(vertex: NDArray[np.float64], triangle: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit normals ``(n, 3)`` of vertices: of the triangles around, by their areas.

    A vertex without a triangle, or between triangles that cancel out, has ``(0, 0, 0)``.

    Examples
    --------
    >>> corner = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [9, 9, 9]])
    >>> vertex_normals(corner, np.array([[0, 1, 2]]))[[0, 3]]
    array([[0., 0., 1.],
           [0., 0., 0.]])
    """
    whole = area_normals(vertex, triangle)
    total = np.stack(
        [
            np.bincount(triangle.ravel(), np.repeat(whole[:, axis], 3), minlength=len(vertex))
            for axis in range(3)
        ],
        axis=1,
    )
    return unit_or_zero(total.astype(np.float64))


def unit_or_zero(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors ``(n, 3)`` of length 1; those of length 0 stay so."""
    length = np.linalg.norm(vector, axis=1, keepdims=True)
    return np.divide(vector, length, out=np.zeros_like(vector), where=length > 0)


def points_on_triangles(
    vertex: NDArray[np.float64], triangle: NDArray[np.int64], *, spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spread points over a surface, so that none of it is farther than ``spacing`` from a point.

    Each triangle is cut into equal smaller ones whose longest edge is at most ``spacing``; the
    points are their centres. Triangles without an area are left out. More than `MAX_POINTS` are
    not made: the spacing is then a wider one.

    Parameters
    ----------
    vertex, triangle
        ``(n, 3)`` positions and ``(m, 3)`` indices.
    spacing
        In the unit of the vertices.

    Returns
    -------
    points, normals
        ``(k, 3)`` each; unit normals.

    Examples
    --------
    >>> corner = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    >>> points, normals = points_on_triangles(corner, np.array([[0, 1, 2]]), spacing=1.5)
    >>> len(points), points.mean(axis=0).round(6).tolist()
    (4, [0.666667, 0.666667, 0.0])
    """
    normal = unit_or_zero(area_normals(vertex, triangle))
    kept = np.any(normal != 0, axis=1)
    corners, normal = vertex[triangle[kept]], normal[kept]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1, initial=0)
    parts = np.maximum(1, np.ceil(edges / spacing)).astype(np.int64)
    while float(np.square(parts, dtype=np.float64).sum()) > max(MAX_POINTS, len(parts)):
        parts = np.maximum(1, parts // 2)
    points: list[NDArray[np.float64]] = [np.empty((0, 3))]
    normals: list[NDArray[np.float64]] = [np.empty((0, 3))]
    for count in np.unique(parts):
        rows = parts == count
        weights = _centres(int(count))
        points.append((weights @ corners[rows]).reshape(-1, 3))
        normals.append(np.repeat(normal[rows], len(weights), axis=0))
    return np.concatenate(points), np.concatenate(normals)


def _centres(parts: int) -> NDArray[np.float64]:
    """Barycentric coordinates of the centres of ``parts²`` equal triangles, ``(parts², 3)``."""
    i, j = np.meshgrid(np.arange(parts), np.arange(parts), indexing="ij")
    up = np.stack([i, j], axis=-1)[i + j < parts] + 1 / 3
    down = np.stack([i, j], axis=-1)[i + j < parts - 1] + 2 / 3
    two = np.concatenate([up, down]) / parts
    return np.column_stack([1 - two.sum(axis=1), two])
