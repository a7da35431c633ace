import dataclasses

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.matching.imaging import Band
from cryopick.pick.matching.settings import MatchSettings, crowther_step_deg

PLAIN = MatchSettings()


def test_the_crowther_step_moves_the_rim_by_one_resolved_detail():
    for diameter, pixel, low_pass in ((280.0, 10.0, None), (150.0, 3.0, 40.0), (150.0, 10.0, 12.0)):
        resolution = max(2 * pixel, low_pass or 0)
        step = crowther_step_deg(diameter, pixel, low_pass)
        assert diameter * np.deg2rad(step) == pytest.approx(resolution)


def test_the_step_asked_for_is_taken_else_that_of_the_resolution():
    assert MatchSettings(angular_step_deg=7.5).step_for(280.0, 10.0) == 7.5
    assert PLAIN.step_for(280.0, 10.0) == crowther_step_deg(280.0, 10.0, None)
    coarse = MatchSettings(band=Band(low_pass_angstrom=60))
    assert coarse.step_for(280.0, 10.0) == pytest.approx(3 * PLAIN.step_for(280.0, 10.0))


def test_the_screen_is_coarser_where_poses_are_refined_later():
    crowther = crowther_step_deg(280.0, 14.0, None)
    assert crowther < PLAIN.screen_step_for(280.0, 14.0) <= 14
    assert MatchSettings(refine=False).screen_step_for(280.0, 14.0) == crowther
    assert MatchSettings(screen_step_deg=9).screen_step_for(280.0, 14.0) == 9
    # Never finer than asked for, never wider than what refinement can climb from.
    assert MatchSettings(angular_step_deg=13.5).screen_step_for(280.0, 14.0) >= 13.5
    assert MatchSettings(angular_step_deg=20).screen_step_for(280.0, 14.0) == 20
    assert PLAIN.screen_step_for(100.0, 14.0) == pytest.approx(
        max(14, crowther_step_deg(100, 14, None))
    )


@pytest.mark.parametrize("pixel", [1.0, 5.0, 13.0, 20.0])
def test_voxels_are_a_share_of_the_diameter_and_never_finer_than_the_tomogram(pixel):
    fine, screen = PLAIN.fine_pixel_for(280.0, pixel), PLAIN.screen_pixel_for(280.0, pixel)
    assert pixel <= fine <= screen
    assert fine in (7.0, pixel)
    assert screen in (17.5, pixel)
    # Resampled only where that is worth it.
    assert fine == pixel or fine / pixel > 1.15
    assert screen == pixel or screen / pixel > 1.15


def test_the_voxel_asked_for():
    asked = MatchSettings(screen_pixel_angstrom=17.0)
    assert asked.screen_pixel_for(280.0, 10.0) == 17.0
    assert asked.screen_pixel_for(280.0, 16.0) == 16.0
    assert asked.screen_pixel_for(280.0, 25.0) == 25.0


@pytest.mark.parametrize("name", ["energy", "first_round_energy", "first_round_kept"])
@pytest.mark.parametrize("value", [0.0, 1.01, -1.0, float("nan")])
def test_fractions_outside_their_range_are_told(name, value):
    with pytest.raises(InputError, match=f"{name}: expected above 0 and up to 1") as caught:
        MatchSettings(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pool_size", "seeds"])
def test_no_candidates_or_no_seeds_are_told(name):
    with pytest.raises(InputError, match="1 or more"):
        MatchSettings(**{name: 0})


def test_the_pool_goes_with_the_volume_within_limits():
    one = PLAIN.pool_for(1e11, 200.0)
    assert 1000 < one < 20_000
    assert PLAIN.pool_for(2e11, 200.0) == pytest.approx(2 * one, abs=1)
    assert PLAIN.pool_for(1e11, 250.0) < one
    assert PLAIN.pool_for(1e6, 200.0) == 1000
    assert PLAIN.pool_for(1e14, 200.0) == 20_000
    assert MatchSettings(pool_size=77).pool_for(1e14, 200.0) == 77


def test_settings_are_fixed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.energy = 0.5
