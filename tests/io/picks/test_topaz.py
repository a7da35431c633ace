from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

FRAME = Frame(pixel_size_angstrom=2.0)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(ndim: int, parity: str, binning: int, tmp_path: Path):
    check_round_trip("topaz", ndim=ndim, parity=parity, binning=binning, folder=tmp_path)


def test_golden(tmp_path: Path):
    path = tmp_path / "picks.txt"
    path.write_text("image_name\tx_coord\ty_coord\tscore\tnote\nmic.mrc\t10\t20\t-1.5\tgood one\n")
    picks = read_picks(path, FRAME).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[20, 40]])
    assert picks.image.tolist() == ["mic"]
    assert picks.score.tolist() == [-1.5]
    assert picks.extra["note"].tolist() == ["good one"]


def test_names_stay_texts(tmp_path: Path):
    path = tmp_path / "picks.txt"
    picks = Picks.of(np.ones((3, 2)), image=["007", "1e5", "with space"])
    write_picks(picks, path, FRAME, name="topaz")
    assert read_picks(path, FRAME).picks.image.tolist() == ["007", "1e5", "with space"]


def test_each_image_is_placed_by_its_own_grid(tmp_path: Path):
    path = tmp_path / "picks.txt"
    path.write_text("image_name\tx_coord\ty_coord\na\t10\t10\nb\t10\t10\n")
    fine = Grid(shape=(40, 40), pixel_size_angstrom=1.0)
    frame = Frame(grids={"a": fine, "b": fine.binned_by_mean(4)})
    np.testing.assert_allclose(read_picks(path, frame).picks.position_angstrom[:, 0], [10, 41.5])


def test_genuine_list():
    path = shared("formats/topaz/EMPIAR-10025_particles.txt")
    assert recognise(path).name == "topaz"
    picks = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks
    assert len(picks) == 1500
    assert len(np.unique(picks.image)) == 30
    assert picks.image[0] == "14sep05c_c_00003gr_00014sq_00004hl_00004es_c"
    np.testing.assert_array_equal(picks.position_angstrom[0], [6924, 2481])
    assert picks.score is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("image_name\tx_coord\na\t1\n", "line 1: no column y_coord"),
        ("image_name\tx_coord\ty_coord\na\t1\n", "line 2: 2 columns, the header has 3"),
        ("image_name\tx_coord\ty_coord\na\t1\tb\n", "line 2, column y_coord: 'b' is not a number"),
        ("image_name\tx_coord\ty_coord\ty_coord\na\t1\t1\t1\n", "two columns of one name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "picks.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, FRAME, name="topaz")


def test_a_tab_in_a_name_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="a tab or line break"):
        write_picks(
            Picks.of(np.ones((1, 2)), image="a\tb"), tmp_path / "p.txt", FRAME, name="topaz"
        )


def test_no_picks(tmp_path: Path):
    path = tmp_path / "picks.txt"
    write_picks(Picks.empty(3), path, FRAME, name="topaz")
    back = read_picks(path, FRAME).picks
    assert (len(back), back.ndim) == (0, 3)


names = st.text(
    st.characters(blacklist_categories=["C", "Z"], blacklist_characters="#"),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(names, st.floats(-1e4, 1e5), st.floats(-1e4, 1e5)), min_size=1, max_size=8
    )
)
def test_any_name_and_place_survives(rows: list[tuple[str, float, float]], tmp_path: Path):
    expected = [image_name(name) for name, _, _ in rows]
    picks = Picks.of([row[1:] for row in rows], image=expected)
    path = tmp_path / "picks.txt"
    write_picks(picks, path, FRAME, name="topaz")
    back = read_picks(path, FRAME).picks
    assert back.image.tolist() == [image_name(name) for name in expected]
    error = np.abs(back.position_angstrom - picks.position_angstrom)
    assert error.max() < 2e-4


def test_what_is_written(tmp_path: Path):
    path = tmp_path / "picks.txt"
    picks = Picks.of([[2.0, 4.5]], image="007", score=[-6.25])
    said = write_picks(picks, path, FRAME, name="topaz")
    assert path.read_text() == "image_name\tx_coord\ty_coord\tscore\n007\t1.0000\t2.2500\t-6.25\n"
    assert "rounds them to whole pixels" in said[0]
    write_picks(Picks.of([[2.0, 4.0, 6.0]], image="t"), path, FRAME, name="topaz")
    assert path.read_text().splitlines()[0] == "image_name\tx_coord\ty_coord\tz_coord"
