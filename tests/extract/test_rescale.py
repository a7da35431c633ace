import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.extract.rescale import fourier_crop
from cryopick.ops.fourier import fourier_resample_numpy


def plain_crop(image, size):
    """Crop the transform: waves from -size/2 + 1 to size/2 along y, as RELION keeps them."""
    n = image.shape[0]
    half = size // 2 + 1
    waves = np.concatenate([np.arange(half), np.arange(half - size, 0)]) % n
    kept = np.fft.rfft2(image)[np.ix_(waves, np.arange(half))]
    return np.fft.irfft2(kept, (size, size)) * (size / n) ** 2


def noise(n, count=3, seed=0):
    return np.random.default_rng(seed).normal(10, 3, size=(count, n, n)).astype(np.float32)


@pytest.mark.parametrize(("n", "size"), [(256, 64), (250, 64), (96, 94), (64, 62), (64, 2), (6, 4)])
def test_even_sizes_are_those_of_the_cropped_transform(n, size):
    images = noise(n)
    expected = [plain_crop(image.astype(float), size) for image in images]
    np.testing.assert_allclose(fourier_crop(images, size_px=size), expected, atol=1e-5)


@pytest.mark.parametrize(("n", "size"), [(63, 31), (64, 31), (63, 32), (64, 32), (45, 20)])
def test_the_centre_stays_the_centre(n, size):
    y, x = np.indices((n, n)) - n // 2
    spot = np.exp(-(x**2 + y**2) / (2 * (2.0 * n / size) ** 2)).astype(np.float32)
    found = fourier_crop(spot[np.newaxis], size_px=size)[0]
    y, x = np.indices((size, size)) - size // 2
    np.testing.assert_allclose(found, np.exp(-(x**2 + y**2) / 8), atol=0.01)


@pytest.mark.parametrize(("n", "size"), [(90, 45), (63, 21)])
def test_without_waves_at_nyquist_it_is_trigonometric_interpolation(n, size):
    """An odd new size has no Nyquist wave of its own: then the reference resampler agrees."""
    [image] = noise(n, 1)
    ratio = n / size
    # The reference keeps pixel 0 in place, this keeps the centre: roll both to pixel 0.
    rolled = np.roll(image, (-(n // 2), -(n // 2)), (0, 1))
    expected = fourier_resample_numpy(rolled, ratio)
    found = np.roll(fourier_crop(image[np.newaxis], size_px=size)[0], -(size // 2), (0, 1))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_grey_values_keep_their_scale():
    flat = np.full((1, 40, 40), 7.25, np.float32)
    np.testing.assert_allclose(fourier_crop(flat, size_px=10), 7.25, rtol=1e-6)


def test_a_high_mean_does_not_cost_precision():
    """Counts of a modern camera summed: a mean of 30,000, a contrast of 30."""
    images = (noise(256, 2) - 10) * 10
    low = fourier_crop(images, size_px=64)
    high = fourier_crop(images + np.float32(30_000), size_px=64) - 30_000
    # What float32 itself rounds off 30,000 is 0.002.
    assert np.abs(high - low).max() < 2e-3 * 30


def test_the_same_size_changes_nothing():
    images = noise(16)
    np.testing.assert_array_equal(fourier_crop(images, size_px=16), images)


@pytest.mark.parametrize("size", [0, 17])
def test_images_are_not_enlarged(size):
    with pytest.raises(InputError, match="expected 1 to 16 px"):
        fourier_crop(noise(16), size_px=size)


def test_no_images_stay_none():
    assert fourier_crop(np.zeros((0, 16, 16), np.float32), size_px=8).shape == (0, 8, 8)
