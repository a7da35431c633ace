"""Tests that candidates must pass, on scenes where the answer is plain."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.nearest import values_at
from cryopick.pick.matching.rejection import (
    near_edge,
    outside_mask,
    planarity,
    prominence,
)

GRID = Grid(shape=(40, 50, 60), pixel_size_angstrom=10.0, origin_angstrom=(5.0, 5.0, 5.0))


def test_each_face_has_a_margin():
    middle = np.array([30.0, 25.0, 20.0])
    last = np.array(GRID.size_px) - 1
    px = [middle] + [
        np.where(np.arange(3) == axis, value, middle)
        for axis in range(3)
        for value in (4.9, last[axis] - 4.9)
    ]
    near = near_edge(GRID.to_angstrom(px), GRID, margin_angstrom=50.0)
    assert near.tolist() == [False] + [True] * 6
    nearer = near_edge(GRID.to_angstrom(px), GRID, margin_angstrom=49.0 - 1e-6)
    assert not nearer.any()


def test_without_a_margin_nothing_is_near():
    assert not near_edge(np.array([[-1e4, 0, 0]]), GRID, margin_angstrom=0).any()


@pytest.mark.parametrize("binning", [1, 2])
def test_a_mask_of_any_binning(binning):
    grid = GRID if binning == 1 else GRID.binned_by_mean(2)
    data = np.zeros(grid.shape, np.int8)
    data[:, :, grid.shape[2] // 2 :] = 1
    mask = Image(data=data, grid=grid, name="mask")
    position = GRID.to_angstrom([[10, 20, 20], [50, 20, 20], [33, 5, 5], [99, 20, 20]])
    assert outside_mask(position, mask).tolist() == [True, False, False, True]


def test_a_mask_must_be_a_volume():
    flat = Image(data=np.ones((5, 5)), grid=Grid(shape=(5, 5), pixel_size_angstrom=1), name="m")
    with pytest.raises(InputError, match="mask m: is an image"):
        outside_mask(np.zeros((1, 3)), flat)


def test_values_at_positions():
    volume = np.random.default_rng(0).normal(size=GRID.shape)
    index = np.array([[3, 4, 5], [39, 49, 59], [0, 0, 0]])
    values = values_at(GRID.to_angstrom(index[:, ::-1] + 0.3), volume, GRID)
    np.testing.assert_array_equal(values, volume[tuple(index.T)])
    assert np.isnan(values_at(GRID.to_angstrom([[-1.0, 0, 0], [0, 0, 40]]), volume, GRID)).all()
    assert values_at(np.zeros((0, 3)), volume, GRID).shape == (0,)


def background(n, rng):
    return rng.uniform(0, 3000, (n, 3)), rng.normal(5.0, 0.2, n)


def test_a_particle_stands_out_and_a_ridge_does_not():
    rng = np.random.default_rng(1)
    place, score = background(800, rng)
    ridge = np.c_[rng.uniform(0, 3000, (400, 2)), rng.normal(1500, 10, 400)]
    on_ridge = rng.normal(7.0, 0.2, 400)
    lone = np.array([[1500.0, 1500.0, 500.0]])
    height = prominence(
        np.vstack([place, ridge, lone]), np.r_[score, on_ridge, 7.0], diameter_angstrom=100.0
    )
    assert height[-1] > 5
    assert np.median(height[800:1200]) < 1


def test_particles_among_particles_stand_out_of_the_background():
    rng = np.random.default_rng(2)
    place, score = background(2000, rng)
    score[:200] = rng.normal(8.0, 0.3, 200)
    height = prominence(place, score, diameter_angstrom=200.0)
    assert (height[:200] > 3).mean() > 0.98


def test_prominence_does_not_depend_on_the_order_or_the_unit():
    rng = np.random.default_rng(3)
    place, score = background(300, rng)
    order = rng.permutation(300)
    one = prominence(place, score, diameter_angstrom=200.0)
    np.testing.assert_allclose(
        prominence(place[order], score[order], diameter_angstrom=200.0), one[order]
    )
    np.testing.assert_allclose(prominence(place, 0.1 * score, diameter_angstrom=200.0), one)


def test_few_or_distant_neighbours_condemn_nobody():
    rng = np.random.default_rng(4)
    place, score = background(5, rng)
    assert np.isinf(prominence(place, score, diameter_angstrom=200.0)).all()
    assert len(prominence(np.zeros((0, 3)), np.zeros(0), diameter_angstrom=200.0)) == 0
    wide = np.arange(20)[:, None] * np.array([[1e4, 0, 0]])
    assert np.isinf(prominence(wide, np.arange(20.0), diameter_angstrom=200.0)).all()


def scene():
    """A tomogram of noise with one ball, and one sheet upright at x = 300 Å."""
    rng = np.random.default_rng(5)
    grid = Grid(shape=(60, 80, 80), pixel_size_angstrom=10.0)
    z, y, x = np.indices(grid.shape) * 10.0
    volume = gaussian_filter(rng.normal(size=grid.shape), 1.0)
    volume += 3 * (np.abs(x - 200) < 20)
    volume += 3 * ((x - 560) ** 2 + (y - 400) ** 2 + (z - 300) ** 2 < 90**2)
    return Image(data=volume.astype(np.float32), grid=grid, name="t")


def test_a_sheet_is_flat_and_a_ball_is_not():
    flat = planarity(
        np.array([[200.0, 400, 300], [560, 400, 300]]), scene(), diameter_angstrom=180.0
    )
    assert flat[0] > 0.8
    assert flat[1] < 0.5


def test_planarity_does_not_depend_on_the_unit_of_the_tomogram():
    image = scene()
    place = np.array([[200.0, 400, 300], [560, 400, 300], [400, 100, 100]])
    brighter = Image(data=np.asarray(image.data) * 50 + 7, grid=image.grid, name="t")
    np.testing.assert_allclose(
        planarity(place, brighter, diameter_angstrom=180.0),
        planarity(place, image, diameter_angstrom=180.0),
        atol=1e-4,
    )


def test_planarity_at_the_rim_and_of_a_flat_tomogram():
    image = scene()
    corner = planarity(np.array([[0.0, 0, 0], [790, 790, 590]]), image, diameter_angstrom=180.0)
    assert np.isfinite(corner).all()
    empty = Image(data=np.zeros(image.grid.shape), grid=image.grid, name="e")
    assert planarity(np.array([[300.0, 300, 300]]), empty, diameter_angstrom=180).tolist() == [0.0]
    assert planarity(np.zeros((0, 3)), image, diameter_angstrom=180.0).shape == (0,)
