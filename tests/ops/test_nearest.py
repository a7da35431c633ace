"""Looking up values and masks at places of another grid, against the plain way."""

import numpy as np
import pytest

from cryopick.model import Grid, Image
from cryopick.ops.nearest import inside_mask_at, on_grid, values_at

GRIDS = {
    2: Grid(shape=(7, 9), pixel_size_angstrom=20.0, origin_angstrom=(3.0, -4.0)),
    3: Grid(shape=(4, 5, 6), pixel_size_angstrom=20.0, origin_angstrom=(3.0, -4.0, 7.0)),
}


def plain(position, data, grid):
    """One place at a time."""
    found = []
    for place in position:
        px = [int(np.rint(v)) for v in grid.to_px(place[None])[0]]
        known = all(0 <= p < n for p, n in zip(px, grid.size_px, strict=True))
        found.append(data[tuple(px[::-1])] if known else np.nan)
    return np.array(found, dtype=float)


@pytest.mark.parametrize("ndim", [2, 3])
def test_values_are_those_of_the_nearest_pixel(ndim):
    grid, rng = GRIDS[ndim], np.random.default_rng(0)
    data = rng.normal(size=grid.shape)
    position = rng.uniform(-60, 220, (200, ndim))
    found = values_at(position, data, grid)
    np.testing.assert_array_equal(found, plain(position, data, grid))
    assert np.isnan(found).any()
    assert np.isfinite(found).any()
    mask = Image(data=data, grid=grid, name="mask")
    np.testing.assert_array_equal(inside_mask_at(position, mask), np.nan_to_num(found) > 0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_places(ndim):
    assert values_at(np.zeros((0, ndim)), np.zeros(GRIDS[ndim].shape), GRIDS[ndim]).shape == (0,)


def test_only_planes_that_are_needed_are_read():
    class Planes:
        shape, dtype, seen = (4, 5, 6), np.dtype(float), []

        def __getitem__(self, index):
            self.seen.append(index)
            return np.zeros((5, 6))

    place = GRIDS[3].to_angstrom(np.array([[1.0, 1, 2], [3, 3, 2]]))
    values_at(place, Planes(), GRIDS[3])
    assert Planes.seen == [2]


@pytest.mark.parametrize("beyond", ["outside", "edge"])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("pixel", [7.0, 33.0])
def test_a_mask_on_another_grid(ndim, pixel, beyond):
    grid = GRIDS[ndim]
    mask = np.random.default_rng(1).random(grid.shape) > 0.4
    target = Grid(shape=(11, 12, 13)[-ndim:], pixel_size_angstrom=pixel)
    index = np.indices(target.shape)[::-1].reshape(ndim, -1).T
    place = target.to_angstrom(index.astype(float))
    if beyond == "edge":
        low, high = grid.to_angstrom(np.array([np.zeros(ndim), np.asarray(grid.size_px) - 1.0]))
        place = np.clip(place, low, high)
    wanted = np.nan_to_num(plain(place, mask.astype(float), grid)) > 0
    found = on_grid(mask, grid, target, beyond=beyond)
    assert found.shape == target.shape
    np.testing.assert_array_equal(found.ravel(), wanted)
