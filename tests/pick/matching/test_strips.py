"""Strips across the tilt axis: where the defocus gradient is known, each has its own defocus."""

from itertools import pairwise

import numpy as np
import pytest

from cryopick.model import Grid, TiltSeries
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.search import SearchResult
from cryopick.pick.matching.strips import (
    Strip,
    joined_results,
    strip_of,
    strips_along_x,
    within,
)

GRID = Grid(shape=(4, 6, 700), pixel_size_angstrom=10.0)


def imaging(handedness=1, *, use_ctf=True, limit=60.0):
    tilt = np.array([-limit, 0.0, limit])
    series = TiltSeries(name="ts", tilt_deg=tilt, defocus_u_um=np.full(3, 3.0))
    return Imaging(
        wedge_deg=(-limit, limit), tilts=series, per_tilt=True, use_ctf=use_ctf,
        handedness=handedness,
    )  # fmt: skip


@pytest.mark.parametrize("given", [imaging(0), imaging(1, use_ctf=False)])
def test_one_strip_where_there_is_no_gradient_to_follow(given):
    assert strips_along_x(GRID, given) == [Strip(start=0, stop=700, place_angstrom=None)]


def test_strips_cover_the_grid_and_are_narrow_enough():
    strips = strips_along_x(GRID, imaging())
    assert strips[0].start == 0
    assert strips[-1].stop == 700
    assert all(a.stop == b.start for a, b in pairwise(strips))
    for strip in strips:
        # At 60 degrees the rim's depth is off by half the width times sin 60.
        assert (strip.stop - strip.start) * 10.0 / 2 * np.sin(np.deg2rad(60)) < 1010
        x, z = strip.place_angstrom
        assert x == ((strip.start + strip.stop - 1) / 2 - 350) * 10.0
        assert z == 0
    assert len(strips) == 4


def test_low_tilts_need_fewer_strips():
    assert len(strips_along_x(GRID, imaging(limit=20.0))) < len(strips_along_x(GRID, imaging()))


def test_every_place_has_its_strip():
    strips = strips_along_x(GRID, imaging())
    x = np.array([-20.0, 0, 174, 175, 349.4, 699, 800])
    owner = strip_of(strips, x)
    for place, number in zip(np.clip(np.rint(x), 0, 699), owner, strict=True):
        assert strips[number].start <= place < strips[number].stop


def test_the_part_of_a_region_in_a_strip():
    whole = Strip(start=0, stop=8, place_angstrom=None)
    part = Strip(start=2, stop=5, place_angstrom=(0.0, 0.0))
    region = np.zeros((2, 3, 8), bool)
    region[0, 1] = True
    assert within(whole, region.shape, region) is region
    assert within(whole, region.shape, None) is None
    assert within(part, region.shape, None).sum() == 2 * 3 * 3
    assert np.flatnonzero(within(part, region.shape, region)[0, 1]).tolist() == [2, 3, 4]


def test_results_of_strips_are_one():
    def result(columns, score, variance, tests):
        values = np.zeros((1, 1, 4), np.float32)
        rows = np.full((1, 1, 4), -1, np.int32)
        values[..., columns], rows[..., columns] = score, 7
        return SearchResult(score=values, rotation=rows, variance=variance, tests=tests)

    first, second = result([0, 1], 0.5, 1.0, 10.0), result([3], -0.25, 4.0, 30.0)
    joined = joined_results([first, second])
    assert joined.score.ravel().tolist() == [0.5, 0.5, 0.0, -0.25]
    assert joined.rotation.ravel().tolist() == [7, 7, -1, 7]
    assert (joined.variance, joined.tests) == (3.25, 40.0)
    assert joined_results([first]) is first
