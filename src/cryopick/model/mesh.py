"""`Mesh`: points in a specimen, with triangles where they form a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """A triangulated surface, or clicked points that are to become one.

    Attributes
    ----------
    vertex_angstrom
        ``(n, 3)`` ``x, y, z`` in the specimen frame.
    triangle
        ``(m, 3)`` vertex indices, counter-clockwise seen from outside; empty for bare points.
    normal
        ``(n, 3)`` outward unit normals, or None.
    image
        Name of the tomogram.
    kind
        What the points stand for: ``points``, ``surface``, ``vesicle``, ``filament``, ...
    group
        Group id.
    """

    vertex_angstrom: NDArray[np.float64]
    triangle: NDArray[np.int64]
    image: str
    normal: NDArray[np.float64] | None = None
    kind: str = "surface"
    group: str = ""

    def __post_init__(self) -> None:
        vertex = np.asarray(self.vertex_angstrom, dtype=np.float64)
        triangle = np.asarray(self.triangle, dtype=np.int64).reshape(-1, 3)
        if vertex.ndim != 2 or vertex.shape[1] != 3:
            raise InputError(f"Mesh: expected vertices (n, 3), got {vertex.shape}")
        if triangle.size and not (triangle.min() >= 0 and triangle.max() < len(vertex)):
            raise InputError(f"Mesh: expected vertex indices below {len(vertex)}")
        object.__setattr__(self, "vertex_angstrom", vertex)
        object.__setattr__(self, "triangle", triangle)
        if self.normal is not None:
            normal = np.asarray(self.normal, dtype=np.float64)
            if normal.shape != vertex.shape:
                raise InputError(f"Mesh: expected normals {vertex.shape}, got {normal.shape}")
            object.__setattr__(self, "normal", normal)
