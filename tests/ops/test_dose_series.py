"""Exposure of a series: laws of the filter, and where the best exposure lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.ops.dose import critical_exposure_e_per_a2, exposure_filter, frequency_image

K = np.array([0.02, 0.05, 0.1, 0.2, 0.4])


@given(st.floats(0, 200), st.floats(0, 200))
def test_exposures_add_up(first, second):
    """Damage after two exposures is that of their sum, in any split."""
    product = exposure_filter(K, first) * exposure_filter(K, second)
    np.testing.assert_allclose(exposure_filter(K, first + second), product, rtol=1e-9)


@pytest.mark.parametrize("frequency", [0.05, 0.1, 0.25])
def test_the_ratio_is_best_at_two_and_a_half_critical_exposures(frequency):
    """Signal grows as ∫ exp(-N / 2 Nc), noise as √N: the paper's optimum of 2.51284 Nc."""
    critical = critical_exposure_e_per_a2(np.array([frequency]))[0]
    exposures = np.linspace(0, 6, 6001)[1:] * critical
    left = np.array([exposure_filter(np.array([frequency]), e)[0] for e in exposures])
    # Trapezoids, from the amplitude of 1 before any exposure.
    signal = np.cumsum(left) - left / 2 + 0.5
    ratio = signal / np.sqrt(exposures)
    assert exposures[ratio.argmax()] / critical == pytest.approx(2.51284, abs=2e-3)


@given(st.floats(100.0, 1000.0), st.floats(100.0, 1000.0))
def test_faster_electrons_damage_no_more(one, two):
    slow, fast = sorted((one, two))
    assert np.all(critical_exposure_e_per_a2(K, fast) >= critical_exposure_e_per_a2(K, slow))


def test_below_200_and_above_300_kv_the_ratio_is_held():
    for beyond, edge in ((60.0, 200.0), (1000.0, 300.0)):
        np.testing.assert_array_equal(
            critical_exposure_e_per_a2(K, beyond), critical_exposure_e_per_a2(K, edge)
        )


def test_zero_frequency_stands_any_exposure_without_a_warning():
    assert critical_exposure_e_per_a2(np.zeros(2)).tolist() == [np.inf, np.inf]
    assert exposure_filter(np.zeros(2), 1e6).tolist() == [1, 1]


def test_fine_detail_ends_at_the_constant_of_the_paper():
    assert critical_exposure_e_per_a2(np.array([1e3]))[0] == pytest.approx(2.8141, abs=1e-4)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.5, 20))
def test_frequencies_are_those_of_the_full_transform(ny, nx, pixel):
    half = frequency_image((ny, nx), pixel)
    full = np.hypot(np.fft.fftfreq(ny, pixel)[:, None], np.fft.fftfreq(nx, pixel)[None, :])
    np.testing.assert_allclose(half, full[:, : nx // 2 + 1], rtol=1e-12)
    assert half.max() <= np.sqrt(0.5) / pixel + 1e-12


def test_a_wave_loses_what_the_filter_says():
    """Through an image: a cosine of 20 Å after 30 e/Å²."""
    pixel, n = 2.5, 64
    x = np.arange(n) * pixel
    image = np.tile(np.cos(2 * np.pi * x / 20.0), (16, 1))
    weight = exposure_filter(frequency_image(image.shape, pixel), 30.0)
    after = np.fft.irfft2(np.fft.rfft2(image) * weight, s=image.shape)
    critical = 0.24499 * 20**1.6649 + 2.8141
    np.testing.assert_allclose(after, image * np.exp(-30.0 / 2 / critical), atol=1e-9)
