"""Planes: exact on exact points, by consensus where some are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry.planes import Plane, consensus_plane, fit_plane

slopes = st.floats(-1.0, 1.0)


def _points(plane, n=40, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 200, (n, 2))
    z = plane.height(xy[:, 0], xy[:, 1]) + rng.normal(0, 1, n) * noise
    return np.column_stack([xy, z])


@given(slopes, slopes, st.floats(-500, 500))
def test_points_of_a_plane_give_it_back(a, b, c):
    plane = fit_plane(_points(Plane(a=a, b=b, c=c)))
    assert np.allclose([plane.a, plane.b, plane.c], [a, b, c], atol=1e-6)


@given(slopes, slopes, st.floats(-50, 50))
def test_moving_a_plane_moves_it_square_to_itself(a, b, distance):
    plane = Plane(a=a, b=b, c=3.0)
    points = _points(plane.moved(distance))
    assert np.allclose(plane.above(points), distance, atol=1e-6)
    assert plane.moved(distance).tilt_deg == plane.tilt_deg


def test_the_tilt_is_the_angle_of_the_normal():
    plane = Plane(a=0.3, b=-0.4, c=0)
    normal = np.array([-0.3, 0.4, 1.0])
    assert plane.tilt_deg == pytest.approx(
        np.degrees(np.arccos(normal[2] / np.linalg.norm(normal)))
    )


def test_distances_are_least_not_heights():
    # A cross of points about a plane at 45 degrees: those square to it must weigh the same.
    base = np.array([[0.0, 0, 0], [10, 0, 10], [0, 10, 0], [10, 10, 10]])
    normal = np.array([-1, 0, 1]) / np.sqrt(2)
    plane = fit_plane(np.concatenate([base + normal, base - normal]))
    assert np.allclose([plane.a, plane.b, plane.c], [1, 0, 0], atol=1e-9)


def test_consensus_leaves_wrong_points_out():
    true = Plane(a=0.2, b=-0.1, c=40)
    points = _points(true, n=60, noise=0.5)
    rng = np.random.default_rng(1)
    points[:25, 2] += rng.uniform(15, 80, 25)
    plane, near = consensus_plane(points, tolerance=2.0, rng=rng)
    assert not near[:25].any()
    assert near[25:].mean() > 0.95
    assert abs(plane.height(100, 100) - true.height(100, 100)) < 0.5
    assert fit_plane(points).height(100, 100) - true.height(100, 100) > 5  # what it is good for


def test_the_same_seed_gives_the_same_plane():
    points = _points(Plane(a=0.1, b=0, c=5), noise=3.0)
    found = [
        consensus_plane(points, tolerance=1.0, rng=np.random.default_rng(7))[0] for _ in range(2)
    ]
    assert found[0] == found[1]


def test_three_points_are_enough():
    points = np.array([[0.0, 0, 1], [9, 0, 1], [0, 9, 10]])
    plane, near = consensus_plane(points, tolerance=0.1, rng=np.random.default_rng(0))
    assert near.all()
    assert np.allclose([plane.a, plane.b, plane.c], [0, 1, 1])


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (np.zeros((2, 3)), "at least 3 points"),
        (np.zeros((5, 2)), "at least 3 points"),
        (np.full((4, 3), np.nan), "NaN or infinite"),
        (np.column_stack([np.arange(5.0), np.arange(5.0), np.ones(5)]), "on one line"),
        (np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]), "stands upright"),
    ],
)
def test_points_that_make_no_plane(points, text):
    with pytest.raises(InputError, match=text):
        fit_plane(points)


def test_consensus_refuses_what_it_cannot_do():
    upright = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 9], [1, 0, 9]])
    with pytest.raises(InputError, match="at most 60 deg"):
        consensus_plane(upright, tolerance=1.0, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="tolerance"):
        consensus_plane(_points(Plane(a=0, b=0, c=0)), tolerance=0, rng=np.random.default_rng(0))
