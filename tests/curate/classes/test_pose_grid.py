"""Angles and shifts that are searched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.curate.classes.pose_grid import pose_grid


@given(step=st.floats(1, 45))
def test_angles_are_even_and_no_wider_than_asked(step):
    grid = pose_grid(psi_step_deg=step, offset_range_px=3, offset_step_px=1)
    fine = np.sort(grid.fine_angle_deg)
    gaps = np.diff([*fine, fine[0] + 360])
    np.testing.assert_allclose(gaps, 360 / len(fine), atol=1e-9)
    assert gaps.max() <= step + 1e-6
    assert len(grid.angle_deg) % 4 == 0
    quarter = len(grid.angle_deg) // 4
    np.testing.assert_allclose(grid.angle_deg[quarter:] - grid.angle_deg[:-quarter], 90)


def test_two_fine_angles_divide_a_coarse_one():
    grid = pose_grid(psi_step_deg=6, offset_range_px=0, offset_step_px=1)
    np.testing.assert_allclose(grid.fine_angle_deg.reshape(-1, 2).mean(1), grid.angle_deg)


def test_four_fine_shifts_divide_a_coarse_one_and_tile_the_plane():
    grid = pose_grid(psi_step_deg=45, offset_range_px=4, offset_step_px=1)
    fine = grid.fine_shift_px.reshape(-1, 4, 2)
    np.testing.assert_allclose(fine.mean(1), grid.shift_px)
    flat = np.round(fine.reshape(-1, 2), 6)
    assert len({tuple(one) for one in flat.tolist()}) == len(flat)
    apart = np.hypot(*(flat[:, None] - flat[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, 9)
    np.testing.assert_allclose(apart.min(1), 1)


@pytest.mark.parametrize(("most", "count"), [(0, 1), (1.9, 1), (2, 5), (5, 21)])
def test_shifts_lie_within_the_range(most, count):
    grid = pose_grid(psi_step_deg=45, offset_range_px=most, offset_step_px=1)
    assert len(grid.shift_px) == count
    assert np.hypot(*grid.shift_px.T).max() <= most


def test_grids_move_at_random_by_no_more_than_half_a_step():
    still = pose_grid(psi_step_deg=6, offset_range_px=5, offset_step_px=1)
    moved = pose_grid(
        psi_step_deg=6, offset_range_px=5, offset_step_px=1, rng=np.random.default_rng(3)
    )
    turn = moved.angle_deg - still.angle_deg
    assert np.ptp(turn) < 1e-9
    assert 0 < abs(turn[0]) <= 180 / len(still.angle_deg)
    off = moved.shift_px - still.shift_px
    assert np.ptp(off, axis=0).max() < 1e-9
    assert 0 < np.abs(off).max() <= 0.5
