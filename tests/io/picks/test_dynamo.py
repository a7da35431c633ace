"""Dynamo tables."""

import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFrameError
from cryopick.geometry.euler import quaternion_from_dynamo
from cryopick.geometry.rotation import rotate
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks, delete
from pick_round_trip import BINNINGS, check_round_trip, some_picks
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=1.0)
# tag aligned averaged dx dy dz tdrot tilt narot cc cc2 cpu ftype 4 x range fs1 fs2
# tomo reg class annotation x y z
ROW = "7 1 1 0.5 -0.25 1 10 20 30 0.8 0 0 1 -60 60 0 0 0 0 24 2 3 0 101 51 11"


def write(tmp_path, *rows):
    path = tmp_path / "a.tbl"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_by_hand(tmp_path):
    found = read_picks(write(tmp_path, ROW), Frame(pixel_size_angstrom=2.0))
    picks = found.picks
    # (101 + 0.5 - 1, 51 - 0.25 - 1, 11 + 1 - 1) voxels of 2 Å
    assert picks.position_angstrom.tolist() == [[201.0, 99.5, 22.0]]
    assert (picks.image[0], picks.label[0], picks.group[0]) == ("24", "3", "2")
    assert picks.score.tolist() == [0.8]
    np.testing.assert_allclose(picks.orientation, quaternion_from_dynamo([[10, 20, 30]]))
    assert picks.extra["tag"].tolist() == ["7"]
    assert picks.extra["ymintilt"].tolist() == [-60.0]
    assert any("first voxel is 1" in said for said in found.assumed)


@pytest.mark.parametrize(
    ("file", "n", "first"),
    [
        ("b4_motl_CR_tm_topbott_clean600_1_dynamo.tbl", 1343, [507.0651, 548.1602, 166.6847]),
        ("crop.tbl", 4485, [780.71, 253.24, 218.0]),
        ("t_complex_head.tbl", 300, [1016.4803, 758.93826, 642.1685]),
        ("t_double.tbl", 300, [142.7978, 110.187, 164.1843]),
    ],
)
def test_genuine_tables(file, n, first):
    path = shared(f"formats/dynamo/{file}")
    assert recognise(path).name == "dynamo-table"
    picks = read_picks(path, PIXEL).picks
    assert len(picks) == n
    np.testing.assert_allclose(picks.position_angstrom[0], first, atol=1e-9)


def test_genuine_complex_numbers_are_told():
    found = read_picks(shared("formats/dynamo/t_complex_head.tbl"), PIXEL)
    assert found.warnings == ("32 complex numbers; their real part was taken",)


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
def test_genuine_table_against_another_reader():
    path = shared("formats/dynamo/t_double.tbl")
    oracle = pytest.importorskip("dynamotable").read(path)
    picks = read_picks(path, PIXEL).picks
    shifted = oracle[["x", "y", "z"]].to_numpy() + oracle[["dx", "dy", "dz"]].to_numpy()
    np.testing.assert_allclose(picks.position_angstrom + 1, shifted)
    np.testing.assert_array_equal(picks.score, oracle["cc"])
    assert picks.label.tolist() == oracle["class"].astype(int).astype(str).tolist()


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
def test_another_reader_reads_what_is_written(tmp_path):
    dynamotable = pytest.importorskip("dynamotable")
    write_picks(some_picks(5, ["T1"]), tmp_path / "a.tbl", PIXEL, name="dynamo-table")
    oracle = dynamotable.read(tmp_path / "a.tbl")
    assert oracle["tag"].tolist() == [1, 2, 3, 4, 5]
    assert oracle["tomo"].tolist() == [1] * 5
    assert oracle[["dx", "dy", "dz"]].to_numpy().tolist() == [[0, 0, 0]] * 5


def test_particles_along_filaments_point_along_them():
    """Genuine table cropped along filaments: z of neighbours in a region lies along their line."""
    picks = read_picks(shared("formats/dynamo/crop.tbl"), PIXEL).picks
    axis = rotate(picks.orientation, np.array([0.0, 0.0, 1.0]))
    step = picks.position_angstrom[1:] - picks.position_angstrom[:-1]
    length = np.linalg.norm(step, axis=1)
    near = (picks.group[1:] == picks.group[:-1]) & (length > 0) & (length < 8)
    along = np.abs(np.sum(step * axis[:-1], axis=1) / np.maximum(length, 1e-9))
    assert near.sum() > 1000
    assert np.median(along[near]) > 0.99


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    picks, found = check_round_trip(
        "dynamo-table",
        ndim=3,
        parity=parity,
        binning=binning,
        folder=tmp_path,
        images=["007", "TS_1.b4"],
    )
    assert found.image.tolist() == picks.image.tolist()
    np.testing.assert_allclose(found.score, picks.score, atol=1e-8)


def test_what_a_table_carried_is_written_back(tmp_path):
    before = read_picks(write(tmp_path, ROW), PIXEL).picks
    write_picks(before, tmp_path / "b.tbl", PIXEL, name="dynamo-table")
    after = read_picks(tmp_path / "b.tbl", PIXEL).picks
    assert after.extra["tag"].tolist() == ["7"]
    assert after.extra["ymaxtilt"].tolist() == [60.0]
    assert (after.label[0], after.group[0], after.image[0]) == ("3", "2", "24")
    assert len((tmp_path / "b.tbl").read_text().split()) == 35


def test_deleted_picks_are_not_written(tmp_path):
    picks = some_picks(4, ["1"])
    picks = delete(picks, np.array([True, False, False, True]), reason="edge")
    write_picks(picks, tmp_path / "a.tbl", PIXEL, name="dynamo-table")
    assert len(read_picks(tmp_path / "a.tbl", PIXEL).picks) == 2


def test_empty_and_bare_picks(tmp_path):
    write_picks(Picks.empty(3), tmp_path / "a.tbl", PIXEL, name="dynamo-table")
    assert len(read_picks(tmp_path / "a.tbl", PIXEL, name="dynamo-table").picks) == 0
    said = write_picks(
        Picks.of([[0.0, 0, 0]], image="T"), tmp_path / "b.tbl", PIXEL, name="dynamo-table"
    )
    assert "no orientations: angles are 0" in said
    found = read_picks(tmp_path / "b.tbl", PIXEL).picks
    assert found.position_angstrom.tolist() == [[0, 0, 0]]
    assert found.orientation.tolist() == [[1, 0, 0, 0]]
    assert found.image.tolist() == ["T"]


def test_not_a_number_in_a_score_is_read(tmp_path):
    picks = read_picks(write(tmp_path, ROW.replace("0.8", "NaN")), PIXEL).picks
    assert np.isnan(picks.score[0])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1 2 3"], "3 columns: a Dynamo table has 26 to 42"),
        ([ROW, "1 2 3"], "line 2: expected 26 columns, got 3"),
        ([ROW.replace(" 101 ", " NaN ")], "line 1, column 24: not a finite number"),
        ([ROW.replace(" 20 30 ", " inf 30 ")], "line 1, column 8: not a finite"),
        ([ROW.replace(" 24 ", " 2.5 ")], r"row 1, column 20 \(tomogram\): 2.5 is not a whole"),
        ([ROW.replace("0.8", "high")], "line 1: could not convert string to float: 'high'"),
        ([ROW.replace(" 101 ", " 1e300 ")], "over 1e9 pixels away"),
    ],
)
def test_bad_tables(tmp_path, rows, message):
    with pytest.raises(FormatError, match=rf"a.tbl: {message}|a.tbl: .*{message}"):
        read_picks(write(tmp_path, *rows), PIXEL, name="dynamo-table")


def test_pixel_size_is_asked_for(tmp_path):
    with pytest.raises(MissingFrameError, match="give --pixel-size"):
        read_picks(write(tmp_path, ROW))
