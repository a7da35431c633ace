"""`read_mesh`: a surface from a file of any known format, as a `Mesh`."""

from __future__ import annotations

from pathlib import Path

from cryopick.errors import FormatError
from cryopick.geometry.triangles import unit_or_zero, vertex_normals
from cryopick.io.meshes.obj import read_obj
from cryopick.io.meshes.ply import read_ply
from cryopick.io.meshes.stl import read_stl
from cryopick.io.meshes.surface import Surface, checked
from cryopick.io.text_file import read_bounded, read_text
from cryopick.model import Mesh

SUFFIXES = (".stl", ".obj", ".ply")
_MAX_BYTES = 512 * 1024 * 1024


def is_mesh(path: str | Path) -> bool:
    """Tell by its name whether a file holds a mesh.

    >>> is_mesh("membrane.STL"), is_mesh("picks.star"), is_mesh("a.ply.gz")
    (True, False, True)
    """
    return _suffix(Path(path)) in SUFFIXES


def read_mesh(path: str | Path, *, image: str) -> Mesh:
    r"""Read a triangulated surface or oriented points.

    The numbers of the file are taken as Å in the specimen frame of the tomogram: x, y, z, with 0
    at the centre of its first voxel where its header names no origin. Meshes in nm or voxels must
    be scaled before. Normals that the file does not give come from the triangles, by their areas;
    they point to the side from which the corners run anticlockwise.

    Parameters
    ----------
    path
        ``.stl``, ``.obj`` or ``.ply``, also with ``.gz`` behind.
    image
        Name of the tomogram.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.obj")
    ...     _ = file.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    ...     mesh = read_mesh(file, image="TS_01")
    >>> mesh.normal.tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    path = Path(path)
    surface = checked(_surface(path), path)
    given = surface.normal
    if given is not None:
        normal = unit_or_zero(given)
    elif len(surface.triangle):
        normal = vertex_normals(surface.vertex, surface.triangle)
    else:
        normal = None
    return Mesh(
        vertex_angstrom=surface.vertex,
        triangle=surface.triangle,
        image=image,
        normal=normal,
        kind="surface" if len(surface.triangle) else "points",
    )


def _surface(path: Path) -> Surface:
    suffix = _suffix(path)
    if suffix == ".stl":
        return read_stl(read_bounded(path, max_bytes=_MAX_BYTES), path)
    if suffix == ".ply":
        return read_ply(read_bounded(path, max_bytes=_MAX_BYTES), path)
    if suffix == ".obj":
        return read_obj(read_text(path, max_bytes=_MAX_BYTES), path)
    raise FormatError(path, "is no mesh by its name", f"expected {', '.join(SUFFIXES)}")


def _suffix(path: Path) -> str:
    parts = [part.lower() for part in path.suffixes]
    return next((part for part in reversed(parts) if part != ".gz"), "")
