"""Cut-offs: the formula against Monte Carlo, the promise of a rate against the truth."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.matching.cut_off import (
    discovery_cut_off,
    false_discovery_rates,
    gaussian_cut_off,
)
from cryopick.pick.matching.score_model import fit_scores
from cryopick.pick.matching.statistics import BackgroundTail
from score_sets import NOISES, labelled_scores, noise_scores

TAIL = BackgroundTail(start=4.0, number=100.0, slope=(2.0,), shape=(0.0,), weight=(1.0,), scale=4.0)


def test_so_many_values_of_noise_exceed_the_gaussian_cut_off():
    noise = np.random.default_rng(0).normal(0, 0.05, 1_000_000)
    cut = gaussian_cut_off(sigma=0.05, tests=1e6, false_positives=400)
    assert (noise > cut).sum() == pytest.approx(400, abs=60)


def test_the_gaussian_cut_off_scales_with_sigma_and_rises_with_the_tests():
    one = gaussian_cut_off(sigma=1.0, tests=1e10, false_positives=1)
    assert gaussian_cut_off(sigma=0.1, tests=1e10, false_positives=1) == pytest.approx(one / 10)
    assert gaussian_cut_off(sigma=1.0, tests=1e12, false_positives=1) > one
    assert gaussian_cut_off(sigma=1.0, tests=1e10, false_positives=10) < one


@pytest.mark.parametrize("number", [0.0, -1.0, 1e10])
def test_a_number_of_false_positives_that_cannot_be(number):
    with pytest.raises(InputError, match="--false-positives"):
        gaussian_cut_off(sigma=1.0, tests=1e10, false_positives=number)


def test_rates_are_step_up_values():
    """By the definition: at each rank the lowest of number expected over number found."""
    rng = np.random.default_rng(1)
    score = 4 + rng.exponential(1.0, 40)
    rate = false_discovery_rates(score, TAIL)
    for one, got in zip(score, rate, strict=True):
        at = [min(1.0, 100 * np.exp(-2 * (s - 4)) / (score >= s).sum()) for s in score if s <= one]
        assert got == pytest.approx(min(at))


def test_rates_never_rise_with_the_score_and_equal_scores_have_one():
    score = np.array([5.0, 6.0, 6.0, 4.5, 9.0, 6.0])
    rate = false_discovery_rates(score, TAIL)
    assert (np.diff(rate[np.argsort(score, kind="stable")]) <= 0).all()
    assert len(set(rate[score == 6.0])) == 1
    assert false_discovery_rates(np.zeros(0), TAIL).shape == (0,)


def test_the_cut_off_takes_all_that_is_good_enough_and_no_more():
    score = 4 + np.random.default_rng(2).exponential(1.0, 200)
    cut = discovery_cut_off(score, TAIL, rate=0.1)
    rate = false_discovery_rates(score, TAIL)
    np.testing.assert_array_equal(score >= cut, rate <= 0.1)
    assert (score >= cut).any()


def test_where_none_is_good_enough_none_is_taken():
    score = np.linspace(4, 5, 50)
    assert discovery_cut_off(score, TAIL, rate=0.01) > score.max()
    assert discovery_cut_off(np.zeros(0), TAIL, rate=0.01) > TAIL.start


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_promised_rate_is_kept_within_a_factor_of_2(kind, rate):
    false, recall = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        score, real = labelled_scores(kind, background=3000, particles=300, mean=7.5, rng=rng)
        taken = score >= discovery_cut_off(score, fit_scores(score).background, rate=rate)
        false.append((taken & ~real).sum() / taken.sum())
        recall.append((taken & real).sum() / 300)
    assert rate / 2.5 < np.mean(false) < 2 * rate
    assert np.mean(recall) > 0.9


@pytest.mark.parametrize("kind", NOISES)
def test_an_empty_tomogram_stays_empty(kind):
    found = []
    for seed in range(8):
        score = noise_scores(kind, 1500, np.random.default_rng(100 + seed))
        cut = discovery_cut_off(score, fit_scores(score).background, rate=0.05)
        found.append((score >= cut).sum())
    assert np.mean(np.array(found) > 0) <= 0.25
    assert max(found) <= 3
