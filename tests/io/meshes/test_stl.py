"""STL as text and binary."""

import struct
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.meshes.stl import read_stl
from mesh_files import FACES, VERTEX, stl_binary, stl_text

A = Path("a.stl")


def test_shared_corners_become_one_vertex():
    found = read_stl(stl_binary(), A)
    assert found.vertex.shape == (4, 3)
    np.testing.assert_array_equal(found.vertex[found.triangle], VERTEX[FACES])


def test_binary_that_begins_with_solid_is_binary():
    found = read_stl(stl_binary(head=b"solid"), A)
    assert found.triangle.shape == (4, 3)


def test_several_solids_in_one_text_are_one_surface():
    text = stl_text() + stl_text(vertex=VERTEX + 100)
    found = read_stl(text.encode(), A)
    assert (len(found.triangle), len(found.vertex)) == (8, 8)


def test_text_and_binary_agree():
    text, binary = read_stl(stl_text().encode(), A), read_stl(stl_binary(), A)
    np.testing.assert_array_equal(text.triangle, binary.triangle)
    np.testing.assert_allclose(text.vertex, binary.vertex)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are no STL file"),
        (stl_binary()[:-1], "tells of 4 triangles, there are 3"),
        (stl_binary() + b"x", "tells of 4 triangles, there are 4"),
        (stl_binary(faces=FACES[:0]), "holds no triangles"),
        (b"\0" * 80 + struct.pack("<I", 2**31), "tells of 2147483648 triangles, there are 0"),
        (b"solid a\nendsolid\n" + b" " * 90, "holds no triangles"),
        (b"solid a\nvertex 1 2 3\n", "line 2: expected vertex x y z in a facet"),
        (b"solid a\nfacet normal 0 0 1\nvertex 1 2\n", "line 3: expected vertex x y z"),
        (b"solid a\nfacet normal 0 0 1\nvertex 1 2 x\n", "line 3: 'x' is not a number"),
        (b"solid a\nfacet\nvertex 1 2 3\nendfacet\n", "line 4: a facet without three corners"),
        (b"solid a\nfacet\nvertex 1 2 3\n", "ends within a facet"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(FormatError, match=message) as caught:
        read_stl(data, A)
    assert str(caught.value).startswith("a.stl: ")
