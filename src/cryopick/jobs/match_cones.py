"""The cones of ``match --cone``: allowed directions around oriented picks or a mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate
from cryopick.geometry.triangles import points_on_triangles
from cryopick.io.meshes.registry import is_mesh, read_mesh
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.tomogram_sources.source import TomogramSource
from cryopick.jobs.match_params import MatchParams
from cryopick.model import Grid, Image, active
from cryopick.pick.matching.regions import cones_around
from cryopick.pick.matching.search import Cones
from cryopick.pick.matching.template import Template

# Points on a mesh, to the distance within which it is searched.
_FINENESS = 4.0


def cones_of(
    source: TomogramSource, image: Image, templates: Sequence[Template], params: MatchParams
) -> Callable[[Grid], Cones | None]:
    """What `match_tomogram` asks for: the allowed directions on a grid."""
    if params.cone is None:
        return lambda _: None
    path, half_angle = params.cone
    if not 0 <= half_angle <= 180:
        raise InputError(f"--cone: an angle of {half_angle:g}° was given; expected 0 to 180")
    distance = params.cone_distance_angstrom
    if distance is None:
        distance = max(template.diameter_angstrom for template in templates) / 2
    if is_mesh(path):
        position, axis, distance = _normals(Path(path), source, distance_angstrom=distance)
    else:
        position, axis = _directions(Path(path), source, image)

    def cones(grid: Grid) -> Cones:
        return cones_around(
            grid, position, axis, half_angle_deg=half_angle, distance_angstrom=distance
        )

    return cones


def _normals(
    path: Path, source: TomogramSource, *, distance_angstrom: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Places in Å all over a mesh, its normals there, and how far from them to search."""
    mesh = read_mesh(path, image=source.name)
    reach = distance_angstrom
    if len(mesh.triangle):
        spacing = distance_angstrom / _FINENESS
        position, axis = points_on_triangles(mesh.vertex_angstrom, mesh.triangle, spacing=spacing)
        # What is near enough to the surface may be a little farther from the points on it.
        reach = float(np.hypot(distance_angstrom, spacing * 2 / 3))
    elif mesh.normal is not None:
        known = np.any(mesh.normal != 0, axis=1)
        position, axis = mesh.vertex_angstrom[known], mesh.normal[known]
    else:
        raise InputError(f"--cone {path}: holds points without triangles or normals")
    if len(position) == 0:
        raise InputError(f"--cone {path}: none of its triangles or normals has a direction")
    return position, axis, reach


def _directions(
    path: Path, source: TomogramSource, image: Image
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in Å and directions of a file of oriented picks."""
    frame = Frame(
        grids={source.name: image.grid, image.name: image.grid},
        default_grid=image.grid,
        image_name=source.name,
    )
    picks = active(read_picks(path, frame).picks)
    mine = np.isin(np.asarray(picks.image), [source.name, image.name, ""])
    picks = picks[mine]
    if picks.orientation is None or len(picks) == 0:
        raise InputError(
            f"--cone {path}: holds no oriented picks of {source.name}; the z axes of picks tell "
            "the directions"
        )
    return picks.position_angstrom, rotate(picks.orientation, [0.0, 0.0, 1.0])
