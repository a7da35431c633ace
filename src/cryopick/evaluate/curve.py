"""`Curve`: precision and recall at every score threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """What is kept at each threshold, from the strictest to none.

    Attributes
    ----------
    threshold
        ``(k,)`` falling distinct scores: at each one, picks with that score or a higher one are
        kept. The last is NaN where some picks have no score; it keeps every pick.
    n_kept
        ``(k,)`` picks kept.
    n_matched
        ``(k,)`` the most of them that match true particles one-to-one.
    n_truth
        True particles.
    """

    threshold: NDArray[np.float64]
    n_kept: NDArray[np.float64]
    n_matched: NDArray[np.float64]
    n_truth: float

    @property
    def precision(self) -> NDArray[np.float64]:
        """Precision ``(k,)``; 1 where nothing is kept."""
        kept = np.maximum(self.n_kept, np.finfo(float).tiny)
        return np.where(self.n_kept > 0, self.n_matched / kept, 1.0)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Recall ``(k,)``; 0 where there are no particles."""
        return self.n_matched / self.n_truth if self.n_truth else np.zeros_like(self.n_matched)

    @property
    def f1(self) -> NDArray[np.float64]:
        """F1 ``(k,)``."""
        both = self.n_kept + self.n_truth
        return np.divide(
            2 * self.n_matched, both, out=np.zeros_like(self.n_matched), where=both > 0
        )

    @property
    def best(self) -> tuple[float, float | None] | None:
        """The best F1 and its threshold (None: no threshold, keep all); the strictest of equals."""
        if len(self.threshold) == 0:
            return None
        place = int(np.argmax(self.f1))
        threshold = float(self.threshold[place])
        return float(self.f1[place]), None if np.isnan(threshold) else threshold

    @property
    def average_precision(self) -> float | None:
        """Area under the precision-recall curve: precision times gain in recall, summed.

        Without interpolation, which would flatter (Davis and Goadrich 2006,
        doi 10.1145/1143844.1143874). None where there are no particles.
        """
        if not self.n_truth:
            return None
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))


def curve_from_hits(
    score: ArrayLike, hit: ArrayLike, n_truth: float, *, weight: ArrayLike | None = None
) -> Curve:
    """Make the curve from scores and hits.

    Parameters
    ----------
    score
        ``(n,)``, higher is better; NaN comes last.
    hit
        ``(n,)`` whether the pick, added best first, makes the matching larger, as from
        `cryopick.geometry.matching.best_first_gain`.
    n_truth
        True particles.
    weight
        ``(n,)`` how many times each pick counts (for the bootstrap); default once.

    Examples
    --------
    >>> curve = curve_from_hits([0.9, 0.8, 0.7, 0.1], [True, True, False, True], 4)
    >>> curve.precision.round(3), curve.recall
    (array([1.   , 1.   , 0.667, 0.75 ]), array([0.25, 0.5 , 0.5 , 0.75]))
    >>> curve.best, curve.average_precision
    ((0.75, 0.1), 0.6875)
    """
    values, hits = np.asarray(score, dtype=np.float64), np.asarray(hit, dtype=bool)
    if values.ndim != 1 or hits.shape != values.shape:
        raise InputError(f"curve: expected as many hits as scores, got {hits.shape}")
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    # Infinities would make thresholds that JSON cannot hold; they keep their order as the ends.
    values = np.nan_to_num(values, nan=np.nan)
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    new = (ranked[1:] != ranked[:-1]) & ~(np.isnan(ranked[1:]) & np.isnan(ranked[:-1]))
    # One threshold cannot part equal scores: only the last of them is a point of the curve.
    ends = np.append(np.flatnonzero(new), len(ranked) - 1) if len(ranked) else np.zeros(0, int)
    return Curve(
        threshold=ranked[ends],
        n_kept=np.cumsum(weights[order])[ends],
        n_matched=np.cumsum((weights * hits)[order])[ends],
        n_truth=float(n_truth),
    )
