"""A template at another voxel: the same density, about the same centre."""

import numpy as np
import pytest

from cryopick.pick.matching.scaled import scaled_template
from cryopick.pick.matching.template import Template
from pick.matching.cases import soft_sphere

PIXEL = 5.0
# Three blobs in Å from the centre (x, y, z), with their heights; no symmetry.
BLOBS = [((20.0, 5.0, -10.0), 1.0), ((-15.0, 15.0, 5.0), 0.7), ((0.0, -20.0, 15.0), 0.5)]


def sampled(n, pixel, *, sigma):
    """The blobs at the voxels of a box whose centre is ``n // 2``."""
    axis = (np.arange(n) - n // 2) * pixel
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    density = np.zeros((n, n, n))
    for (bx, by, bz), height in BLOBS:
        square = (x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2
        density += height * np.exp(-square / 2 / sigma**2)
    return density.astype(np.float32)


def template_of(n, *, sigma=12.0, pixel=PIXEL, **options):
    return Template(
        density=sampled(n, pixel, sigma=sigma), mask=soft_sphere(n, 0.4 * n, soft=3.0),
        pixel_size_angstrom=pixel, name="blobs", diameter_angstrom=120.0, **options,
    )  # fmt: skip


@pytest.mark.parametrize("n", [32, 33])
@pytest.mark.parametrize("ratio", [2.0, 1.3, 1.73])
def test_a_wider_voxel_samples_the_same_density(n, ratio):
    found = scaled_template(template_of(n), PIXEL * ratio)
    wanted = sampled(found.box_px, PIXEL * ratio, sigma=12.0)
    assert found.pixel_size_angstrom == PIXEL * ratio
    np.testing.assert_allclose(found.density, wanted, atol=0.012)
    # No voxel of shift: of neighbours, the place itself fits best by far.
    own = np.abs(found.density - wanted).max()
    for axis in range(3):
        assert np.abs(np.roll(found.density, 1, axis) - wanted).max() > 10 * own


@pytest.mark.parametrize("n", [24, 25])
def test_a_finer_voxel_samples_the_same_density(n):
    found = scaled_template(template_of(n, sigma=10.0), PIXEL / 1.6)
    np.testing.assert_allclose(
        found.density, sampled(found.box_px, PIXEL / 1.6, sigma=10.0), atol=0.02
    )


@pytest.mark.parametrize(("n", "ratio", "box"), [(32, 2, 16), (33, 2, 18), (30, 1.3, 24), (20, 0.5, 40)])  # fmt: skip
def test_the_box_keeps_its_width_and_is_even(n, ratio, box):
    found = scaled_template(template_of(n), PIXEL * ratio)
    assert found.box_px == box
    assert found.box_px * ratio >= n


@pytest.mark.parametrize("ratio", [2.0, 1.37, 1.0 / 1.7])
def test_the_mask_stays_a_mask_of_the_same_size(ratio):
    template = template_of(40)
    mask = scaled_template(template, PIXEL * ratio).mask
    assert mask.min() == 0
    assert mask.max() == pytest.approx(1)
    assert mask.sum() * ratio**3 == pytest.approx(template.mask.sum(), rel=0.02)
    axis = (np.arange(len(mask)) - len(mask) // 2) * ratio
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    # No rings: 1 inside, 0 outside, but for a rim that is the old one and two new voxels wide.
    rim = 1.5 + np.sqrt(3) * max(ratio, 1)
    assert np.all(mask[radius > 16 + rim] == 0)
    assert np.all(mask[radius < 16 - rim] > 1 - 1e-6)


def test_detail_finer_than_the_new_voxel_does_not_fold_back():
    n = 32
    axis = np.arange(n) - n // 2
    wave = np.cos(2 * np.pi * axis * 10 / n)[None, None, :] * np.ones((n, n, 1))
    template = Template(
        density=wave.astype(np.float32), mask=np.ones((n,) * 3, np.float32),
        pixel_size_angstrom=PIXEL, name="wave", diameter_angstrom=100.0,
    )  # fmt: skip
    # Of the wave, at 1.25 times the new Nyquist, nothing may be left but rounding; a constant is
    # added as a template of zeros is none.
    with_level = Template(
        density=(wave + soft_sphere(n, 6, soft=6)).astype(np.float32), mask=template.mask,
        pixel_size_angstrom=PIXEL, name="wave", diameter_angstrom=100.0,
    )  # fmt: skip
    level = Template(
        density=soft_sphere(n, 6, soft=6), mask=template.mask,
        pixel_size_angstrom=PIXEL, name="level", diameter_angstrom=100.0,
    )  # fmt: skip
    np.testing.assert_allclose(
        scaled_template(with_level, 2 * PIXEL).density, scaled_template(level, 2 * PIXEL).density,
        atol=1e-5,
    )  # fmt: skip


def test_all_else_stays():
    template = template_of(32, symmetry="C4", spherical_mask=False)
    found = scaled_template(template, 9.0)
    assert (found.name, found.symmetry, found.spherical_mask) == ("blobs", "C4", False)
    assert found.diameter_angstrom == template.diameter_angstrom


def test_its_own_voxel_returns_the_template_itself():
    template = template_of(16)
    assert scaled_template(template, PIXEL) is template
    assert scaled_template(template, PIXEL * (1 + 1e-9)) is template


@pytest.mark.parametrize("n", [20, 21])
@pytest.mark.parametrize("ratio", [2.0, 1.37, 0.6])
def test_a_mask_that_fills_its_box_still_does(n, ratio):
    template = Template(
        density=sampled(n, PIXEL, sigma=12.0), mask=np.ones((n, n, n), np.float32),
        pixel_size_angstrom=PIXEL, name="full", diameter_angstrom=100.0, spherical_mask=False,
    )  # fmt: skip
    mask = scaled_template(template, PIXEL * ratio).mask
    inner = mask[2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(inner, 1, atol=1e-6)
