"""Directions of view: even, as many as asked for, one of each orbit."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import inverse, rotate, to_matrix
from cryopick.geometry.symmetry import point_group
from cryopick.geometry.views import even_views, view_count

GROUPS = ["C1", "C4", "D3", "T", "O", "I"]


def directions(views):
    return rotate(inverse(views), [0.0, 0.0, 1.0])


def to_nearest_deg(of, centres, symmetry):
    images = np.einsum("gij,nj->gni", to_matrix(point_group(symmetry)), centres).reshape(-1, 3)
    return np.rad2deg(np.arccos(np.clip(of @ images.T, -1, 1)))


def sphere(count):
    points = np.random.default_rng(1).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("symmetry", GROUPS)
def test_every_direction_is_near_a_view(symmetry):
    count = view_count(15, symmetry=symmetry)
    centres = directions(even_views(count, symmetry=symmetry))
    assert centres.shape == (count, 3)
    nearest = to_nearest_deg(sphere(3000), centres, symmetry).min(axis=1)
    # The circumradius of a square of edge 15 is 10.6; of the best hexagon of its area 9.3.
    assert nearest.max() < 14
    assert nearest.mean() < 6.5


@pytest.mark.parametrize("symmetry", GROUPS)
def test_no_two_views_are_the_same_projection(symmetry):
    centres = directions(even_views(12, symmetry=symmetry))
    angles = to_nearest_deg(centres, centres, symmetry).reshape(12, -1, 12).min(axis=1)
    np.fill_diagonal(angles, 180)
    wanted = np.rad2deg(np.sqrt(4 * np.pi / len(point_group(symmetry)) / 12))
    assert angles.min() > 0.6 * wanted


def test_few_views_are_where_they_must_be():
    two = directions(even_views(2))
    assert two[0] @ two[1] < -0.97
    four = directions(even_views(4))
    assert np.sort(four @ four.T, axis=1)[:, -2].max() < -0.2  # a tetrahedron has -1/3


def test_opposite_views_both_count():
    centres = directions(even_views(60))
    assert to_nearest_deg(-centres, centres, "C1").min(axis=1).max() < 20


def test_the_same_in_every_run():
    np.testing.assert_array_equal(even_views(20, symmetry="D2"), even_views(20, symmetry="D2"))


def test_the_number_follows_spacing_and_symmetry():
    assert view_count(15) == pytest.approx(4 * view_count(30), rel=0.03)
    assert view_count(10, symmetry="C4") == pytest.approx(view_count(10) / 4, abs=1)


def test_wrong_values():
    with pytest.raises(InputError, match="1 to 180"):
        view_count(0)
    with pytest.raises(InputError, match="take a larger spacing"):
        view_count(1)
    with pytest.raises(InputError, match="1 to 2000"):
        even_views(0)
