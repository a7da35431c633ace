import json
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks
from pick_round_trip import BINNINGS, check_round_trip

TOMOGRAM = Frame(default_grid=Grid(shape=(50, 101, 200), pixel_size_angstrom=8.0))


def info(folder: Path, **entries: object) -> Path:
    path = folder / "TS_1_info.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(ndim: int, parity: str, binning: int, tmp_path: Path):
    check_round_trip("eman-json", ndim=ndim, parity=parity, binning=binning, folder=tmp_path)


def test_2d_boxes_are_centres_in_pixels(tmp_path: Path):
    path = info(tmp_path, boxes=[[10, 20.5, "manual"], [30, 40, "auto_net", 0.75]])
    found = read_picks(path, Frame(pixel_size_angstrom=2.0))
    picks = found.picks
    np.testing.assert_array_equal(picks.position_angstrom, [[20, 41], [60, 80]])
    assert picks.image.tolist() == ["TS_1", "TS_1"]
    assert picks.state.tolist() == ["manual", "auto"]
    assert picks.source.tolist() == ["manual", "auto_net"]
    assert np.isnan(picks.score[0])
    assert picks.score[1] == 0.75


def test_3d_boxes_are_counted_from_the_middle_in_unbinned_pixels(tmp_path: Path):
    path = info(
        tmp_path,
        apix_unbin=2.0,
        boxes_3d=[[0, 0, 0, "manual", 0.0, 0], [-40, 10, 4, "tm", 5.5, 3]],
        class_list={
            "0": {"name": "ribosome", "boxsize": 128},
            "3": {"name": "tric", "boxsize": 64},
        },
    )
    found = read_picks(path, TOMOGRAM)
    # The middle: N / 2 = 100, 50.5, 25 voxels of 8 Å. One unit: 2 Å.
    middle = np.array([800, 404, 200])
    np.testing.assert_allclose(
        found.picks.position_angstrom, [middle, middle + np.array([-80, 20, 8])]
    )
    assert found.picks.label.tolist() == ["ribosome", "tric"]
    assert found.picks.score.tolist() == [0, 5.5]
    assert found.box_size_px == 32  # 128 pixels of 2 Å in voxels of 8 Å
    with pytest.raises(MissingFrameError, match="--image"):
        read_picks(path, Frame(pixel_size_angstrom=8.0))


def test_the_same_file_holds_for_a_binned_tomogram(tmp_path: Path):
    path = info(tmp_path, apix_unbin=2.0, boxes_3d=[[-40, 10, 4, "tm", 5.5, 0]])
    fine = Grid(shape=(100, 200, 400), pixel_size_angstrom=4.0)
    coarse = fine.binned_by_mean(2)
    positions = [
        read_picks(path, Frame(default_grid=grid)).picks.position_angstrom
        for grid in (fine, coarse)
    ]
    np.testing.assert_allclose(positions[0], positions[1])


def test_without_apix_unbin_boxes_are_voxels_from_the_first(tmp_path: Path):
    path = info(tmp_path, boxes_3d=[[1, 2, 3, "manual"]])
    found = read_picks(path, TOMOGRAM)
    np.testing.assert_array_equal(found.picks.position_angstrom, [[8, 16, 24]])
    assert "no apix_unbin" in found.assumed[0]


def test_other_entries_of_an_info_file_are_kept(tmp_path: Path):
    path = info(
        tmp_path, apix_unbin=2.0, tlt_file="tiltseries/TS_1.hdf", boxes_3d=[[1, 2, 3, "tm"]]
    )
    picks = Picks.of([[800.0, 404.0, 200.0]], image="TS_1", label="tric", state="manual")
    write_picks(picks, path, TOMOGRAM, name="eman-json")
    data = json.loads(path.read_text())
    assert data["tlt_file"] == "tiltseries/TS_1.hdf"
    assert data["apix_unbin"] == 2.0
    assert data["boxes_3d"] == [[0.0, 0.0, 0.0, "manual", 0.0, 0]]
    assert data["class_list"] == {"0": {"name": "tric", "boxsize": 256}}


def test_2d_boxes_beside_3d_boxes_are_told(tmp_path: Path):
    path = info(tmp_path, boxes=[[1, 2, "manual"]], boxes_3d=[[1, 2, 3, "manual"]])
    found = read_picks(path, TOMOGRAM)
    assert found.picks.ndim == 3
    assert "1 boxes in 2D are left out" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"boxes": [[1, "a", "manual"]]}', r'boxes\[0\]: "a" is not a number'),
        ('{"boxes": [[1]]}', r"boxes\[0\]: expected 2 numbers, got 1"),
        ('{"boxes": {}}', "boxes: expected a list, got a JSON object"),
        ('{"boxes": [[1, 1e999, "manual"]]}', "is not a number"),
        ('{"boxes": [[true, 2, "manual"]]}', "true is not a number"),
        ('{"boxes": [], "boxes_3d": [[1, 2, 3]], "apix_unbin": 0}', "0 Å is no pixel size"),
        ('{"boxes_3d": [[1, 2, 3, "tm", 1, "x"]]}', "boxes_3d class"),
        ('{"ctf": 1}', "neither boxes nor boxes_3d"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "not JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a_info.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(
            path, TOMOGRAM if "3d" in text else Frame(pixel_size_angstrom=1.0), name="eman-json"
        )


def test_a_tomogram_without_boxes_needs_no_image(tmp_path: Path):
    path = info(tmp_path, apix_unbin=2.0, boxes_3d=[])
    picks = read_picks(path).picks
    assert (len(picks), picks.ndim) == (0, 3)


def test_recognised_by_its_boxes(tmp_path: Path):
    assert recognise(info(tmp_path, boxes=[])).name == "eman-json"
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    assert recognise(other) is None


def test_what_is_written_in_2d(tmp_path: Path):
    path = tmp_path / "mic1_info.json"
    picks = Picks.of(
        [[20.0, 41.0], [60.0, 80.0]], image="mic1", state=["edited", "auto"], source="log"
    )
    write_picks(picks, path, Frame(pixel_size_angstrom=2.0), name="eman-json")
    assert json.loads(path.read_text()) == {"boxes": [[10.0, 20.5, "manual"], [30.0, 40.0, "log"]]}


def test_the_tilt_series_pixel_is_eman2s_unit(tmp_path: Path):
    path = tmp_path / "TS_1_info.json"
    frame = Frame(
        default_grid=TOMOGRAM.default_grid, tilt_series_pixel_angstrom=2.0, box_size_px=16
    )
    picks = Picks.of([[720.0, 424.0, 208.0]], image="TS_1", label="tric", score=[5.5])
    write_picks(picks, path, frame, name="eman-json")
    # (720, 424, 208) Å less the middle (800, 404, 200) Å, in pixels of 2 Å; box 16 voxels of 8 Å.
    assert json.loads(path.read_text()) == {
        "apix_unbin": 2.0,
        "boxes_3d": [[-40.0, 10.0, 4.0, "auto", 5.5, 0]],
        "class_list": {"0": {"name": "tric", "boxsize": 64}},
    }
    assert read_picks(path, frame).box_size_px == 16


def test_classes_that_are_not_listed_keep_their_number(tmp_path: Path):
    path = info(tmp_path, boxes_3d=[[1, 2, 3, "tm", 0.5, 4], [1, 2, 3, "tm", 0.5]])
    assert read_picks(path, TOMOGRAM).picks.label.tolist() == ["4", ""]


def test_a_file_that_is_not_json_is_not_overwritten_silently(tmp_path: Path):
    path = tmp_path / "TS_1_info.json"
    path.write_text("{ half a file")
    with pytest.raises(FormatError, match="not JSON"):
        write_picks(
            Picks.of([[1.0, 2.0]], image="m"),
            path,
            Frame(pixel_size_angstrom=1.0),
            name="eman-json",
        )
    assert path.read_text() == "{ half a file"
