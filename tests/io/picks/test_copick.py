import json
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.geometry.rotation import rotate, to_matrix
from cryopick.io.picks.copick import checked_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

HALF = np.sqrt(0.5)


def point(**entries: object) -> dict[str, object]:
    return {"location": {"x": 1, "y": 2, "z": 3}, **entries}


def copick_file(folder: Path, *points: object, **entries: object) -> Path:
    path = folder / "a_1_ribosome.json"
    data = {"pickable_object_name": "ribosome", "run_name": "007", "unit": "angstrom"}
    path.write_text(json.dumps({**data, "points": points, **entries}))
    return path


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(parity: str, binning: int, tmp_path: Path):
    check_round_trip("copick", ndim=3, parity=parity, binning=binning, folder=tmp_path, labels=1)


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip_of_a_project(parity: str, binning: int, tmp_path: Path):
    check_round_trip("copick-project", ndim=3, parity=parity, binning=binning, folder=tmp_path)


def test_the_translation_is_added_and_the_rotation_is_active(tmp_path: Path):
    # x goes to y, y to -x: a turn by 90 degrees about z.
    turn = [[0, -1, 0, 10], [1, 0, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]]
    path = copick_file(tmp_path, point(transformation_=turn, instance_id=4, score=0.5))
    picks = read_picks(path).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[11, 22, 33]])
    np.testing.assert_allclose(picks.orientation, [[HALF, 0, 0, HALF]], atol=1e-12)
    np.testing.assert_allclose(rotate(picks.orientation[0], [1, 0, 0]), [0, 1, 0], atol=1e-12)
    assert picks.image.tolist() == ["007"]
    assert picks.group.tolist() == ["4"]
    assert picks.score.tolist() == [0.5]


def test_orientations_that_are_not_trusted_are_not_read(tmp_path: Path):
    path = copick_file(tmp_path, point(transformation_=np.eye(4).tolist()), trust_orientation=False)
    assert read_picks(path).picks.orientation is None
    picks = Picks.of([[1.0, 2.0, 3.0]], image="007")
    write_picks(picks, tmp_path / "b.json", name="copick")
    assert json.loads((tmp_path / "b.json").read_text())["trust_orientation"] is False
    assert read_picks(tmp_path / "b.json").picks.orientation is None


def test_genuine_files():
    path = shared("formats/czportal_annotations/copick.json")
    assert recognise(path).name == "copick"
    picks = read_picks(path).picks
    assert len(picks) == 4
    np.testing.assert_array_equal(picks.position_angstrom[0], [40, 20, 30])
    first = [[0, -HALF, HALF], [1, 0, 0], [0, HALF, HALF]]
    np.testing.assert_allclose(to_matrix(picks.orientation[0]), first, atol=1e-9)
    instances = read_picks(shared("formats/czportal_annotations/copick_instance.json")).picks
    assert len(instances) == 6
    assert set(instances.image.tolist()) == {"Position_94_Vol"}
    assert set(instances.label.tolist()) == {"testobject"}
    np.testing.assert_array_equal(instances.position_angstrom[-1], [7.5, 5, 2.5])


@pytest.mark.parametrize("name", ["overlay_local_static_local", "10440_config"])
def test_a_project_configuration_is_no_picks_file(name: str):
    path = shared(f"formats/copick/{name}.json")
    assert recognise(path) is None
    with pytest.raises(FormatError, match="no pickable_object_name or points"):
        read_picks(path, name="copick")


def test_the_run_folder_names_the_tomogram(tmp_path: Path):
    folder = tmp_path / "ExperimentRuns" / "TS_3" / "Picks"
    folder.mkdir(parents=True)
    path = copick_file(folder, point(), run_name=None)
    assert read_picks(path).picks.image.tolist() == ["TS_3"]
    assert read_picks(path, Frame(image_name="x")).picks.image.tolist() == ["x"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"location": None}, r"points\[0\]\.location: expected an object, got null"),
        ({"location": {"x": 1, "y": 2}}, r"location\.z: null is not a number"),
        ({"location": {"x": 1e300, "y": 2, "z": 0}}, "over 1e12"),
        (point(transformation_=[[1]]), "expected a 4 x 4 matrix"),
        (point(transformation_=np.zeros((4, 4)).tolist()), "of point 1 is no rotation"),
        (point(transformation_=np.diag([1, 1, -1, 1]).tolist()), r"scaled or mirrored"),
        (point(transformation_=(2 * np.eye(4)).tolist()), "is no rotation"),
        (point(transformation_=(1e200 * np.eye(4)).tolist()), "is no rotation"),
        (point(score="high"), 'score: "high" is not a number'),
        ([], "expected an object, got a list"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, entry: object, message: str):
    with pytest.raises(FormatError, match=message):
        read_picks(copick_file(tmp_path, entry))


def test_other_units_are_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="unit: 'nm'"):
        read_picks(copick_file(tmp_path, point(), unit="nm"))


@pytest.mark.parametrize("name", ["", "a_b", "a b", "a/b", "a:b", "a\nb"])
def test_names_that_copick_cannot_store(name: str):
    with pytest.raises(InputError, match="object name"):
        checked_name(name, "object")


def test_one_file_holds_one_object(tmp_path: Path):
    picks = Picks.of(np.ones((2, 3)), image="a", label=["x", "y"])
    with pytest.raises(InputError, match=r"one object, got x, y; write a copick-project"):
        write_picks(picks, tmp_path / "a.json", name="copick")


def test_groups_that_copick_cannot_count_are_told(tmp_path: Path):
    picks = Picks.of(np.ones((2, 3)), image="a", label="x", group=["7", "membrane"])
    said = write_picks(picks, tmp_path / "a.json", name="copick")
    assert any("become instance 0" in line for line in said)
    assert read_picks(tmp_path / "a.json").picks.group.tolist() == ["7", "0"]
    zeros = Picks.of(np.ones((1, 3)), image="a", label="x", group=["007"])
    said = write_picks(zeros, tmp_path / "b.json", name="copick")
    assert any("leading zeros" in line for line in said)


def test_what_is_written(tmp_path: Path):
    path = tmp_path / "a.json"
    picks = Picks.of(
        [[1.0, 2.5, 3.0]], image="TS_1", label="tric", score=[0.25], group="12",
        orientation=[[HALF, 0, 0, HALF]],
    )  # fmt: skip
    write_picks(picks, path, name="copick")
    data = json.loads(path.read_text())
    (written,) = data.pop("points")
    assert data == {
        "pickable_object_name": "tric",
        "user_id": "cryopick",
        "session_id": "0",
        "run_name": "TS_1",
        "voxel_spacing": None,
        "unit": "angstrom",
        "trust_orientation": True,
    }
    turn = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(written.pop("transformation_"), turn, atol=1e-12)
    assert written == {"location": {"x": 1.0, "y": 2.5, "z": 3.0}, "instance_id": 12, "score": 0.25}


def test_user_and_session_survive(tmp_path: Path):
    path = copick_file(tmp_path, point(), user_id="ann", session_id="7")
    picks = read_picks(path).picks
    write_picks(picks, tmp_path / "b.json", name="copick")
    data = json.loads((tmp_path / "b.json").read_text())
    assert (data["user_id"], data["session_id"]) == ("ann", "7")


def test_points_without_a_rotation_among_others_are_not_turned(tmp_path: Path):
    turn = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    path = copick_file(tmp_path, point(), point(transformation_=turn))
    picks = read_picks(path).picks
    np.testing.assert_allclose(picks.orientation, [[1, 0, 0, 0], [HALF, 0, 0, HALF]], atol=1e-12)
    assert picks.group is None
    assert picks.score is None


def test_scores_that_some_points_lack(tmp_path: Path):
    scores = read_picks(copick_file(tmp_path, point(), point(score=2))).picks.score
    assert np.isnan(scores[0])
    assert scores[1] == 2
