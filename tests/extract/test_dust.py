import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.extract.dust import dust_to_median, dust_to_noise


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(5, 2, shape).astype(np.float32)


def everywhere(images):
    return np.ones(images.shape[1:], bool)


def test_white_and_black_dust_are_told_apart():
    images = noise((2, 32, 32))
    images[0, 4, 5], images[1, 6, 7] = 500, -500
    for white, black, gone, left in ((8, None, 0, 1), (None, 8, 1, 0)):
        found = dust_to_noise(
            images, everywhere(images), white_sd=white, black_sd=black,
            rng=np.random.default_rng(0),
        )  # fmt: skip
        assert np.abs(found[gone]).max() < 100
        np.testing.assert_array_equal(found[left], images[left])


def test_only_dust_is_replaced_and_by_noise_of_the_background():
    images = noise((40, 40, 40))
    background = np.zeros((40, 40), bool)
    background[:, 20:] = True
    images[:, :, :10] = 60  # a quarter of each image; it does not count for the statistics
    found = dust_to_noise(images, background, white_sd=6, black_sd=6, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found[:, :, 10:], images[:, :, 10:])
    replaced = found[:, :, :10]
    assert replaced.mean() == pytest.approx(5, abs=0.1)
    assert replaced.std() == pytest.approx(2, abs=0.1)
    assert np.all(images[:, :, :10] == 60)  # the input is left alone


def test_thresholds_count_deviations_over_n():
    image = np.zeros((1, 10, 10), np.float32)
    image[0, 0, 0] = 1
    mean, sd = 0.01, np.sqrt(0.01 - 0.0001)
    at = (1 - mean) / sd
    for factor, replaced in ((1.001, False), (0.999, True)):
        found = dust_to_noise(
            image, everywhere(image), white_sd=at * factor, black_sd=None,
            rng=np.random.default_rng(0),
        )  # fmt: skip
        assert (found[0, 0, 0] != 1) == replaced


def plain_median_fill(pixels, bad):
    """The definition, pixel by pixel: from the rim inwards."""
    pixels, bad = pixels.copy(), bad.copy()
    while bad.any():
        filled = {}
        for y, x in np.argwhere(bad):
            ys = slice(max(y - 2, 0), y + 3)
            xs = slice(max(x - 2, 0), x + 3)
            good = pixels[ys, xs][~bad[ys, xs]]
            if good.size:
                filled[y, x] = np.median(good)
        for (y, x), value in filled.items():
            pixels[y, x], bad[y, x] = value, False
    return pixels


def test_a_bad_pixel_becomes_the_median_of_good_neighbours():
    pixels = noise((30, 40))
    bad = np.zeros(pixels.shape, bool)
    bad[3, 4] = bad[0, 0] = bad[29, 20:24] = True
    bad[10:19, 10:21] = True  # larger than the neighbourhood: filled from the rim
    pixels[bad] = 1e4
    found = dust_to_median(pixels, threshold_sd=2)
    np.testing.assert_allclose(found, plain_median_fill(pixels, bad), rtol=1e-6)
    assert found.max() < 50


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_dust(value):
    pixels = noise((20, 20))
    pixels[7, 7] = value
    found = dust_to_median(pixels, threshold_sd=100)
    assert np.isfinite(found).all()
    changed = found != pixels
    assert np.argwhere(changed).tolist() == [[7, 7]]


def test_a_flat_micrograph_has_no_dust():
    flat = np.full((8, 8), 3, np.float32)
    np.testing.assert_array_equal(dust_to_median(flat, threshold_sd=3), flat)


def test_a_threshold_that_leaves_nothing_is_refused():
    halves = np.repeat([[-1.0, 1.0]], 8, axis=0).astype(np.float32)
    with pytest.raises(InputError, match="every pixel of the micrograph is dust"):
        dust_to_median(halves, threshold_sd=0.5)
