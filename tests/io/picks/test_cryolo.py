from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from pick_round_trip import BINNINGS, check_round_trip, grid_of, random_picks, round_trip
from shared_data import shared

ONE = Frame(pixel_size_angstrom=1.0)
COLUMNS = [
    "CoordinateX",
    "CoordinateY",
    "CoordinateZ",
    "Width",
    "Height",
    "Depth",
    "Confidence",
    "filamentid",
]


def cbox(folder: Path, *rows: str) -> Path:
    path = folder / "mic1.cbox"
    head = ["data_global", "_cbox_format_version 1.0", "data_cryolo", "loop_"]
    head += [f"_{name} #{i}" for i, name in enumerate(COLUMNS, start=1)]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(ndim: int, parity: str, binning: int, tmp_path: Path):
    check_round_trip("cryolo-cbox", ndim=ndim, parity=parity, binning=binning, folder=tmp_path)


def test_2d_boxes_are_corners_without_rounding(tmp_path: Path):
    path = cbox(tmp_path, "10 20 <NA> 5 5 <NA> 0.5 <NA>", "10.25 20 <NA> 5 5 <NA> <NA> <NA>")
    found = read_picks(path, ONE)
    picks = found.picks
    np.testing.assert_array_equal(picks.position_angstrom, [[12.5, 22.5], [12.75, 22.5]])
    assert picks.score[0] == 0.5
    assert np.isnan(picks.score[1])
    assert picks.group is None
    assert found.box_size_px == 5


def test_3d_boxes_are_centred_along_z(tmp_path: Path):
    path = cbox(tmp_path, "10 20 50 4 4 4 0.5 0", "10 20 60 4 4 4 0.5 1")
    picks = read_picks(path, ONE).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[12, 22, 50], [12, 22, 60]])


def test_filaments_are_groups(tmp_path: Path):
    path = cbox(tmp_path, "1 2 <NA> 4 4 1 1 0.0", "1 2 <NA> 4 4 1 1 12.0", "1 2 <NA> 4 4 1 1 <NA>")
    assert read_picks(path, ONE).picks.group.tolist() == ["0", "12", ""]


def test_the_image_decides_on_2d_or_3d(tmp_path: Path):
    path = cbox(tmp_path, "10 20 0 4 4 4 1 0")
    assert read_picks(path, ONE).picks.ndim == 2
    tomogram = Frame(default_grid=Grid(shape=(50, 60, 70), pixel_size_angstrom=2.0))
    picks = read_picks(path, tomogram).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[24, 44, 0]])


@pytest.mark.parametrize(
    ("name", "n", "first", "box"),
    [
        ("2d_particles", 3, (24.1877, 40.459892), 25),
        ("3d_particle", 3, (24.757084, 40.221405, 50), 25),
        ("TcdA1-0018_frames_sum", 120, (3810.3671875, 3984.455551147461), 220),
        ("ActLifeact_03047", 56, (654.0931981279252, 3469.789672386895), 100),
        ("cbox3d_particles_head", 381, (733, 683.5, 114.5625), 37),
    ],
)
def test_genuine_files(name: str, n: int, first: tuple[float, ...], box: int):
    path = shared(f"formats/cryolo/{name}.cbox")
    assert recognise(path).name == "cryolo-cbox"
    found = read_picks(path, ONE)
    assert len(found.picks) == n
    np.testing.assert_allclose(found.picks.position_angstrom[0], first)
    assert found.box_size_px == box


def test_genuine_columns():
    single = read_picks(shared("formats/cryolo/TcdA1-0018_frames_sum.cbox"), ONE).picks
    assert single.score[0] == pytest.approx(0.6578449010848999)
    assert single.diameter_angstrom[0] == 227  # (232 + 222) / 2
    filament = read_picks(shared("formats/cryolo/ActLifeact_03047.cbox"), ONE).picks
    assert filament.group.tolist() == ["0"] * 56
    steps = np.linalg.norm(np.diff(filament.position_angstrom, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=0.01)  # evenly along one filament


def test_genuine_boxes_meet_the_centres_of_the_same_particles():
    boxes = read_picks(shared("formats/cryolo/2d_particles.cbox"), ONE).picks.position_angstrom
    centres = read_picks(shared("formats/cryolo/2d_center_float.box"), ONE).picks.position_angstrom
    order = [0, 2, 1]
    # Clicked twice by hand on the same three particles: within a pixel, not half a box.
    assert np.abs(boxes - centres[order]).max() < 1.5


def test_what_is_written_is_star_with_the_slices(tmp_path: Path):
    grid = grid_of(3, "even", 1)
    picks = Picks.of([[13.5, 27.0, 40.5]], image="TS_007", group="membrane")
    found, _ = round_trip("cryolo-cbox", picks, grid, tmp_path)
    star = read_star(tmp_path / "TS_007.cbox")
    assert star.block("cryolo").number("CoordinateX").tolist() == [10 - 18.5]
    assert star.block("cryolo").number("CoordinateZ").tolist() == [30]
    assert star.block("cryolo_include").text("slice_index").tolist() == ["30"]
    assert found.picks.group.tolist() == ["0"]
    said = write_picks(picks, tmp_path / "b.cbox", Frame(default_grid=grid), name="cryolo-cbox")
    assert any("groups are numbered" in line for line in said)
    assert any("no box size was given" in line for line in said)


def test_the_diameter_survives_in_2d(tmp_path: Path):
    grid = grid_of(2, "odd", 2)
    picks = random_picks(grid)
    found, _ = round_trip("cryolo-cbox", picks, grid, tmp_path)
    np.testing.assert_allclose(found.picks.diameter_angstrom, picks.diameter_angstrom, atol=1e-3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("<NA> 20 <NA> 5 5 <NA> 0.5 <NA>", "column CoordinateX: '<NA>' is not a number"),
        ("1 20 <NA> 5 5 <NA> high <NA>", "column Confidence: 'high' is not a number"),
        ("1 20", "values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, row: str, message: str):
    with pytest.raises(FormatError, match=message):
        read_picks(cbox(tmp_path, row), ONE, name="cryolo-cbox")


def test_old_and_other_files(tmp_path: Path):
    path = tmp_path / "a.cbox"
    path.write_text("10 20 5 5 0.5\n")
    with pytest.raises(FormatError, match="no data_ block"):
        read_picks(path, ONE, name="cryolo-cbox")
    path.write_text("data_other\nloop_\n_a\n1\n")
    with pytest.raises(FormatError, match="no block data_cryolo"):
        read_picks(path, ONE, name="cryolo-cbox")


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_picks(tmp_path: Path, ndim: int):
    path = tmp_path / "a.cbox"
    frame = Frame(default_grid=grid_of(ndim, "even", 1))
    write_picks(Picks.empty(ndim), path, frame, name="cryolo-cbox")
    back = read_picks(path, frame).picks
    assert (len(back), back.ndim) == (0, ndim)


def test_boxes_of_different_sizes_have_their_own_centres(tmp_path: Path):
    path = cbox(tmp_path, "10 20 <NA> 10 20 1 1 <NA>", "10 20 <NA> 30 30 1 1 <NA>")
    found = read_picks(path, ONE)
    np.testing.assert_array_equal(found.picks.position_angstrom, [[15, 30], [25, 35]])
    assert found.box_size_px is None


def test_what_is_not_known_is_written_as_such(tmp_path: Path):
    path = tmp_path / "m.cbox"
    picks = Picks.of([[10.0, 20.0], [30.0, 40.0]], image="m", score=[0.5, np.nan])
    write_picks(picks, path, Frame(pixel_size_angstrom=1.0, box_size_px=10), name="cryolo-cbox")
    block = read_star(path).block("cryolo")
    assert block.text("Confidence").tolist() == ["0.5", "<NA>"]
    assert block.text("CoordinateZ").tolist() == ["<NA>", "<NA>"]
    assert block.text("EstWidth").tolist() == ["<NA>", "<NA>"]
    assert block.number("CoordinateX").tolist() == [5, 25]
    back = read_picks(path, ONE).picks
    assert back.score[0] == 0.5
    assert np.isnan(back.score[1])


def test_kept_columns_survive(tmp_path: Path):
    path = tmp_path / "m.cbox"
    extra = {"Angle": np.array([0.5, np.nan]), "NumBoxes": np.array([7, 8])}
    picks = Picks.of([[10.0, 20.0], [30.0, 40.0]], image="m", extra=extra)
    write_picks(picks, path, ONE, name="cryolo-cbox")
    back = read_picks(path, ONE).picks
    np.testing.assert_array_equal(back.extra["Angle"], [0.5, np.nan])
    assert back.extra["NumBoxes"].tolist() == [7, 8]
