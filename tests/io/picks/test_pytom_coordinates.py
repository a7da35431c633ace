"""PyTom coordinate lists."""

import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect, read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=2.0)


def test_genuine_list():
    path = shared("formats/pytom/coords_tomogram_000_WBP.txt")
    assert recognise(path).name == "pytom-coordinates"
    found = read_picks(path, Frame(pixel_size_angstrom=1.0))
    assert found.picks.position_angstrom.tolist() == [[68, 60, 232], [108, 73, 232]]
    assert found.picks.image.tolist() == ["tomogram_000_WBP"] * 2
    assert "BINNINGFACTOR 1" in found.assumed


def test_name_without_a_heading(tmp_path):
    path = tmp_path / "coords_T1.txt"
    path.write_text("1 2 3\n")
    found = read_picks(path, PIXEL, name="pytom-coordinates")
    assert (found.picks.image[0], found.assumed[1:]) == ("coords_T1", ())
    named = read_picks(
        path, Frame(pixel_size_angstrom=2.0, image_name="007"), name="pytom-coordinates"
    )
    assert named.picks.image.tolist() == ["007"]  # fmt: skip
    assert named.picks.position_angstrom.tolist() == [[2, 4, 6]]


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    _, found = check_round_trip(
        "pytom-coordinates", ndim=3, parity=parity, binning=binning, folder=tmp_path, images=["1e5"]
    )
    assert set(found.image) == {"1e5"}


def test_sniffing(tmp_path):
    sniff = dialect("pytom-coordinates").sniff
    assert sniff(tmp_path / "x.txt", b"#\n#TOMONAME \ta.mrc\n1 2 3\n") == 3
    assert sniff(tmp_path / "coords_x.txt", b"1 2 3\n") == 2
    assert sniff(tmp_path / "x.txt", b"1 2 3\n") == 0
    assert sniff(tmp_path / "coords_x.txt", b"1 2 3 4\n") == 0


def test_empty(tmp_path):
    write_picks(Picks.empty(3), tmp_path / "a.txt", PIXEL, name="pytom-coordinates")
    assert len(read_picks(tmp_path / "a.txt", PIXEL).picks) == 0


def test_bad_lists(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 2\n")
    with pytest.raises(FormatError, match="line 1: expected x y z, got 2 values"):
        read_picks(path, PIXEL, name="pytom-coordinates")
    path.write_text("1 2 three\n")
    with pytest.raises(FormatError, match="line 1, column z: 'three' is not a number"):
        read_picks(path, PIXEL, name="pytom-coordinates")


def test_one_tomogram_per_file(tmp_path):
    picks = Picks.of([[0.0, 0, 0], [1, 1, 1]], image=["A", "B"])
    with pytest.raises(InputError, match="write one file per image"):
        write_picks(picks, tmp_path / "a.txt", PIXEL, name="pytom-coordinates")
