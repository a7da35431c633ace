"""Resampling images: new Grids, and pixels that stay where they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.resample import (
    chosen_ratio,
    mean_bin,
    resample_image,
    resampled_grid,
    whole_factor,
)

RNG = np.random.default_rng(21)


def _image(shape, size=2.0, origin=()):
    grid = Grid(shape=shape, pixel_size_angstrom=size, origin_angstrom=origin)
    return Image(data=RNG.normal(size=shape).astype(np.float32), grid=grid, name="a")


@pytest.mark.parametrize(
    ("shape", "factor"), [((8, 12), 2), ((9, 13), 2), ((7, 8, 9), 3), ((5, 5), 5)]
)
def test_means_of_blocks_block_by_block(shape, factor):
    values = RNG.normal(size=shape)
    binned = mean_bin(values, factor)
    assert binned.shape == tuple(n // factor for n in shape)
    for index in np.ndindex(binned.shape):
        block = values[tuple(slice(i * factor, (i + 1) * factor) for i in index)]
        assert binned[index] == pytest.approx(block.mean(), abs=1e-6)


def test_integers_are_averaged_exactly():
    values = np.full((4, 4), 60001, dtype=np.uint16)
    assert (mean_bin(values, 4) == 60001).all()


@pytest.mark.parametrize("factor", [0, -1, 9])
def test_factors_that_leave_nothing(factor):
    with pytest.raises(InputError, match="leaves no pixel"):
        mean_bin(np.zeros((8, 8)), factor)


@pytest.mark.parametrize("shape", [(40, 48), (41, 47), (20, 24, 28)])
@pytest.mark.parametrize(
    ("method", "factor"), [("mean", 2), ("mean", 3), ("fourier", 2), ("fourier", 1.6)]
)
def test_a_blob_keeps_its_position_in_angstrom(shape, method, factor):
    at = np.array([0.45, 0.55, 0.5][: len(shape)]) * shape  # zyx index
    distance = sum((g - a) ** 2 for g, a in zip(np.indices(shape), at, strict=True))
    grid = Grid(
        shape=shape, pixel_size_angstrom=1.7, origin_angstrom=(5.0, -3.0, 2.0)[: len(shape)]
    )
    blob = Image(data=np.exp(-distance / (2 * 3.0**2)), grid=grid, name="blob")
    small = resample_image(blob, method=method, factor=factor)
    weights = small.read().astype(float)
    centre = [(g * weights).sum() / weights.sum() for g in np.indices(weights.shape)]
    found = small.grid.to_angstrom([centre[::-1]])[0]
    assert found == pytest.approx(grid.to_angstrom([at[::-1]])[0], abs=0.05)


def test_new_grids_by_hand():
    grid = Grid(shape=(100, 101), pixel_size_angstrom=1.5, origin_angstrom=(10.0, 20.0))
    binned = resampled_grid(grid, method="mean", ratio=4)
    assert binned == Grid(shape=(25, 25), pixel_size_angstrom=6.0, origin_angstrom=(12.25, 22.25))
    cropped = resampled_grid(grid, method="fourier", ratio=4)
    assert cropped == Grid(shape=(25, 25), pixel_size_angstrom=6.0, origin_angstrom=(10.0, 20.0))


@pytest.mark.parametrize("method", ["mean", "fourier"])
def test_the_grid_told_beforehand_is_the_grid_that_comes_out(method):
    image = _image((31, 44), origin=(1.0, 2.0))
    small = resample_image(image, method=method, factor=3)
    assert small.grid == resampled_grid(image.grid, method=method, ratio=3)
    assert small.data.shape == small.grid.shape
    assert small.name == image.name


@pytest.mark.parametrize("method", ["mean", "fourier"])
def test_twice_by_2_has_the_grid_of_once_by_4(method):
    image = _image((32, 48))
    twice = resample_image(resample_image(image, method=method, factor=2), method=method, factor=2)
    once = resample_image(image, method=method, factor=4)
    assert twice.grid == once.grid
    assert np.abs(twice.read() - once.read()).max() < 1e-5


def test_by_pixel_size():
    small = resample_image(_image((30, 36), size=1.2), pixel_size_angstrom=3.0)
    assert small.grid.pixel_size_angstrom == pytest.approx(3.0)
    assert small.grid.shape == (12, 14)
    binned = resample_image(_image((30, 36), size=1.2), method="mean", pixel_size_angstrom=3.6)
    assert binned.grid.shape == (10, 12)


def test_upsampling():
    large = resample_image(_image((10, 12)), factor=0.5)
    assert large.grid.shape == (20, 24)
    assert large.grid.pixel_size_angstrom == 1.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({}, "either a factor or a pixel size"),
        ({"factor": 2, "pixel_size_angstrom": 4}, "either a factor or a pixel size"),
        ({"factor": 0}, "expected a factor above 0"),
        ({"factor": float("nan")}, "expected a factor above 0"),
        ({"factor": 1.5, "method": "mean"}, "must be a whole number, got 1.5"),
        ({"factor": 0.5, "method": "mean"}, "must be a whole number"),
        ({"factor": 99, "method": "mean"}, "leaves no pixel"),
        ({"factor": 2, "method": "spline"}, "expected mean or fourier"),
    ],
)
def test_calls_that_make_no_sense(call, text):
    with pytest.raises(InputError, match=text):
        resample_image(_image((8, 8)), **call)


def test_ratios_and_factors():
    assert chosen_ratio(1.5, factor=None, pixel_size_angstrom=6.0) == 4.0
    assert whole_factor(3.0000001) == 3  # a pixel size from a header of float32


@given(
    st.tuples(st.integers(4, 20), st.integers(4, 20)),
    st.integers(1, 4),
    st.floats(-50, 50),
)
def test_the_mean_and_the_specimen_stay(shape, factor, offset):
    values = np.random.default_rng(0).normal(offset, 1, tuple(n * factor for n in shape))
    grid = Grid(shape=values.shape, pixel_size_angstrom=1.3)
    small = resample_image(Image(data=values, grid=grid, name="a"), method="mean", factor=factor)
    assert small.read().mean() == pytest.approx(values.mean(), abs=1e-4)
    # The outline of the image is the same: half a pixel before the first, after the last.
    first = small.grid.to_angstrom([[-0.5, -0.5]])
    last = small.grid.to_angstrom([np.array(small.grid.size_px) - 0.5])
    assert first == pytest.approx(grid.to_angstrom([[-0.5, -0.5]]))
    assert last == pytest.approx(grid.to_angstrom([np.array(grid.size_px) - 0.5]))
