"""Purity of classes: limits that any measure of it must meet, and its independence of sizes."""

import numpy as np
import pytest

from measuring.class_purity import (
    adjusted_rand_index,
    beam_in_particle,
    cell_of,
    class_purity,
    compared,
    spread_deg,
)
from measuring.synthetic_tomograms import matrices


@pytest.fixture
def views():
    draws = np.random.default_rng(1).normal(size=(1500, 3))
    return draws / np.linalg.norm(draws, axis=1, keepdims=True)


def test_cells_reach_the_ceiling(views):
    found = class_purity(cell_of(views, 20), views, classes=20)
    assert found["adjusted_rand_index"] == pytest.approx(found["ceiling"], abs=0.05)
    # A cap of a twentieth of the sphere: 2/3 of its half angle of 26 degrees.
    assert found["angular_spread_deg"] == pytest.approx(17.5, abs=1.5)


def test_guesses_get_nothing(views):
    label = np.random.default_rng(2).integers(0, 20, len(views))
    found = class_purity(label, views, classes=20)
    assert abs(found["adjusted_rand_index"]) < 0.01
    assert found["angular_spread_deg"] > 80


def test_singletons_and_pairs_at_random_are_not_pure(views):
    alone = class_purity(np.arange(len(views)), views, classes=20)
    assert alone["angular_spread_deg"] == 90
    pairs = class_purity(np.arange(len(views)) // 2, views, classes=20)
    assert pairs["angular_spread_deg"] > 80
    assert pairs["adjusted_rand_index"] < 0.01


def test_opposite_views_are_different():
    view = np.repeat([[0, 0, 1.0], [0, 0, -1.0]], 50, axis=0)
    assert spread_deg(np.zeros(100, dtype=int), view).min() > 89
    assert spread_deg(np.repeat([0, 1], 50), view).max() < 1e-4


def test_names_of_labels_do_not_matter(views):
    label = cell_of(views, 7)
    words = np.array(list("abcdefg"))[label]
    assert class_purity(words, views) == class_purity(label, views)


def test_the_order_of_particles_does_not_matter(views):
    label = cell_of(views, 12)
    order = np.random.default_rng(3).permutation(len(views))
    assert class_purity(label, views) == class_purity(label[order], views[order])


def test_adjusted_rand_index_of_a_worked_table():
    """Hubert and Arabie's definition on the table [[2, 1], [0, 3]]."""
    first, second = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1])
    both, rows, columns, pairs = 4, 6, 7, 15
    expected = (both - rows * columns / pairs) / ((rows + columns) / 2 - rows * columns / pairs)
    assert adjusted_rand_index(first, second) == pytest.approx(expected)


def test_beam_is_the_axis_that_the_rotation_brings_to_z():
    zyz = np.random.default_rng(4).uniform(-180, 180, (20, 3))
    turned = np.einsum("nij,nj->ni", matrices(zyz), beam_in_particle(zyz))
    np.testing.assert_allclose(turned, np.tile([0, 0, 1], (20, 1)), atol=1e-12)


def test_in_plane_rotation_leaves_the_view():
    zyz = np.array([[0.0, 50, 30], [123.0, 50, 30]])
    first, second = beam_in_particle(zyz)
    np.testing.assert_allclose(first, second)


def test_both_figures_must_hold():
    ours = {"angular_spread_deg": 19.0, "adjusted_rand_index": 0.41}
    assert compared(ours, {"angular_spread_deg": 20.0, "adjusted_rand_index": 0.40})
    assert not compared(ours, {"angular_spread_deg": 18.0, "adjusted_rand_index": 0.40})


def test_labels_and_views_must_fit(views):
    with pytest.raises(ValueError, match="one label per direction"):
        class_purity(np.zeros(3), views)
