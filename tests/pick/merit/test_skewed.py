"""Skewed scores: known mixtures that the usual fit cannot tell apart."""

import numpy as np
import pytest

from cryopick.pick.merit.precision import best_threshold
from cryopick.pick.merit.skewed import is_crowded, odds_of_skewed, takes_too_few, upper_group


def skewed(background, particles, *, seed=0):
    """Scores in deviations of the background: its tail, and particles over a decade."""
    rng = np.random.default_rng(seed)
    score = np.r_[
        np.expm1(np.abs(rng.normal(0, 0.7, background))),
        np.exp(rng.normal(3.0, 0.5, particles)),
    ]
    return score, np.arange(len(score)) >= background


def f1(score, true, threshold):
    taken = score >= threshold
    return 2 * np.sum(taken & true) / (taken.sum() + true.sum())


@pytest.mark.parametrize("seed", range(3))
def test_the_logarithm_tells_particles_of_very_different_strength(seed):
    score, true = skewed(2500, 800, seed=seed)
    one = np.zeros(len(score), dtype=np.int64)
    odds = odds_of_skewed(score, one, micrographs=1)
    probability = odds.probability(score, one)
    best = max(f1(score, true, t) for t in np.quantile(score, np.linspace(0, 1, 400)))
    assert f1(score, true, best_threshold(score, probability)) > best - 0.03
    assert probability.sum() == pytest.approx(800, rel=0.15)


def test_odds_are_of_scores_as_given():
    score, _ = skewed(2500, 800)
    odds = odds_of_skewed(score, np.zeros(len(score), dtype=np.int64), micrographs=1)
    assert odds.score[-1] == pytest.approx(score.max())
    assert np.all(np.diff(odds.score) > 0)


def test_background_alone_has_no_odds():
    score, _ = skewed(2500, 0)
    assert odds_of_skewed(score, np.zeros(len(score), dtype=np.int64), micrographs=1) is None


def test_where_most_candidates_are_particles_two_groups_remain():
    rng = np.random.default_rng(1)
    score = np.r_[rng.exponential(1.0, 400), rng.normal(9, 2, 800), 25, 40, 60]
    true = np.arange(len(score)) >= 400
    assert is_crowded(score)
    assert f1(score, true, upper_group(score)) > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_no_crowd_without_two_groups(seed):
    rng = np.random.default_rng(seed)
    for score in (
        rng.exponential(1.0, 2000),
        np.abs(rng.normal(0, 2, 2000)),
        rng.uniform(0, 5, 2000),
        skewed(2500, 800, seed=seed)[0],
        np.ones(50),
        np.zeros(0),
    ):
        assert not is_crowded(score)


def test_a_few_lumps_do_not_move_the_groups():
    rng = np.random.default_rng(2)
    score = np.r_[rng.exponential(1.0, 400), rng.normal(9, 2, 800)]
    assert upper_group(np.r_[score, 300.0, 500.0]) == pytest.approx(upper_group(score), abs=0.5)


def test_few_or_weak_candidates_prove_nothing():
    nothing = np.zeros(1000, dtype=bool)
    assert not takes_too_few(np.full(1000, 0.9), nothing)
    assert not takes_too_few(np.r_[np.full(981, 0.0), np.full(19, 5.0)], nothing)
    assert takes_too_few(np.r_[np.full(980, 0.0), np.full(20, 5.0)], nothing)
    assert not takes_too_few(np.r_[np.full(9980, 0.0), np.full(20, 5.0)], np.zeros(10000, bool))
    assert not takes_too_few(np.zeros(0), np.zeros(0, dtype=bool))
