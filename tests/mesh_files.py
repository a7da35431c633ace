"""A tetrahedron in every format, written by hand."""

import struct

import numpy as np

VERTEX = np.array([[10.0, 20, 30], [50, 20, 30], [10, 60, 30], [10, 20, 70]])
# Corners run anticlockwise, seen from outside.
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def stl_binary(*, head=b"made by hand", vertex=VERTEX, faces=FACES):
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *vertex[face].ravel(), 0) for face in faces)
    return head.ljust(80, b"\0") + struct.pack("<I", len(faces)) + body


def stl_text(*, vertex=VERTEX, faces=FACES):
    lines = ["solid a membrane"]
    for face in faces:
        lines += ["facet normal 0 0 0", "  outer loop"]
        lines += [f"    vertex {x:e} {y:e} {z:e}" for x, y, z in vertex[face]]
        lines += ["  endloop", "endfacet"]
    return "\n".join([*lines, "endsolid"]) + "\n"


def obj_text():
    lines = ["# Å", "mtllib none.mtl", "o membrane"]
    lines += [f"v {x} {y} {z}" for x, y, z in VERTEX]
    lines += ["f " + " ".join(str(k + 1) for k in face) for face in FACES]
    return "\n".join(lines) + "\n"


def ply_header(form, *, extra="", vertex=4, faces=4):
    return (
        f"ply\nformat {form} 1.0\ncomment in Å\nelement vertex {vertex}\n"
        f"property float x\nproperty float y\nproperty float z\n{extra}"
        f"element face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
    )


def ply_text():
    rows = [f"{x} {y} {z}" for x, y, z in VERTEX]
    rows += ["3 " + " ".join(map(str, face)) for face in FACES]
    return ply_header("ascii") + "\n".join(rows) + "\n"


def ply_binary(order="<"):
    form = "binary_little_endian" if order == "<" else "binary_big_endian"
    body = b"".join(struct.pack(f"{order}3f", *row) for row in VERTEX)
    body += b"".join(struct.pack(f"{order}B3i", 3, *face) for face in FACES)
    return ply_header(form).encode() + body


EVERY = {
    "binary.stl": stl_binary(),
    "text.stl": stl_text().encode(),
    "solid.stl": stl_binary(head=b"solid by a program that does not care"),
    "a.obj": obj_text().encode(),
    "windows.obj": obj_text().replace("\n", "\r\n").encode("latin-1", "replace"),
    "text.ply": ply_text().encode(),
    "windows.ply": ply_text().replace("\n", "\r\n").encode(),
    "little.ply": ply_binary("<"),
    "big.ply": ply_binary(">"),
}
