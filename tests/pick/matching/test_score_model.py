"""Background and particles told apart by their scores: numbers come out as they went in."""

import numpy as np
import pytest

from cryopick.pick.matching.score_model import Particles, fit_scores
from score_sets import NOISES, labelled_scores, noise_scores


@pytest.mark.parametrize("kind", NOISES)
def test_the_number_of_particles_and_their_scores(kind):
    rng = np.random.default_rng(3)
    score, _ = labelled_scores(kind, background=4000, particles=300, mean=8.0, rng=rng)
    particles = fit_scores(score).particles
    assert particles.number == pytest.approx(300, rel=0.15)
    assert particles.mean == pytest.approx(8.0, abs=0.2)
    assert particles.sd == pytest.approx(0.8, rel=0.25)


@pytest.mark.parametrize("kind", NOISES)
def test_the_background_is_forecast_within_a_factor_of_2(kind):
    rng = np.random.default_rng(4)
    score, _ = labelled_scores(kind, background=4000, particles=300, mean=8.0, rng=rng)
    tail = fit_scores(score).background
    many = noise_scores(kind, 400_000, np.random.default_rng(5))
    for level, most in zip(np.quantile(many, [0.9, 0.99, 0.999]), [1.5, 2.0, 2.5], strict=True):
        true = 4000 * float((many >= level).mean())
        assert 1 / most < float(tail.expected(level)) / true < most


@pytest.mark.parametrize("kind", NOISES)
def test_noise_alone_holds_no_particles(kind):
    found = [
        fit_scores(noise_scores(kind, 2000, np.random.default_rng(seed))).particles
        for seed in range(5)
    ]
    assert sum(particles is None for particles in found) >= 4


def test_scores_in_another_unit_give_the_same_in_that_unit():
    rng = np.random.default_rng(1)
    score, _ = labelled_scores("gaussian", background=3000, particles=200, mean=7.5, rng=rng)
    one, other = fit_scores(score), fit_scores(score * 0.03)
    level = np.array([5.5, 6.5])
    np.testing.assert_allclose(
        other.background.expected(level * 0.03), one.background.expected(level), rtol=0.02
    )
    assert other.particles.mean == pytest.approx(0.03 * one.particles.mean, rel=0.01)


def test_order_and_missing_scores_do_not_matter():
    rng = np.random.default_rng(1)
    score, _ = labelled_scores("gumbel", background=1000, particles=100, mean=8, rng=rng)
    mixed = np.r_[rng.permutation(score), [np.nan, -np.inf]]
    assert fit_scores(mixed) == fit_scores(score)


def test_one_wild_outlier_does_not_spoil_the_fit():
    rng = np.random.default_rng(2)
    score, _ = labelled_scores("gaussian", background=3000, particles=200, mean=7.5, rng=rng)
    plain = fit_scores(score).background.expected(np.array(5.5))
    wild = fit_scores(np.r_[score, 1e4]).background.expected(np.array(5.5))
    assert 0.5 < float(wild / plain) < 2


@pytest.mark.parametrize("score", [np.zeros(0), np.ones(99), np.ones(5000), np.full(500, np.nan)])
def test_nothing_to_fit(score):
    assert fit_scores(score) is None


def test_scores_below_0_can_be_fitted():
    rng = np.random.default_rng(6)
    score, _ = labelled_scores("gaussian", background=2000, particles=200, mean=8, rng=rng)
    model = fit_scores(score - 6.0)
    assert model.background.start < 0
    assert model.particles.number == pytest.approx(200, rel=0.2)


def test_density_and_number_of_particles_agree():
    particles = Particles(number=50.0, mean=7.0, sd=0.5)
    grid = np.linspace(6.0, 12.0, 4001)
    area = np.trapezoid(particles.density(grid), grid)
    assert area == pytest.approx(float(particles.expected(np.array(6.0))), rel=1e-4)
