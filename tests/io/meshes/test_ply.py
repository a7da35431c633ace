"""PLY as text and binary, with elements and properties that do not matter here."""

import struct
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.meshes.ply import read_ply
from mesh_files import FACES, VERTEX, ply_binary, ply_header, ply_text

A = Path("a.ply")


@pytest.mark.parametrize("data", [ply_text().encode(), ply_binary("<"), ply_binary(">")])
def test_vertices_and_faces_are_as_written(data):
    found = read_ply(data, A)
    np.testing.assert_array_equal(found.vertex, VERTEX)
    np.testing.assert_array_equal(found.triangle, FACES)
    assert found.normal is None


def test_normals_are_found_by_name_among_other_properties():
    head = (
        "ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty uchar red\n"
        "property double nz\nproperty double x\nproperty float y\nproperty short z\n"
        "property float nx\nproperty float ny\nend_header\n"
    )
    body = struct.pack("<Bddfhff", 9, 3.0, 1.5, 2.5, -7, 1.0, 2.0) * 2
    found = read_ply(head.encode() + body, A)
    assert found.vertex.tolist() == [[1.5, 2.5, -7]] * 2
    assert found.normal.tolist() == [[1, 2, 3]] * 2
    assert found.triangle.shape == (0, 3)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
def test_polygons_and_extra_lists_and_elements(form):
    head = (
        f"ply\nformat {form} 1.0\nelement camera 1\nproperty float f\nelement strip 1\n"
        "property list int int words\nelement vertex 5\nproperty float x\nproperty float y\n"
        "property float z\nelement face 2\nproperty list uchar float colours\n"
        "property list uchar uint vertex_index\nproperty uchar flag\nend_header\n"
    )
    points = np.arange(15.0).reshape(5, 3)
    if form == "ascii":
        rows = ["1.5", "2 8 9", *(" ".join(map(str, p)) for p in points)]
        rows += ["1 0.5 4 0 1 2 3 7", "0 3 4 3 2 7"]
        data = (head + "\n".join(rows)).encode()
    else:
        body = struct.pack("<f3i", 1.5, 2, 8, 9) + points.astype("<f4").tobytes()
        body += struct.pack("<BfB4IB", 1, 0.5, 4, 0, 1, 2, 3, 7)
        body += struct.pack("<BB3IB", 0, 3, 4, 3, 2, 7)
        data = head.encode() + body
    found = read_ply(data, A)
    np.testing.assert_array_equal(found.vertex, points)
    assert found.triangle.tolist() == [[0, 1, 2], [0, 2, 3], [4, 3, 2]]


def test_a_first_byte_that_looks_like_a_line_end_belongs_to_the_values():
    point = struct.pack("<3f", 10.0, 2.0, 3.0)
    first = bytes([0x0A]) + point[1:]
    head = ply_header("binary_little_endian", vertex=1, faces=0).encode()
    assert read_ply(head + first, A).vertex[0, 0] == pytest.approx(10.0, rel=1e-4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no header of PLY"),
        (b"ply\nformat ascii 1.0\n", "has no header of PLY"),
        (b"ply\nend_header\n", "names no format"),
        (b"ply\nformat strange 1.0\nend_header\n", "line 2: 'format strange 1.0' is not known"),
        (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "line 3: 'property float x'"),
        (b"ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "line 3: -1 rows of vertex"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty half x\nend_header\n", "is not known"),
        (
            b"ply\nformat ascii 1.0\nelement f 1\nproperty list float int x\nend_header\n",
            "a list has no length of float",
        ),
        (b"ply\nformat ascii 1.0\nend_header\n", "has no element vertex"),
        (
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
            "has no x, y and z",
        ),
        (ply_text().replace("vertex_indices", "corners").encode(), "have no vertex_indices"),
        (ply_binary()[:-1], "ends 1 bytes too early"),
        (ply_text()[:-15].encode(), "ends within face|too few numbers"),
        (ply_text().replace("50.0", "fifty").encode(), "'fifty' is not a number"),
        (ply_text().replace("3 0 2 1", "30 0 2 1").encode(), "too few numbers for vertex_indices"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(FormatError, match=message):
        read_ply(data, A)
