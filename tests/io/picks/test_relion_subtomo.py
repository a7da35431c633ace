import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from shared_data import shared

HEAD = "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
GRID = Grid(shape=(80, 90, 100), pixel_size_angstrom=10.0)


@pytest.mark.parametrize(
    ("columns", "values", "size"),
    [
        ("_rlnPixelSize\n", "5", 5.0),
        ("_rlnMagnification\n_rlnDetectorPixelSize\n", "10000 2.5", 2.5),
        ("_rlnMagnification\n_rlnDetectorPixelSize\n_rlnPixelSize\n", "10000 2.5 4", 4.0),
    ],
)
def test_the_size_that_the_file_states_decides(tmp_path, columns, values, size):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}{columns}T.mrc 10 20 30 {values}\n")
    for frame in (Frame(), Frame(default_grid=GRID)):
        np.testing.assert_allclose(
            read_picks(path, frame).picks.position_angstrom, [[10 * size, 20 * size, 30 * size]]
        )


def test_a_file_without_size_counts_pixels_of_the_tomogram(tmp_path):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}_rlnOriginX\n_rlnOriginY\n_rlnOriginZ\nT.mrc 10 20 30 1 2 3\n")
    read = read_picks(path, Frame(default_grid=GRID))
    np.testing.assert_allclose(read.picks.position_angstrom, [[90, 180, 270]])
    with pytest.raises(MissingFrameError, match="give --pixel-size"):
        read_picks(path)


def test_pixels_of_the_image_follow_its_origin(tmp_path):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}_rlnPixelSize\nT.mrc 10 20 30 10\n")
    grid = Grid(shape=(8, 9, 10), pixel_size_angstrom=10.0, origin_angstrom=(1, 2, 3))
    read = read_picks(path, Frame(default_grid=grid))
    np.testing.assert_allclose(read.picks.position_angstrom, [[101, 202, 303]])


def test_a_magnification_of_zero_is_no_size(tmp_path):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}_rlnMagnification\n_rlnDetectorPixelSize\nT.mrc 10 20 30 0 5\n")
    np.testing.assert_allclose(
        read_picks(path, Frame(default_grid=GRID)).picks.position_angstrom, [[100, 200, 300]]
    )


def test_written_tables_state_their_pixel_size(tmp_path):
    picks = Picks.of([[10.0, 20.0, 30.0]], image="T", score=[0.5])
    write_picks(picks, tmp_path / "p.star", Frame(default_grid=GRID), name="relion3")
    block = read_star(tmp_path / "p.star").blocks[0]
    assert block.value("rlnMicrographName") == "T.mrc"
    assert block.number("rlnDetectorPixelSize").tolist() == [10.0]
    assert block.number("rlnMagnification").tolist() == [10000.0]
    np.testing.assert_allclose(
        read_picks(tmp_path / "p.star").picks.position_angstrom, [[10, 20, 30]]
    )


def test_genuine_portal_samples_hold_the_same_particles():
    """The same six particles in three programs' files, each with its own pixel size."""
    folder = "formats/czportal_annotations"
    three = read_picks(shared(f"{folder}/relion_3_star.star")).picks
    other = read_picks(shared(f"{folder}/tomoman_relion_star.star")).picks
    assert len(three) == len(other) == 6
    coordinates = np.array([4.0, 8.0, 12.0]) - [-1.2, -2.4, -3.2]
    np.testing.assert_allclose(three.position_angstrom[0], coordinates * 1.7005)
    np.testing.assert_allclose(other.position_angstrom[0], coordinates * 1.96)
    np.testing.assert_allclose(three.orientation, other.orientation, atol=1e-12)


@pytest.mark.parametrize(
    ("relative", "rows"),
    [
        ("relion_tomo/relion_3.0.star", 3),
        ("relion_tomo/relion_3.1_optics2.star", 3),
        ("relion_tomo/bin6_TM_starfile.star", 177),
        ("pytom/example_starfile.star", 74),
        ("relion_spa/one_loop.star", 16),
    ],
)
def test_genuine_files(relative, rows):
    path = shared(f"formats/{relative}")
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name in ("relion3", "warp")
    picks = read_picks(path).picks
    assert len(picks) == rows
    assert picks.orientation is not None


def test_genuine_warp_export_takes_the_size_of_its_optics_group():
    path = shared("formats/relion_tomo/warp_export_run_it025_data_head.star")
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == "warp"
    picks = read_picks(path).picks
    assert len(picks) == 257
    assert picks.image[0] == "021"
    expected = np.array([1614.547, 942.527, 430.1]) * 4.828 - [6.177174, 4.439094, -4.34787]
    np.testing.assert_allclose(picks.position_angstrom[0], expected)


@pytest.mark.parametrize("name", ["relion3", "warp", "pytom"])
def test_a_table_without_coordinates_is_refused(tmp_path, name):
    path = tmp_path / "p.star"
    path.write_text("data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\na 1\n")
    with pytest.raises(FormatError, match=r"p\.star: no table with"):
        read_picks(path, name=name)
