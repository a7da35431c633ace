from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cryopick.errors import FormatError, InputError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks, delete
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

ONE_ANGSTROM = Frame(pixel_size_angstrom=1.0)


@pytest.mark.parametrize("name", ["eman-box", "eman-box-flipped"])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(name: str, parity: str, binning: int, tmp_path: Path):
    check_round_trip(name, ndim=2, parity=parity, binning=binning, folder=tmp_path)


def test_the_centre_of_a_box_is_its_pixel_box_over_2(tmp_path: Path):
    path = tmp_path / "mic1.box"
    # Even: pixels 10..13, centre 12 (index 2 of 4). Odd: pixels 10..14, centre 12 (index 2 of 5).
    path.write_text("10 20 4 4\n10 20 5 5\n")
    found = read_picks(path, ONE_ANGSTROM)
    np.testing.assert_array_equal(found.picks.position_angstrom, [[12, 22], [12, 22]])
    assert found.picks.image.tolist() == ["mic1", "mic1"]
    assert found.box_size_px is None
    assert "different sizes" in found.warnings[0]


def test_flipped_counts_rows_from_the_last(tmp_path: Path):
    path = tmp_path / "mic1.box"
    path.write_text("0\t0\t4\t4\t0.5\n")
    frame = Frame(default_grid=Grid(shape=(100, 50), pixel_size_angstrom=2.0))
    found = read_picks(path, frame, name="eman-box-flipped")
    # Box centre is row 2 of the flipped image: row 99 - 2 = 97 of ours.
    np.testing.assert_array_equal(found.picks.position_angstrom, [[4, 194]])
    assert found.picks.score.tolist() == [0.5]
    assert any("last of 100 rows" in line for line in found.assumed)
    with pytest.raises(MissingFrameError, match=r"its shape is needed.*--image"):
        read_picks(path, ONE_ANGSTROM, name="eman-box-flipped")


def test_flipping_twice_is_nothing(tmp_path: Path):
    frame = Frame(default_grid=Grid(shape=(101, 77), pixel_size_angstrom=1.5), box_size_px=20)
    picks = Picks.of([[10.5, 20.25], [3.0, 100.0]], image="m")
    write_picks(picks, tmp_path / "a.box", frame, name="eman-box-flipped")
    plain = read_picks(tmp_path / "a.box", frame, name="eman-box").picks
    mirrored = 100 * 1.5 - plain.position_angstrom[:, 1]
    np.testing.assert_allclose(mirrored, picks.position_angstrom[:, 1], atol=1e-3)


def test_the_tag_of_eman1_is_no_score(tmp_path: Path):
    path = tmp_path / "mic1.box"
    path.write_text("10 20 4 4 -3\n11 21 4 4 -3\n")
    picks = read_picks(path, ONE_ANGSTROM).picks
    assert picks.score is None
    assert picks.extra["emanTag"].tolist() == [-3, -3]


def test_what_is_written(tmp_path: Path):
    picks = delete(
        Picks.of([[100.0, 200.5], [9.0, 9.0]], image="m", score=[0.25, 1.0]),
        np.array([False, True]),
        reason="manual",
    )
    path = tmp_path / "m.box"
    said = write_picks(picks, path, Frame(pixel_size_angstrom=1.0, box_size_px=21), name="eman-box")
    assert path.read_text() == "90.0000\t190.5000\t21\t21\t0.25\n"
    assert any("4 decimals" in line for line in said)


def test_one_file_holds_one_image(tmp_path: Path):
    picks = Picks.of(np.zeros((2, 2)), image=["a", "b"])
    with pytest.raises(InputError, match=r"a\.box: .* write one file per image"):
        write_picks(picks, tmp_path / "a.box", ONE_ANGSTROM, name="eman-box")


def test_an_empty_file_is_no_picks(tmp_path: Path):
    path = tmp_path / "m.box"
    write_picks(Picks.empty(2), path, ONE_ANGSTROM, name="eman-box")
    back = read_picks(path, ONE_ANGSTROM, name="eman-box").picks
    assert (len(back), back.ndim) == (0, 2)


def test_genuine_boxes_by_corner_and_by_centre_agree():
    corner = read_picks(shared("formats/cryolo/2d_left.box"), ONE_ANGSTROM)
    centre = read_picks(shared("formats/cryolo/2d_center_float.box"), ONE_ANGSTROM)
    np.testing.assert_array_equal(corner.picks.position_angstrom, [[24, 40], [36, 62], [78, 51]])
    assert np.abs(corner.picks.position_angstrom - centre.picks.position_angstrom).max() < 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2d_corrupt_has_string", "line 2, column x: 'sixty_three' is not a number"),
        ("2d_corrupt_unqual_columns", "line 3: 3 columns, expected at least 4"),
    ],
)
def test_genuine_corrupt_boxes(name: str, message: str):
    path = shared(f"formats/cryolo/{name}.box")
    assert recognise(path) is None
    with pytest.raises(FormatError, match=message):
        read_picks(path, ONE_ANGSTROM, name="eman-box")


@pytest.mark.parametrize(("picker", "n"), [("crYOLO", 719), ("deepPicker", 381), ("topaz", 789)])
def test_genuine_boxes_meet_the_truth_only_when_flipped(picker: str, n: int):
    folder = "images/bgal_empiar10017"
    name = "Falcon_2012_06_12-14_33_35_0"
    truth = np.loadtxt(shared(f"{folder}/{name}_picks.csv"), delimiter=",", skiprows=1)[:, :2]
    path = shared(f"{folder}/repic_boxes/{picker}/{name}.box")
    frame = Frame(default_grid=Grid(shape=(4096, 4096), pixel_size_angstrom=1.0))
    hit = {}
    for dialect in ("eman-box", "eman-box-flipped"):
        found = read_picks(path, frame, name=dialect)
        assert len(found.picks) == n
        assert found.box_size_px == 180
        distance, _ = cKDTree(truth).query(found.picks.position_angstrom)
        hit[dialect] = np.mean(distance < 40)
    assert hit["eman-box-flipped"] > 2 * hit["eman-box"]
    assert hit["eman-box-flipped"] > 0.5
