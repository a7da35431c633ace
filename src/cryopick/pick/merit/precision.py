"""How many picks of each micrograph are particles, as far as the scores alone can tell.

Background and particles are told apart in the scores of all micrographs together (`fit_scores`).
The two shapes are then kept, and only their proportion is found anew for each micrograph, by
expectation maximisation: an empty micrograph has few particles, a crowded one many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.cut_off import false_discovery_rates
from cryopick.pick.matching.score_model import ScoreModel, fit_scores

_ROUNDS = 60
# Candidates' worth of belief that a micrograph is like the others.
_BELIEF = 4.0
_MOST_LOG = 50.0
_GRID = 4000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleOdds:
    """What a score says about being a particle.

    Attributes
    ----------
    score, log_ratio
        ``(g,)`` rising scores, and the logarithm of particles' over background's density at each;
        or, where the scores show no particles, one minus the false discovery rate.
    share
        ``(m,)`` of particles among what scores at least ``score[0]``, by micrograph.
    shows_particles
        Whether the scores show particles beside the background.
    """

    score: NDArray[np.float64]
    log_ratio: NDArray[np.float64]
    share: NDArray[np.float64]
    shows_particles: bool

    def probability(
        self, score: NDArray[np.float64], micrograph: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Probability ``(n,)`` of candidates to be particles, from scores and micrographs ``(n,)``.

        Never lower for a higher score of the same micrograph.
        """
        value = np.interp(score, self.score, self.log_ratio)
        if self.shows_particles:
            value = _posterior(value, self.share[micrograph])
        return np.where(score >= self.score[0], value, 0.0)


def particle_odds(
    score: NDArray[np.float64], micrograph: NDArray[np.int64], *, micrographs: int
) -> ParticleOdds | None:
    """Tell particles and background apart in the scores of a set of micrographs.

    Parameters
    ----------
    score
        ``(n,)`` of candidates of all micrographs, at least half of them background. On a scale on
        which the background of every micrograph is alike.
    micrograph
        ``(n,)`` number of the micrograph, from 0.
    micrographs
        How many there are.

    Returns
    -------
    ParticleOdds or None
        None: fewer than 100 candidates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[rng.exponential(0.25, 2000), rng.normal(4, 0.5, 200)]
    >>> one = np.zeros(2200, int)
    >>> found = particle_odds(score, one, micrographs=1).probability(score, one)
    >>> bool(found[2000:].mean() > 0.97), bool(found[:2000].mean() < 0.01)
    (True, True)
    """
    model = fit_scores(score)
    if model is None:
        return None
    tail = model.background
    grid = np.linspace(tail.start, max(float(score.max()), tail.start + 1e-9), _GRID)
    if model.particles is None:
        rate = false_discovery_rates(score, tail)
        order = np.argsort(score, kind="stable")
        value = 1 - np.interp(grid, score[order], rate[order])
        share = np.zeros(micrographs)
        return ParticleOdds(score=grid, log_ratio=value, share=share, shows_particles=False)
    # A normal distribution ends sooner than an exponential one, so the ratio would fall again at
    # the highest scores: it is kept level.
    ratio = np.minimum(np.maximum.accumulate(_log_ratio(grid, model)), _MOST_LOG)
    above = score >= tail.start
    seen = float(model.particles.expected(grid[:1])[0])
    share = _shares(
        np.interp(score[above], grid, ratio),
        micrograph[above],
        prior=seen / (seen + max(tail.number, 1e-9)),
        micrographs=micrographs,
    )
    return ParticleOdds(score=grid, log_ratio=ratio, share=share, shows_particles=True)


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


def _log_ratio(score: NDArray[np.float64], model: ScoreModel) -> NDArray[np.float64]:
    """Logarithm of particles' over background's density, of what lies above the tail's start."""
    particles, tail = model.particles, model.background
    if particles is None:
        return np.full(len(score), -_MOST_LOG)
    seen = max(float(particles.expected(np.array([tail.start]))[0]) / particles.number, 1e-12)
    t = (score - particles.mean) / particles.sd
    log_particles = -(t**2) / 2 - np.log(particles.sd * np.sqrt(2 * np.pi) * seen)
    density = tail.density(score) / max(tail.number, 1e-300)
    return log_particles - np.log(np.maximum(density, 1e-300))


def _shares(
    odds: NDArray[np.float64], micrograph: NDArray[np.int64], *, prior: float, micrographs: int
) -> NDArray[np.float64]:
    """Share of particles above the tail's start, per micrograph."""
    total = np.bincount(micrograph, minlength=micrographs)
    share = np.full(micrographs, prior)
    for _ in range(_ROUNDS):
        found = np.bincount(micrograph, _posterior(odds, share[micrograph]), minlength=micrographs)
        share = (found + _BELIEF * prior) / (total + _BELIEF)
    return share


def _posterior(odds: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 1e-9, 1 - 1e-9)
    return 1 / (1 + np.exp(-(odds + np.log(share / (1 - share)))))
