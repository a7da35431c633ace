"""Rows that a voxel's cone allows: never fewer than the cone, never more than the bundle's slack."""

import numpy as np
import pytest
import torch

from cryopick.geometry.rotation import rotate
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching import cone_rows
from cryopick.pick.matching.cone_rows import ConeRows
from cryopick.pick.matching.search import Cones

ROTATIONS = rotation_grid(20)
TOWARDS = rotate(ROTATIONS, [0.0, 0.0, 1.0])
# Twice the distance from a bundle's centre: from the axis to it, and from it to the rotation.
SLACK_DEG = 2 * cone_rows._SPACING_DEG


def directions(count, *, seed=0):
    axis = np.random.default_rng(seed).normal(size=(count, 3))
    axis[:3] = [[0, 0, 1], [0, 0, -1], [1, 0, 0]]
    return axis / np.linalg.norm(axis, axis=1, keepdims=True)


def case(half_angle, *, count=30, k=6):
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=(len(ROTATIONS), k)).astype(np.float32)
    cones = Cones(
        axis=directions(count), nearest=np.zeros((1, 1, 1), np.int32), half_angle_deg=half_angle
    )
    columns = rng.normal(size=(k, 300)).astype(np.float32)
    axis = rng.integers(0, count, 300).astype(np.int32)
    rows = ConeRows(coefficients, ROTATIONS, cones, dtype=torch.float32, device="cpu")
    return coefficients, cones, columns, axis, rows


def angle_deg(axis, row, cones):
    return np.rad2deg(np.arccos(np.clip((TOWARDS[row] * cones.axis[axis]).sum(1), -1, 1)))


@pytest.mark.parametrize("half_angle", [10, 35, 120, 180])
def test_the_best_is_at_least_that_of_the_cone_and_lies_near_it(half_angle):
    coefficients, cones, columns, axis, rows = case(half_angle)
    score, row = (found.numpy() for found in rows.of(torch.from_numpy(columns), axis))
    products = coefficients @ columns
    np.testing.assert_allclose(score, products[row, np.arange(300)], atol=1e-5)
    allowed = cones.allowed(ROTATIONS)[axis].T
    best = np.where(allowed, products, -np.inf).max(axis=0)
    assert np.all(score >= best - 1e-5)
    assert angle_deg(axis, row, cones).max() <= half_angle + SLACK_DEG
    if half_angle == 180:
        np.testing.assert_allclose(score, products.max(axis=0), atol=1e-5)


def test_a_bundle_reaches_as_far_as_its_name_says():
    """No direction is farther than this from the centre that stands for it."""
    axis = directions(20_000, seed=3)
    cones = Cones(axis=axis, nearest=np.zeros((1, 1, 1), np.int32), half_angle_deg=5.0)
    rows = ConeRows(
        np.ones((len(ROTATIONS), 1), np.float32), ROTATIONS, cones,
        dtype=torch.float32, device="cpu",
    )  # fmt: skip
    counts = rows.rows_for(np.arange(len(axis), dtype=np.int32))
    inside = cones.allowed(ROTATIONS).sum(axis=1)
    assert np.all(counts >= inside)


def test_rows_are_counted_for_each_axis():
    coefficients, cones, _, _, rows = case(25)
    counts = rows.rows_for(np.arange(30, dtype=np.int32))
    assert np.all(counts < len(coefficients) / 3)
    within = np.rad2deg(np.arccos(np.clip(cones.axis @ TOWARDS.T, -1, 1)))
    assert np.all(counts >= (within <= 25).sum(axis=1))
    assert np.all(counts <= (within <= 25 + SLACK_DEG).sum(axis=1))
    np.testing.assert_array_equal(rows.rows_for(np.array([[4, 4], [9, 0]], np.int32)),
                                  counts[[[4, 4], [9, 0]]])  # fmt: skip


def test_a_cone_without_a_direction_takes_the_nearest_one_with_all_its_spins():
    """Rotations all about one direction, and an axis far from it."""
    few = ROTATIONS[TOWARDS[:, 2] > 0.95]
    cones = Cones(
        axis=np.array([[0.0, 0.0, -1.0]]), nearest=np.zeros((1, 1, 1), np.int32), half_angle_deg=1
    )
    coefficients = np.random.default_rng(0).normal(size=(len(few), 3)).astype(np.float32)
    rows = ConeRows(coefficients, few, cones, dtype=torch.float32, device="cpu")
    columns = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 200)).astype(np.float32))
    _, row = rows.of(columns, np.zeros(200, np.int32))
    towards = rotate(few, [0.0, 0.0, 1.0])[row]
    assert np.ptp(towards, axis=0).max() < 1e-6
    assert rows.rows_for(np.zeros(1, np.int32))[0] == 18
    assert len(set(row.tolist())) > 5
    # To the middle of the bundle, which is not quite the axis.
    assert towards[0, 2] <= rotate(few, [0.0, 0.0, 1.0])[:, 2].min() + 0.03


def test_no_columns():
    _, _, columns, axis, rows = case(30)
    score, row = rows.of(torch.from_numpy(columns[:, :0]), axis[:0])
    assert score.shape == row.shape == (0,)
