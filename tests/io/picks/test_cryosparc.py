from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

LOCATION = [
    ("uid", "<u8"),
    ("location/micrograph_path", "S40"),
    ("location/micrograph_shape", "<u4", (2,)),
    ("location/center_x_frac", "<f4"),
    ("location/center_y_frac", "<f4"),
    ("location/micrograph_psize_A", "<f4"),
]
ROWS = [(11, b">J1/motion/mic1.mrc", (100, 200), 0.25, 0.5, 2.0)]


def cs_file(folder: Path, rows: list[tuple[object, ...]], kinds: list[tuple[object, ...]]) -> Path:
    path = folder / "particles.cs"
    with path.open("wb") as file:
        np.save(file, np.array(rows, dtype=kinds))
    return path


@pytest.mark.parametrize("name", ["cryosparc", "cryosparc-flipped"])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(name: str, parity: str, binning: int, tmp_path: Path):
    check_round_trip(name, ndim=2, parity=parity, binning=binning, folder=tmp_path)


def test_fractions_are_of_the_shape_which_is_stored_y_first(tmp_path: Path):
    path = cs_file(tmp_path, ROWS, LOCATION)
    found = read_picks(path)
    # x: 0.25 of 200 = pixel 50; y: 0.5 of 100 = pixel 50; pixels of 2 Å.
    np.testing.assert_array_equal(found.picks.position_angstrom, [[100, 100]])
    assert found.picks.image.tolist() == ["mic1"]
    assert found.picks.extra["uid"].tolist() == [11]


def test_flipped_counts_rows_from_the_last(tmp_path: Path):
    path = cs_file(tmp_path, [(1, b"m.mrc", (100, 200), 0.25, 0.0, 2.0)], LOCATION)
    picks = read_picks(path, name="cryosparc-flipped").picks
    np.testing.assert_allclose(picks.position_angstrom, [[100, 198]], atol=1e-4)


def test_refined_shifts_are_taken_off(tmp_path: Path):
    kinds = [*LOCATION, ("alignments3D/shift", "<f4", (2,)), ("alignments3D/psize_A", "<f4")]
    path = cs_file(tmp_path, [(*ROWS[0], (3.0, -1.0), 4.0)], kinds)
    found = read_picks(path)
    np.testing.assert_allclose(found.picks.position_angstrom, [[100 - 12, 100 + 4]])
    assert any("taken off" in line for line in found.assumed)
    flipped = read_picks(path, name="cryosparc-flipped").picks.position_angstrom
    # Row 50 from the first is row 49 from the last; the shift turns about with the axis.
    np.testing.assert_allclose(flipped, [[100 - 12, 98 - 4]], atol=1e-4)


def test_poses_are_kept_as_columns(tmp_path: Path):
    kinds = [*LOCATION, ("alignments3D/pose", "<f4", (3,))]
    path = cs_file(tmp_path, [(*ROWS[0], (0.5, 0.25, -1.0))], kinds)
    picks = read_picks(path).picks
    assert picks.orientation is None
    assert [picks.extra[f"alignments3D/pose/{a}"][0] for a in "xyz"] == [0.5, 0.25, -1.0]


def test_the_image_given_overrides_the_pixel_size_of_the_same_micrograph(tmp_path: Path):
    path = cs_file(tmp_path, ROWS, LOCATION)
    same = Frame(default_grid=Grid(shape=(100, 200), pixel_size_angstrom=3.0))
    np.testing.assert_array_equal(read_picks(path, same).picks.position_angstrom, [[150, 150]])
    # Another shape is a binned version: the place in the specimen stays.
    binned = Frame(default_grid=Grid(shape=(50, 100), pixel_size_angstrom=4.0))
    np.testing.assert_array_equal(read_picks(path, binned).picks.position_angstrom, [[100, 100]])


def test_a_pixel_size_given_overrides_that_of_the_file_with_a_warning(tmp_path: Path):
    path = cs_file(tmp_path, ROWS, LOCATION)
    found = read_picks(path, Frame(pixel_size_angstrom=3.0))
    np.testing.assert_array_equal(found.picks.position_angstrom, [[150, 150]])
    assert found.warnings == (f"{path}: pixel size 3 Å was given, the file says 2 Å",)
    assert read_picks(path, Frame(pixel_size_angstrom=2.0)).warnings == ()


def test_old_files_without_pixel_size_or_shape_need_the_image(tmp_path: Path):
    kinds = [
        k
        for k in LOCATION
        if k[0].rpartition("/")[2] not in ("micrograph_shape", "micrograph_psize_A")
    ]
    path = cs_file(tmp_path, [(1, b"m.mrc", 0.25, 0.5)], kinds)
    with pytest.raises(MissingFrameError, match="its shape is needed"):
        read_picks(path)
    grid = Grid(shape=(100, 200), pixel_size_angstrom=2.0)
    picks = read_picks(path, Frame(grids={"m": grid})).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[100, 100]])


def test_what_is_written(tmp_path: Path):
    path = tmp_path / "out.cs"
    frame = Frame(default_grid=Grid(shape=(100, 200), pixel_size_angstrom=2.0))
    picks = Picks.of([[100.0, 100.0], [0.0, 0.0]], image=["a", "007"], score=[0.5, 1.0])
    write_picks(picks, path, frame, name="cryosparc")
    table = np.load(path, allow_pickle=False)
    assert table["location/micrograph_path"].tolist() == [b"a.mrc", b"007.mrc"]
    assert table["location/micrograph_shape"].tolist() == [[100, 200]] * 2
    assert table["location/center_x_frac"].tolist() == [0.25, 0]
    assert table["location/center_y_frac"].tolist() == [0.5, 0]
    assert table["pick_stats/ncc_score"].tolist() == [0.5, 1.0]
    assert len(set(table["uid"].tolist())) == 2
    assert len(set(table["location/micrograph_uid"].tolist())) == 2


def test_ids_survive_a_round_trip(tmp_path: Path):
    frame = Frame(default_grid=Grid(shape=(100, 200), pixel_size_angstrom=2.0))
    big = 2**64 - 1
    picks = read_picks(cs_file(tmp_path, [(big, *ROWS[0][1:])], LOCATION), frame).picks
    write_picks(picks, tmp_path / "b.cs", frame, name="cryosparc")
    assert np.load(tmp_path / "b.cs")["uid"].tolist() == [big]


def test_genuine_file_without_rows():
    path = shared("formats/cryosparc/4k_dataset.cs")
    assert recognise(path).name == "cryosparc"
    picks = read_picks(path).picks
    assert (len(picks), picks.ndim) == (0, 2)


def test_genuine_particles_without_locations():
    path = shared("formats/cryosparc/cryosparc_P12_J24_001_particles.cs")
    assert recognise(path).name == "cryosparc"
    with pytest.raises(FormatError, match=r"no field location/center_x_frac.*passthrough"):
        read_picks(path)


def test_genuine_fractions_are_whole_pixels_of_the_searched_grid():
    # Published picks of a 7676 x 7420 micrograph, searched at 300 x 290: whole pixels there.
    pixel = np.array([0.7413793, 0.0862069]) * 290, np.array([0.34, 0.29333332]) * 300
    np.testing.assert_allclose(pixel, np.round(pixel), atol=1e-4)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, b"m.mrc", (0, 200), 0.25, 0.5, 2.0), "a micrograph without pixels"),
        ((1, b"m.mrc", (100, 200), np.nan, 0.5, 2.0), "center_x_frac, row 1: nan cannot be used"),
        ((1, b"m.mrc", (100, 200), np.inf, 0.5, 2.0), "center_x_frac, row 1: inf"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, row: tuple[object, ...], message: str):
    with pytest.raises(FormatError, match=message):
        read_picks(cs_file(tmp_path, [row], LOCATION))


def test_fields_of_the_wrong_type(tmp_path: Path):
    kinds = [
        ("location/micrograph_path", "<f4"),
        *((n, "S4") for n in ("location/center_x_frac", "location/center_y_frac")),
    ]
    with pytest.raises(FormatError, match="location/micrograph_path: is not text"):
        read_picks(cs_file(tmp_path, [(1.0, b"a", b"b")], kinds))
    kinds[0] = ("location/micrograph_path", "S4")
    with pytest.raises(FormatError, match=r"center_x_frac: .* is no number"):
        read_picks(cs_file(tmp_path, [(b"m", b"a", b"b")], kinds))


def test_2d_shifts_where_there_is_no_3d_alignment(tmp_path: Path):
    kinds = [
        *LOCATION,
        ("alignments2D/shift", "<f4", (2,)),
        ("alignments2D/psize_A", "<f4"),
        ("alignments2D/pose", "<f4"),
    ]
    path = cs_file(tmp_path, [(*ROWS[0], (1.0, 2.0), 3.0, 0.5)], kinds)
    picks = read_picks(path).picks
    np.testing.assert_allclose(picks.position_angstrom, [[97, 94]])
    assert picks.extra["alignments2D/pose"].tolist() == [0.5]


def test_scores_may_be_missing_in_some_rows(tmp_path: Path):
    kinds = [*LOCATION, ("pick_stats/ncc_score", "<f4")]
    path = cs_file(tmp_path, [(*ROWS[0], 0.5), (*ROWS[0], np.nan)], kinds)
    score = read_picks(path).picks.score
    assert score[0] == 0.5
    assert np.isnan(score[1])


@pytest.mark.parametrize("edge", [1000, 7676, 11520])
def test_single_precision_is_enough_for_large_micrographs(tmp_path: Path, edge: int):
    frame = Frame(default_grid=Grid(shape=(edge, edge + 1), pixel_size_angstrom=0.5))
    px = np.random.default_rng(1).uniform(0, edge - 1, (500, 2))
    picks = Picks.of(px * 0.5, image="m")
    write_picks(picks, tmp_path / "a.cs", frame, name="cryosparc")
    back = read_picks(tmp_path / "a.cs", frame).picks.position_angstrom / 0.5
    assert np.abs(back - px).max() < 1e-3
