"""Normals of triangles and points spread over them."""

import numpy as np
import pytest

from cryopick.geometry import triangles
from cryopick.geometry.triangles import (
    area_normals,
    points_on_triangles,
    unit_or_zero,
    vertex_normals,
)


def octahedron(size=1.0):
    """Eight triangles, corners anticlockwise from outside."""
    vertex = size * np.array(
        [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float
    )
    faces = []
    for x in (0, 1):
        for y in (2, 3):
            for z in (4, 5):
                corners = [x, y, z]
                if np.linalg.det(vertex[corners]) < 0:
                    corners = [x, z, y]
                faces.append(corners)
    return vertex, np.array(faces)


def test_normals_point_outwards_and_are_as_long_as_the_area():
    vertex, faces = octahedron()
    normal = area_normals(vertex, faces)
    outward = vertex[faces].mean(axis=1)
    assert (np.einsum("ij,ij->i", normal, outward) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), np.sqrt(3) / 2)
    np.testing.assert_allclose(normal.sum(axis=0), 0, atol=1e-12)  # closed


def test_the_normal_of_a_vertex_is_that_of_the_faces_around_it():
    vertex, faces = octahedron(3.0)
    np.testing.assert_allclose(vertex_normals(vertex, faces), vertex / 3, atol=1e-12)
    turned = faces[:, ::-1]
    np.testing.assert_allclose(vertex_normals(vertex, turned), -vertex / 3, atol=1e-12)


def test_large_faces_count_more():
    vertex = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 9], [0, 9, 0]])
    faces = np.array([[0, 1, 2], [0, 4, 3]])  # area 0.5 along z, 40.5 along x
    np.testing.assert_allclose(vertex_normals(vertex, faces)[0], [81 / np.hypot(81, 1), 0, 1 / 81],
                               atol=1e-4)  # fmt: skip


def test_points_cover_the_surface():
    vertex, faces = octahedron(100.0)
    points, normals = points_on_triangles(vertex, faces, spacing=9.0)
    np.testing.assert_allclose(np.abs(points).sum(axis=1), 100.0)  # the octahedron itself
    np.testing.assert_allclose(normals, np.sign(points) / np.sqrt(3))
    rng = np.random.default_rng(0)
    weights = rng.dirichlet([1, 1, 1], 300)
    anywhere = np.einsum("kc,kcx->kx", weights, vertex[faces[rng.integers(0, 8, 300)]])
    nearest = np.linalg.norm(anywhere[:, None] - points[None], axis=2).min(axis=1)
    assert nearest.max() < 9.0
    # No denser than needed: a triangle of edge 141 is cut into 16 x 16.
    assert len(points) == 8 * 16**2


@pytest.mark.parametrize("spacing", [0.3, 1.0, 50.0])
def test_the_centre_of_mass_stays(spacing):
    vertex, faces = np.array([[0.0, 0, 0], [3, 0, 0], [0, 6, 0]]), np.array([[0, 1, 2]])
    points, _ = points_on_triangles(vertex, faces, spacing=spacing)
    np.testing.assert_allclose(points.mean(axis=0), [1, 2, 0], atol=1e-9)


def test_triangles_of_all_sizes_in_one_surface():
    vertex = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [40, 0, 0], [0, 40, 0]])
    points, _ = points_on_triangles(vertex, np.array([[0, 1, 2], [0, 3, 4]]), spacing=2.0)
    assert len(points) == 1 + 29**2


def test_triangles_without_an_area_are_left_out():
    vertex = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 0, 0], [0, 1, 3]])
    points, normals = points_on_triangles(vertex, faces, spacing=10.0)
    assert len(points) == 1
    np.testing.assert_allclose(normals, [[0, 0, 1]])
    none, _ = points_on_triangles(vertex, faces[:2], spacing=10.0)
    assert none.shape == (0, 3)


def test_points_have_a_limit(monkeypatch):
    monkeypatch.setattr(triangles, "MAX_POINTS", 100)
    vertex, faces = octahedron()
    points, _ = points_on_triangles(vertex, faces, spacing=1e-6)
    assert 8 <= len(points) <= 100


def test_unit_or_zero_keeps_zero():
    np.testing.assert_array_equal(
        unit_or_zero(np.array([[0.0, 0, 0], [0, 3, 4]])), [[0, 0, 0], [0, 0.6, 0.8]]
    )
