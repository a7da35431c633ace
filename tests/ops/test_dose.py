"""Radiation damage against the published curve."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.dose import critical_exposure_e_per_a2, exposure_filter, frequency_image


@pytest.mark.parametrize(
    ("resolution", "critical"),
    # 0.24499 * resolution ** 1.6649 + 2.8141, by hand
    [(3.0, 4.340), (10.0, 14.139), (20.0, 38.7)],
)
def test_critical_exposure_follows_the_paper(resolution, critical):
    got = critical_exposure_e_per_a2(np.array([1 / resolution]))
    assert got[0] == pytest.approx(critical, rel=2e-3)


def test_at_200_kv_damage_is_faster_by_a_fifth():
    k = np.array([0.05, 0.2])
    ratio = critical_exposure_e_per_a2(k, 200.0) / critical_exposure_e_per_a2(k, 300.0)
    np.testing.assert_allclose(ratio, 0.8)


def test_intensity_is_one_over_e_at_the_critical_exposure():
    k = np.array([0.04, 0.1, 0.25])
    for frequency in k:
        exposure = critical_exposure_e_per_a2(np.array([frequency]))[0]
        left = exposure_filter(np.array([frequency]), exposure)[0]
        assert left**2 == pytest.approx(np.exp(-1))


def test_zero_frequency_and_zero_exposure_lose_nothing():
    assert exposure_filter(np.zeros(1), 1000.0)[0] == 1
    np.testing.assert_array_equal(exposure_filter(np.array([0.1, 0.3]), 0.0), 1)


def test_more_exposure_and_finer_detail_lose_more():
    k = np.linspace(0.01, 0.4, 40)
    little, much = exposure_filter(k, 20.0), exposure_filter(k, 100.0)
    assert np.all(much < little)
    assert np.all(np.diff(little) < 0)


def test_negative_exposure_is_refused():
    with pytest.raises(InputError, match="0 e/Å² or more, got -1"):
        exposure_filter(np.array([0.1]), -1.0)


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (8, 5)])
def test_frequencies_match_numpys_order(shape):
    got = frequency_image(shape, 2.0)
    assert got.shape == (shape[0], shape[1] // 2 + 1)
    assert got[0, 0] == 0
    assert got[1, 0] == pytest.approx(1 / (2.0 * shape[0]))
    assert got[-1, 0] == pytest.approx(1 / (2.0 * shape[0]))
    assert got[0, 1] == pytest.approx(1 / (2.0 * shape[1]))
