import numpy as np
import pytest

from cryopick.errors import MissingFrameError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks

GRID = Grid(shape=(50, 100, 200), pixel_size_angstrom=10.0)


@pytest.mark.parametrize("number", ["1", ""])
def test_m_species_are_in_angstrom(tmp_path, number):
    path = tmp_path / "s.star"
    path.write_text(
        "data_\nloop_\n"
        + "".join(f"_wrpCoordinate{a}{number}\n" for a in "XYZ")
        + "".join(f"_wrpAngle{a}{number}\n" for a in ("Rot", "Tilt", "Psi"))
        + "_wrpSourceName\n_wrpRandomSubset\n100.5 200 300 10 20 30 TS_007.tomostar 1\n"
    )
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == "warp"
    # Å need no image, and an image changes nothing.
    for frame in (Frame(), Frame(default_grid=GRID)):
        picks = read_picks(path, frame).picks
        np.testing.assert_allclose(picks.position_angstrom, [[100.5, 200, 300]])
        assert picks.image.tolist() == ["TS_007"]
        expected = quaternion_from_relion([10, 20, 30])
        assert angle_between_deg(picks.orientation[0], expected) < 1e-9
        assert picks.extra["wrpRandomSubset"].tolist() == ["1"]


def test_later_time_points_stay_as_columns(tmp_path):
    path = tmp_path / "s.star"
    names = "".join(f"_wrpCoordinate{a}{t}\n" for t in (1, 2) for a in "XYZ")
    path.write_text(f"data_\nloop_\n{names}1 2 3 4 5 6\n")
    picks = read_picks(path).picks
    np.testing.assert_allclose(picks.position_angstrom, [[1, 2, 3]])
    assert {k: v.tolist() for k, v in picks.extra.items()} == {
        "wrpCoordinateX2": ["4"],
        "wrpCoordinateY2": ["5"],
        "wrpCoordinateZ2": ["6"],
    }
    assert picks.image.tolist() == ["s"]


HEAD = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnMicrographName\n"


def test_pixels_start_at_the_centre_of_the_first_voxel(tmp_path):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}10 20 30 TS_1.tomostar\n0 0.5 1 TS_1.tomostar\n")
    picks = read_picks(path, Frame(default_grid=GRID)).picks
    np.testing.assert_allclose(picks.position_angstrom, [[100, 200, 300], [0, 5, 10]])


def test_fractions_of_the_tomogram_need_its_shape(tmp_path):
    path = tmp_path / "p.star"
    path.write_text(f"{HEAD}0.5 0.25 1 TS_1.tomostar\n0 0.5 0.125 TS_1.tomostar\n")
    read = read_picks(path, Frame(default_grid=GRID))
    np.testing.assert_allclose(read.picks.position_angstrom, [[1000, 250, 500], [0, 500, 62.5]])
    assert "fractions of the tomogram's edges" in read.assumed[0]
    with pytest.raises(MissingFrameError, match="its shape is needed"):
        read_picks(path)


def test_names_are_written_as_warp_knows_them(tmp_path):
    picks = Picks.of([[10.0, 20.0, 30.0]], image="TS_1")
    notes = write_picks(picks, tmp_path / "p.star", Frame(default_grid=GRID), name="warp")
    assert "--coords_angpix" in notes[0]
    block = read_star(tmp_path / "p.star").blocks[0]
    assert block.value("rlnMicrographName") == "TS_1.tomostar"
    assert read_picks(tmp_path / "p.star").picks.image.tolist() == ["TS_1"]
