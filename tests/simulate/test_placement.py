"""Placing balls, drawing poses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate
from cryopick.simulate.placement import Occupancy
from cryopick.simulate.poses import random_orientations


def room(d=3, edge=400.0, **more):
    return Occupancy(low=np.zeros(d), high=np.full(d, edge), **more)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 3), st.floats(-5, 20))
def test_balls_keep_their_distance_and_stay_inside(seed, d, gap):
    radii = np.random.default_rng(seed).uniform(5, 40, 25)
    centres, which = room(d, gap_angstrom=gap).place(radii.tolist(), np.random.default_rng(seed))
    sizes = radii[which]
    assert np.all(centres >= sizes[:, None])
    assert np.all(centres <= 400 - sizes[:, None])
    distance = pdist(centres)
    i, j = np.triu_indices(len(centres), 1)
    assert np.all(distance >= sizes[i] + sizes[j] + gap - 1e-9)
    assert np.all(np.diff(which) > 0)


def test_what_has_no_room_is_left_out_and_the_rest_stays():
    centres, which = room(2, 100.0).place([70.0, 10.0, 10.0], np.random.default_rng(0))
    assert which.tolist() == [1, 2]
    assert len(centres) == 2


def test_further_rules_and_taken_room_are_respected():
    space = room(2, 200.0, free=[lambda p, r: p[:, 0] > 100 + r])
    space.occupy(np.array([150.0, 100.0]), 40.0)
    centres, _ = space.place([5.0] * 20, np.random.default_rng(0))
    assert len(centres) == 20
    assert np.all(centres[:, 0] > 105)
    assert np.all(np.hypot(centres[:, 0] - 150, centres[:, 1] - 100) >= 45)


def test_the_same_generator_gives_the_same_places():
    a, _ = room().place([20.0] * 9, np.random.default_rng(4))
    b, _ = room().place([20.0] * 9, np.random.default_rng(4))
    np.testing.assert_array_equal(a, b)


def test_nothing_to_place():
    centres, which = room().place([], np.random.default_rng(0))
    assert centres.shape == (0, 3)
    assert which.shape == (0,)


@pytest.mark.parametrize("cone", [0.0, 10.0, 45.0, 90.0])
def test_views_stay_in_the_cone(cone):
    q = random_orientations(4000, np.random.default_rng(0), cone_deg=cone)
    up = rotate(q, np.array([0.0, 0, 1]))[:, 2]
    angle = np.rad2deg(np.arccos(np.clip(up, -1, 1)))
    assert angle.max() <= cone + 1e-4
    # Uniform on the cap: the mean height is halfway.
    assert up.mean() == pytest.approx((1 + np.cos(np.deg2rad(cone))) / 2, abs=0.03)


def test_all_views_are_uniform_over_rotations():
    q = random_orientations(4000, np.random.default_rng(1))
    matrix_mean = rotate(q[:, None, :], np.eye(3)[None]).mean(axis=0)
    np.testing.assert_allclose(matrix_mean, 0, atol=0.05)
    # The angle of a uniform rotation has mean 126.5 degrees.
    angle = 2 * np.rad2deg(np.arccos(np.abs(q[:, 0]).clip(0, 1)))
    assert angle.mean() == pytest.approx(126.5, abs=2)


def test_views_along_z_still_spin_freely():
    q = random_orientations(500, np.random.default_rng(2), cone_deg=0.0)
    x = rotate(q, np.array([1.0, 0, 0]))
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=0.1)


@pytest.mark.parametrize("cone", [-1.0, 181.0])
def test_cones_outside_the_sphere_are_refused(cone):
    with pytest.raises(InputError, match="cone: expected 0 to 180 degrees"):
        random_orientations(1, np.random.default_rng(0), cone_deg=cone)
