import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.geometry.rotation import angle_between_deg, random_rotations
from cryopick.io.picks.csv import DIALECTS
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks
from shared_data import shared

FRAME = Frame(pixel_size_angstrom=2.0)


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("n", [60, 61])
@pytest.mark.parametrize("binning", [1, 2, 4])
def test_round_trip(tmp_path, ndim, n, binning):
    rng = np.random.default_rng(1)
    grid = Grid(shape=(n, n + 1, n + 2)[:ndim], pixel_size_angstrom=1.7).binned_by_mean(binning)
    turn = random_rotations(20, rng=rng)
    picks = Picks.of(
        grid.to_angstrom(rng.uniform(0, n / binning - 1, (20, ndim))),
        image="007",
        orientation=turn if ndim == 3 else quaternion_from_psi_deg(rng.uniform(-180, 180, 20)),
        score=np.where(np.arange(20) == 3, np.nan, rng.normal(size=20) * 1e-9),
        label=rng.choice(["a, b", 'say "x"', ""], 20),
        group=rng.choice(["1e5", "007"], 20),
        diameter_angstrom=rng.uniform(10, 20, 20),
        extra={"note": np.array(["p;q"] * 20), "value": rng.normal(size=20)},
    )
    frame = Frame(grids={"007": grid})
    write_picks(picks, tmp_path / "p.csv", frame, name="csv")
    back = read_picks(tmp_path / "p.csv", frame).picks
    assert np.abs(back.position_angstrom - picks.position_angstrom).max() < 1e-5
    assert angle_between_deg(back.orientation, picks.orientation).max() < 1e-3
    for column in ("image", "label", "group"):
        np.testing.assert_array_equal(getattr(back, column), getattr(picks, column))
    np.testing.assert_allclose(back.score, picks.score, rtol=1e-8)
    np.testing.assert_allclose(back.diameter_angstrom, picks.diameter_angstrom, rtol=1e-7)
    assert back.extra["note"].tolist() == ["p;q"] * 20
    np.testing.assert_allclose(back.extra["value"].astype(float), picks.extra["value"], rtol=1e-8)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_delimiter(tmp_path, delimiter, newline):
    rows = [["image", "x", "y", "score"], ["a.mrc", "1", "2.5", "0.5"], ["b.mrc", "3", "4", ""]]
    path = write(tmp_path / "p.csv", newline.join(delimiter.join(r) for r in rows))
    picks = read_picks(path, FRAME).picks
    np.testing.assert_allclose(picks.position_angstrom, [[2, 5], [6, 8]])
    assert picks.image.tolist() == ["a", "b"]
    np.testing.assert_array_equal(picks.score, [0.5, np.nan])


def test_headers_of_others(tmp_path):
    path = write(tmp_path / "p.csv", "X-Coordinate,Y-Coordinate,Diameter\n10,20,30\n")
    read = read_picks(path, FRAME)
    np.testing.assert_allclose(read.picks.position_angstrom, [[20, 40]])
    assert read.picks.diameter_angstrom.tolist() == [60]
    assert read.picks.image.tolist() == ["p"]
    path = write(tmp_path / "m_picks.csv", "x,y,radius\n10,20,30\n")
    read = read_picks(path, FRAME)
    assert read.picks.diameter_angstrom.tolist() == [120]
    assert read.picks.image.tolist() == ["m"]
    # Coordinates in another unit are not taken for pixels.
    assert recognise(write(tmp_path / "t.csv", "IDs,X [A],Y [A],Z [A]\n0,1,2,3\n")) is None or (
        recognise(tmp_path / "t.csv").name != "csv"
    )


def test_byte_order_mark_and_blank_lines(tmp_path):
    path = write(tmp_path / "p.csv", b"\xef\xbb\xbfx,y\n\n1,2\n , \n")
    assert len(read_picks(path, FRAME).picks) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "line 1: 'a,b' is not a header with x and y"),
        ("x,y\n1\n", "row 2: 1 values, but 2 columns"),
        ("x,y\n1,q\n", "row 2, column y: 'q' is not a number"),
        ("x,y\n1,2\n1,\n", "row 3, column y: '' is not a number"),
        ("x,y\n1,inf\n", "row 2, column y: 'inf' is not a number"),
        ("x,y\n1_0,2\n", "'1_0' is not a number"),
        ("x,y,score\n1,2,high\n", "column score: 'high' is not a number"),
        ("x,y,X\n1,2,3\n", "column x is there twice"),
        (b"x,y\n\x00,2\n", "holds the byte 0x00: binary content"),
        ("", "is not a header"),
    ],
)
def test_bad_content_is_named(tmp_path, content, message):
    path = write(tmp_path / "p.csv", content)
    with pytest.raises(FormatError, match=message):
        DIALECTS[0].read(path, FRAME)


def test_angles_that_one_pick_lacks_are_the_identity(tmp_path):
    path = write(tmp_path / "p.csv", "x,y,z,rot,tilt,psi\n1,2,3,,,\n4,5,6,10,20,30\n")
    picks = read_picks(path, FRAME).picks
    np.testing.assert_allclose(picks.orientation[0], [1, 0, 0, 0])
    assert picks.orientation[1, 0] < 1


def test_genuine_truth_files():
    folder = "images/apoferritin_empiar10146"
    read = read_picks(
        shared(f"{folder}/May08_03.05.02.bin_picks.csv"), Frame(pixel_size_angstrom=1.5)
    )
    assert len(read.picks) == 149
    np.testing.assert_allclose(read.picks.position_angstrom[0], [623 * 1.5, 289 * 1.5])
    assert read.picks.diameter_angstrom[0] == 96.0
    assert read.picks.image[0] == "May08_03.05.02.bin"


def test_genuine_portal_points():
    for name in ("points_with_header.csv", "points_with_header_pipe_delim.csv"):
        picks = read_picks(shared(f"formats/czportal_annotations/{name}"), FRAME, name="csv").picks
        np.testing.assert_allclose(picks.position_angstrom, [[2, 4, 6], [4, 4, 4], [0, 6, 0]])


def test_no_picks_at_all(tmp_path):
    write_picks(Picks.empty(2), tmp_path / "p.csv", FRAME, name="csv")
    assert len(read_picks(tmp_path / "p.csv", FRAME).picks) == 0


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 40))
def test_damaged_files_give_errors_of_ours(tmp_path_factory, noise, place):
    content = b"image,x,y,score\na.mrc,1,2,0.5\nb,3,4,nan\n"
    path = tmp_path_factory.mktemp("csv") / "p.csv"
    path.write_bytes(content[:place] + noise + content[place:])
    try:
        found = len(DIALECTS[0].read(path, FRAME).picks)
    except CryopickError as error:
        found = 0 if "p.csv" in str(error) else -1
    assert found >= 0


def test_a_file_too_large_to_be_picks_is_refused_unread(tmp_path):
    path = tmp_path / "p.csv"
    with path.open("wb") as file:
        file.write(b"x,y\n")
        file.truncate(200 * 2**20)  # sparse
    with pytest.raises(FormatError, match=r"p\.csv: is larger than 128 MiB"):
        read_picks(path, Frame(pixel_size_angstrom=1.0), name="csv")
