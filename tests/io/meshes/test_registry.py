"""``read_mesh`` over all formats, whole and damaged."""

import gzip

import numpy as np
import pytest

from cryopick.errors import CryopickError, FormatError, MissingFileError
from cryopick.io.meshes.registry import SUFFIXES, is_mesh, read_mesh
from mesh_files import EVERY, FACES, VERTEX


def corners(mesh):
    """Triangles as points, in an order of their own: formats number vertices differently."""
    points = mesh.vertex_angstrom[mesh.triangle]
    turned = [np.roll(t, -int(np.lexsort(t.T[::-1])[0]), axis=0) for t in points]
    return np.array(sorted(turned, key=lambda t: t.ravel().tolist()))


def expected():
    return corners(type("M", (), {"vertex_angstrom": VERTEX, "triangle": FACES}))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_gives_the_same_surface(tmp_path, name, packed):
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(EVERY[name]) if packed else EVERY[name])
    mesh = read_mesh(path, image="007")
    assert (mesh.image, mesh.kind) == ("007", "surface")
    assert len(mesh.vertex_angstrom) == 4
    np.testing.assert_allclose(corners(mesh), expected(), rtol=1e-6)
    middle = mesh.vertex_angstrom.mean(axis=0)
    outward = np.einsum("ij,ij->i", mesh.normal, mesh.vertex_angstrom - middle)
    assert (outward > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normal, axis=1), 1)


@pytest.mark.parametrize("name", EVERY)
def test_a_file_cut_anywhere_is_read_or_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    whole = EVERY[name]
    refused = 0
    for end in range(0, len(whole) - 2, max(1, len(whole) // 60)):
        path.write_bytes(whole[:end])
        try:
            mesh = read_mesh(path, image="a")
        except CryopickError as error:
            assert str(error).count("\n") == 0
            assert name in str(error)
            refused += 1
        else:
            assert len(mesh.triangle) <= 4
            assert not name.endswith((".ply", "binary.stl", "solid.stl"))
    assert refused > 10


@pytest.mark.parametrize("name", EVERY)
def test_flipped_bytes_never_give_a_traceback(tmp_path, name):
    rng = np.random.default_rng(0)
    path = tmp_path / name
    for _ in range(60):
        data = bytearray(EVERY[name])
        for place in rng.integers(0, len(data), 3):
            data[place] = int(rng.integers(256))
        path.write_bytes(bytes(data))
        try:
            mesh = read_mesh(path, image="a")
        except CryopickError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(mesh.vertex_angstrom).all()


def test_names_decide_which_files_are_meshes():
    assert all(is_mesh(f"a{suffix}") and is_mesh(f"a.b{suffix.upper()}.gz") for suffix in SUFFIXES)
    assert not any(is_mesh(name) for name in ("picks.star", "stl", "a.csv.gz", "mesh"))


def test_what_is_no_mesh_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"absent\.stl: no such file"):
        read_mesh(tmp_path / "absent.stl", image="a")
    (tmp_path / "a.vtk").write_text("# vtk", "utf-8")
    with pytest.raises(FormatError, match=r"a\.vtk: is no mesh by its name; expected \.stl, \.obj"):
        read_mesh(tmp_path / "a.vtk", image="a")


def test_normals_in_the_file_are_kept_and_made_unit(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("v 1 2 3\nv 4 5 6\nvn 0 0 2\nvn 0 -3 0\n", "utf-8")
    mesh = read_mesh(path, image="a")
    assert mesh.kind == "points"
    np.testing.assert_array_equal(mesh.normal, [[0, 0, 1], [0, -1, 0]])


def test_bare_points_have_no_normals(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("v 1 2 3\n", "utf-8")
    assert read_mesh(path, image="a").normal is None
