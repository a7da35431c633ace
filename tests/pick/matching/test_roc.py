"""Estimated precision and recall, against the truth of simulated scores."""

import numpy as np
import pytest

from cryopick.pick.matching.groups import two_groups
from cryopick.pick.matching.roc import EstimatedCurve, curve_of_groups, estimate_curve
from cryopick.pick.matching.score_model import fit_scores
from score_sets import NOISES, labelled_scores, noise_scores


@pytest.mark.parametrize("kind", NOISES)
def test_estimates_are_near_the_truth(kind):
    rng = np.random.default_rng(8)
    score, real = labelled_scores(kind, background=5000, particles=500, mean=6.8, rng=rng)
    curve = estimate_curve(fit_scores(score), highest=float(score.max()))
    for cut in (5.8, 6.3, 7.0):
        precision, recall = curve.at(cut)
        taken = score >= cut
        assert precision == pytest.approx((taken & real).sum() / taken.sum(), abs=0.1)
        assert recall == pytest.approx((taken & real).sum() / 500, abs=0.12)


def test_the_best_cut_off_is_near_the_true_best():
    rng = np.random.default_rng(9)
    score, real = labelled_scores("gaussian", background=5000, particles=500, mean=6.5, rng=rng)
    curve = estimate_curve(fit_scores(score), highest=float(score.max()))

    def f1(cut):
        taken = score >= cut
        return 2 * (taken & real).sum() / (taken.sum() + 500)

    best = max(f1(cut) for cut in np.linspace(4, 8, 200))
    assert f1(curve.cut_off[curve.best]) > best - 0.02


def test_precision_rises_and_recall_falls_with_the_cut_off():
    rng = np.random.default_rng(10)
    score, _ = labelled_scores("exponential", background=3000, particles=200, mean=7, rng=rng)
    curve = estimate_curve(fit_scores(score), highest=float(score.max()))
    assert (np.diff(curve.precision) >= 0).all()
    assert (np.diff(curve.recall) <= 0).all()
    assert 0 <= curve.recall.min() <= curve.recall.max() <= 1


def test_the_rectangle_tells_how_well_the_groups_part():
    ruc = []
    for mean in (6.0, 7.0, 9.0):
        rng = np.random.default_rng(11)
        score, _ = labelled_scores("gaussian", background=3000, particles=400, mean=mean, rng=rng)
        ruc.append(estimate_curve(fit_scores(score), highest=float(score.max())).ruc)
    assert ruc[0] < ruc[1] < ruc[2]
    assert ruc[2] > 0.97


def test_a_rectangle_by_hand():
    curve = EstimatedCurve(
        cut_off=np.array([1.0, 2.0, 3.0]),
        true_positives=np.array([10.0, 8.0, 2.0]),
        false_positives=np.array([30.0, 2.0, 0.0]),
        particles=10.0,
    )
    assert curve.ruc == pytest.approx(0.8 * 0.8)
    assert curve.best == 1
    assert curve.at(2.0) == (0.8, 0.8)


def test_without_particles_there_is_no_curve():
    model = fit_scores(noise_scores("gaussian", 2000, np.random.default_rng(0)))
    assert estimate_curve(model, highest=9.0) is None


def test_look_alikes_count_as_false():
    rng = np.random.default_rng(12)
    score, real = labelled_scores("gaussian", background=3000, particles=100, mean=12.0, rng=rng)
    score = np.r_[score, rng.normal(7.0, 0.6, 150)]
    groups = two_groups(score[score > 6.0])
    curve = curve_of_groups(groups, fit_scores(score).background, highest=float(score.max()))
    assert curve.particles == pytest.approx(real.sum(), rel=0.05)
    low, high = curve.at(6.5)[0], curve.at(9.5)[0]
    assert low == pytest.approx((score[:-150][real] >= 6.5).sum() / (score >= 6.5).sum(), abs=0.1)
    assert high > 0.98
