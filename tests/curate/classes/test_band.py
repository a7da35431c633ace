"""The Fourier pixels of a classification against plain transforms."""

import numpy as np
import pytest

from cryopick.curate.classes.band import make_band
from cryopick.errors import InputError


def noise(n, b, seed=0):
    return np.random.default_rng(seed).normal(size=(n, b, b)).astype(np.float32)


@pytest.mark.parametrize("box", [8, 9, 16, 33])
def test_one_of_each_pair_and_never_zero_frequency(box):
    band = make_band(box)
    seen = {tuple(k) for k in band.frequency.tolist()}
    assert (0, 0) not in seen
    assert len(seen) == len(band)
    assert not seen & {(-x, -y) for x, y in seen}
    r = band.radius_px
    line = np.arange(-r, r + 1)
    inside = np.rint(np.hypot(*np.meshgrid(line, line))) <= r
    assert 2 * len(band) + 1 == inside.sum()


@pytest.mark.parametrize("box", [8, 11])
def test_coefficients_are_the_transform_about_the_centre_pixel(box):
    band, images = make_band(box), noise(2, box)
    line = np.arange(box) - box // 2
    waves = [
        np.exp(-2j * np.pi * (kx * line[None, :] + ky * line[:, None]) / box)
        for kx, ky in band.frequency
    ]
    expected = np.einsum("nyx,dyx->nd", images, np.array(waves)) / box
    np.testing.assert_allclose(band.of_images(images), expected, atol=1e-5)


@pytest.mark.parametrize("box", [16, 17])
def test_there_and_back(box):
    band = make_band(box)
    values = band.of_images(noise(3, box))
    np.testing.assert_allclose(band.of_images(band.to_images(values)), values, atol=1e-5)


def test_white_noise_has_power_one():
    band = make_band(32)
    power = np.abs(band.of_images(noise(50, 32))) ** 2
    assert power.mean() == pytest.approx(1, abs=0.02)


def test_another_box_shows_the_same_field():
    """On a grid of half the pixels every other value is the same."""
    band = make_band(32, 7)
    values = band.of_images(noise(1, 32))
    np.testing.assert_allclose(
        band.to_images(values, box_px=16)[0], band.to_images(values)[0, ::2, ::2], atol=1e-5
    )
    with pytest.raises(InputError, match="does not fit a box of 14 px"):
        band.to_images(values, box_px=14)


def test_a_narrower_band_is_the_beginning_of_a_wider_one():
    band = make_band(20)
    few = band.up_to(4)
    assert few.radius_px == 4
    assert few.shell.max() == 4
    np.testing.assert_array_equal(band.frequency[: len(few)], few.frequency)
    assert (band.shell[len(few) :] > 4).all()
    assert len(band.up_to(99)) == len(band)
    assert band.up_to(0).radius_px == 1


def test_shell_sums():
    band = make_band(12)
    values = np.random.default_rng(1).normal(size=(2, len(band)))
    sums = band.shell_sums(values)
    for shell in range(band.radius_px + 1):
        np.testing.assert_allclose(sums[:, shell], values[:, band.shell == shell].sum(1), atol=1e-9)
    np.testing.assert_array_equal(band.shell_sums(np.ones(len(band))), band.per_shell)


def test_phases_move_an_image_towards_x_and_y():
    band, images = make_band(15), noise(1, 15)
    moved = band.of_images(images) * band.shift_phases(np.array([[2.0, -3.0]]))
    rolled = band.of_images(np.roll(images, (-3, 2), axis=(1, 2)))
    np.testing.assert_allclose(moved, rolled, atol=1e-5)


@pytest.mark.parametrize("box", [9, 15])
def test_a_quarter_turn_from_x_towards_y(box):
    """In an odd box the turned image is an exact permutation of pixels."""
    band, images = make_band(box), noise(1, box)
    index, flip = band.quarter_turn()
    values = band.of_images(images)[0][index]
    values = np.where(flip, values.conj(), values)
    # y, x <- x, -y: what lay on the x axis lies on the y axis.
    turned = np.rot90(images, -1, axes=(1, 2))
    c = box // 2
    assert turned[0, c + 2, c] == images[0, c, c + 2]
    np.testing.assert_allclose(values, band.of_images(turned)[0], atol=1e-5)


def test_a_box_too_small():
    with pytest.raises(InputError, match="3 px or more"):
        make_band(2)
