"""Particles and background told apart in skewed scores, where the usual fit fails.

A merit is the exponential of a likelihood: strong references, lumps and film edges stretch it far
beyond the bell that `particle_odds` expects of particles. The logarithm of the scores tells better
then. In crowded sets, whose larger half are particles, no fit that begins at the median can find
the background; there the two groups that part best remain.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.ops.threshold import between_two_groups, parted
from cryopick.pick.merit.precision import ParticleOdds, particle_odds

# A particle as strong as its reference has this merit.
_AS_ITS_REFERENCE = 1.0
_FEWEST, _SMALLEST_SHARE = 20, 0.01
_LEAST_TAKEN = 0.5
# Share of the variance that lies between the halves: 0.64 of a normal distribution cut in two,
# 0.75 of a flat one; two groups with few in between have more.
_CLEARLY_TWO = 0.8
# The logarithm begins at so many deviations of the background: below, scores count as they are.
_LINEAR_TO_MIX, _LINEAR_TO_PART = 1.0, 3.0


def takes_too_few(merit: NDArray[np.float64], taken: NDArray[np.bool_]) -> bool:
    """Tell whether a choice leaves out most of what scores as high as the references themselves.

    Parameters
    ----------
    merit
        ``(n,)`` of candidates, as measured.
    taken
        ``(n,)``: those that were chosen.

    Examples
    --------
    >>> merit = np.r_[np.full(900, -0.5), np.full(100, 1.5), 40.0]
    >>> takes_too_few(merit, merit > 20), takes_too_few(merit, merit > 0)
    (True, False)
    """
    strong = merit >= _AS_ITS_REFERENCE
    count = int(strong.sum())
    if count < max(_FEWEST, _SMALLEST_SHARE * len(merit)):
        return False
    return int((strong & taken).sum()) < _LEAST_TAKEN * count


def is_crowded(score: NDArray[np.float64]) -> bool:
    """Tell whether scores fall into two clear groups of which the upper one is the larger.

    Parameters
    ----------
    score
        ``(n,)`` of candidates, in deviations above the background's level.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> low, high = rng.exponential(1, 300), rng.normal(9, 1, 600)
    >>> is_crowded(np.r_[low, high]), is_crowded(np.r_[low, high[:200]])
    (True, False)
    """
    value = _logarithm(score, linear_to=_LINEAR_TO_PART)
    if len(value) < _FEWEST or not np.ptp(value) > 0:
        return False
    share, explained = parted(value, between_two_groups(value))
    return share > 0.5 and explained > _CLEARLY_TWO


def odds_of_skewed(
    score: NDArray[np.float64], micrograph: NDArray[np.int64], *, micrographs: int
) -> ParticleOdds | None:
    """Tell particles and background apart by the logarithm of the scores.

    Parameters
    ----------
    score
        ``(n,)`` of candidates of all micrographs, in deviations above the background's level.
    micrograph, micrographs
        As in `particle_odds`.

    Returns
    -------
    ParticleOdds or None
        Of scores as given. None: the logarithms show no particles.
    """
    value = _logarithm(score, linear_to=_LINEAR_TO_MIX)
    odds = particle_odds(value, micrograph, micrographs=micrographs)
    if odds is None or not odds.shows_particles:
        return None
    return replace(odds, score=np.expm1(odds.score) * _LINEAR_TO_MIX)


def upper_group(score: NDArray[np.float64]) -> float:
    """Score, in deviations above the background's level, that parts two groups best.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[rng.exponential(1, 300), rng.normal(9, 1, 600), 60, 80]
    >>> 3 < upper_group(score) < 6
    True
    """
    value = _logarithm(score, linear_to=_LINEAR_TO_PART)
    return float(np.expm1(between_two_groups(value)) * _LINEAR_TO_PART)


def _logarithm(score: NDArray[np.float64], *, linear_to: float) -> NDArray[np.float64]:
    return np.log1p(np.maximum(score, 0.0) / linear_to)
