import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg, random_rotations
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from shared_data import shared

GENUINE = "formats/pytom_match_pick/candidatesPytomRel5.star"
# 4096 x 4096 x 2048 pixels of 2.95 Å, binned by 4: what the project of that file searched.
SEARCHED = Grid(shape=(512, 1024, 1024), pixel_size_angstrom=11.8)


def candidates(path, rows, voxel=8.0):
    lines = [" ".join(f"{v:.6f}" for v in row) + f" 0.5 0.1 0.02 {voxel} T" for row in rows]
    path.write_text(
        "data_\n\nloop_\n"
        + "".join(f"_rlnCenteredCoordinate{a}Angst\n" for a in "XYZ")
        + "_rlnLCCmax\n_rlnCutOff\n_rlnSearchStd\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoName\n"
        + "\n".join(lines)
        + "\n"
    )
    return path


VOXELS = np.array([[3.0, 4.0, 5.0], [10.0, 2.0, 7.0], [0.0, 30.0, 8.0]])


@pytest.mark.parametrize("shape", [(16, 32, 32), (17, 33, 31)])
def test_files_without_metadata_centre_on_half_the_searched_volume(tmp_path, shape):
    grid = Grid(shape=shape, pixel_size_angstrom=8.0)
    centred = (VOXELS - np.array(shape[::-1]) / 2) * 8.0
    read = read_picks(candidates(tmp_path / "c.star", centred), Frame(default_grid=grid))
    np.testing.assert_allclose(grid.to_px(read.picks.position_angstrom), VOXELS, atol=1e-6)
    assert read.assumed == ("positions: Å from the centre, index N / 2 of the searched volume",)


@pytest.mark.parametrize("given", [None, 2.0])
@pytest.mark.parametrize("shape", [(16, 32, 32), (17, 33, 31)])
def test_files_with_metadata_centre_on_half_the_unbinned_volume_less_one(tmp_path, shape, given):
    grid = Grid(shape=shape, pixel_size_angstrom=8.0)
    binning, tilt_pixel = 4, 2.0
    # pytom: (coordinate * binning - (size * binning / 2 - 1)) * pixel size of the tilt series
    centred = (VOXELS * binning - (np.array(shape[::-1]) * binning / 2 - 1)) * tilt_pixel
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=given)
    read = read_picks(candidates(tmp_path / "c.star", centred), frame)
    np.testing.assert_allclose(grid.to_px(read.picks.position_angstrom), VOXELS, atol=1e-5)
    assert "index N / 2 - 1 of the unbinned tomogram (2 Å" in read.assumed[0]


def test_mixed_fractions_follow_the_pixel_size_given(tmp_path):
    grid = Grid(shape=(16, 32, 32), pixel_size_angstrom=8.0)
    rows = (VOXELS + np.array([[0.1], [0.4], [0.7]]) - [16, 16, 8]) * 8.0
    path = candidates(tmp_path / "c.star", rows)
    plain = read_picks(path, Frame(default_grid=grid)).picks
    with_metadata = read_picks(path, Frame(default_grid=grid, tilt_series_pixel_angstrom=2.0)).picks
    np.testing.assert_allclose(plain.position_angstrom - with_metadata.position_angstrom, 2.0)


def test_the_voxel_size_of_the_file_never_scales_but_warns(tmp_path):
    grid = Grid(shape=(16, 32, 32), pixel_size_angstrom=8.0)
    centred = (VOXELS - [16, 16, 8]) * 8.0
    path = candidates(tmp_path / "c.star", centred, voxel=2.0)
    read = read_picks(path, Frame(default_grid=grid))
    np.testing.assert_allclose(grid.to_px(read.picks.position_angstrom), VOXELS, atol=1e-6)
    assert read.warnings == (
        "image T: rlnTomoTiltSeriesPixelSize is 2 Å, but its pixel size is 8 Å",
    )


def test_plain_candidates_count_voxels(tmp_path):
    path = tmp_path / "c.star"
    path.write_text(
        "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnLCCmax\n"
        "_rlnCutOff\n_rlnSearchStd\n_rlnDetectorPixelSize\n_rlnMicrographName\n"
        "3 4 5 0.5 0.1 0.02 8.0 rec_T\n"
    )
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == "pytom"
    read = read_picks(path)
    np.testing.assert_allclose(read.picks.position_angstrom, [[24, 32, 40]])
    assert read.picks.image.tolist() == ["rec_T"]
    assert read.picks.extra["rlnCutOff"].tolist() == ["0.1"]
    assert read.picks.score.tolist() == [0.5]
    # A tomogram binned by averaging: voxel 0 is not at 0 Å.
    grid = Grid(shape=(64, 64, 64), pixel_size_angstrom=2.0).binned_by_mean(4)
    placed = read_picks(path, Frame(default_grid=grid)).picks
    np.testing.assert_allclose(placed.position_angstrom, [[27, 35, 43]])


@pytest.mark.parametrize("tilt_pixel", [None, 2.0, 4.0])
@pytest.mark.parametrize("binning", [1, 2])
@pytest.mark.parametrize("n", [40, 41])
def test_round_trip_for_relion5(tmp_path, n, binning, tilt_pixel):
    rng = np.random.default_rng(3)
    grid = Grid(shape=(n, n + 1, n + 2), pixel_size_angstrom=2.0).binned_by_mean(binning)
    picks = Picks.of(
        grid.to_angstrom(rng.uniform(0, 18, (20, 3))),
        image="rec_1e5",
        orientation=random_rotations(20, rng=rng),
        score=rng.uniform(0, 1, 20),
    )
    frame = Frame(grids={"rec_1e5": grid}, tilt_series_pixel_angstrom=tilt_pixel)
    write_picks(picks, tmp_path / "c.star", frame, name="pytom-relion5")
    chosen = recognise(tmp_path / "c.star")
    assert chosen is not None
    assert chosen.name == "pytom-relion5"
    block = read_star(tmp_path / "c.star").blocks[0]
    assert set(block.columns["rlnTomoName"]) == {"1e5"}
    assert set(block.number("rlnTomoTiltSeriesPixelSize")) == {grid.pixel_size_angstrom}
    back = read_picks(tmp_path / "c.star", frame).picks
    assert back.image.tolist() == ["rec_1e5"] * 20
    assert np.abs(back.position_angstrom - picks.position_angstrom).max() < 1e-4
    assert angle_between_deg(back.orientation, picks.orientation).max() < 1e-3


def test_genuine_pytom_and_relion5_files_land_on_the_same_voxel(tmp_path):
    """pytom -> RELION 5 and RELION 5 -> pytom, from genuine files of both."""
    frame = Frame(default_grid=SEARCHED, tilt_series_pixel_angstrom=2.95)
    read = read_picks(shared(GENUINE), frame)
    voxels = SEARCHED.to_px(read.picks.position_angstrom)
    np.testing.assert_allclose(voxels, np.round(voxels), atol=1e-4)
    np.testing.assert_allclose(voxels[0], [512 - 149, 512 + 170, 256 + 42], atol=1e-4)
    write_picks(read.picks, tmp_path / "r.star", frame, name="relion5")
    block = read_star(tmp_path / "r.star").block("particles")
    # Index N / 2 of the searched volume is index N / 2 of the unbinned one: nothing moves.
    original = read_star(shared(GENUINE)).block("particles")
    for axis in "XYZ":
        name = f"rlnCenteredCoordinate{axis}Angst"
        np.testing.assert_allclose(block.number(name), original.number(name), atol=1e-5)
    relion = read_picks(tmp_path / "r.star", frame).picks
    np.testing.assert_allclose(SEARCHED.to_px(relion.position_angstrom), voxels, atol=1e-5)
    assert angle_between_deg(relion.orientation, read.picks.orientation).max() < 1e-4


@pytest.mark.parametrize("name", ["pytom", "pytom-relion5"])
def test_genuine_relion5_particles_as_pytom_land_on_the_same_voxel(tmp_path, name):
    grid = Grid(shape=(270, 540, 540), pixel_size_angstrom=10.0)
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=1.35)
    source = shared("formats/relion5_tomo_project/Picks/job019/particles.star")
    picks = read_picks(source, frame).picks
    write_picks(picks, tmp_path / "c.star", frame, name=name)
    back = read_picks(tmp_path / "c.star", frame).picks
    error = np.abs(grid.to_px(back.position_angstrom) - grid.to_px(picks.position_angstrom))
    assert error.max() < 1e-3
    assert back.image.tolist() == picks.image.tolist()
