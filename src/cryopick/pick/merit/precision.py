"""How many picks of each micrograph are particles, as far as the scores alone can tell.

Background and particles are told apart in the scores of all micrographs together (`fit_scores`).
The two shapes are then kept, and only their proportion is found anew for each micrograph, by
expectation maximisation: an empty micrograph has few particles, a crowded one many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.cut_off import false_discovery_rates
from cryopick.pick.matching.score_model import ScoreModel, fit_scores

_ROUNDS = 60
# Candidates' worth of belief that a micrograph is like the others.
_BELIEF = 4.0
_MOST_LOG = 50.0


def particle_probabilities(
    score: NDArray[np.float64], micrograph: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Probability of each candidate to be a particle.

    Parameters
    ----------
    score
        ``(n,)`` of all candidates of all micrographs, background included; at least half of them
        are background. On one scale for all micrographs.
    micrograph
        ``(n,)`` number of the micrograph, from 0.

    Returns
    -------
    ndarray or None
        ``(n,)`` from 0 to 1, never lower for a higher score of the same micrograph. Where the
        scores show no particles, one minus the false discovery rate. None: fewer than 100
        candidates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[rng.exponential(0.25, 2000), rng.normal(4, 0.5, 200)]
    >>> found = particle_probabilities(score, np.zeros(2200, int))
    >>> bool(found[2000:].mean() > 0.97), bool(found[:2000].mean() < 0.01)
    (True, True)
    """
    model = fit_scores(score)
    if model is None:
        return None
    if model.particles is None:
        return 1 - false_discovery_rates(score, model.background)
    odds = _log_likelihood_ratio(score, model)
    above = np.isfinite(odds)
    seen = model.particles.number * float(np.mean(_particles_above(model)))
    prior = seen / (seen + max(model.background.number, 1e-9))
    share = _shares(odds[above], micrograph[above], prior)
    out = np.zeros(len(score))
    out[above] = _posterior(odds[above], share[micrograph[above]])
    return out


def best_threshold(
    score: NDArray[np.float64], probability: NDArray[np.float64], *, fdr: float | None = None
) -> float:
    """Choose the score from which candidates are taken.

    Parameters
    ----------
    score
        ``(n,)``.
    probability
        ``(n,)`` of each candidate to be a particle.
    fdr
        Largest share of background among what is taken; None: the highest estimated F1.

    Examples
    --------
    >>> score, probability = np.array([3.0, 1.0, 2.0]), np.array([1.0, 0.1, 0.8])
    >>> best_threshold(score, probability), best_threshold(score, probability, fdr=0.05)
    (2.0, 3.0)
    """
    if len(score) == 0:
        return 0.0
    order = np.argsort(-score, kind="stable")
    ranked, right = score[order], np.cumsum(probability[order])
    count = np.arange(1, len(score) + 1)
    # Equal scores stand or fall together: only the last of each run can be the cut.
    ends = np.append(ranked[1:] < ranked[:-1], np.array([True]))
    if fdr is None:
        f1 = np.where(ends, 2 * right / (count + max(float(right[-1]), 1e-300)), -1.0)
        return float(ranked[int(np.argmax(f1))]) if right[-1] > 0 else _above(ranked)
    good = np.flatnonzero(ends & (1 - right / count <= fdr))
    return float(ranked[good[-1]]) if len(good) else _above(ranked)


def _above(ranked: NDArray[np.float64]) -> float:
    return float(np.nextafter(ranked[0], np.inf))


def _particles_above(model: ScoreModel) -> NDArray[np.float64]:
    """Share of the particles that score above the level where the background's tail begins."""
    particles = model.particles
    assert particles is not None
    start = np.array([model.background.start])
    return particles.expected(start) / max(particles.number, 1e-300)


def _log_likelihood_ratio(score: NDArray[np.float64], model: ScoreModel) -> NDArray[np.float64]:
    """Logarithm of particles' over background's density; -inf below the background's tail.

    Both are densities of what lies above the tail's start. A normal distribution ends sooner than
    an exponential one, so the ratio would fall again at the highest scores: it is kept level.
    """
    particles, tail = model.particles, model.background
    assert particles is not None
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    t = (ranked - particles.mean) / particles.sd
    seen = max(float(_particles_above(model)[0]), 1e-12)
    log_particles = -(t**2) / 2 - np.log(particles.sd * np.sqrt(2 * np.pi) * seen)
    density = tail.density(ranked) / max(tail.number, 1e-300)
    ratio = log_particles - np.log(np.maximum(density, 1e-300))
    ratio = np.where(ranked >= tail.start, ratio, -np.inf)
    out = np.empty(len(score))
    out[order] = np.minimum(np.maximum.accumulate(ratio), _MOST_LOG)
    return out


def _shares(
    odds: NDArray[np.float64], micrograph: NDArray[np.int64], prior: float
) -> NDArray[np.float64]:
    """Share of particles above the tail's start, per micrograph."""
    size = int(micrograph.max(initial=0)) + 1
    total = np.bincount(micrograph, minlength=size)
    share = np.full(size, prior)
    for _ in range(_ROUNDS):
        found = np.bincount(micrograph, _posterior(odds, share[micrograph]), minlength=size)
        share = (found + _BELIEF * prior) / (total + _BELIEF)
    return share


def _posterior(odds: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 1e-9, 1 - 1e-9)
    return 1 / (1 + np.exp(-(odds + np.log(share / (1 - share)))))
