"""Genuine particles of RELION 5 and pytom: the same voxel after a trip through any program."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialects, read_picks, write_picks
from cryopick.model import Grid
from shared_data import shared

RELION = "formats/relion5_tomo_project/Picks/job019/particles.star"
PYTOM = "formats/pytom_match_pick/candidatesPytomRel5.star"
# 4000 x 4000 x 2000 pixels of 1.35 Å as 540 x 540 x 270 voxels of 10 Å; 4096 x 4096 x 2048 pixels
# of 2.95 Å binned by 4. These are what the two projects searched.
TUTORIAL = Grid(shape=(270, 540, 540), pixel_size_angstrom=10.0)
SEARCHED = Grid(shape=(512, 1024, 1024), pixel_size_angstrom=11.8)
GENUINE = {"relion": (RELION, TUTORIAL, 1.35), "pytom": (PYTOM, SEARCHED, 2.95)}
ROUTES = [
    name
    for name, one in dialects().items()
    if one.write is not None and 3 in one.dimensions and name != "copick-project"
]


def genuine(which):
    """Picks of the first tomogram of a genuine file, its grid, and the frame to read it with."""
    path, grid, tilt_pixel = GENUINE[which]
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=tilt_pixel)
    picks = read_picks(shared(path), frame).picks
    return picks[picks.image == picks.image[0]], grid, frame


def nearest(here, there):
    """For each point of one list the nearest of the other: lists have orders of their own."""
    distance, index = cKDTree(there).query(here)
    assert len(set(index.tolist())) == len(here)  # one to one
    return distance, index


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("which", GENUINE)
def test_through_any_program_and_back(tmp_path, which, route):
    picks, grid, frame = genuine(which)
    path = tmp_path / f"{picks.image[0]}{(dialects()[route].suffixes or ('',))[0]}"
    write_picks(picks, path, frame, name=route)
    back = read_picks(path, frame, name=route).picks
    assert len(back) == len(picks)
    # The EM list holds float32, whose last digit is worth 1e-4 voxels at 1024.
    distance, _ = nearest(grid.to_px(picks.position_angstrom), grid.to_px(back.position_angstrom))
    assert distance.max() < 1e-3


@pytest.mark.parametrize("route", ["relion4", "dynamo-table", "pytom-xml", "stopgap"])
def test_poses_come_back_with_their_particles(tmp_path, route):
    picks, _, frame = genuine("pytom")
    path = tmp_path / f"{picks.image[0]}{dialects()[route].suffixes[0]}"
    write_picks(picks, path, frame, name=route)
    back = read_picks(path, frame, name=route).picks
    _, index = nearest(picks.position_angstrom, back.position_angstrom)
    assert angle_between_deg(picks.orientation, back.orientation[index]).max() < 2e-3


@pytest.mark.parametrize("which", GENUINE)
def test_one_binning_and_another_hold_the_same_specimen(which):
    """Of the same file, read with the searched volume and with one averaged by 2 more."""
    path, grid, tilt_pixel = GENUINE[which]
    coarse = grid.binned_by_mean(2)
    fine, binned = (
        read_picks(shared(path), Frame(default_grid=g, tilt_series_pixel_angstrom=tilt_pixel)).picks
        for g in (grid, coarse)
    )
    if which == "relion":
        np.testing.assert_allclose(fine.position_angstrom, binned.position_angstrom)
    # A voxel of the coarse volume is the middle of eight of the fine one.
    voxel = coarse.to_px(fine.position_angstrom)
    np.testing.assert_allclose(voxel * 2 + 0.5, grid.to_px(fine.position_angstrom), atol=1e-9)


def test_pytom_candidates_lie_in_whole_voxels_inside_their_tomogram():
    picks, grid, _ = genuine("pytom")
    voxel = grid.to_px(picks.position_angstrom)
    np.testing.assert_allclose(voxel, np.round(voxel), atol=1e-4)
    assert grid.contains(picks.position_angstrom).all()


def test_relion_particles_lie_inside_their_tomogram():
    picks, grid, _ = genuine("relion")
    assert grid.contains(picks.position_angstrom).all()


@pytest.mark.parametrize("which", GENUINE)
def test_what_was_taken_for_the_centre_is_said(which):
    path, grid, tilt_pixel = GENUINE[which]
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=tilt_pixel)
    assert any("index N / 2" in line for line in read_picks(shared(path), frame).assumed)


def test_a_pixel_size_that_is_another_is_a_warning_and_no_scale():
    """pytom's file says 11.8 Å; of a volume of half that, whose extent is the same, we say so."""
    finer = Grid(shape=(1024, 2048, 2048), pixel_size_angstrom=5.9)
    good, odd = (read_picks(shared(PYTOM), Frame(default_grid=g)) for g in (SEARCHED, finer))
    assert good.warnings == ()
    [line] = odd.warnings
    assert line.endswith("rlnTomoTiltSeriesPixelSize is 11.8 Å, but its pixel size is 5.9 Å")
    np.testing.assert_allclose(good.picks.position_angstrom, odd.picks.position_angstrom)
