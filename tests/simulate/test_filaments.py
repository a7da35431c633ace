"""Filaments: steps, directions, twist, walls."""

import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg, rotate
from cryopick.simulate.filaments import random_filament

LOW, HIGH = np.zeros(3), np.array([3000.0, 3000.0, 900.0])


def filament(seed, **more):
    settings = {"rise_angstrom": 55.0, "length_angstrom": 1100.0, **more}
    return random_filament(low=LOW, high=HIGH, rng=np.random.default_rng(seed), **settings)


@pytest.mark.parametrize("seed", range(8))
def test_segments_are_a_rise_apart_and_inside(seed):
    made = filament(seed)
    step = np.diff(made.position_angstrom, axis=0)
    np.testing.assert_allclose(np.linalg.norm(step, axis=1), 55)
    assert np.all(made.position_angstrom >= LOW)
    assert np.all(made.position_angstrom <= HIGH)
    assert len(made.position_angstrom) <= 21


@pytest.mark.parametrize("seed", range(8))
def test_the_template_z_axis_runs_along_the_filament(seed):
    made = filament(seed)
    step = np.diff(made.position_angstrom, axis=0)
    axis = rotate(made.orientation, np.array([0.0, 0, 1]))[1:]
    np.testing.assert_allclose(axis, step / 55, atol=1e-9)


def test_each_segment_is_twisted_against_the_last():
    made = filament(1, twist_deg=40.0)
    assert len(made.orientation) > 5
    turn = angle_between_deg(made.orientation[:-1], made.orientation[1:])
    # Bending adds a few degrees to the twist of 40.
    np.testing.assert_allclose(turn, 40, atol=12)


def test_filaments_are_stiff():
    cosines = []
    for seed in range(30):
        axis = rotate(filament(seed).orientation, np.array([0.0, 0, 1]))
        if len(axis) == 21:
            cosines.append(axis[0] @ axis[-1])
    # Over 1100 Å of a persistence of 20,000 Å: exp(-0.055) = 0.946.
    assert len(cosines) > 3
    assert np.mean(cosines) == pytest.approx(0.946, abs=0.04)


def test_the_same_seed_draws_the_same_filament():
    np.testing.assert_array_equal(filament(3).position_angstrom, filament(3).position_angstrom)
    assert not np.array_equal(filament(3).position_angstrom[0], filament(4).position_angstrom[0])
