import math

import numpy as np
import pytest
import torch

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.cost import (
    Speed,
    bank_seconds,
    exact_seconds,
    machine_speed,
    seconds_for_sizes,
)
from cryopick.pick.matching.search_bank import FirstRound
from pick.matching.cases import lumpy_template

SPEED = Speed(products_per_second=1e11, fft_seconds_per_voxel=3e-8)
SIZES = {
    "voxels": 1e7, "rows": 5000, "rank": 300,
    "first_rows": 1600, "first_rank": 120, "kept": 0.15,
}  # fmt: skip


@pytest.mark.parametrize("name", list(SIZES))
def test_more_of_anything_takes_longer(name):
    more = {**SIZES, name: SIZES[name] * 2}
    assert seconds_for_sizes(SPEED, **more) > seconds_for_sizes(SPEED, **SIZES)


def test_seconds_go_with_voxels_and_cores_and_fall_with_the_speed():
    one = seconds_for_sizes(SPEED, **SIZES)
    assert seconds_for_sizes(SPEED, **{**SIZES, "voxels": 3e7}) == pytest.approx(3 * one)
    assert seconds_for_sizes(SPEED, **SIZES, cores=4) == pytest.approx(one / 4)
    twice = Speed(products_per_second=2e11, fft_seconds_per_voxel=3e-8)
    assert one / 2 < seconds_for_sizes(twice, **SIZES) < one
    slow = exact_seconds(SPEED, voxels=1e7, rotations=5000)
    assert exact_seconds(SPEED, voxels=2e7, rotations=5000, cores=2) == pytest.approx(slow)
    assert exact_seconds(SPEED, voxels=1e7, rotations=15_000) == pytest.approx(3 * slow)


def test_a_first_round_that_keeps_all_is_work_on_top():
    plain = {**SIZES, "first_rows": 5000, "first_rank": 300, "kept": 0.0}
    assert seconds_for_sizes(SPEED, **SIZES) < seconds_for_sizes(SPEED, **plain)
    assert seconds_for_sizes(SPEED, **{**SIZES, "kept": 1.0}) > seconds_for_sizes(SPEED, **plain)


def test_the_bank_beats_the_exact_engine_for_many_rotations_only():
    """Few components for many rotations are its whole point; for a few it has none."""
    many = seconds_for_sizes(SPEED, **SIZES)
    assert many < exact_seconds(SPEED, voxels=1e7, rotations=5000) / 4
    few = {**SIZES, "rows": 20, "first_rows": 20, "first_rank": 300, "kept": 0.0}
    assert seconds_for_sizes(SPEED, **few) > exact_seconds(SPEED, voxels=1e7, rotations=20)


def test_the_seconds_of_a_bank_are_those_of_its_sizes():
    bank = build_bank(lumpy_template(12), rotation_grid(60), weight=None, max_rank=20)
    plain = {
        "voxels": 1e6, "rows": len(bank.parts.coefficients), "rank": bank.rank,
        "first_rows": len(bank.parts.coefficients), "first_rank": bank.rank, "kept": 0.0,
    }  # fmt: skip
    assert bank_seconds(SPEED, bank, voxels=1e6, first=None) == seconds_for_sizes(SPEED, **plain)
    first = FirstRound(rank=4, rows=np.arange(30), kept=0.3)
    two = {**plain, "first_rows": 30, "first_rank": 4, "kept": 0.3}
    assert bank_seconds(SPEED, bank, voxels=1e6, first=first, cores=2) == seconds_for_sizes(
        SPEED, **two, cores=2
    )


def test_the_machine_is_timed_once_and_threads_are_as_before():
    before = torch.get_num_threads()
    speed = machine_speed()
    assert torch.get_num_threads() == before
    assert machine_speed() is speed
    for value in (speed.products_per_second, speed.fft_seconds_per_voxel):
        assert math.isfinite(value)
        assert value > 0
    # Orders of magnitude that any processor keeps to.
    assert 1e7 < speed.products_per_second < 1e16
    assert 1e-12 < speed.fft_seconds_per_voxel < 1e-3
