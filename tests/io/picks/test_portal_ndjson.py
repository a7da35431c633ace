import json
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.geometry.rotation import rotate
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

TEN = Frame(pixel_size_angstrom=10.0)


def lines(folder: Path, *entries: object) -> Path:
    path = folder / "TS_1.ndjson"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(parity: str, binning: int, tmp_path: Path):
    check_round_trip("portal-ndjson", ndim=3, parity=parity, binning=binning, folder=tmp_path)


def test_golden(tmp_path: Path):
    place = {"x": 1, "y": 2.5, "z": 3}
    turn = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    path = lines(
        tmp_path,
        {"type": "orientedPoint", "location": place, "xyz_rotation_matrix": turn},
        {"type": "instancePoint", "location": place, "instance_id": 7},
    )
    picks = read_picks(path, TEN).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[10, 25, 30]] * 2)
    np.testing.assert_allclose(rotate(picks.orientation[0], [1, 0, 0]), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(picks.orientation[1], [1, 0, 0, 0])
    assert picks.group.tolist() == ["", "7"]


def test_matrices_with_few_digits_are_rotations(tmp_path: Path):
    turn = [[0.707, -0.707, 0], [0.707, 0.707, 0], [0, 0, 1]]
    place = {"x": 0, "y": 0, "z": 0}
    path = lines(
        tmp_path, {"type": "orientedPoint", "location": place, "xyz_rotation_matrix": turn}
    )
    orientation = read_picks(path, TEN).picks.orientation
    expected = [np.cos(np.pi / 8), 0, 0, np.sin(np.pi / 8)]
    np.testing.assert_allclose(orientation, [expected], atol=1e-4)


def test_genuine_points():
    path = shared("formats/czportal_ndjson/TS_69_2_beta_amylase-2.0_point.ndjson")
    assert recognise(path).name == "portal-ndjson"
    picks = read_picks(path, Frame(pixel_size_angstrom=10.012, image_name="TS_69_2")).picks
    assert len(picks) == 12
    assert set(picks.image.tolist()) == {"TS_69_2"}
    np.testing.assert_allclose(
        picks.position_angstrom[0] / 10.012,
        [248.01044746304436, 124.14596484218936, 117.05815021973632],
    )
    assert picks.orientation is None


def test_what_is_written(tmp_path: Path):
    picks = Picks.of([[10.0, 20, 30]], image="TS_1", group=["3"])
    write_picks(picks, tmp_path / "a.ndjson", TEN, name="portal-ndjson")
    assert json.loads((tmp_path / "a.ndjson").read_text()) == {
        "type": "instancePoint",
        "location": {"x": 1.0, "y": 2.0, "z": 3.0},
        "instance_id": 3,
    }
    with pytest.raises(InputError, match="holds 3D picks, got 2D"):
        write_picks(Picks.empty(2), tmp_path / "a.ndjson", TEN, name="portal-ndjson")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"location": {"x": 1, "y": 2, "z": 3}}\n{', "line 2: not JSON"),
        ('{"location": {"x": 1, "y": 2}}', r"line 1, location\.z: null is not a number"),
        ("[1, 2, 3]", "line 1: expected an object, got a list"),
        ('{"type": "mesh", "location": {}}', "line 1: type 'mesh' is no point"),
        ('{"location": {"x": NaN, "y": 2, "z": 3}}', r"location\.x: NaN is not a number"),
        (
            '{"location": {"x": 1, "y": 2, "z": 3}, "xyz_rotation_matrix": [[1, 0], [0, 1]]}',
            "expected a 3 x 3 matrix",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.ndjson"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, TEN, name="portal-ndjson")


def test_instances_that_are_texts_stay_texts(tmp_path: Path):
    picks = Picks.of([[10.0, 20, 30]] * 3, image="TS_1", group=["12", "membrane", ""])
    path = tmp_path / "a.ndjson"
    write_picks(picks, path, TEN, name="portal-ndjson")
    ids = [json.loads(line).get("instance_id") for line in path.read_text().splitlines()]
    assert ids == [12, "membrane", None]
    assert read_picks(path, TEN).picks.group.tolist() == ["12", "membrane", ""]


def test_oriented_points_carry_the_matrix(tmp_path: Path):
    half = np.sqrt(0.5)
    picks = Picks.of([[10.0, 20, 30]], image="TS_1", orientation=[[half, 0, 0, half]])
    path = tmp_path / "a.ndjson"
    write_picks(picks, path, TEN, name="portal-ndjson")
    data = json.loads(path.read_text())
    assert data["type"] == "orientedPoint"
    np.testing.assert_allclose(
        data["xyz_rotation_matrix"], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12
    )


def test_empty_lines_between_points(tmp_path: Path):
    path = tmp_path / "a.ndjson"
    path.write_text('\n{"location": {"x": 1, "y": 2, "z": 3}}\n\n')
    assert len(read_picks(path, TEN, name="portal-ndjson").picks) == 1
