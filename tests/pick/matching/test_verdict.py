"""Each rule for the cut-off, and what a verdict says of itself."""

import json

import numpy as np
import pytest

from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.cut_off import gaussian_cut_off
from cryopick.pick.matching.verdict import reach_verdict
from score_sets import labelled_scores, template_facts

RIBOSOME = template_facts(tests=2e7)


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(0)
    return labelled_scores("gaussian", background=3000, particles=300, mean=8.0, rng=rng)


def test_without_a_rule_groups_that_are_apart_are_parted_between(scores):
    score, real = scores
    plain = reach_verdict(score, RIBOSOME, CandidateSettings())
    named = reach_verdict(score, RIBOSOME, CandidateSettings(fdr=0.05))
    assert (plain.rule, named.rule) == ("best F1", "false discovery rate")
    assert plain.cut_off > named.cut_off
    taken = score >= plain.cut_off
    assert (taken & ~real).sum() <= 4
    assert (taken & real).sum() > 290


def test_without_a_rule_groups_that_overlap_still_keep_5_percent():
    rng = np.random.default_rng(1)
    score, real = labelled_scores("gaussian", background=3000, particles=300, mean=6.0, rng=rng)
    plain = reach_verdict(score, RIBOSOME, CandidateSettings())
    assert plain.rule == "false discovery rate"
    assert plain.cut_off == reach_verdict(score, RIBOSOME, CandidateSettings(fdr=0.05)).cut_off
    assert plain.cut_off > plain.curve.best_cut_off
    taken = score >= plain.cut_off
    assert (taken & ~real).sum() / taken.sum() < 0.1


def test_a_named_rate_is_kept_to(scores):
    score, real = scores
    verdict = reach_verdict(score, RIBOSOME, CandidateSettings(fdr=0.2))
    taken = score >= verdict.cut_off
    assert 0.1 < (taken & ~real).sum() / taken.sum() < 0.3


def test_a_lower_rate_takes_fewer(scores):
    strict, loose = (
        reach_verdict(scores[0], RIBOSOME, CandidateSettings(fdr=f)).cut_off for f in (0.001, 0.3)
    )
    assert strict > loose


def test_false_positives_mean_the_gaussian_cut_off(scores):
    verdict = reach_verdict(scores[0], RIBOSOME, CandidateSettings(false_positives=2.0))
    assert verdict.rule == "gaussian"
    assert verdict.cut_off == gaussian_cut_off(sigma=1.0, tests=2e7, false_positives=2.0)


def test_the_refined_deviation_sets_the_gaussian_cut_off(scores):
    facts = type(RIBOSOME)(
        name="a", diameter_angstrom=300, symmetry="C1", sigma=1.0, tests=2e7, sigma_refined=0.9
    )
    verdict = reach_verdict(scores[0], facts, CandidateSettings(false_positives=1.0))
    assert verdict.cut_off == gaussian_cut_off(sigma=0.9, tests=2e7, false_positives=1.0)


@pytest.mark.parametrize(("given", "used"), [(6.25, 6.25), (-3.0, 0.0)])
def test_a_cut_off_by_hand(scores, given, used):
    verdict = reach_verdict(scores[0], RIBOSOME, CandidateSettings(cutoff=given))
    assert (verdict.cut_off, verdict.rule, verdict.note) == (used, "manual", "")


def test_few_candidates_fall_back_on_gaussian_noise_and_say_so():
    score = np.array([4.0, 9.0, 5.0])
    verdict = reach_verdict(score, RIBOSOME, CandidateSettings())
    assert verdict.rule == "gaussian"
    assert "ribosome: 3 candidates are too few" in verdict.note
    assert verdict.cut_off == gaussian_cut_off(sigma=1.0, tests=2e7, false_positives=1.0)
    assert np.isnan(verdict.p_value(score)).all()
    assert np.isnan(verdict.false_discovery_rate(score)).all()
    assert verdict.expected_false_positives == pytest.approx(1.0)


def test_nothing_found_has_a_verdict():
    verdict = reach_verdict(np.zeros(0), RIBOSOME, CandidateSettings())
    assert verdict.cut_off > 0
    assert "ruc" not in verdict.summary()


def test_the_summary_is_json_and_near_the_truth(scores):
    score, real = scores
    summary = reach_verdict(score, RIBOSOME, CandidateSettings()).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["estimated_particles"] == pytest.approx(300, rel=0.1)
    taken = score >= summary["cut_off"]
    assert summary["estimated_recall"] == pytest.approx((taken & real).sum() / 300, abs=0.05)
    assert summary["expected_false_positives"] < 0.05 * taken.sum()
    assert summary["best_f1"] > 0.95


def test_better_scores_are_stronger_evidence(scores):
    verdict = reach_verdict(scores[0], RIBOSOME, CandidateSettings())
    score = np.array([5.0, 7.0, 40.0])
    for gaussian in (False, True):
        evidence = verdict.log_expected(score, gaussian=gaussian)
        assert (np.diff(evidence) < 0).all()
        assert np.isfinite(evidence).all()


def with_look_alikes():
    rng = np.random.default_rng(4)
    score, real = labelled_scores(
        "gaussian", background=3000, particles=100, mean=12.0, sd=0.5, rng=rng
    )
    return np.r_[score, rng.normal(7.0, 0.6, 150)], np.r_[real, np.zeros(150, bool)]


def test_look_alikes_are_left_out_and_the_user_is_told():
    score, real = with_look_alikes()
    verdict = reach_verdict(score, RIBOSOME, CandidateSettings())
    assert verdict.rule == "upper group"
    np.testing.assert_array_equal(score >= verdict.cut_off, real)
    assert "about 15" in verdict.note
    assert "--fdr 0.05 takes both" in verdict.note
    precision, recall = verdict.curve.at(verdict.cut_off)
    assert min(precision, recall) > 0.97


@pytest.mark.parametrize("rule", [{"fdr": 0.05}, {"cutoff": 5.5}, {"false_positives": 1.0}])
def test_a_rule_that_was_given_takes_look_alikes_too(rule):
    score, _ = with_look_alikes()
    verdict = reach_verdict(score, RIBOSOME, CandidateSettings(**rule))
    assert 240 <= (score >= verdict.cut_off).sum() < 290
    assert verdict.note == ""
