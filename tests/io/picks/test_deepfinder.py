from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.geometry.rotation import rotate, to_matrix
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

TEN = Frame(pixel_size_angstrom=10.0)


def objects(folder: Path, *elements: str) -> Path:
    path = folder / "list.xml"
    path.write_text("<objlist>" + "".join(elements) + "</objlist>")
    return path


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(parity: str, binning: int, tmp_path: Path):
    check_round_trip("deepfinder", ndim=3, parity=parity, binning=binning, folder=tmp_path)


def test_golden(tmp_path: Path):
    path = objects(
        tmp_path,
        '<object tomo_idx="007" class_label="2" x="1" y="2" z="3" cluster_size="55"/>',
        '<object tomo_idx="8" class_label="3" x="4" y="5" z="6.5" cluster_size="5"/>',
    )
    picks = read_picks(path, TEN).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[10, 20, 30], [40, 50, 65]])
    assert picks.image.tolist() == ["007", "8"]
    assert picks.label.tolist() == ["2", "3"]
    assert picks.orientation is None
    assert picks.extra["cluster_size"].tolist() == ["55", "5"]


def test_the_tilt_is_about_x(tmp_path: Path):
    path = objects(tmp_path, '<object x="0" y="0" z="0" phi="0" psi="0" the="90"/>')
    orientation = read_picks(path, TEN).picks.orientation[0]
    # theta turns about x alone: x stays, z lies along y afterwards (either way by convention).
    np.testing.assert_allclose(rotate(orientation, [1, 0, 0]), [1, 0, 0], atol=1e-12)
    assert abs(rotate(orientation, [0, 0, 1])[1]) == pytest.approx(1)


def test_phi_and_psi_are_not_swapped(tmp_path: Path):
    path = objects(tmp_path, '<object x="0" y="0" z="0" phi="30" psi="0" the="90"/>')
    orientation = read_picks(path, TEN).picks.orientation[0]
    # phi comes first, about z: it does not move the particle's z axis, which the then tilts in yz.
    assert rotate(orientation, [0, 0, 1])[0] == pytest.approx(0, abs=1e-12)


def test_a_single_tomogram_takes_the_name_given(tmp_path: Path):
    path = objects(tmp_path, '<object tomo_idx="0" x="0" y="0" z="0"/>')
    assert read_picks(path, TEN).picks.image.tolist() == ["0"]
    named = Frame(pixel_size_angstrom=10.0, image_name="TS_1")
    assert read_picks(path, named).picks.image.tolist() == ["TS_1"]


def test_genuine_list():
    path = shared("formats/deepfinder/object_list_tomo0.xml")
    assert recognise(path).name == "deepfinder"
    picks = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks
    assert len(picks) == 2498
    np.testing.assert_array_equal(picks.position_angstrom[0], [46, 261, 144])
    assert picks.label[:3].tolist() == ["11", "5", "7"]
    assert set(picks.image.tolist()) == {"0"}
    # A tomogram of 200 x 512 x 512 voxels: z stays within its 200 slices.
    assert picks.position_angstrom[:, 2].max() < 200 < picks.position_angstrom[:, :2].max()
    assert picks.orientation.shape == (2498, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<other/>", "root 'other', expected objlist"),
        ('<objlist><object x="1" y="2"/></objlist>', "object 1: no attribute z"),
        ('<objlist><object x="1" y="b" z="3"/></objlist>', "attribute y: 'b' is not a number"),
        ("<objlist>", "not well-formed XML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, TEN, name="deepfinder")


def test_names_are_escaped_and_told(tmp_path: Path):
    path = tmp_path / "a.xml"
    picks = Picks.of([[1.0, 2, 3]], image='a<&"b', label="ribosome")
    said = write_picks(picks, path, TEN, name="deepfinder")
    assert any("names are written as they are" in line for line in said)
    back = read_picks(path, TEN).picks
    assert back.image.tolist() == ['a<&"b']
    assert back.label.tolist() == ["ribosome"]


def test_no_picks(tmp_path: Path):
    path = tmp_path / "a.xml"
    write_picks(Picks.empty(3), path, TEN, name="deepfinder")
    back = read_picks(path, TEN).picks
    assert (len(back), back.ndim) == (0, 3)


def test_what_is_written(tmp_path: Path):
    path = tmp_path / "a.xml"
    picks = Picks.of([[10.0, 20.0, 35.0]], image="7", label="2", orientation=[[1.0, 0, 0, 0]])
    said = write_picks(picks, path, TEN, name="deepfinder")
    assert path.read_text().splitlines() == [
        "<objlist>",
        '  <object tomo_idx="7" class_label="2" x="1.0000" y="2.0000" z="3.5000"'
        ' phi="0.00000" psi="0.00000" the="0.00000" />',
        "</objlist>",
    ]
    assert len(said) == 1


def test_angles_of_some_objects_only(tmp_path: Path):
    path = objects(
        tmp_path,
        '<object x="0" y="0" z="0" phi="90" psi="0" the="0" obj_id="1"/>',
        '<object x="0" y="0" z="0"/>',
    )
    picks = read_picks(path, TEN).picks
    # phi alone is a turn about z: x goes to y, or to -y; the second object is not turned.
    assert abs(rotate(picks.orientation[0], [1, 0, 0])[1]) == pytest.approx(1)
    np.testing.assert_allclose(picks.orientation[1], [1, 0, 0, 0])
    assert "obj_id" not in picks.extra


def turn_z(angle_deg: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def turn_x(angle_deg: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


@pytest.mark.parametrize(("phi", "psi", "the"), [(-142, 20, 83), (150, 63, 128), (46, 171, 122)])
def test_rotations_are_phi_then_the_then_psi(tmp_path: Path, phi: int, psi: int, the: int):
    # The first angles of the genuine list, multiplied out: about fixed axes z, x, z in this order.
    path = objects(tmp_path, f'<object x="0" y="0" z="0" phi="{phi}" psi="{psi}" the="{the}"/>')
    found = to_matrix(read_picks(path, TEN).picks.orientation[0])
    np.testing.assert_allclose(found, turn_z(psi) @ turn_x(the) @ turn_z(phi), atol=1e-12)


def test_whole_turns_do_not_matter(tmp_path: Path):
    path = objects(
        tmp_path,
        '<object x="0" y="0" z="0" phi="10" psi="20" the="30"/>',
        '<object x="0" y="0" z="0" phi="370" psi="-340" the="3630"/>',
        '<object x="0" y="0" z="0" phi="36e7" psi="0" the="0"/>',
    )
    orientation = read_picks(path, TEN).picks.orientation
    np.testing.assert_allclose(orientation[0], orientation[1], atol=1e-9)
    np.testing.assert_allclose(orientation[2], [1, 0, 0, 0], atol=1e-6)
