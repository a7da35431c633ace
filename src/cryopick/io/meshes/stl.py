"""STL: bare triangles, as text or binary.

Binary, little-endian: 80 bytes of anything, the number of triangles (uint32), then 50 bytes each:
normal and three corners (12 float32), and a uint16 that is not used. Text: ``facet normal``,
``outer loop``, three times ``vertex x y z``. A corner that triangles share is repeated in each;
equal corners become one vertex. The order of the corners tells the outside, not the normal, which
many programs leave at 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.meshes.surface import Surface
from cryopick.io.text_rows import split_rows, to_number

_HEAD = 84
_FACET = np.dtype([("normal", "<f4", 3), ("corner", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(data: bytes, path: Path) -> Surface:
    """Read the bytes of an STL file.

    Parameters
    ----------
    data
        The whole file.
    path
        For messages.
    """
    # Binary headers that begin with "solid" are common: the length decides first.
    if len(data) >= _HEAD:
        count = int.from_bytes(data[80:84], "little")
        if len(data) == _HEAD + _FACET.itemsize * count:
            return _joined(np.frombuffer(data, _FACET, count, _HEAD)["corner"], path)
    if data[:5].lower() == b"solid" and b"\x00" not in data[:512]:
        return _joined(_text_corners(data, path), path)
    if len(data) < _HEAD:
        raise FormatError(path, f"{len(data)} bytes are no STL file", "copy it again")
    count = int.from_bytes(data[80:84], "little")
    there = (len(data) - _HEAD) // _FACET.itemsize
    raise FormatError(
        path, f"its header tells of {count} triangles, there are {there}", "copy the file again"
    )


def _text_corners(data: bytes, path: Path) -> NDArray[np.float64]:
    """Corners ``(m, 3, 3)`` of the facets of a text."""
    corners: list[list[float]] = []
    facet: list[list[float]] | None = None
    for line, cells in split_rows(data.decode("latin-1").replace("\r", "\n"), path=path):
        word = cells[0].lower()
        place = f"line {line}"
        if word == "facet":
            facet = []
        elif word == "vertex":
            if facet is None or len(cells) != 4:
                raise FormatError(path, f"{place}: expected vertex x y z in a facet", "correct it")
            facet.append([to_number(cell, path, place) for cell in cells[1:]])
        elif word == "endfacet":
            if facet is None or len(facet) != 3:
                raise FormatError(path, f"{place}: a facet without three corners", "correct it")
            corners.extend(facet)
            facet = None
    if facet is not None:
        raise FormatError(path, "ends within a facet", "copy the file again")
    return np.array(corners, dtype=np.float64).reshape(-1, 3, 3)


def _joined(corner: NDArray[np.floating], path: Path) -> Surface:
    if len(corner) == 0:
        raise FormatError(path, "holds no triangles", "check the file")
    flat = np.asarray(corner, dtype=np.float64).reshape(-1, 3)
    vertex, index = np.unique(flat, axis=0, return_inverse=True)
    return Surface(vertex=vertex, triangle=index.reshape(-1, 3).astype(np.int64))
