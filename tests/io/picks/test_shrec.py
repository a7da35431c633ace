from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.picks.shrec import DIALECTS
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

TEN = Frame(pixel_size_angstrom=10.0)


@pytest.mark.parametrize("name", ["shrec", "shrec-zyx"])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(name: str, parity: str, binning: int, tmp_path: Path):
    check_round_trip(name, ndim=3, parity=parity, binning=binning, folder=tmp_path)


def test_the_two_orders(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("1bxn 1 2 3 10 20 30\n")
    plain = read_picks(path, TEN, name="shrec").picks
    turned = read_picks(path, TEN, name="shrec-zyx").picks
    np.testing.assert_array_equal(plain.position_angstrom, [[10, 20, 30]])
    np.testing.assert_array_equal(turned.position_angstrom, [[30, 20, 10]])
    assert plain.label.tolist() == ["1bxn"]


def test_the_tilt_is_in_the_middle(tmp_path: Path):
    paths = tmp_path / "a.txt", tmp_path / "a.xml"
    paths[0].write_text("1bxn 0 0 0 10 20 30\n")
    paths[1].write_text('<objlist><object x="0" y="0" z="0" phi="10" psi="30" the="20"/></objlist>')
    a, b = (read_picks(path, TEN).picks.orientation for path in paths)
    assert angle_between_deg(a, b).max() < 1e-9


def test_genuine_list_of_2019_is_recognised_by_its_thin_axis():
    path = shared("formats/deepfinder/particle_locations_model_9.txt")
    assert recognise(path).name == "shrec-zyx"
    picks = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks
    assert len(picks) == 2540
    np.testing.assert_array_equal(picks.position_angstrom[0], [118, 480, 180])
    assert picks.label[0] == "3d2f"
    assert picks.position_angstrom[:, 2].max() < 200 < picks.position_angstrom[:, 0].max()


def test_lists_without_rotations(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("1bxn 1 2 3\n")
    assert read_picks(path, TEN, name="shrec").picks.orientation is None
    picks = Picks.of([[10.0, 20, 30]], image="a")
    said = write_picks(picks, path, TEN, name="shrec")
    assert path.read_text() == "1 1.0000 2.0000 3.0000 0.00000 0.00000 0.00000\n"
    assert any("no orientations" in line for line in said)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1bxn 1 2 3 0 0 0\n1bxn\n", "line 2: not 4 or 7 columns"),
        ("1bxn 1 2\n", "line 1: not 4 or 7 columns"),
        ("1bxn 1 2 b 0 0 0\n", "line 1, column z: 'b'"),
        ("1bxn 1 2 3 0 nan 0\n", "line 1, column X: 'nan'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, TEN, name="shrec")


def test_a_space_in_a_class_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="class 'a b': a space"):
        write_picks(
            Picks.of([[1.0, 2, 3]], image="a", label="a b"), tmp_path / "a", TEN, name="shrec"
        )


@pytest.mark.parametrize(
    "name",
    ["aretomo3/test_CTF.txt", "cryocat_ts017/017_ctffind4.txt", "deepfinder/object_list_tomo0.xml"],
)
def test_other_genuine_files_of_seven_numbers_are_not_taken_for_particles(name: str):
    path = shared(f"formats/{name}")
    with path.open("rb") as file:
        head = file.read(65536)
    assert [d.sniff(path, head) for d in DIALECTS] == [0, 0]


def test_what_is_written(tmp_path: Path):
    half = np.sqrt(0.5)
    # A turn by 90 degrees about x alone: Z1 = 0, X = 90, Z2 = 0.
    picks = Picks.of([[10.0, 20, 35]], image="a", label="1bxn", orientation=[[half, half, 0, 0]])
    for name, places in (("shrec", "1.0000 2.0000 3.5000"), ("shrec-zyx", "3.5000 2.0000 1.0000")):
        path = tmp_path / f"{name}.txt"
        write_picks(picks, path, TEN, name=name)
        cells = path.read_text().split()
        assert " ".join(cells[:4]) == f"1bxn {places}"
        np.testing.assert_allclose([float(c) for c in cells[4:]], [0, 90, 0], atol=1e-5)
