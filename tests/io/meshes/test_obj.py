"""Wavefront OBJ."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.meshes.obj import read_obj

A = Path("a.obj")
SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


@pytest.mark.parametrize(
    "face",
    ["f 1 2 3", "f 1/1 2/2 3/3", "f 1//1 2//1 3//1", "f -4 -3 -2", "f 1/1/ 2/1/ 3/1/",
     "f 1 \\\n 2 3", "f   1  2\t3  "],
)  # fmt: skip
def test_every_way_to_name_a_corner(face):
    found = read_obj(f"{SQUARE}vn 0 0 1\n{face}\n", A)
    assert found.triangle.tolist() == [[0, 1, 2]]


def test_polygons_are_cut_from_their_first_corner():
    found = read_obj(SQUARE + "v -1 0.5 0\nf 1 2 3 4 5", A)
    assert found.triangle.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]


def test_backward_counting_goes_from_the_line_it_stands_in():
    found = read_obj("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 5 5 5\nf -2 -1 -3\n", A)
    assert found.triangle.tolist() == [[0, 1, 2], [2, 3, 1]]


def test_other_lines_and_colours_do_not_matter():
    text = "g a\nusemtl b\ns off\nvt 0 0\nv 1 2 3 0.5 0.5 0.5\nl 1 1\n"
    assert read_obj(text, A).vertex.tolist() == [[1, 2, 3]]


def test_normals_of_corners_are_averaged_at_their_vertex():
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvn 0 0 1\nvn 0 9 0\n"
    found = read_obj(text + "f 1//1 2//1 3//1\nf 1//2 2//2 4//2\n", A)
    np.testing.assert_allclose(found.normal, [[0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 1, 0]])


def test_normals_that_not_all_vertices_have_are_not_taken():
    found = read_obj(SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1\nf 1 3 4\n", A)
    assert found.normal is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 1 2\n", "line 1: expected v x y z"),
        ("v 1 2 abc\n", "line 1: 'abc' is not a number"),
        ("v 1 2 3\nf 1 1\n", "line 2: a face without three corners"),
        ("v 1 2 3\nf 1 1 2\n", "line 2: 2 of 1 that came before"),
        ("v 1 2 3\nf 0 1 1\n", "line 2: 0 of 1 that came before"),
        ("v 1 2 3\nf 1 1 -2\n", "line 2: -2 of 1 that came before"),
        ("v 1 2 3\nf 1//1 1//1 1//1\n", "line 2: 1 of 0 that came before"),
        ("v 1 2 3\nf a b c\n", "line 2: 'a' is not a number"),
        ("v 1 2 3\nf 1.5 1 1\n", "line 2: '1.5' is not a whole number"),
    ],
)
def test_damage_is_named(text, message):
    with pytest.raises(FormatError, match=message):
        read_obj(text, A)
