"""Fourier cropping and padding: grey values, centres, Nyquist; scipy is the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample

from cryopick.errors import InputError
from cryopick.ops.fourier import fourier_resample, fourier_resample_numpy, plan_axis

RNG = np.random.default_rng(20)


@pytest.mark.parametrize("shape", [(16, 24), (15, 21), (12, 18, 24), (9, 15, 21)])
@pytest.mark.parametrize("ratio", [3.0, 1.5, 1.0, 0.5, 0.75, 1.0312345, 2.61803])
def test_float32_in_slabs_agrees_with_the_plain_reference(shape, ratio):
    values = RNG.normal(size=shape)
    fast, plain = fourier_resample(values, ratio), fourier_resample_numpy(values, ratio)
    assert fast.shape == plain.shape
    assert fast.dtype == np.float32
    assert np.abs(fast - plain).max() < 1e-5


@pytest.mark.parametrize("shape", [(16, 24), (9, 15, 21)])
@pytest.mark.parametrize("ratio", [3.0, 1.5, 1.0, 0.75, 2.61803])
def test_torch_agrees_with_numpy(shape, ratio):
    """What a GPU computes, here on the CPU: any name of a device but plain ``cpu`` is torch's."""
    values = RNG.normal(size=shape).astype(np.float32)
    values.flags.writeable = False
    by_torch = fourier_resample(values, ratio, device="cpu:0")
    np.testing.assert_allclose(by_torch, fourier_resample(values, ratio), atol=2e-6)


def test_sources_are_read_in_slabs(monkeypatch):
    """A volume is never held twice: each plane is asked for once, a few at a time."""
    monkeypatch.setattr("cryopick.ops.fourier._SLAB", 500)
    values = RNG.normal(size=(20, 12, 15)).astype(np.float32)
    asked = []

    class Source:
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, index):
            asked.append(index[0])
            return values[index]

    small = fourier_resample(Source(), 1.5)
    np.testing.assert_allclose(small, fourier_resample_numpy(values, 1.5), atol=1e-5)
    assert [(part.start, min(part.stop, 20)) for part in asked] == [
        (start, start + 2) for start in range(0, 20, 2)
    ]


@pytest.mark.parametrize(
    ("n", "m"), [(16, 8), (15, 5), (18, 9), (12, 8), (8, 16), (9, 18), (15, 20), (20, 15), (5, 15)]
)
def test_the_reference_agrees_with_scipy_at_even_and_odd_lengths(n, m):
    values = RNG.normal(size=n)
    ours = fourier_resample_numpy(values, n / m)
    assert ours == pytest.approx(resample(values, m), abs=1e-12)


@pytest.mark.parametrize("ratio", [2.0, 4.0, 1.5, 0.5, 1.37])
@pytest.mark.parametrize("n", [48, 47])
def test_grey_values_are_kept(n, ratio):
    assert fourier_resample(np.full((n, n), 7.5), ratio) == pytest.approx(7.5, abs=1e-5)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 0.5])
def test_pixel_0_keeps_its_centre(ratio):
    # A slow wave is sampled at j * ratio: no shift by half a pixel.
    n = 72
    wave = np.cos(2 * np.pi * np.arange(n) / n + 0.7)
    m = int(n / ratio)
    expected = np.cos(2 * np.pi * np.arange(m) * ratio / n + 0.7)
    assert fourier_resample(np.tile(wave, (n, 1)), ratio)[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("ratio", [2.0, 2.5, 1.7, 0.8])
@pytest.mark.parametrize("n", [64, 61])
def test_a_blob_lands_at_the_same_place_in_angstrom(ratio, n):
    y, x = np.indices((n, n))
    at = np.array([20.3, 37.6])
    blob = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * 5.0**2))
    small = fourier_resample(blob, ratio).astype(float)
    v, u = np.indices(small.shape)
    found = np.array([(v * small).sum(), (u * small).sum()]) / small.sum() * ratio
    assert found == pytest.approx(at, abs=0.02)


def test_nothing_above_the_new_nyquist_frequency_remains():
    n = 64
    fast = np.cos(2 * np.pi * 20 * np.arange(n) / n)  # new Nyquist is 16 waves
    assert np.abs(fourier_resample(np.tile(fast, (n, 1)), 2.0)).max() < 1e-6


def test_the_nyquist_wave_itself_is_folded_as_sampling_does():
    n = 16
    wave = np.cos(2 * np.pi * 4 * np.arange(n) / n)  # exactly the Nyquist wave of 8 pixels
    assert fourier_resample_numpy(wave, 2.0) == pytest.approx(wave[::2])


@pytest.mark.parametrize("shape", [(16, 16), (15, 15), (16, 15), (8, 9, 10)])
def test_padding_then_cropping_is_the_identity(shape):
    values = RNG.normal(size=shape)
    assert fourier_resample_numpy(fourier_resample_numpy(values, 0.5), 2.0) == pytest.approx(values)


def test_a_ratio_of_1_changes_nothing():
    values = RNG.normal(size=(7, 9)).astype(np.float32)
    assert np.array_equal(fourier_resample(values, 1.0), values)


def test_a_lossless_crop_keeps_the_power_of_what_it_keeps():
    n = 60
    low = fourier_resample_numpy(RNG.normal(size=(20, 20)), 1 / 3)  # band-limited
    assert low.shape == (n, n)
    small = fourier_resample_numpy(low, 2.0)
    assert small.var() == pytest.approx(low.var(), rel=1e-9)


def test_axes_can_be_chosen():
    values = RNG.normal(size=(8, 12, 16))
    stepwise = fourier_resample(fourier_resample(values, 2.0, axes=(1, 2)), 2.0, axes=(0,))
    assert np.abs(stepwise - fourier_resample(values, 2.0)).max() < 1e-6


def test_read_only_sources_are_left_alone():
    values = np.ones((8, 8), dtype=np.float32)
    values.flags.writeable = False
    assert fourier_resample(values, 2.0).mean() == pytest.approx(1.0)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_ratios_that_are_none(ratio):
    with pytest.raises(InputError, match="expected a ratio above 0"):
        plan_axis(10, ratio)


def test_a_ratio_that_leaves_nothing():
    with pytest.raises(InputError, match="leave no pixel"):
        plan_axis(10, 11.0)


@settings(max_examples=200)
@given(st.integers(8, 6000), st.floats(0.3, 8.0))
def test_plans_are_exact_to_a_thousandth_of_a_pixel(n, ratio):
    if n / ratio < 2:
        return
    plan = plan_axis(n, ratio)
    assert n <= plan.padded_px <= n + 64
    assert plan.new_px == int(np.floor(n / ratio + 1e-6))
    if plan.transformed_px:
        assert plan.new_px <= plan.transformed_px
        # The ratio that is really applied: the last pixel kept is where it should be.
        assert abs(plan.padded_px / ratio - plan.transformed_px) <= 1e-3
    else:
        assert plan.padded_px == n


@pytest.mark.parametrize("n", [30, 31])
@pytest.mark.parametrize("ratio", [3.01, 1.2718281, 0.7512345, np.pi])
def test_any_other_ratio_interpolates_waves_exactly(n, ratio):
    assert plan_axis(n, ratio).transformed_px == 0
    wave = 2.0 + np.cos(2 * np.pi * 3 * np.arange(n) / n + 0.4)
    at = np.arange(int(n / ratio)) * ratio
    expected = 2.0 + np.cos(2 * np.pi * 3 * at / n + 0.4)
    assert fourier_resample_numpy(wave, ratio) == pytest.approx(expected, abs=1e-12)
    fast = np.cos(2 * np.pi * (n // 2 - 1) * np.arange(n) / n)
    kept = np.cos(2 * np.pi * (n // 2 - 1) * at / n) if ratio < 1 else 0.0 * at
    assert fourier_resample_numpy(fast, ratio) == pytest.approx(kept, abs=1e-12)


@pytest.mark.parametrize("n", [24, 25])
def test_the_matrix_and_the_transform_agree(n, monkeypatch):
    values = RNG.normal(size=(3, 5 * n))
    plain = fourier_resample_numpy(values[0], 0.625)
    monkeypatch.setattr("cryopick.ops.fourier._WIDEST_PAD", -1)
    assert plan_axis(5 * n, 0.625).transformed_px == 0
    assert fourier_resample_numpy(values[0], 0.625) == pytest.approx(plain, abs=1e-10)


@given(st.integers(1, 300), st.integers(1, 8))
def test_whole_ratios_are_exact(m, factor):
    plan = plan_axis(m * factor, float(factor))
    assert (plan.padded_px, plan.new_px) == (m * factor, m)


def test_the_continuation_joins_both_ends_smoothly():
    # 101 pixels by 2: one pixel is added, half way from the last value to the first.
    ramp = np.linspace(0.0, 1.0, 101)
    small = fourier_resample_numpy(ramp, 2.0)
    assert small.shape == (50,)
    assert small[10:40] == pytest.approx(ramp[20:80:2], abs=0.02)
