"""Random poses: uniform over rotations or over a cap, whatever its angle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from cryopick.errors import InputError
from cryopick.geometry.rotation import angle_between_deg, from_axis_angle, multiply, rotate
from cryopick.simulate.poses import random_orientations

Z = np.array([0.0, 0.0, 1.0])


def draw(n=3000, seed=0, **more):
    return random_orientations(n, np.random.default_rng(seed), **more)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 180), st.integers(0, 2**31))
def test_they_are_unit_quaternions_within_the_cone(cone, seed):
    q = draw(40, seed, cone_deg=cone)
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1)
    assert np.all(q[:, 0] >= 0)
    height = rotate(q, Z)[:, 2]
    assert np.all(height >= np.cos(np.deg2rad(cone)) - 1e-7)


@pytest.mark.parametrize("cone", [10.0, 60.0, 120.0, 180.0])
def test_heights_are_uniform_on_the_cap(cone):
    """Archimedes: the height of a point that is uniform on a sphere is uniform."""
    low = np.cos(np.deg2rad(cone))
    height = rotate(draw(cone_deg=cone), Z)[:, 2]
    assert kstest(height, "uniform", args=(low, 1 - low)).pvalue > 1e-3


@pytest.mark.parametrize("cone", [25.0, 180.0])
def test_azimuths_and_spins_are_uniform(cone):
    q = draw(cone_deg=cone, seed=1)
    axis = rotate(q, Z)
    azimuth = np.arctan2(axis[:, 1], axis[:, 0])
    assert kstest(azimuth, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    # Spin: what is left when the direction is brought back to z by the shortest way.
    way = np.cross(axis, Z)
    angle = np.rad2deg(np.arccos(np.clip(axis[:, 2], -1, 1)))
    back = from_axis_angle(way / np.linalg.norm(way, axis=1, keepdims=True), angle)
    x = rotate(multiply(back, q), np.array([1.0, 0, 0]))
    spin = np.arctan2(x[:, 1], x[:, 0])
    assert kstest(spin, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3


def test_the_angle_of_a_uniform_rotation_has_its_density():
    """Haar measure: the cumulative share up to an angle w is (w - sin w) / π."""
    angle = np.deg2rad(angle_between_deg(draw(seed=2), np.array([1.0, 0, 0, 0])))
    assert kstest(angle, lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3


def test_a_turned_sample_cannot_be_told_from_the_first():
    """Invariance: uniform rotations stay uniform when all are turned by one more."""
    q = draw(seed=3)
    turned = multiply(from_axis_angle([1, 2, -1], 77.0), q)
    angle = np.deg2rad(angle_between_deg(turned, np.array([1.0, 0, 0, 0])))
    assert kstest(angle, lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3


def test_a_cone_of_zero_is_the_view_along_z():
    np.testing.assert_allclose(rotate(draw(50, cone_deg=0.0), Z), np.tile(Z, (50, 1)), atol=1e-7)


def test_none_and_the_same_seed():
    assert draw(0).shape == (0, 4)
    np.testing.assert_array_equal(draw(9, 5), draw(9, 5))
    assert not np.array_equal(draw(9, 5), draw(9, 6))


@pytest.mark.parametrize("cone", [float("nan"), -0.1, 180.1])
def test_impossible_cones_are_refused(cone):
    with pytest.raises(InputError, match="cone: expected 0 to 180 degrees, got"):
        draw(1, cone_deg=cone)
