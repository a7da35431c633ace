"""One threshold for all defoci: the trend, robust and tame beyond its range."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.merit.defocus_trend import background_level, fit_defocus_trend


def micrographs(count, *, seed=0):
    """Defocus, level and spread that follow a curve, with scatter."""
    rng = np.random.default_rng(seed)
    defocus = rng.uniform(0.6, 3.0, count)
    level = 0.8 - 0.4 * defocus + 0.08 * defocus**2 + rng.normal(0, 0.01, count)
    spread = 0.3 * np.exp(-0.5 * defocus) * np.exp(rng.normal(0, 0.02, count))
    return defocus, level, spread


def test_the_curve_is_found():
    defocus, level, spread = micrographs(60)
    trend = fit_defocus_trend(defocus, level, spread)
    there = np.array([0.8, 1.5, 2.5])
    location, scale = trend.at(there)
    np.testing.assert_allclose(location, 0.8 - 0.4 * there + 0.08 * there**2, atol=0.01)
    np.testing.assert_allclose(scale, 0.3 * np.exp(-0.5 * there), rtol=0.03)


def test_bad_micrographs_do_not_bend_it():
    defocus, level, spread = micrographs(40)
    clean = fit_defocus_trend(defocus, level, spread)
    level[:8] += 3.0
    spread[:8] *= 10.0
    bent = fit_defocus_trend(defocus, level, spread)
    there = np.linspace(0.7, 2.9, 9)
    np.testing.assert_allclose(bent.at(there)[0], clean.at(there)[0], atol=0.02)
    np.testing.assert_allclose(bent.at(there)[1], clean.at(there)[1], rtol=0.05)


def test_normalised_background_is_alike_everywhere():
    defocus, level, spread = micrographs(30)
    trend = fit_defocus_trend(defocus, level, spread)
    high = trend.normalised(level + 3 * spread, defocus)
    assert high.std() < 0.1 * (level + 3 * spread).std()
    middle = float(np.median(defocus))
    same = trend.normalised(np.array([0.7]), np.array([middle]))
    assert same[0] == pytest.approx(0.7)  # at the median defocus a merit stays what it is


def test_order_of_scores_in_a_micrograph_stays():
    defocus, level, spread = micrographs(10)
    trend = fit_defocus_trend(defocus, level, spread)
    score = np.array([0.1, 0.5, 2.0])
    assert (np.diff(trend.normalised(score, np.full(3, 0.9))) > 0).all()


def test_beyond_the_range_it_stays_as_at_the_end():
    defocus, level, spread = micrographs(20)
    trend = fit_defocus_trend(defocus, level, spread)
    far, end = trend.at(np.array([50.0])), trend.at(np.array([defocus.max()]))
    np.testing.assert_allclose(far, end)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_micrographs(count):
    defocus, level, spread = micrographs(count)
    trend = fit_defocus_trend(defocus, level, spread)
    assert np.isfinite(trend.normalised(level, defocus)).all()
    assert len(trend.location) == min(count, 2)


def test_all_at_one_defocus():
    trend = fit_defocus_trend(np.full(9, 1.5), np.linspace(0, 1, 9), np.ones(9))
    assert trend.location == (0.5,)
    assert trend.normalised(np.array([2.0]), np.array([1.5])) == pytest.approx(2.0)


def test_defocus_must_be_known():
    with pytest.raises(InputError, match="defocus of every micrograph"):
        fit_defocus_trend(np.array([1.0, np.nan]), np.zeros(2), np.ones(2))
    with pytest.raises(InputError, match="no micrograph"):
        fit_defocus_trend(np.zeros(0), np.zeros(0), np.ones(0))


def test_the_level_ignores_particles_and_what_is_not_finite():
    rng = np.random.default_rng(1)
    merit = rng.normal(-0.2, 0.1, (200, 200)).astype(np.float32)
    plain = background_level(merit)
    merit[::20, ::20] = 5.0
    merit[0, 1] = np.nan
    assert background_level(merit) == pytest.approx(plain, abs=0.003)
    assert background_level(np.full((3, 3), np.nan)) == (0.0, 1.0)
    assert background_level(np.zeros((3, 3)))[1] > 0
