from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

ONE = Frame(pixel_size_angstrom=1.0)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(ndim: int, parity: str, binning: int, tmp_path: Path):
    check_round_trip("points", ndim=ndim, parity=parity, binning=binning, folder=tmp_path)


@pytest.mark.parametrize(
    "text", ["1 2 3", "1,2,3", "1, 2, 3", "1;2;3", "1|2|3", "1\t2\t3", "x y z\n1 2 3"]
)
def test_separators_and_header(tmp_path: Path, text: str):
    path = tmp_path / "TS_1.txt"
    path.write_text(text + "\n")
    picks = read_picks(path, ONE, name="points").picks
    np.testing.assert_array_equal(picks.position_angstrom, [[1, 2, 3]])
    assert picks.image.tolist() == ["TS_1"]
    assert recognise(path) is not None


@pytest.mark.parametrize(
    "name", ["points", "points_tab_delim", "points_with_header", "points_with_header_pipe_delim"]
)
def test_genuine_portal_lists(name: str):
    picks = read_picks(shared(f"formats/czportal_annotations/{name}.csv"), ONE, name="points").picks
    np.testing.assert_array_equal(picks.position_angstrom, [[1, 2, 3], [2, 2, 2], [0, 3, 0]])


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_picks_keep_their_dimension(tmp_path: Path, ndim: int):
    path = tmp_path / "a.txt"
    write_picks(Picks.empty(ndim), path, ONE, name="points")
    back = read_picks(path, ONE, name="points").picks
    assert (len(back), back.ndim) == (0, ndim)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("1 2\n1 2 3\n", "line 2: 3 columns; bare points have two or three numbers on every line"),
        ("1 2 3 4\n", "line 1: 4 columns"),
        ("1 2 c\n", "line 1, column z: 'c' is not a number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, ONE, name="points")


def test_other_lists_are_not_taken_for_points(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("image,x,y\na,1,2\n")
    found = recognise(path)
    assert found is None or found.name != "points"


@pytest.mark.parametrize("suffix", [".tlt", ".rawtlt", ".xf", ".defocus"])
def test_columns_of_numbers_beside_tilt_series_are_not_taken_for_points(
    tmp_path: Path, suffix: str
):
    path = tmp_path / f"TS_1{suffix}"
    path.write_text("1 2 3\n4 5 6\n")
    found = recognise(path)
    assert found is None or found.name != "points"


@pytest.mark.parametrize("name", ["TS_037_cyto_ribosomes", "TS_037_fas"])
def test_genuine_lists_without_a_header(name: str):
    path = shared(f"formats/pytme/{name}.csv")
    assert recognise(path).name == "points"
    picks = read_picks(path, ONE).picks
    first = [float(v) for v in path.read_text().splitlines()[0].replace(",", " ").split()]
    np.testing.assert_array_equal(picks.position_angstrom[0], first)
    assert len(picks) == len(path.read_text().splitlines())


def test_what_is_written(tmp_path: Path):
    path = tmp_path / "TS_1.txt"
    picks = Picks.of([[1.0, 2.25, -3.0], [4.0, 5.0, 6.00004]], image="TS_1")
    said = write_picks(picks, path, ONE, name="points")
    assert path.read_text() == "1.0000 2.2500 -3.0000\n4.0000 5.0000 6.0000\n"
    assert said == ("x, y(, z) in pixels, 0 the first pixel",)


def test_comments_and_empty_lines(tmp_path: Path):
    path = tmp_path / "TS_1.txt"
    path.write_text("# clicked by hand\n\n1 2 3\n\n# more\n4 5 6\n")
    picks = read_picks(path, ONE, name="points").picks
    np.testing.assert_array_equal(picks.position_angstrom, [[1, 2, 3], [4, 5, 6]])
