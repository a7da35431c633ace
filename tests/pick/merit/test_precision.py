"""Estimated precision: known mixtures, told apart by their scores alone."""

import numpy as np
import pytest

from cryopick.pick.merit.precision import best_threshold, particle_odds


def probabilities(score, micrograph):
    odds = particle_odds(score, micrograph, micrographs=int(micrograph.max()) + 1)
    return odds.probability(score, micrograph)


def mixture(particles, background=600, *, apart=4.0, seed=0):
    """Scores, which of them are particles, and their micrographs."""
    rng = np.random.default_rng(seed)
    score, true, micrograph = [], [], []
    for number, count in enumerate(particles):
        score += [rng.exponential(0.3, background), rng.normal(apart, 0.6, count)]
        true += [np.zeros(background, bool), np.ones(count, bool)]
        micrograph += [np.full(background + count, number)]
    return np.concatenate(score), np.concatenate(true), np.concatenate(micrograph)


@pytest.mark.parametrize("apart", [1.8, 2.5, 4.0])
def test_the_precision_of_what_is_taken_is_estimated_well(apart):
    score, true, micrograph = mixture([150, 100, 200, 120], apart=apart)
    found = probabilities(score, micrograph)
    for cut in np.quantile(score[true], (0.05, 0.3, 0.6)):
        taken = score >= cut
        assert found[taken].mean() == pytest.approx(true[taken].mean(), abs=0.06)
    assert found.sum() == pytest.approx(true.sum(), rel=0.15)


def test_an_empty_micrograph_among_full_ones():
    score, true, micrograph = mixture([200, 200, 0, 200], apart=2.2)
    found = probabilities(score, micrograph)
    counts = np.bincount(micrograph, found)
    assert counts[2] < 15
    assert counts[0] == pytest.approx(true[micrograph == 0].sum(), rel=0.15)


def test_a_higher_score_is_never_less_probable():
    score, _, micrograph = mixture([100, 100])
    score = np.append(score, [30.0, 300.0])  # where the normal distribution has long ended
    micrograph = np.append(micrograph, [0, 0])
    found = probabilities(score, micrograph)
    mine = micrograph == 0
    assert (np.diff(found[mine][np.argsort(score[mine])]) >= -1e-12).all()
    assert found[-1] > 0.99


def test_background_alone_has_no_particles():
    score, _, micrograph = mixture([0, 0, 0])
    odds = particle_odds(score, micrograph, micrographs=3)
    assert not odds.shows_particles
    found = odds.probability(score, micrograph)
    assert (found > 0.9).sum() <= 1
    assert (score >= best_threshold(score, found, fdr=0.05)).sum() <= 1


def test_too_few_candidates_tell_nothing():
    assert particle_odds(np.arange(20.0), np.zeros(20, int), micrographs=1) is None


def test_the_threshold_of_the_best_f1():
    score, true, micrograph = mixture([150, 150, 150], apart=2.0)
    found = probabilities(score, micrograph)
    cut = best_threshold(score, found)

    def f1(threshold):
        taken = score >= threshold
        return 2 * (taken & true).sum() / (taken.sum() + true.sum())

    best = max(f1(t) for t in np.linspace(0.5, 3, 100))
    assert f1(cut) > best - 0.02


def test_the_threshold_of_a_false_discovery_rate():
    score, true, micrograph = mixture([300, 300], apart=2.0)
    found = probabilities(score, micrograph)
    for rate in (0.02, 0.1):
        taken = score >= best_threshold(score, found, fdr=rate)
        assert 1 - true[taken].mean() == pytest.approx(rate, abs=0.04)


def test_scores_that_were_not_in_the_sample():
    score, _, micrograph = mixture([150, 150], apart=2.0)
    odds = particle_odds(score, micrograph, micrographs=2)
    between = np.linspace(-1, 9, 50)
    found = odds.probability(between, np.zeros(50, int))
    assert found[0] == 0
    assert found[-1] > 0.99
    assert (np.diff(found) >= 0).all()


def test_equal_scores_stand_or_fall_together():
    score = np.array([2.0, 2.0, 2.0, 1.0])
    probability = np.array([1.0, 0.0, 0.0, 0.0])
    assert best_threshold(score, probability, fdr=0.1) > 2.0
    assert best_threshold(score, probability, fdr=0.7) == 2.0


def test_nothing_to_take():
    assert best_threshold(np.zeros(0), np.zeros(0)) == 0.0
    assert best_threshold(np.array([1.0, 2.0]), np.zeros(2)) > 2.0
