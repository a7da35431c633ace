"""Where to search, and in which directions: against brute force."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.pick.matching import regions
from cryopick.pick.matching.regions import cones_around, searched_region

TOMOGRAM = Grid(shape=(12, 16, 20), pixel_size_angstrom=10.0)


def as_image(mask, grid=TOMOGRAM):
    return Image(data=mask, grid=grid, name="mask")


def points(grid):
    """Place in Å of every voxel, ``(z, y, x, 3)``."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    return grid.to_angstrom(index[..., ::-1])


def test_all_is_searched_where_nothing_is_said():
    assert searched_region(TOMOGRAM, tomogram=TOMOGRAM) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_range_is_of_its_axis_its_end_not_included(axis):
    ranges = [None, None, None]
    ranges[axis] = (3, 7)
    region = searched_region(TOMOGRAM, tomogram=TOMOGRAM, ranges_px=tuple(ranges))
    held = np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {2 - axis})))
    np.testing.assert_array_equal(held, [3, 4, 5, 6])
    assert region.sum() == 4 * region.size / region.shape[2 - axis]


@pytest.mark.parametrize("binned", [
    TOMOGRAM.binned_by_mean(2), TOMOGRAM.resampled((6, 8, 10), 20.0),
    TOMOGRAM.resampled((24, 32, 40), 5.0),
])  # fmt: skip
def test_ranges_are_pixels_of_the_tomogram_on_any_grid(binned):
    region = searched_region(binned, tomogram=TOMOGRAM, ranges_px=((4, 9), (2, 16), (0, 5)))
    px = TOMOGRAM.to_px(points(binned))
    low, end = np.array([4, 2, 0]) - 0.5, np.array([9, 16, 5]) - 0.5
    np.testing.assert_array_equal(region, ((px > low) & (px < end)).all(axis=-1))


def test_ranges_of_a_tomogram_whose_first_pixel_is_elsewhere():
    cut = TOMOGRAM.cropped((2, 3, 4), (8, 8, 8))
    region = searched_region(cut, tomogram=cut, ranges_px=((0, 2), None, None))
    np.testing.assert_array_equal(np.flatnonzero(region.any(axis=(0, 1))), [0, 1])


@pytest.mark.parametrize("limits", [(5, 5), (-1, 4), (3, 21), (9, 2)])
def test_a_range_that_is_none_is_told_with_its_limits(limits):
    with pytest.raises(InputError, match=f"--search-x {limits[0]} {limits[1]}: .* 0 to 20"):
        searched_region(TOMOGRAM, tomogram=TOMOGRAM, ranges_px=(limits, None, None))


@pytest.mark.parametrize("factor", [1, 2])
def test_a_mask_of_another_binning_is_looked_up_at_its_place(factor):
    mask_grid = TOMOGRAM.binned_by_mean(factor)
    mask = np.zeros(mask_grid.shape, bool)
    mask[2:4, 1:5, 3:6] = True
    fine = Grid(shape=(24, 32, 40), pixel_size_angstrom=5.0)
    region = searched_region(fine, tomogram=TOMOGRAM, mask=as_image(mask, mask_grid))
    px = mask_grid.to_px(points(fine))
    # Halves may go to either side.
    clear = (np.abs(px - np.floor(px) - 0.5) > 1e-6).all(axis=-1)
    near = np.rint(px).astype(int)
    inside = ((near >= 0) & (near < mask_grid.size_px)).all(axis=-1)
    near = np.clip(near, 0, np.array(mask_grid.size_px) - 1)
    wanted = mask[near[..., 2], near[..., 1], near[..., 0]] & inside
    assert wanted.any()
    np.testing.assert_array_equal(region[clear], wanted[clear])


def test_mask_and_ranges_are_both_held_to_and_the_mask_is_left_as_it_is():
    mask = np.zeros(TOMOGRAM.shape, bool)
    mask[:, 4:9] = True
    before = mask.copy()
    region = searched_region(
        TOMOGRAM, tomogram=TOMOGRAM, mask=as_image(mask), ranges_px=((2, 5), None, None)
    )
    wanted = mask.copy()
    wanted[:, :, :2] = wanted[:, :, 5:] = False
    np.testing.assert_array_equal(region, wanted)
    np.testing.assert_array_equal(mask, before)


def test_a_region_without_a_voxel_is_told():
    with pytest.raises(InputError, match="holds no voxel"):
        searched_region(TOMOGRAM, tomogram=TOMOGRAM, mask=as_image(np.zeros(TOMOGRAM.shape, bool)))


@pytest.mark.parametrize("grid", [
    TOMOGRAM, TOMOGRAM.cropped((1, 2, 3), (10, 10, 10)), TOMOGRAM.binned_by_mean(2),
])  # fmt: skip
@pytest.mark.parametrize("planes", [1, 8])
def test_cones_belong_to_the_nearest_point(grid, planes, monkeypatch):
    monkeypatch.setattr(regions, "_PLANES_AT_ONCE", planes)
    rng = np.random.default_rng(0)
    position = rng.uniform(0, 1, (12, 3)) * TOMOGRAM.extent_angstrom
    axis = rng.normal(size=(12, 3))
    cones = cones_around(grid, position, axis, half_angle_deg=20, distance_angstrom=33.3)
    distance = np.linalg.norm(points(grid)[..., None, :] - position, axis=-1)
    wanted = np.where(distance.min(axis=-1) <= 33.3, distance.argmin(axis=-1), -1)
    assert 0.1 < (wanted >= 0).mean() < 0.9
    np.testing.assert_array_equal(cones.nearest, wanted)
    np.testing.assert_allclose(cones.axis, axis / np.linalg.norm(axis, axis=1)[:, None])
    assert cones.half_angle_deg == 20
    assert cones.nearest.dtype == np.int32


def test_cones_need_points_with_directions_in_the_tomogram():
    good = {"half_angle_deg": 10, "distance_angstrom": 20}
    place, up = np.array([[50.0, 50, 50]]), np.array([[0.0, 0, 1]])
    for position, axis, message in (
        (place[:0], up[:0], "points with directions"),
        (place, 0 * up, "points with directions"),
        (place, np.nan * up, "points with directions"),
        (place + 5000, up, "no voxel lies within 20 Å"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            cones_around(TOMOGRAM, position, axis, **good)
        assert "\n" not in str(caught.value)
