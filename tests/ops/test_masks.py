"""Masks: volumes, centres and edges as geometry has them."""

from itertools import pairwise

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.masks import (
    background_of,
    cylinder_mask,
    ellipsoid_mask,
    map_threshold,
    sphere_mask,
    tight_mask,
    without_specks,
)


def _radius(n):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return z, y, x, np.sqrt(z**2.0 + y**2 + x**2)


@pytest.mark.parametrize("n", [31, 32])
def test_a_hard_ball_is_what_lies_within_its_radius(n):
    mask = sphere_mask(n, radius_px=10)
    assert mask.dtype == np.float32
    assert mask.shape == (n, n, n)
    assert np.array_equal(mask, (_radius(n)[3] <= 10).astype(np.float32))


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize(
    "mask",
    [
        lambda n: sphere_mask(n, radius_px=9, soft_px=2),
        lambda n: ellipsoid_mask(n, radii_px=(12, 8, 5), soft_px=1.5),
        lambda n: cylinder_mask(n, radius_px=7, height_px=12, soft_px=2),
    ],
)
def test_the_centre_is_voxel_half_n_and_every_axis_is_a_mirror(n, mask):
    made = mask(n)
    z, y, x, _ = _radius(n)
    for axis in (z, y, x):
        assert abs(float((made * axis).sum())) < 1e-3 * float(made.sum())
    inner = made[1:, 1:, 1:] if n % 2 == 0 else made
    for axis in range(3):
        assert np.allclose(inner, np.flip(inner, axis))
    assert made.min() == 0
    assert made.max() == 1


def test_the_edge_is_a_gaussian_that_ends_at_three_deviations():
    mask = sphere_mask(64, radius_px=10, soft_px=3)
    row = mask[32, 32, 32:]
    d = np.maximum(np.arange(32) - 10, 0)
    assert np.allclose(row, np.where(d > 9, 0, np.exp(-(d**2) / 18)), atol=1e-6)
    assert row[19] == pytest.approx(np.exp(-4.5))
    assert row[20] == 0


def test_an_ellipsoid_of_equal_radii_is_a_sphere():
    sphere = sphere_mask(32, radius_px=8, soft_px=2)
    assert np.allclose(ellipsoid_mask(32, radii_px=(8, 8, 8), soft_px=2), sphere, atol=1e-6)


def test_the_radii_of_an_ellipsoid_are_x_y_z():
    mask = ellipsoid_mask(48, radii_px=(20, 12, 6))
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 20 * 12 * 6, rel=0.03)
    assert [int(mask[24, 24].sum()), int(mask[24, :, 24].sum()), int(mask[:, 24, 24].sum())] == [
        41, 25, 13,
    ]  # fmt: skip


def test_the_edge_of_an_ellipsoid_is_as_wide_on_every_side():
    mask = ellipsoid_mask(96, radii_px=(30, 15, 10), soft_px=3)
    half = np.exp(-0.5)
    for row, radius in ((mask[48, 48], 30), (mask[48, :, 48], 15), (mask[:, 48, 48], 10)):
        # One deviation outside, to first order in the width over the radius.
        assert row[48 + radius + 3] == pytest.approx(half, abs=0.1)


def test_a_cylinder_stands_along_z():
    mask = cylinder_mask(40, radius_px=6, height_px=21)
    z, y, x, _ = _radius(40)
    inside = (np.hypot(x, y) <= 6) & (np.abs(z) <= 10.5)
    assert np.array_equal(mask > 0, inside)
    soft = cylinder_mask(40, radius_px=6, height_px=21, soft_px=2)
    assert soft[20, 20, 20 + 8] == pytest.approx(np.exp(-0.5))
    assert soft[20 + 12, 20, 20] == pytest.approx(np.exp(-(1.5**2) / 8))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: sphere_mask(0, radius_px=1), "box"),
        (lambda: sphere_mask(8, radius_px=0), "radius"),
        (lambda: sphere_mask(8, radius_px=float("nan")), "radius"),
        (lambda: sphere_mask(8, radius_px=2, soft_px=-1), "soft edge"),
        (lambda: ellipsoid_mask(8, radii_px=(2, -2, 2)), "radius"),
        (lambda: cylinder_mask(8, radius_px=2, height_px=0), "height"),
        (lambda: tight_mask(np.zeros((4, 4))), "volume"),
        (lambda: tight_mask(np.full((4, 4, 4), np.nan)), "NaN"),
        (lambda: tight_mask(np.zeros((4, 4, 4)), threshold=1.0), "lower threshold"),
        (lambda: tight_mask(np.zeros((4, 4, 4))), "no density above"),
        (lambda: tight_mask(np.ones((4, 4, 4)), threshold=0.5, extend_px=-1), "extend"),
        (lambda: tight_mask(np.ones((4, 4, 4)), threshold=0.5, soft_px=-1), "soft edge"),
    ],
)
def test_what_makes_no_sense_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()


def _ball(n, radius, value=1.0, noise=0.0, seed=0):
    volume = np.where(_radius(n)[3] <= radius, value, 0.0)
    return volume + np.random.default_rng(seed).normal(0, 1, volume.shape) * noise


def test_a_tight_mask_grows_and_then_falls_as_a_cosine():
    mask = tight_mask(_ball(48, 8), threshold=0.5, extend_px=3, soft_px=6)
    row = mask[24, 24, 24:]
    assert np.all(row[: 8 + 3 + 1] == 1)
    place = (np.arange(12, 17) - 11) / 6
    assert np.allclose(row[12:17], (1 + np.cos(np.pi * place)) / 2, atol=1e-6)
    assert np.all(row[17:] == 0)


def test_a_tight_mask_with_a_hard_edge():
    mask = tight_mask(_ball(32, 6), threshold=0.5, extend_px=2, soft_px=0)
    assert set(np.unique(mask)) == {0, 1}
    assert mask[16, 16, 16 + 8] == 1
    assert mask[16, 16, 16 + 9] == 0


def test_a_tight_mask_finds_its_threshold_in_noise():
    clean = tight_mask(_ball(48, 10), threshold=0.5, extend_px=2, soft_px=3)
    noisy = tight_mask(_ball(48, 10, noise=0.1), extend_px=2, soft_px=3)
    assert np.abs(clean - noisy).mean() < 0.01


def test_specks_are_left_out():
    volume = _ball(40, 8)
    volume[2, 2, 2] = 1
    mask = tight_mask(volume, threshold=0.5, extend_px=1, soft_px=1)
    assert mask[2, 2, 2] == 0
    solid = volume > 0.5
    assert without_specks(solid).sum() == solid.sum() - 1


def test_two_domains_of_one_particle_stay():
    volume = np.zeros((32, 32, 32))
    volume[4:12, 10:20, 10:20] = 1
    volume[18:24, 10:20, 10:20] = 1
    mask = tight_mask(volume, threshold=0.5, extend_px=0, soft_px=0)
    assert np.array_equal(mask, volume)


def test_a_mask_at_the_edge_of_the_box_is_cut_there():
    volume = np.zeros((16, 20, 24))
    volume[:4] = 1
    mask = tight_mask(volume, threshold=0.5, extend_px=2, soft_px=2)
    assert mask.shape == volume.shape
    assert np.all(mask[:6] == 1)
    assert mask[6, 0, 0] == pytest.approx(0.5)
    assert np.all(mask[8:] == 0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_threshold_does_not_depend_on_the_unit(scale):
    level = map_threshold(_ball(32, 9, noise=0.05) * scale + 3 * scale)
    assert 3.3 < level / scale < 3.7


def test_the_background_is_that_of_the_faces():
    middle, spread = background_of(_ball(32, 9, noise=0.2) + 5)
    assert middle == pytest.approx(5, abs=0.02)
    assert spread == pytest.approx(0.2, rel=0.1)


# Properties


@pytest.mark.parametrize("soft", [0.0, 1.0, 3.5])
@pytest.mark.parametrize(
    "mask",
    [
        lambda size, soft: sphere_mask(48, radius_px=size, soft_px=soft),
        lambda size, soft: ellipsoid_mask(48, radii_px=(size, size / 2, size / 3), soft_px=soft),
        lambda size, soft: cylinder_mask(48, radius_px=size / 2, height_px=size, soft_px=soft),
    ],
)
def test_a_larger_shape_holds_the_smaller_one(mask, soft):
    sizes = [mask(size, soft) for size in (5.0, 8.0, 11.0)]
    for smaller, larger in pairwise(sizes):
        # An ellipsoid's distance is that to first order: a thousandth at its far edge.
        assert np.all(larger >= smaller - 2e-3)
        assert larger.sum() > smaller.sum()


@pytest.mark.parametrize("radius", [6.0, 9.5, 14.0])
def test_the_volume_of_a_ball(radius):
    mask = sphere_mask(40, radius_px=radius)
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)


def test_softer_edges_only_add():
    masks = [sphere_mask(48, radius_px=10, soft_px=soft) for soft in (0, 0.5, 1, 2, 4)]
    for harder, softer in pairwise(masks):
        assert np.all(softer >= harder)
        assert softer.sum() > harder.sum()
        assert np.array_equal(softer == 1, harder == 1)


def test_a_tight_mask_moves_with_its_map():
    volume = _ball(40, 7)
    mask = tight_mask(volume, threshold=0.5, extend_px=2, soft_px=4)
    moved = tight_mask(np.roll(volume, 5, axis=1), threshold=0.5, extend_px=2, soft_px=4)
    assert np.array_equal(np.roll(mask, 5, axis=1), moved)
