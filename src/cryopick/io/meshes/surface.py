"""`Surface`: what a file of triangles holds, before it is known where that lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Vertices, triangles and, where the file has them, normals.

    Attributes
    ----------
    vertex
        ``(n, 3)`` x, y, z, as in the file.
    triangle
        ``(m, 3)`` indices; empty for bare points.
    normal
        ``(n, 3)`` of the vertices, of any length; None: the file has none.
    """

    vertex: NDArray[np.float64]
    triangle: NDArray[np.int64]
    normal: NDArray[np.float64] | None = None


def checked(surface: Surface, path: Path) -> Surface:
    """The same surface, unless it is empty, not finite, or names vertices that are not there."""
    if len(surface.vertex) == 0:
        raise FormatError(path, "holds no vertices", "check the file")
    bad = np.flatnonzero(~np.isfinite(surface.vertex).all(axis=1))
    if bad.size:
        raise FormatError(
            path, f"vertex {bad[0] + 1}: {surface.vertex[bad[0]].tolist()}", "expected numbers"
        )
    if surface.normal is not None and not np.isfinite(surface.normal).all():
        raise FormatError(path, "a normal is not a number", "write the file again")
    outside = (surface.triangle < 0) | (surface.triangle >= len(surface.vertex))
    if outside.any():
        row = int(np.flatnonzero(outside.any(axis=1))[0])
        raise FormatError(
            path,
            f"face {row + 1}: names a vertex that is not among the {len(surface.vertex)}",
            "write the file again",
        )
    return surface


def fan(corners: list[int]) -> list[tuple[int, int, int]]:
    """Cut a polygon into triangles that all share its first corner.

    >>> fan([7, 8, 9, 4])
    [(7, 8, 9), (7, 9, 4)]
    """
    return [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
