"""Two groups of high scores: particles, and the look-alikes below them.

What is neither noise nor the particle (another complex with the same core, the rim of a bead)
scores in between. Where the scores above the background fall into two groups that are clearly
apart, the lower one is taken for look-alikes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.score_model import Particles

# So many deviations between the means (Ashman et al. 1994, doi 10.1086/117248): 2 would be enough
# to see a gap; one group that is merely skewed reaches 2.6.
_APART = 3.5
_FEWEST = 10
_STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Two normal distributions of scores.

    Attributes
    ----------
    lower, upper
        The groups.
    valley
        Score between the means at which both are as dense.
    """

    lower: Particles
    upper: Particles
    valley: float


def two_groups(score: NDArray[np.float64]) -> Groups | None:
    """Part scores into two groups, if they are two.

    Parameters
    ----------
    score
        ``(n,)`` of the candidates above background.

    Returns
    -------
    Groups or None
        None: one group, groups that are not clearly apart, or fewer than ten in one of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = two_groups(np.r_[rng.normal(5, 0.3, 100), rng.normal(8, 0.3, 80)])
    >>> bool(6 < found.valley < 7), round(found.upper.number)
    (True, 80)
    >>> two_groups(rng.normal(8, 0.3, 500)) is None
    True
    """
    values = np.sort(np.asarray(score, dtype=np.float64))
    n = len(values)
    if n < 2 * _FEWEST or values[0] == values[-1]:
        return None
    starts = [_climb(values, start) for start in np.quantile(values, (0.2, 0.5, 0.8))]
    lower, upper, log_likelihood = max(starts, key=lambda found: found[2])
    spread = float(values.std())
    single = -n * (np.log(spread) + 0.5)
    if log_likelihood - single < 1.5 * np.log(n) + 5:
        return None
    distance = (upper.mean - lower.mean) / np.sqrt((upper.sd**2 + lower.sd**2) / 2)
    if distance < _APART or min(lower.number, upper.number) < _FEWEST:
        return None
    between = np.linspace(lower.mean, upper.mean, 500)
    valley = between[np.argmin(np.abs(np.log(upper.density(between) / lower.density(between))))]
    return Groups(lower=lower, upper=upper, valley=float(valley))


def _climb(values: NDArray[np.float64], start: float) -> tuple[Particles, Particles, float]:
    """Two normal distributions by expectation and maximisation, from a first cut.

    The likelihood leaves out the constant that it shares with that of one distribution.
    """
    narrowest = float(np.ptp(values)) / 50
    member = np.where(values > start, 0.95, 0.05)
    groups: list[Particles] = []
    log_likelihood = -np.inf
    for _ in range(_STEPS):
        groups = [_weighted(values, weight, narrowest) for weight in (1 - member, member)]
        density = np.maximum([g.density(values) / len(values) for g in groups], 1e-300)
        total = density.sum(axis=0)
        member = density[1] / total
        now = float(np.log(total).sum()) + len(values) * np.log(2 * np.pi) / 2
        if now - log_likelihood < 1e-6:
            break
        log_likelihood = now
    lower, upper = sorted(groups, key=lambda group: group.mean)
    return lower, upper, log_likelihood


def _weighted(
    values: NDArray[np.float64], weight: NDArray[np.float64], narrowest: float
) -> Particles:
    number = float(weight.sum()) + 1e-9
    mean = float(weight @ values) / number
    variance = float(weight @ (values - mean) ** 2) / number
    return Particles(number=number, mean=mean, sd=max(float(np.sqrt(variance)), narrowest))
