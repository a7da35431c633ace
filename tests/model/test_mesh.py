"""`Mesh`: vertices, triangles, normals that fit each other."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Mesh

CORNERS = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_values_are_cast():
    mesh = Mesh(vertex_angstrom=CORNERS, triangle=[[0, 1, 2]], image="007", normal=CORNERS)
    assert mesh.vertex_angstrom.dtype == np.float64
    assert mesh.triangle.dtype == np.int64
    assert mesh.normal.shape == (4, 3)
    assert (mesh.image, mesh.kind) == ("007", "surface")


def test_bare_points_have_no_triangles():
    mesh = Mesh(vertex_angstrom=CORNERS, triangle=[], image="a", kind="points")
    assert mesh.triangle.shape == (0, 3)
    assert mesh.normal is None


@pytest.mark.parametrize("triangle", [[[0, 1, 4]], [[-1, 0, 1]]])
def test_triangles_of_vertices_that_are_not_there(triangle):
    with pytest.raises(InputError, match="expected vertex indices below 4"):
        Mesh(vertex_angstrom=CORNERS, triangle=triangle, image="a")


@pytest.mark.parametrize("vertex", [[1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_vertices_are_points_in_space(vertex):
    with pytest.raises(InputError, match=r"expected vertices \(n, 3\)"):
        Mesh(vertex_angstrom=vertex, triangle=[], image="a")


def test_normals_are_as_many_as_vertices():
    with pytest.raises(InputError, match="expected normals"):
        Mesh(vertex_angstrom=CORNERS, triangle=[], image="a", normal=CORNERS[:2])
