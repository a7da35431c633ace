"""`ScoreModel`: the scores of all candidates as background plus particles.

Scores above their median are counted in bins. The background follows the tail of `statistics`,
the particles a normal distribution; numbers and parameters are those of the highest Poisson
likelihood, for each of a few shapes of the tail, and each shape weighs as much as its likelihood
says. Particles are believed only where they explain the scores much better than none
(Schwarz's criterion, doi 10.1214/aos/1176344136).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.ops.minimise import descend, lowest_between
from cryopick.pick.matching.statistics import BackgroundTail

# The fit begins at the median: above the bulk, below all but the faintest particles.
_START_SHARE = 0.5
_SHAPES = (0.0, 0.25, 0.5, 0.75, 1.0)
_FEWEST = 100
_MOST_BINS = 120
_PER_BIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Particles:
    """Normal distribution of the scores of particles.

    Attributes
    ----------
    number
        Expected number of particles, also those too faint to be told from background.
    mean, sd
        Of their scores.
    """

    number: float
    mean: float
    sd: float

    def expected(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected number of particles at or above a score."""
        return self.number * _normal_share((self.mean - np.asarray(score)) / self.sd)

    def density(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected number of particles per unit of score."""
        t = (np.asarray(score, dtype=np.float64) - self.mean) / self.sd
        return self.number * np.exp(-(t**2) / 2) / (self.sd * np.sqrt(2 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreModel:
    """Background and particles.

    Attributes
    ----------
    background
        Tail of the scores of the background.
    particles
        None: the scores show none beside the background.
    """

    background: BackgroundTail
    particles: Particles | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counts:
    edge: NDArray[np.float64]
    count: NDArray[np.float64]
    start: float
    scale: float

    @property
    def total(self) -> float:
        return float(self.count.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    log_likelihood: float
    slope: float
    shape: float
    number: float
    particles: Particles | None


def fit_scores(score: NDArray[np.float64]) -> ScoreModel | None:
    """Tell background and particles apart by their scores alone.

    Parameters
    ----------
    score
        ``(n,)`` of all candidates, at least half of them background; values that are not finite
        are left out.

    Returns
    -------
    ScoreModel or None
        None: fewer than 100 scores, or all of them equal.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> model = fit_scores(np.r_[4 + rng.exponential(0.25, 5000), rng.normal(8, 0.5, 300)])
    >>> round(model.particles.mean, 1), round(model.particles.number, -2)
    (8.0, 300.0)
    """
    values = np.sort(np.asarray(score, dtype=np.float64))
    values = values[np.isfinite(values)]
    if len(values) < _FEWEST:
        return None
    start = float(np.quantile(values, _START_SHARE))
    above = values[values > start]
    if len(above) < _FEWEST // 4 or float(np.ptp(above)) <= 0:
        return None
    counts = _binned(above, start)
    pairs = [(_without_particles(counts, r), r) for r in _SHAPES]
    alone = [fit for fit, _ in pairs]
    mixed = [_with_particles(counts, fit) for fit in alone]
    price = 1.5 * np.log(counts.total)
    gain = max(f.log_likelihood for f in mixed) - max(f.log_likelihood for f in alone)
    return _averaged(mixed if gain > price else alone, counts)


def _normal_share(x: ArrayLike) -> NDArray[np.float64]:
    """Share of a normal distribution below so many standard deviations.

    For a few numbers: importing ``scipy.special`` takes longer than a whole fit.
    """
    values = np.asarray(x, dtype=np.float64)
    share = [0.5 * math.erfc(-v / math.sqrt(2)) for v in values.ravel().tolist()]
    return np.array(share).reshape(values.shape)


def _binned(above: NDArray[np.float64], start: float) -> _Counts:
    """Bins of about equal counts; the last one is open, so that no outlier stretches them."""
    bins = int(np.clip(len(above) // _PER_BIN, 4, _MOST_BINS))
    # Half of the bins by rank, half by score: the sparse range between the two must be resolved.
    by_rank = np.quantile(above, np.linspace(0, 1, bins + 1)[1:-1])
    by_score = np.linspace(start, float(np.quantile(above, 0.995)), bins + 1)[1:-1]
    edge = np.unique(np.r_[start, by_rank, by_score])
    count = np.histogram(above, np.r_[edge, np.inf])[0].astype(np.float64)
    scale = start if start > 0 else float(above.std())
    return _Counts(edge=edge, count=count, start=start, scale=scale)


def _background_share(counts: _Counts, slope: float, shape: float) -> NDArray[np.float64]:
    x = counts.edge - counts.start
    return _differences(np.exp(-slope * (x + shape * x**2 / (2 * counts.scale))))


def _log_likelihood(counts: _Counts, expected: NDArray[np.float64]) -> float:
    return float(np.sum(counts.count * np.log(np.maximum(expected, 1e-12)) - expected))


def _without_particles(counts: _Counts, shape: float) -> _Fit:
    centre = float(np.average(counts.edge - counts.start, weights=counts.count))
    first = -np.log(max(centre, 1e-9))

    def cost(log_slope: float) -> float:
        share = _background_share(counts, float(np.exp(log_slope)), shape)
        return -_log_likelihood(counts, counts.total * share)

    log_slope, value = lowest_between(cost, first - 3, first + 3)
    return _Fit(
        log_likelihood=-value,
        slope=float(np.exp(log_slope)),
        shape=shape,
        number=counts.total,
        particles=None,
    )


def _with_particles(counts: _Counts, alone: _Fit) -> _Fit:
    """Best fit with particles of this shape, from several guesses of where they are."""
    top = float(counts.edge[-1])
    tried = [_climb(counts, alone, counts.start + f * (top - counts.start)) for f in (0.4, 0.7, 1)]
    return max(tried, key=lambda fit: fit.log_likelihood)


def _climb(counts: _Counts, alone: _Fit, guess: float) -> _Fit:
    """Best fit with particles near a guess of their mean; everything in units of the tail."""
    mixture = _Mixture.of(counts, alone)
    first = mixture.first(guess)
    # Particles whose mean lies in the background would be extrapolated into it; and a width below
    # that of the tail would make "particles" of a few chance neighbours.
    lowest = np.array([-2.0, -9.0, 1.0, np.log(0.5)])
    highest = np.array([3.0, 3.0, np.inf, np.log(50.0)])
    x, value = descend(mixture.cost, first, lowest=lowest, highest=highest)
    share = 1 / (1 + np.exp(-x[1]))
    mean = counts.start + float(x[2]) * mixture.width
    sd = float(np.exp(x[3])) * mixture.width
    seen = float(_normal_share((mean - counts.start) / sd))
    return _Fit(
        log_likelihood=-value * counts.total,
        slope=alone.slope * float(np.exp(x[0])),
        shape=alone.shape,
        number=float(counts.total * (1 - share)),
        particles=Particles(number=float(counts.total * share / seen), mean=mean, sd=sd),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mixture:
    """The likelihood of background and particles, and its slope.

    The parameters: logarithm of the slope, logit of the particles' share, mean of the particles
    above start, logarithm of their deviation; scores in units of ``width``, the depth of the tail.
    """

    counts: _Counts
    edge: NDArray[np.float64]
    depth: NDArray[np.float64]
    width: float

    @staticmethod
    def of(counts: _Counts, alone: _Fit) -> _Mixture:
        x = counts.edge - counts.start
        depth = alone.slope * (x + alone.shape * x**2 / (2 * counts.scale))
        width = 1 / alone.slope
        return _Mixture(counts=counts, edge=x / width, depth=depth, width=width)

    def first(self, guess: float) -> NDArray[np.float64]:
        mean = max((guess - self.counts.start) / self.width, 1.5)
        above = float(self.counts.count[self.edge >= mean].sum()) / self.counts.total
        share = float(np.clip(2 * above, 0.01, 0.9))
        return np.array([0.3, np.log(share / (1 - share)), mean, 0.5])

    def cost(self, p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log-likelihood per candidate, and its gradient."""
        steep, share, mean, sd = np.exp(p[0]), 1 / (1 + np.exp(-p[1])), p[2], np.exp(p[3])
        left = np.exp(-steep * self.depth)
        background = _differences(left)
        t = (mean - self.edge) / sd
        below = _normal_share(t)
        whole = float(below[0])
        bell = np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
        inside = _differences(below) / whole
        mixed = np.maximum((1 - share) * background + share * inside, 1e-15)
        total = self.counts.total
        value = -_log_likelihood(self.counts, total * mixed) / total
        pull = -self.counts.count / mixed / total
        by_mean = (_differences(bell) - inside * bell[0]) / (whole * sd)
        by_sd = (_differences(-bell * t) + inside * bell[0] * t[0]) / whole
        gradient = np.array(
            [
                (1 - share) * (pull @ _differences(-steep * self.depth * left)),
                share * (1 - share) * (pull @ (inside - background)),
                share * (pull @ by_mean),
                share * (pull @ by_sd),
            ]
        )
        return value, gradient


def _differences(left: NDArray[np.float64]) -> NDArray[np.float64]:
    """What lies in each bin, of what lies above each edge; the last bin is open."""
    return left - np.append(left[1:], 0.0)


def _averaged(fits: list[_Fit], counts: _Counts) -> ScoreModel:
    likelihood = np.array([fit.log_likelihood for fit in fits])
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    best = fits[int(np.argmax(likelihood))]
    tail = BackgroundTail(
        start=counts.start,
        number=float(weight @ np.array([fit.number for fit in fits])),
        slope=tuple(fit.slope for fit in fits),
        shape=tuple(fit.shape for fit in fits),
        weight=tuple(float(w) for w in weight),
        scale=counts.scale,
    )
    return ScoreModel(background=tail, particles=best.particles)
