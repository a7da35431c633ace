"""Slabs: found in noise, tilted or not, with particles few or many; masks as the planes say."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.geometry.planes import Plane
from cryopick.ops.slab_mask import (
    Slab,
    find_slab,
    local_variance,
    simple_slab,
    slab_from_points,
    slab_mask,
)
from cryopick.simulate.maps import load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram

SHAPE = (96, 128, 144)


def _noisy_slab(bottom, top, *, shape=SHAPE, strength=0.7, seed=0):
    """Noise everywhere, and between two planes features a few voxels wide."""
    rng = np.random.default_rng(seed)
    features = gaussian_filter(rng.normal(size=shape), 2)
    features *= strength / features.std()
    z, y, x = np.indices(shape)
    inside = (z >= bottom.height(x, y)) & (z <= top.height(x, y))
    return (rng.normal(size=shape) + features * inside).astype(np.float32)


def _flat(low, high):
    return Plane(a=0, b=0, c=low), Plane(a=0, b=0, c=high)


def _found(volume, *, box_px=16, **settings):
    return find_slab(local_variance(volume, box_px=box_px), volume.shape, seed=1, **settings)


# Variance


def _plain_variance(volume, stride):
    """The definition, box by box."""
    n = [k // stride for k in volume.shape]
    cut = volume[tuple(slice(0, k * stride) for k in n)]
    means = cut.reshape(n[0], stride, n[1], stride, n[2], stride).mean(axis=(1, 3, 5))
    out = np.empty([k - 7 for k in n])
    for index in np.ndindex(out.shape):
        out[index] = means[tuple(slice(i, i + 8) for i in index)].var()
    return out


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_the_variance_is_that_of_block_means_in_every_box(offset):
    rng = np.random.default_rng(2)
    volume = (rng.normal(size=(67, 40, 45)) + offset).astype(np.float64)
    grid = local_variance(volume, box_px=16)
    assert (grid.box_px, grid.stride_px) == (16, 2)
    assert np.allclose(grid.variance, _plain_variance(volume, 2), rtol=1e-3, atol=1e-4)
    assert grid.mean == pytest.approx(volume[:66, :, :44].mean(), abs=1e-3)


def test_boxes_know_where_they_are():
    volume = np.random.default_rng(0).normal(size=(64, 64, 64)) * 0.01
    volume[30:34, 10:14, 50:54] += np.random.default_rng(1).normal(size=(4, 4, 4)) * 9
    grid = local_variance(volume, box_px=8)
    lively = np.argwhere(grid.variance > 0.1 * grid.variance.max())
    assert np.allclose(grid.centre_px(lively).mean(axis=0), [31.5, 11.5, 51.5], atol=1.0)


def test_boxes_never_grow_over_a_quarter_of_the_thickness():
    volume = np.random.default_rng(0).normal(size=(32, 64, 64))
    assert local_variance(volume, box_px=500).box_px == 8
    assert local_variance(np.zeros((9, 9, 9)), box_px=64).box_px == 8


def test_gaps_count_as_mean():
    volume = np.random.default_rng(0).normal(5, 1, (32, 40, 40))
    holed = volume.copy()
    holed[10:12, 5:9, 5:9] = np.nan
    holed[20, 20, 20] = np.inf
    found = local_variance(holed, box_px=8).variance
    assert np.isfinite(found).all()
    filled = np.where(np.isfinite(holed), holed, volume[16].mean())
    assert np.allclose(found, local_variance(filled, box_px=8).variance, rtol=0.02, atol=0.01)


def test_any_type_of_pixel_can_be_read():
    volume = np.random.default_rng(0).normal(0, 30, (32, 32, 32)).astype(np.int8)
    wide = local_variance(volume.astype(np.float64), box_px=8).variance
    assert np.allclose(local_variance(volume, box_px=8).variance, wide, rtol=1e-4)
    with pytest.raises(InputError, match="at least 8 voxels"):
        local_variance(volume[:4], box_px=8)


# Planes


@pytest.mark.parametrize("strength", [0.7, 0.35])
def test_a_flat_slab_in_noise(strength):
    volume = _noisy_slab(*_flat(28, 66), strength=strength)
    slab = _found(volume)
    assert slab.thickness_px(SHAPE) == pytest.approx(38, abs=6)
    assert slab.bottom.tilt_deg < 3
    assert slab.top.tilt_deg < 3
    assert slab.ratio > 1.3


def test_a_wedge_between_two_tilted_planes():
    bottom, top = Plane(a=0.12, b=0.0, c=18), Plane(a=0.05, b=-0.1, c=74)
    slab = _found(_noisy_slab(bottom, top))
    for found, true in ((slab.bottom, bottom), (slab.top, top)):
        assert found.a == pytest.approx(true.a, abs=0.04)
        assert found.b == pytest.approx(true.b, abs=0.04)
        assert found.height(72, 64) == pytest.approx(true.height(72, 64), abs=4)


def test_a_thin_lamella_in_a_thick_volume():
    volume = _noisy_slab(*_flat(80, 100), shape=(160, 128, 128))
    slab = _found(volume, box_px=16)
    assert slab.bottom.height(64, 64) == pytest.approx(80, abs=6)
    assert slab.top.height(64, 64) == pytest.approx(100, abs=6)


def test_ice_that_goes_on_to_the_end_of_the_volume():
    slab = _found(_noisy_slab(*_flat(50, 400)))
    assert slab.top.height(70, 60) == SHAPE[0] - 1
    assert slab.bottom.height(70, 60) == pytest.approx(50, abs=4)


def test_outer_points_tell_where_the_ice_ends():
    volume = _noisy_slab(*_flat(28, 66))
    thickness = [_found(volume, iterations=n).thickness_px(SHAPE) for n in (1, 2, 3)]
    assert thickness == sorted(thickness)


def test_the_same_seed_gives_the_same_slab():
    volume = _noisy_slab(*_flat(28, 66))
    first, second = _found(volume), _found(volume)
    assert (first.bottom, first.top) == (second.bottom, second.top)


@pytest.mark.parametrize("volume", [np.ones(SHAPE), np.random.default_rng(5).normal(size=SHAPE)])
def test_a_volume_without_ice_is_refused(volume):
    with pytest.raises(InputError, match="--points"):
        _found(volume.astype(np.float32))


def test_settings_out_of_range():
    grid = local_variance(_noisy_slab(*_flat(28, 66)), box_px=16)
    with pytest.raises(InputError, match="percentile"):
        find_slab(grid, SHAPE, seed=1, percentile=0)
    with pytest.raises(InputError, match="iterations"):
        find_slab(grid, SHAPE, seed=1, iterations=0)
    with pytest.raises(InputError, match="thickness"):
        simple_slab(grid, thickness_px=0, seed=1)


def test_one_plane_and_a_thickness():
    bottom, top = Plane(a=0.1, b=0, c=30), Plane(a=0.1, b=0, c=50)
    volume = _noisy_slab(bottom, top)
    slab = simple_slab(local_variance(volume, box_px=16), thickness_px=24, seed=1)
    assert slab.thickness_px(SHAPE) == pytest.approx(24)
    middle = (slab.top.height(72, 64) + slab.bottom.height(72, 64)) / 2
    assert middle == pytest.approx(40 + 0.1 * 72, abs=4)
    assert slab.top.a == pytest.approx(0.1, abs=0.05)


def test_a_simulated_tomogram():
    recipe = SpecimenRecipe(
        size_px=(128, 128, 96), pixel_size_angstrom=16.0, ice_angstrom=900, particles=(45,),
        gold_beads=2,
    )  # fmt: skip
    made = simulate_tomogram(
        [load_map("ribosome", 16.0)], recipe, TiltRecipe(tilt_step_deg=4), name="t",
        rng=np.random.default_rng(4),
    )  # fmt: skip
    volume = made.image.read()
    slab = _found(volume, box_px=20)
    # The ice goes from 20 to 76; its particles, thinly sown, from 20 at the lowest.
    assert slab.thickness_px(volume.shape) == pytest.approx(56, rel=0.2)
    assert max(slab.bottom.tilt_deg, slab.top.tilt_deg) < 12
    place = made.image.grid.to_px(made.truth.position_angstrom)
    mask = slab_mask(slab, volume.shape)
    x, y, z = np.rint(place).astype(int).T
    assert mask[z, y, x].mean() > 0.9


# Clicked points


def _clicks(bottom, top, *, slices=(10, 60, 120), noise=0.0, order=(0, 1, 2, 3)):
    rng = np.random.default_rng(3)
    rows = []
    for y in slices:
        four = [(x, y, plane.height(x, y)) for plane in (top, bottom) for x in (15, 120)]
        rows += [four[i] for i in order]
    return np.array(rows, dtype=float) + [0, 0, 1] * rng.normal(0, 1, (len(rows), 1)) * noise


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (3, 0, 2, 1)])
@pytest.mark.parametrize("tilt", [0.0, 0.25, -0.4])
def test_clicked_points_in_any_order(order, tilt):
    # The steepest: the low end of the top lies below the high end of the bottom.
    bottom, top = Plane(a=tilt, b=0.05, c=40), Plane(a=tilt, b=0.0, c=70)
    slab = slab_from_points(_clicks(bottom, top, order=order), SHAPE)
    for found, true in ((slab.bottom, bottom), (slab.top, top)):
        assert np.allclose([found.a, found.b, found.c], [true.a, true.b, true.c], atol=1e-6)


def test_clicks_are_never_exact():
    bottom, top = _flat(30, 60)
    slab = slab_from_points(_clicks(bottom, top, noise=1.0), SHAPE)
    assert slab.thickness_px(SHAPE) == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize("n", [0, 3, 4, 6, 9, 10])
def test_clicks_come_in_sets_of_four(n):
    with pytest.raises(InputError, match="sets of 4"):
        slab_from_points(_clicks(*_flat(30, 60), slices=(0, 9, 40, 80))[:n], SHAPE)


def test_clicks_on_one_slice_make_no_plane():
    with pytest.raises(InputError, match="3 slices apart"):
        slab_from_points(_clicks(*_flat(30, 60), slices=(40, 40, 40)), SHAPE)


# Masks


def test_the_mask_is_what_lies_between_the_planes():
    slab = Slab(bottom=Plane(a=0.1, b=0, c=20), top=Plane(a=0, b=-0.2, c=80))
    mask = slab_mask(slab, SHAPE)
    z, y, x = np.indices(SHAPE)
    assert np.array_equal(mask == 1, (z >= 20 + 0.1 * x) & (z <= 80 - 0.2 * y))
    assert mask.dtype == np.int8
    assert np.array_equal(slab.section(40, SHAPE), mask[40] == 1)


def test_the_border_stays_out():
    mask = slab_mask(Slab(bottom=_flat(20, 0)[0], top=_flat(0, 80)[1]), SHAPE, border_px=9)
    assert mask[40, 9:-9, 9:-9].all()
    assert mask.sum() == 61 * (SHAPE[1] - 18) * (SHAPE[2] - 18)


def test_thickness_is_measured_square_to_the_planes():
    tilted = Slab(bottom=Plane(a=1, b=0, c=0), top=Plane(a=1, b=0, c=20))
    assert tilted.thickness_px(SHAPE) == pytest.approx(20 / np.sqrt(2))
    assert tilted.range_px(SHAPE) == pytest.approx((20, 20))
    assert tilted.grown(3).thickness_px(SHAPE) == pytest.approx(20 / np.sqrt(2) + 6)
    assert tilted.grown(-3).thickness_px(SHAPE) == pytest.approx(20 / np.sqrt(2) - 6)
