from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.io.particles import read_particle_images, read_particles
from cryopick.jobs.classify_images import ParticleImages, background, background_pixels
from particle_sets import BOX, PIXEL, particle_set

MASK = 0.8 * BOX * PIXEL


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    path, _, _ = particle_set(tmp_path_factory.mktemp("set"), 30)
    return read_particles(path)


def images_of(particles, memory_bytes=1 << 30):
    return ParticleImages(particles, mask_diameter_angstrom=MASK, memory_bytes=memory_bytes)


def test_normalised_images_are_left_as_they_are(particles):
    images = images_of(particles)
    assert images.shape == (30, BOX, BOX)
    assert images.warnings == []
    rows = np.array([7, 0, 7])
    np.testing.assert_array_equal(images[rows], read_particle_images(particles, rows))


def test_what_does_not_fit_into_memory_is_read_again(particles):
    rows = np.array([3, 29, 11])
    np.testing.assert_array_equal(
        images_of(particles)[rows], images_of(particles, memory_bytes=1000)[rows]
    )


def test_dark_particles_are_turned_over(particles):
    dark = images_of(replace(particles, dark=True))
    rows = np.arange(30)
    np.testing.assert_array_equal(dark[rows], -images_of(particles)[rows])


@pytest.mark.parametrize("memory_bytes", [1000, 1 << 30])
def test_raw_images_are_normalised_and_it_is_said(tmp_path, memory_bytes, particles):
    raw = 40 + 12 * read_particle_images(particles)
    write_mrc(tmp_path / "raw.mrcs", raw, PIXEL, stack=True)
    given = replace(particles, file=np.full(30, str(tmp_path / "raw.mrcs")))
    images = images_of(given, memory_bytes)
    assert "normalised" in images.warnings[0]
    found = images[np.arange(30)]
    mean, sd = background(found, background_pixels(BOX, MASK / PIXEL / 2))
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    np.testing.assert_allclose(sd, 1, atol=1e-4)


def test_an_empty_image_stays_empty_among_raw_ones(tmp_path, particles):
    raw = 40 + 12 * read_particle_images(particles)
    raw[4] = 5.0
    write_mrc(tmp_path / "raw.mrcs", raw, PIXEL, stack=True)
    given = replace(particles, file=np.full(30, str(tmp_path / "raw.mrcs")))
    assert np.abs(images_of(given)[np.array([4])]).max() < 1e-3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_that_is_not_finite_is_named(tmp_path, particles, value):
    raw = read_particle_images(particles)
    raw[12, 3, 4] = value
    write_mrc(tmp_path / "bad.mrcs", raw, PIXEL, stack=True)
    given = replace(particles, file=np.full(30, str(tmp_path / "bad.mrcs")))
    with pytest.raises(InputError, match=r"bad\.mrcs, image 13: holds values that are not finite"):
        images_of(given)


def test_background_is_what_lies_outside():
    outside = background_pixels(16, 5)
    assert outside[8, [8, 13, 14]].tolist() == [False, False, True]
    assert outside[0, 0]
    images = np.zeros((2, 16, 16), np.float32)
    images[:, ~outside] = 100.0
    images[1, outside] = np.where(np.arange(outside.sum()) % 2, 1.0, 3.0)
    mean, sd = background(images, outside)
    np.testing.assert_allclose(mean, [0, 2], atol=0.02)
    np.testing.assert_allclose(sd, [0, 1], atol=0.02)
