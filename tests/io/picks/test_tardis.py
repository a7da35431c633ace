from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

HEADER = "IDs,X [A],Y [A],Z [A]\n"


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(parity: str, binning: int, tmp_path: Path):
    check_round_trip("tardis", ndim=3, parity=parity, binning=binning, folder=tmp_path)


def test_genuine_list():
    path = shared("formats/czportal_annotations/tardis.csv")
    assert recognise(path).name == "tardis"
    picks = read_picks(path).picks
    assert picks.group.tolist() == ["0", "0", "1", "1", "1", "2"]
    np.testing.assert_array_equal(picks.position_angstrom[[0, 3]], [[4, 8, 12], [0, 6, 0]])


def test_ids_written_as_floats_are_whole(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "3.0,1,2,3\n007,1,2,3\n")
    assert read_picks(path).picks.group.tolist() == ["3", "007"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,z\n1,2,3\n", "no header IDs"),
        (HEADER + "1,2,3\n", "line 2: 2 columns, expected at least 3"),
        (HEADER + "1,2,b,3\n", r"line 2, column Y \[A\]: 'b'"),
        (HEADER + "1,2,1e300,3\n", "over 1e12"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, name="tardis")


def test_picks_without_a_group_are_in_group_0(tmp_path: Path):
    path = tmp_path / "a.csv"
    write_picks(Picks.of([[1.0, 2, 3]], image="a"), path, Frame(), name="tardis")
    assert path.read_text() == HEADER + "0,1.0000,2.0000,3.0000\n"
    with pytest.raises(InputError, match="a comma or line break"):
        write_picks(Picks.of([[1.0, 2, 3]], image="a", group="b,c"), path, Frame(), name="tardis")
