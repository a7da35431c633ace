"""The same particles in every tomography list: one voxel, one pose, whatever the program."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryopick.geometry.rotation import rotate
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.imod_model_binary import read_imod_model
from cryopick.io.picks.registry import dialect, read_picks, write_picks
from cryopick.io.star import read_star
from cryopick.model import Picks, concatenate
from pick_round_trip import (
    grid_of,
    in_order,
    largest_angle_deg,
    some_picks,
)
from shared_data import shared

ORIENTED = {
    "dynamo-table": ".tbl",
    "stopgap": ".star",
    "em-motive-list": ".em",
    "imod-model": ".mod",
    "pytom-xml": ".xml",
}
ALL = {**ORIENTED, "imod-text": ".txt", "pytom-coordinates": ".txt"}
PIXEL = Frame(pixel_size_angstrom=2.0)


def one_pick(rotation):
    """A pick in voxel (10, 20, 30), counted from 0."""
    x, y, z, w = rotation.as_quat()
    quaternion = np.array([[w, x, y, z]]) * (1 if w >= 0 else -1)
    return Picks.of([[20.0, 40.0, 60.0]], image="1", orientation=quaternion)


@pytest.mark.parametrize("last", ORIENTED)
@pytest.mark.parametrize("first", ORIENTED)
def test_from_any_program_to_any_other(tmp_path, first, last):
    frame = Frame(default_grid=grid_of(3, "odd", 4))
    picks = some_picks(9, ["picks"], seed=3)
    one, two = tmp_path / f"picks{ORIENTED[first]}", tmp_path / "b" / f"picks{ORIENTED[last]}"
    two.parent.mkdir()
    write_picks(picks, one, frame, name=first)
    write_picks(read_picks(one, frame, name=first).picks, two, frame, name=last)
    found = in_order(read_picks(two, frame, name=last).picks)
    picks = in_order(picks)
    assert np.abs(found.position_angstrom - picks.position_angstrom).max() < 5.4 * 2e-3
    assert largest_angle_deg(picks.orientation, found.orientation) < 2e-3


def test_numbers_in_the_files_by_hand(tmp_path):
    """Voxel (10, 20, 30) from 0 is 11 21 31 in MATLAB, 10.5 20.5 30 in IMOD, itself in PyTom."""
    pick = one_pick(Rotation.identity())
    for name, suffix in ALL.items():
        write_picks(pick, tmp_path / f"{name}{suffix}", PIXEL, name=name)
    words = (tmp_path / "dynamo-table.tbl").read_text().split()
    assert words[23:26] == ["11", "21", "31"]
    block = read_star(tmp_path / "stopgap.star").block("stopgap_motivelist")
    assert [block.number(f"orig_{a}")[0] for a in "xyz"] == [11, 21, 31]
    assert [block.number(f"{a}_shift")[0] for a in "xyz"] == [0, 0, 0]
    row = np.frombuffer((tmp_path / "em-motive-list.em").read_bytes()[512:], dtype="<f4")
    assert row[7:13].tolist() == [11, 21, 31, 0, 0, 0]
    [item] = read_imod_model(tmp_path / "imod-model.mod").objects
    assert item.contours[0].point.tolist() == [[10.5, 20.5, 30]]
    assert (tmp_path / "imod-text.txt").read_text() == "1 1 10.5000 20.5000 30.0000\n"
    assert (tmp_path / "pytom-coordinates.txt").read_text().endswith("10.0000 20.0000 30.0000\n")
    assert 'X="10" Y="20" Z="30"' in (tmp_path / "pytom-xml.xml").read_text()


@pytest.mark.parametrize(
    ("rotation", "phi_psi_theta", "tdrot_tilt_narot"),
    [
        (Rotation.identity(), (0, 0, 0), (0, 0, 0)),
        # a turn by 90 degrees about x: theta; Dynamo counts the other way
        (Rotation.from_euler("x", 90, degrees=True), (0, 0, 90), (180, 90, 180)),
        # first a spin of the template by 30, then a tilt by 50, then a turn by 70
        (Rotation.from_euler("ZXZ", [70, 50, 30], degrees=True), (30, 70, 50), (110, 50, 150)),
    ],
)
def test_angles_in_the_files_by_hand(tmp_path, rotation, phi_psi_theta, tdrot_tilt_narot):
    pick = one_pick(rotation)
    for name, suffix in ORIENTED.items():
        write_picks(pick, tmp_path / f"{name}{suffix}", PIXEL, name=name)
    row = np.frombuffer((tmp_path / "em-motive-list.em").read_bytes()[512:], dtype="<f4")
    np.testing.assert_allclose(row[16:19], phi_psi_theta, atol=1e-4)
    block = read_star(tmp_path / "stopgap.star").block("stopgap_motivelist")
    written = [block.number(name)[0] for name in ("phi", "psi", "the")]
    np.testing.assert_allclose(written, phi_psi_theta, atol=1e-5)
    words = (tmp_path / "dynamo-table.tbl").read_text().split()
    dynamo = np.array(words[6:9], dtype=float)
    # 180 and -180 are one angle
    apart = (dynamo - tdrot_tilt_narot + 180) % 360 - 180
    np.testing.assert_allclose(apart, 0, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_z_axis_of_the_template_points_the_same_way_everywhere(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("axes")
    rotation = Rotation.random(random_state=seed)
    pick = one_pick(rotation)
    expected = rotation.apply([0, 0, 1])
    for name, suffix in ORIENTED.items():
        path = folder / f"{name}{suffix}"
        write_picks(pick, path, PIXEL, name=name)
        found = read_picks(path, PIXEL, name=name).picks
        axis = rotate(found.orientation, np.array([0.0, 0.0, 1.0]))[0]
        np.testing.assert_allclose(axis, expected, atol=1e-5)


def test_genuine_motive_list_through_dynamo_and_stopgap(tmp_path):
    before = read_picks(shared("formats/motl_em/tric.em"), PIXEL).picks
    write_picks(before, tmp_path / "a.tbl", PIXEL, name="dynamo-table")
    write_picks(
        read_picks(tmp_path / "a.tbl", PIXEL).picks, tmp_path / "a.star", PIXEL, name="stopgap"
    )
    after = read_picks(tmp_path / "a.star", PIXEL).picks
    assert len(after) == 139
    np.testing.assert_allclose(after.position_angstrom, before.position_angstrom, atol=1e-4)
    assert largest_angle_deg(before.orientation, after.orientation) < 1e-3
    assert after.image.tolist() == before.image.tolist()
    assert after.label.tolist() == before.label.tolist()
    np.testing.assert_allclose(after.score, before.score, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_tomogram_names_that_look_like_numbers(tmp_path, name):
    """007 and 7 are two tomograms, and 1e5 is not 100000."""
    path = tmp_path / f"list{ALL[name]}"
    several = name in ("dynamo-table", "stopgap", "em-motive-list", "pytom-xml")
    for image in ("007", "7", "1e5"):
        picks = Picks.of([[2.0, 4.0, 6.0]], image=image)
        write_picks(picks, path, PIXEL, name=name)
        found = read_picks(path, Frame(pixel_size_angstrom=2.0), name=name).picks
        if name in ("imod-model", "imod-text"):
            assert found.image.tolist() == ["list"]  # these files do not name their image
        else:
            assert found.image.tolist() == [image]
    if several:
        names = ["007", "7", "1e5"]
        picks = concatenate([Picks.of([[2.0, 4.0, i]], image=n) for i, n in enumerate(names)])
        write_picks(picks, path, PIXEL, name=name)
        assert read_picks(path, PIXEL, name=name).picks.image.tolist() == names


@pytest.mark.parametrize("name", ALL)
def test_far_and_negative_positions_survive(tmp_path, name):
    position = np.array([[-31.234, 0.0, 12345.678], [16000.4, -0.002, 3.3]])
    path = tmp_path / f"list{ALL[name]}"
    write_picks(Picks.of(position, image="list"), path, PIXEL, name=name)
    found = read_picks(path, PIXEL, name=name).picks.position_angstrom
    np.testing.assert_allclose(found, position, atol=2e-3)  # 1e-3 px of 2 Å


@pytest.mark.parametrize("name", ALL)
def test_a_failed_write_leaves_the_old_file(tmp_path, name):
    path = tmp_path / f"list{ALL[name]}"
    write_picks(Picks.of([[2.0, 4, 6]], image="list"), path, PIXEL, name=name)
    old = path.read_bytes()
    with pytest.raises(ValueError, match="pixel size is needed"):
        write_picks(Picks.of([[2.0, 4, 6]], image="list"), path, Frame(), name=name)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


@pytest.mark.parametrize("name", ALL)
def test_dialects_say_what_they_mean(name):
    found = dialect(name)
    assert found.dimensions == (3,)
    assert "first voxel" in found.origin
    assert found.unit == "pixels of the tomogram"
    assert bool(found.euler) == (name in ORIENTED)
    assert ALL[name] in found.suffixes
