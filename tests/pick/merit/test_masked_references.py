"""Rescaling keeps the centre, masking keeps the circle, the diameter is read off the references."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.merit.masked_references import (
    detected_diameter_angstrom,
    mask_references,
    rescaled,
)
from cryopick.pick.merit.reference_set import References, gaussian_reference
from cryopick.pick.merit.settings import MeritSettings


def smooth(n, pixel, *, at=(7.0, -4.0), width=9.0):
    """A Gaussian off the centre, in Å from pixel ``n // 2``."""
    line = (np.arange(n) - n // 2) * pixel
    y, x = np.meshgrid(line, line, indexing="ij")
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * width**2))


@pytest.mark.parametrize("old", [40, 41])
@pytest.mark.parametrize("pixel", [1.3, 2.0, 3.54, 5.0])
def test_rescaling_samples_the_same_particle(old, pixel):
    references = References(images=smooth(old, 3.0)[None], pixel_size_angstrom=3.0)
    images = rescaled(references, pixel)
    n = images.shape[1]
    assert n % 2 == 0
    assert n * pixel == pytest.approx(old * 3.0, abs=pixel + 1e-9)
    expected = smooth(n, pixel) / max(1.0, 3.0 / pixel)
    inner = smooth(n, pixel, at=(0, 0), width=30) > 0.5
    np.testing.assert_allclose(images[0][inner], expected[inner], atol=3e-3)


def test_an_even_box_of_the_right_pixel_is_not_touched():
    references = References(images=smooth(40, 3.0)[None], pixel_size_angstrom=3.0)
    assert rescaled(references, 3.0) is references.images


@pytest.mark.parametrize(("diameter", "shrink", "radius"), [(100.0, 2, 15), (101.5, 0, 17)])
def test_the_circle_is_relions(diameter, shrink, radius):
    settings = MeritSettings(particle_diameter_angstrom=diameter, mask_shrink_px=shrink)
    references = References(images=smooth(40, 3.0)[None] + 1, pixel_size_angstrom=3.0)
    masked = mask_references(references, settings, pixel_size_angstrom=3.0)
    assert masked.radius_px == radius
    y, x = np.indices((40, 40)) - 20
    inside = x**2 + y**2 < radius**2
    np.testing.assert_array_equal(masked.inside, inside)
    assert (masked.images[0][inside] > 0).all()
    assert (masked.images[0][~inside] == 0).all()


def test_the_widest_reference_gives_the_diameter():
    images = np.zeros((2, 30, 30), np.float32) + 0.25
    images[0, 10:20, 9:19] = 1
    images[1, 15, 5:20] = -1
    references = References(images=images, pixel_size_angstrom=2.0)
    assert detected_diameter_angstrom(references) == 30.0
    assert mask_references(
        references, MeritSettings(), pixel_size_angstrom=2.0
    ).particle_diameter_angstrom == 30.0  # fmt: skip


def test_surroundings_with_the_ripples_of_a_filter_still_tell_it():
    images = np.random.default_rng(0).normal(0.25, 0.001, (1, 30, 30)).astype(np.float32)
    images[0, 15, 8:22] = 1
    references = References(images=images, pixel_size_angstrom=2.0)
    assert detected_diameter_angstrom(references) == 28.0


def test_what_is_given_goes_before_what_is_known_and_that_before_detection():
    blob = gaussian_reference(100.0, 2.0)
    assert mask_references(blob, MeritSettings(), pixel_size_angstrom=2.0).radius_px == 23
    wide = MeritSettings(particle_diameter_angstrom=120.0)
    assert mask_references(blob, wide, pixel_size_angstrom=2.0).radius_px == 28


def test_a_diameter_that_cannot_be_told_is_asked_for():
    noisy = np.random.default_rng(0).standard_normal((1, 20, 20))
    with pytest.raises(InputError, match="give --particle-diameter"):
        detected_diameter_angstrom(References(images=noisy, pixel_size_angstrom=2.0))


@pytest.mark.parametrize(
    ("diameter", "pixel", "words"),
    [(200.0, 3.0, "larger than the box"), (20.0, 5.0, "circle of 0 px")],
)
def test_circles_that_do_not_fit_are_refused(diameter, pixel, words):
    references = References(images=smooth(40, 3.0)[None], pixel_size_angstrom=3.0)
    settings = MeritSettings(particle_diameter_angstrom=diameter)
    with pytest.raises(InputError, match=words):
        mask_references(references, settings, pixel_size_angstrom=pixel)


def test_a_reference_outside_of_the_circle_is_named():
    images = np.zeros((2, 40, 40), np.float32)
    images[0, 20, 20] = 1
    images[1, 2, 2] = 1
    references = References(images=images, pixel_size_angstrom=3.0)
    with pytest.raises(InputError, match="reference 2: is 0 everywhere"):
        mask_references(
            references, MeritSettings(particle_diameter_angstrom=60), pixel_size_angstrom=3.0
        )
