"""Wavefront OBJ: vertices ``v``, normals ``vn``, faces ``f``.

A face names its corners by ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``, counted from 1, or from the
last one backwards where negative. Polygons are cut into triangles. Other lines (materials,
textures, groups) do not matter here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryopick.errors import FormatError
from cryopick.geometry.triangles import unit_or_zero
from cryopick.io.meshes.surface import Surface, fan
from cryopick.io.text_rows import split_rows, to_integer, to_number


def read_obj(text: str, path: Path) -> Surface:
    r"""Read the text of an OBJ file.

    Parameters
    ----------
    text
        The whole file.
    path
        For messages.

    Examples
    --------
    >>> found = read_obj("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4", Path("a.obj"))
    >>> found.triangle.tolist()
    [[0, 1, 2], [0, 2, 3]]
    """
    vertex: list[list[float]] = []
    normal: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    pairs: list[tuple[int, int]] = []
    for line, cells in split_rows(text.replace("\\\n", " "), path=path):
        place = f"line {line}"
        if cells[0] in ("v", "vn"):
            if len(cells) < 4:
                raise FormatError(path, f"{place}: expected {cells[0]} x y z", "correct the line")
            found = [to_number(cell, path, place) for cell in cells[1:4]]
            (vertex if cells[0] == "v" else normal).append(found)
        elif cells[0] == "f":
            if len(cells) < 4:
                raise FormatError(path, f"{place}: a face without three corners", "correct it")
            corners: list[int] = []
            for cell in cells[1:]:
                names = cell.split("/")
                corners.append(_index(names[0], len(vertex), path, place))
                if len(names) == 3 and names[2]:
                    pairs.append((corners[-1], _index(names[2], len(normal), path, place)))
            faces.extend(fan(corners))
    points = np.array(vertex, dtype=np.float64).reshape(-1, 3)
    triangle = np.array(faces, dtype=np.int64).reshape(-1, 3)
    return Surface(
        vertex=points,
        triangle=triangle,
        normal=_normals(len(points), normal, pairs, has_faces=bool(faces)),
    )


def _index(word: str, count: int, path: Path, place: str) -> int:
    number = to_integer(word, path, place)
    index = number - 1 if number > 0 else count + number
    if number == 0 or not 0 <= index < count:
        raise FormatError(
            path, f"{place}: {number} of {count} that came before", "correct the line"
        )
    return index


def _normals(
    count: int, normal: list[list[float]], pairs: list[tuple[int, int]], *, has_faces: bool
) -> np.ndarray | None:
    """Normals of vertices: those that faces give them, averaged; of bare points, in order."""
    if not has_faces:
        return np.array(normal, dtype=np.float64) if normal and len(normal) == count else None
    if len({vertex for vertex, _ in pairs}) < count:
        return None
    where, which = np.array(pairs, dtype=np.int64).T
    given = unit_or_zero(np.array(normal, dtype=np.float64))[which]
    summed = [np.bincount(where, given[:, axis], minlength=count) for axis in range(3)]
    return np.stack(summed, axis=1)
