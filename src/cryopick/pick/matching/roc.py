"""Precision and recall as far as the scores alone can tell them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.groups import Groups
from cryopick.pick.matching.score_model import ScoreModel
from cryopick.pick.matching.statistics import BackgroundTail

_POINTS = 200
# Between well-separated groups F1 is flat: faint particles are rather taken than lost.
_AS_GOOD = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimatedCurve:
    """What every cut-off would give, estimated from a `ScoreModel`.

    Attributes
    ----------
    cut_off
        ``(k,)`` rising scores.
    true_positives, false_positives
        ``(k,)`` expected numbers at or above each.
    particles
        Expected number of particles, also those below all cut-offs.
    """

    cut_off: NDArray[np.float64]
    true_positives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    particles: float

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of particles among what is taken; never lower at a higher cut-off."""
        taken = self.true_positives + self.false_positives
        share = self.true_positives / np.maximum(taken, 1e-300)
        return np.maximum.accumulate(share)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of all particles that is taken."""
        return self.true_positives / max(self.particles, 1e-300)

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of both."""
        sum_of_both = np.maximum(self.precision + self.recall, 1e-300)
        return 2 * self.precision * self.recall / sum_of_both

    @property
    def best(self) -> int:
        """Index of the cut-off with the highest F1; the lowest where many are as good."""
        f1 = self.f1
        return int(np.argmax(f1 >= f1.max() - _AS_GOOD))

    @property
    def best_cut_off(self) -> float:
        """Cut-off with the highest F1."""
        return float(self.cut_off[self.best])

    @property
    def ruc(self) -> float:
        """Rectangle under the curve: how well particles and background part.

        Recall times precision where recall exceeds the false discovery rate the most: 1 where the
        two groups do not overlap.
        """
        farthest = int(np.argmax(self.recall - (1 - self.precision)))
        return float(self.recall[farthest] * self.precision[farthest])

    def at(self, score: float) -> tuple[float, float]:
        """Precision and recall at any cut-off, between those of the curve."""
        return (
            float(np.interp(score, self.cut_off, self.precision)),
            float(np.interp(score, self.cut_off, self.recall)),
        )


def estimate_curve(model: ScoreModel, *, highest: float) -> EstimatedCurve | None:
    """Estimate precision and recall at all cut-offs up to the highest score found.

    Parameters
    ----------
    model
        Of the scores.
    highest
        Last cut-off of the curve.

    Returns
    -------
    EstimatedCurve or None
        None: the scores show no particles, so there is nothing to recall.

    Examples
    --------
    >>> from cryopick.pick.matching.score_model import fit_scores
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[4 + rng.exponential(0.25, 5000), rng.normal(8, 0.5, 300)]
    >>> curve = estimate_curve(fit_scores(score), highest=float(score.max()))
    >>> bool(curve.f1.max() > 0.98), bool(curve.ruc > 0.95)
    (True, True)
    """
    particles = model.particles
    if particles is None:
        return None
    start = model.background.start
    cut_off = np.linspace(start, max(highest, start + 1e-9), _POINTS)
    return EstimatedCurve(
        cut_off=cut_off,
        true_positives=particles.expected(cut_off),
        false_positives=model.background.expected(cut_off),
        particles=particles.number,
    )


def curve_of_groups(
    groups: Groups, background: BackgroundTail, *, highest: float
) -> EstimatedCurve:
    """The same, where look-alikes count as false: the upper group alone are particles.

    Parameters
    ----------
    groups
        Look-alikes and particles.
    background
        Below both.
    highest
        Last cut-off of the curve.
    """
    cut_off = np.linspace(background.start, max(highest, background.start + 1e-9), _POINTS)
    return EstimatedCurve(
        cut_off=cut_off,
        true_positives=groups.upper.expected(cut_off),
        false_positives=background.expected(cut_off) + groups.lower.expected(cut_off),
        particles=groups.upper.number,
    )
