"""`Grid`: pixels of an image in the specimen."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Grid

SHAPES = st.lists(st.integers(1, 5000), min_size=2, max_size=3).map(tuple)
GRIDS = st.builds(
    lambda shape, size, origin: Grid(
        shape=shape, pixel_size_angstrom=size, origin_angstrom=tuple(origin[: len(shape)])
    ),
    SHAPES,
    st.floats(0.1, 100.0),
    st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3),
)


@given(GRIDS, st.data())
def test_there_and_back(grid, data):
    numbers = st.lists(st.floats(-1e5, 1e5), min_size=grid.ndim, max_size=grid.ndim)
    px = np.array(data.draw(st.lists(numbers, min_size=0, max_size=5))).reshape(-1, grid.ndim)
    assert grid.to_px(grid.to_angstrom(px)) == pytest.approx(px, abs=1e-5)
    assert grid.to_angstrom(px).shape == px.shape


def test_positions_by_hand():
    grid = Grid(shape=(3, 4, 5), pixel_size_angstrom=2.0, origin_angstrom=(10.0, 20.0, 30.0))
    assert grid.to_angstrom([[1, 2, 3]]).tolist() == [[12.0, 24.0, 36.0]]
    assert grid.to_px([[12.0, 24.0, 36.0]]).tolist() == [[1.0, 2.0, 3.0]]
    assert (grid.ndim, grid.size_px) == (3, (5, 4, 3))
    assert grid.extent_angstrom == (10.0, 8.0, 6.0)


def test_the_rim_of_half_a_pixel_belongs_to_the_image():
    grid = Grid(shape=(10, 20), pixel_size_angstrom=3.0)
    inside = grid.to_angstrom([[-0.5, -0.5], [19.5, 9.5], [0, 0]])
    outside = grid.to_angstrom([[-0.51, 0], [19.51, 0], [0, 9.51], [9, 19]])
    assert grid.contains(inside).tolist() == [True] * 3
    assert grid.contains(outside).tolist() == [False] * 4


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"shape": (5,)}, "2 or 3 positive lengths"),
        ({"shape": (5, 5, 5, 5)}, "2 or 3 positive lengths"),
        ({"shape": (0, 5)}, "2 or 3 positive lengths"),
        ({"shape": ()}, "2 or 3 positive lengths"),
        ({"pixel_size_angstrom": 0}, "above 0 Å, got 0; give --pixel-size"),
        ({"pixel_size_angstrom": -1}, "above 0"),
        ({"pixel_size_angstrom": float("nan")}, "above 0"),
        ({"pixel_size_angstrom": float("inf")}, "above 0"),
        ({"origin_angstrom": (1.0,)}, "expected 2 origin values"),
        ({"origin_angstrom": (1.0, 2.0, 3.0)}, "expected 2 origin values"),
    ],
)
def test_grids_that_make_no_sense(fields, text):
    with pytest.raises(InputError, match=text):
        Grid(**{"shape": (4, 4), "pixel_size_angstrom": 1.0, **fields})


def test_values_are_plain_and_frozen():
    grid = Grid(shape=np.array([4, 5]), pixel_size_angstrom=np.float32(2.5))
    assert grid == Grid(shape=(4, 5), pixel_size_angstrom=2.5)
    assert type(grid.shape[0]) is int
    assert type(grid.pixel_size_angstrom) is float
    assert grid.origin_angstrom == (0.0, 0.0)
    assert hash(grid) == hash(Grid(shape=(4, 5), pixel_size_angstrom=2.5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.shape = (1, 1)


@given(GRIDS, st.integers(1, 4))
def test_binned_twice_is_binned_once(grid, factor):
    if min(grid.shape) < 2 * factor:
        return
    twice = grid.binned_by_mean(factor).binned_by_mean(2)
    once = grid.binned_by_mean(2 * factor)
    assert twice.shape == once.shape
    assert twice.pixel_size_angstrom == pytest.approx(once.pixel_size_angstrom)
    assert twice.origin_angstrom == pytest.approx(once.origin_angstrom, abs=1e-6)


def test_a_partial_block_is_dropped():
    assert Grid(shape=(11, 12), pixel_size_angstrom=1.0).binned_by_mean(4).shape == (2, 3)


@given(GRIDS, st.data())
def test_a_cropped_grid_keeps_positions(grid, data):
    start = tuple(data.draw(st.integers(-3, n - 1)) for n in grid.shape)
    part = grid.cropped(start, (2,) * grid.ndim)
    index = np.ones((1, grid.ndim))
    assert part.to_angstrom(index) == pytest.approx(
        grid.to_angstrom(index + np.array(start[::-1])), abs=1e-6
    )


def test_resampling_keeps_the_origin():
    grid = Grid(shape=(10, 12), pixel_size_angstrom=2.0, origin_angstrom=(1.0, 2.0))
    assert grid.resampled((5, 6), 4.0).origin_angstrom == (1.0, 2.0)
