"""Text of model2point and point2model."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect, read_picks, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=2.0)


def read(tmp_path, text):
    path = tmp_path / "T.txt"
    path.write_text(text)
    return read_picks(path, PIXEL, name="imod-text").picks


def test_three_four_and_five_columns(tmp_path):
    picks = read(tmp_path, "10.5 20.5 30\n")
    assert picks.position_angstrom.tolist() == [[20, 40, 60]]
    assert (picks.label, picks.group, picks.image[0]) == (None, None, "T")
    picks = read(tmp_path, "3 10.5 20.5 30\n")
    assert (picks.label, picks.group.tolist()) == (None, ["3"])
    picks = read(tmp_path, "  2     3    10.50   20.50    30.00\n")
    assert (picks.label.tolist(), picks.group.tolist()) == (["2"], ["3"])
    assert picks.position_angstrom.tolist() == [[20, 40, 60]]


def test_written_by_hand(tmp_path):
    picks = Picks.of([[0.0, 0, 0], [2, 4, 6]], image="T", label=["b", "a"], group=["1", "7"])
    said = write_picks(picks, tmp_path / "T.txt", PIXEL, name="imod-text")
    assert (
        tmp_path / "T.txt"
    ).read_text() == "1 1 0.5000 0.5000 0.0000\n2 7 1.5000 2.5000 3.0000\n"
    assert "objects are numbered: b is 1, a is 2" in said


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    picks, found = check_round_trip(
        "imod-text", ndim=3, parity=parity, binning=binning, folder=tmp_path
    )
    assert found.group.tolist() == picks.group.tolist()


def test_same_points_as_the_binary_model(tmp_path):
    before = read_picks(shared("formats/imod/empty089.mod"), PIXEL).picks
    write_picks(before, tmp_path / "a.txt", PIXEL, name="imod-text")
    after = read_picks(tmp_path / "a.txt", PIXEL, name="imod-text").picks
    np.testing.assert_allclose(after.position_angstrom, before.position_angstrom, atol=2e-4)


def test_sniffing_needs_five_columns_and_a_fitting_suffix(tmp_path):
    sniff = dialect("imod-text").sniff
    assert sniff(tmp_path / "a.txt", b"1 1 2 3 4\n") == 1
    assert sniff(tmp_path / "a.txt", b"1 2 3\n") == 0
    assert sniff(tmp_path / "a.csv", b"1 1 2 3 4\n") == 0


def test_empty(tmp_path):
    assert len(read(tmp_path, "# nothing\n")) == 0
    write_picks(Picks.empty(3), tmp_path / "a.txt", PIXEL, name="imod-text")
    assert (tmp_path / "a.txt").read_text() == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n", "2 columns: expected"),
        ("1 2 3\n1 2\n", "line 2: expected 3 numbers, got 2"),
        ("1 2 z\n", "line 1, column z: 'z' is not a number"),
        ("1.5 1 1 2 3\n", "row 1, object: 1.5 is not a whole number"),
    ],
)
def test_bad_text(tmp_path, text, message):
    with pytest.raises(FormatError, match=rf"T.txt: {message}"):
        read(tmp_path, text)
