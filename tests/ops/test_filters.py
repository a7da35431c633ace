"""Filters against what they must do to waves, constants and noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.ops.filters import Band, band_pass, band_weight, gaussian, local_normalise

RNG = np.random.default_rng(22)
N, SIZE = 64, 2.0


def _wave(period_angstrom, n=N):
    """A plane wave along x whose period fits the image."""
    waves = round(n * SIZE / period_angstrom)
    return np.tile(np.cos(2 * np.pi * waves * np.arange(n) / n), (n, 1))


@pytest.mark.parametrize(
    ("period", "kept"), [(6.4, 0.0), (8.0, 0.0), (16.0, 1.0), (32.0, 1.0), (128.0, 1.0)]
)
def test_low_pass_at_12_angstrom(period, kept):
    wave = _wave(period)
    assert band_pass(wave, SIZE, Band(low_pass_angstrom=12.0)) == pytest.approx(
        kept * wave, abs=1e-5
    )


@pytest.mark.parametrize(("period", "kept"), [(8.0, 1.0), (16.0, 1.0), (64.0, 0.0), (128.0, 0.0)])
def test_high_pass_at_32_angstrom(period, kept):
    wave = _wave(period)
    filtered = band_pass(wave + 5.0, SIZE, Band(high_pass_angstrom=32.0))
    assert filtered == pytest.approx(kept * wave, abs=1e-5)


def test_half_of_the_amplitude_remains_at_the_cut_off():
    wave = _wave(16.0)
    assert band_pass(wave, SIZE, Band(low_pass_angstrom=16.0)) == pytest.approx(wave / 2, abs=1e-5)
    assert band_pass(wave, SIZE, Band(high_pass_angstrom=16.0)) == pytest.approx(wave / 2, abs=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (15, 17), (8, 9, 10)])
def test_weights_are_those_of_the_radius_in_any_dimension(shape):
    band = Band(low_pass_angstrom=9.0, high_pass_angstrom=30.0, edge=0.5)
    weight = band_weight(shape, SIZE, band)
    assert weight.shape == (*shape[:-1], shape[-1] // 2 + 1)
    assert weight.min() >= 0
    assert weight.max() <= 1
    assert weight[(0,) * len(shape)] == 0
    for index in ((0,) * (len(shape) - 1) + (2,), (1,) * len(shape)):
        axes = [np.fft.fftfreq(n, SIZE)[i] for n, i in zip(shape, index, strict=True)]
        f = np.sqrt(np.sum(np.square(axes)))

        def rise(cut, f=f):
            place = np.clip((f - cut) / (cut * 0.5) + 0.5, 0, 1)
            return (1 - np.cos(np.pi * place)) / 2

        assert weight[index] == pytest.approx((1 - rise(1 / 9.0)) * rise(1 / 30.0))


@pytest.mark.parametrize("shape", [(20, 24), (21, 23), (9, 10, 11)])
def test_the_plain_reference_gives_the_same(shape):
    values = RNG.normal(size=shape)
    band = Band(low_pass_angstrom=9.0, high_pass_angstrom=30.0)
    weighted = np.fft.rfftn(values) * band_weight(shape, SIZE, band)
    plain = np.fft.irfftn(weighted, s=shape, axes=tuple(range(len(shape))))
    assert band_pass(values, SIZE, band) == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("shape", [(20, 24), (21, 23), (9, 10, 11)])
def test_an_open_band_changes_nothing(shape):
    values = RNG.normal(size=shape)
    assert band_pass(values, SIZE, Band()) == pytest.approx(values, abs=1e-5)


def test_low_and_high_pass_add_up_to_the_image():
    values = RNG.normal(size=(32, 33))
    low = band_pass(values, SIZE, Band(low_pass_angstrom=12.0))
    high = band_pass(values, SIZE, Band(high_pass_angstrom=12.0))
    assert low + high == pytest.approx(values, abs=1e-5)


def test_the_same_angstrom_at_two_pixel_sizes():
    fine = RNG.normal(size=(64, 64))
    band = Band(low_pass_angstrom=24.0)
    smooth = band_pass(fine, 2.0, band)
    # Above the cut-off nothing is left, so every second pixel holds the whole of it.
    again = band_pass(smooth[::2, ::2], 4.0, Band(low_pass_angstrom=20.0))
    assert again == pytest.approx(smooth[::2, ::2], abs=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"low_pass_angstrom": 0.0}, "low_pass_angstrom: expected a length above 0"),
        ({"high_pass_angstrom": float("nan")}, "high_pass_angstrom: expected a length"),
        ({"low_pass_angstrom": 30.0, "high_pass_angstrom": 20.0}, "30 must be below .* 20"),
        ({"low_pass_angstrom": 30.0, "edge": 0.0}, "edge: expected a fraction"),
    ],
)
def test_bands_that_make_no_sense(call, text):
    with pytest.raises(InputError, match=text):
        Band(**call)


@pytest.mark.parametrize("shape", [(20, 24), (9, 10, 11)])
def test_gaussian_is_scipys_in_angstrom(shape):
    values = RNG.normal(size=shape).astype(np.float32)
    ours = gaussian(values, SIZE, sigma_angstrom=3.0)
    assert ours == pytest.approx(gaussian_filter(values, 1.5, mode="nearest"), abs=1e-6)


def test_gaussian_of_a_point_has_the_width_asked_for():
    values = np.zeros((61, 61))
    values[30, 30] = 1.0
    blurred = gaussian(values, SIZE, sigma_angstrom=8.0).astype(float)
    x = (np.arange(61) - 30) * SIZE
    assert blurred.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.sqrt((blurred.sum(axis=0) * x**2).sum()) == pytest.approx(8.0, rel=0.01)


def test_local_normalisation_removes_a_slope_and_a_change_of_contrast():
    ramp = np.linspace(-50, 50, 128)
    noise = RNG.normal(size=(128, 128))
    image = noise * np.linspace(1, 4, 128) + ramp
    normal = local_normalise(image, SIZE, window_angstrom=40.0)
    for half in (normal[20:-20, 20:60], normal[20:-20, -60:-20]):
        assert half.mean() == pytest.approx(0.0, abs=0.1)
        assert half.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize("gain", [0.01, 100.0])
def test_local_normalisation_forgets_offset_and_gain(offset, gain):
    noise = RNG.normal(size=(48, 48))
    plain = local_normalise(noise, SIZE, window_angstrom=30.0)
    changed = local_normalise((noise + offset / gain) * gain, SIZE, window_angstrom=30.0)
    # float32 holds 100 to 4e-6: on noise of 0.01 that is 4e-4, summed over the window.
    tolerance = 1e-3 if offset == 0 or gain > 1 else 1e-2
    assert np.abs(changed - plain).max() < tolerance


@pytest.mark.parametrize("value", [0.0, -3.5, 1e6])
def test_a_flat_image_becomes_zero(value):
    assert (local_normalise(np.full((20, 20), value), SIZE, window_angstrom=10.0) == 0).all()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_lengths_that_are_none(value):
    with pytest.raises(InputError, match="gaussian: expected a length above 0"):
        gaussian(np.zeros((4, 4)), SIZE, sigma_angstrom=value)
    with pytest.raises(InputError, match="local normalisation: expected a length"):
        local_normalise(np.zeros((4, 4)), SIZE, window_angstrom=value)


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_shifted_image_gives_the_shifted_result(dy, dx):
    values = np.random.default_rng(1).normal(size=(16, 18))
    band = Band(low_pass_angstrom=8.0, high_pass_angstrom=30.0)
    moved = band_pass(np.roll(values, (dy, dx), (0, 1)), SIZE, band)
    assert moved == pytest.approx(
        np.roll(band_pass(values, SIZE, band), (dy, dx), (0, 1)), abs=1e-5
    )
