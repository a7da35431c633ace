"""Cones of ``match --cone``: around oriented picks of any dialect, and around meshes."""

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.rotation import from_axis_angle
from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.match_cones import cones_of
from cryopick.jobs.match_inputs import load_templates, tomogram_sources
from cryopick.model import Picks
from small_match import DIAMETER, PIXEL, params_for, write_files


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path)


def cones(files, path, half_angle=20.0, **more):
    params = params_for(files, cone=(str(path), half_angle), **more)
    (source,) = tomogram_sources(params)
    image = open_image(source.path)
    return cones_of(source, image, load_templates(params), params)(image.grid)


def picks_file(files, name="picks.star", *, image="TS_01", oriented=True):
    """Two picks: z axes along z and along x."""
    grid = open_image(files.tomogram).grid
    turned = from_axis_angle([[0.0, 1, 0], [0, 1, 0]], [0.0, 90.0])
    picks = Picks.of(
        np.array([[14.0, 15, 12], [45, 18, 25]]) * PIXEL,
        image=image,
        orientation=turned if oriented else None,
    )
    path = files.folder / name
    write_picks(picks, path, Frame(grids={image: grid}), name="relion5" if oriented else "csv")
    return path


def square(z, *, flipped=False, size=(64, 64)):
    """A flat mesh of two large triangles over the whole tomogram, as OBJ."""
    x, y = (n * PIXEL for n in size)
    corners = [(0, 0), (x, 0), (x, y), (0, y)]
    text = "".join(f"v {a} {b} {z}\n" for a, b in corners)
    return text + ("f 1 3 2\nf 1 4 3\n" if flipped else "f 1 2 3\nf 1 3 4\n")


def test_without_the_option_there_are_none(files):
    params = params_for(files)
    (source,) = tomogram_sources(params)
    image = open_image(source.path)
    assert cones_of(source, image, load_templates(params), params)(image.grid) is None


def test_picks_tell_places_and_directions(files):
    found = cones(files, picks_file(files))
    np.testing.assert_allclose(found.axis, [[0, 0, 1], [1, 0, 0]], atol=1e-4)
    assert found.half_angle_deg == 20.0
    z, y, x = np.nonzero(found.nearest >= 0)
    radius = DIAMETER / 2 / PIXEL
    distance = [np.hypot(np.hypot(x - a, y - b), z - c) for a, b, c in ((14, 15, 12), (45, 18, 25))]
    assert np.minimum(*distance).max() <= radius + 1e-2
    assert (found.nearest[12, 15, 14], found.nearest[25, 18, 45]) == (0, 1)
    # As many voxels as two balls hold.
    assert len(x) == pytest.approx(2 * 4 / 3 * np.pi * radius**3, rel=0.1)


def test_the_distance_can_be_given(files):
    path = picks_file(files)
    near = cones(files, path, cone_distance_angstrom=2 * PIXEL)
    far = cones(files, path, cone_distance_angstrom=9 * PIXEL)
    assert (near.nearest >= 0).sum() < 100 < (far.nearest >= 0).sum()


def test_picks_of_another_tomogram_do_not_count(files):
    with pytest.raises(InputError, match="holds no oriented picks of TS_01"):
        cones(files, picks_file(files, image="TS_02"))


def test_picks_without_orientations_are_refused(files):
    with pytest.raises(InputError, match="holds no oriented picks of TS_01; the z axes"):
        cones(files, picks_file(files, "picks.csv", oriented=False))


@pytest.mark.parametrize("flipped", [False, True])
def test_a_mesh_is_searched_all_over_and_its_order_tells_the_side(files, flipped):
    path = files.folder / "membrane.obj"
    path.write_text(square(20 * PIXEL, flipped=flipped), "utf-8")
    found = cones(files, path)
    searched = (found.nearest >= 0).any(axis=(1, 2)).nonzero()[0]
    radius = int(DIAMETER / 2 / PIXEL)
    assert searched.tolist() == list(range(20 - radius, 21 + radius))
    # Two triangles cover 64 x 64 voxels; no hole is left between the points made of them.
    assert (found.nearest[20 - radius : 21 + radius] >= 0).all()
    used = found.axis[np.unique(found.nearest[found.nearest >= 0])]
    np.testing.assert_allclose(used, np.tile([0, 0, -1.0 if flipped else 1.0], (len(used), 1)))


def test_points_with_normals_need_no_triangles(files):
    path = files.folder / "points.obj"
    path.write_text("v 140 140 140\nv 500 500 280\nvn 0 2 0\nvn 0 0 0\n", "utf-8")
    found = cones(files, path)
    np.testing.assert_array_equal(found.axis, [[0, 1, 0]])
    assert found.nearest[10, 10, 10] == 0
    assert found.nearest[20, 36, 36] == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 1 2 3\n", "holds points without triangles or normals"),
        ("v 1 2 3\nv 2 3 4\nv 3 4 5\nf 1 2 3\n", "none of its triangles or normals has a"),
        ("v 1 2 3\nvn 0 0 0\n", "none of its triangles or normals has a direction"),
        ("v 9e9 9e9 9e9\nvn 0 0 1\n", "no voxel lies within 70 Å of the given points"),
    ],
)
def test_meshes_that_tell_nothing_are_one_line(files, text, message):
    path = files.folder / "mesh.obj"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        cones(files, path)


def test_wrong_angles_and_files_are_one_line(files):
    with pytest.raises(InputError, match="--cone: an angle of 190° was given; expected 0 to 180"):
        cones(files, picks_file(files), 190.0)
    with pytest.raises(MissingFileError, match=r"absent\.ply"):
        cones(files, "absent.ply")
