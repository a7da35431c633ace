"""Particle images on their way to Fourier space."""

import numpy as np
import pytest

from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.spectra import check_images, particle_spectra, soft_disc
from cryopick.errors import InputError


def test_a_soft_disc_about_the_centre_pixel():
    disc = soft_disc(20, radius_px=5, edge_px=3)
    assert disc[10, 10] == disc[10, 15] == disc[5, 10] == 1
    assert disc[10, 18] == disc[2, 10] == 0
    assert 0 < disc[10, 16] < 1
    assert disc[10, 17] < disc[10, 16]
    np.testing.assert_allclose(disc[1:, 1:], disc[1:, 1:][::-1, ::-1])


def test_a_disc_may_be_sharp():
    assert set(np.unique(soft_disc(9, radius_px=2, edge_px=0)).tolist()) == {0.0, 1.0}


def test_images_are_moved_then_masked():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 12, 12)).astype(np.float32)
    centre = np.array([[0, 0], [2, -1], [-5, 4]])
    band, mask = make_band(12), soft_disc(12, radius_px=3, edge_px=2)
    found = particle_spectra(images, band=band, centre_px=centre, mask=mask)
    for image, (x, y), one in zip(images, centre, found, strict=True):
        expected = band.of_images((np.roll(image, (y, x), axis=(0, 1)) * mask)[None])[0]
        np.testing.assert_allclose(one, expected, atol=1e-6)


def test_without_a_mask_nothing_is_cut():
    images = np.random.default_rng(0).normal(size=(2, 10, 10)).astype(np.float32)
    band = make_band(10)
    found = particle_spectra(images, band=band, centre_px=np.zeros((2, 2), int), mask=None)
    np.testing.assert_array_equal(found, band.of_images(images))


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "not numbers"), (np.inf, "not numbers"), (None, "the same in every pixel")],
)
def test_images_that_cannot_be_used_are_named(value, words):
    images = np.random.default_rng(0).normal(size=(4, 6, 6)).astype(np.float32)
    if value is None:
        images[2] = 7
    else:
        images[2, 1, 1] = value
    with pytest.raises(InputError, match=rf"particle 33: .*{words}.*1 such"):
        check_images(images, np.array([30, 31, 32, 33]))
    check_images(images[[0, 1, 3]], np.arange(3))
