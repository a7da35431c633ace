"""Confidence intervals by drawing images again (bootstrap)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.evaluate.curve import curve_from_hits

Interval = tuple[float, float]


def bootstrap_intervals(
    counts: NDArray[np.float64],
    *,
    score: NDArray[np.float64] | None,
    hit: NDArray[np.bool_],
    image_of_pick: NDArray[np.int64],
    draws: int,
    seed: int,
) -> dict[str, Interval | None]:
    """95 % intervals of precision, recall, F1, best F1 and average precision.

    Images, not picks, are drawn with replacement, since picks of one image share its ice and its
    defocus (Efron 1979, doi 10.1214/aos/1176344552). The intervals run from the 2.5th to the
    97.5th percentile of the draws where the figure is defined.

    Parameters
    ----------
    counts
        ``(i, 3)`` picks, true particles and matches of each image.
    score
        ``(n,)`` of all picks; None: no best F1, no average precision.
    hit
        ``(n,)`` as for `cryopick.evaluate.curve.curve_from_hits`.
    image_of_pick
        ``(n,)`` row of ``counts``.
    draws
        Number of draws; 0: no intervals.
    seed
        Seed of the draws.

    Returns
    -------
    dict
        Interval of each figure; None with fewer than two images, or where it is never defined.
    """
    names = ("precision", "recall", "f1", "best_f1", "average_precision")
    if len(counts) < 2 or draws < 1:
        return dict.fromkeys(names)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    picks, truth, matched = (times @ counts).T
    figures = {
        "precision": _ratio(matched, picks),
        "recall": _ratio(matched, truth),
        "f1": _ratio(2 * matched, picks + truth),
        "best_f1": np.full(draws, np.nan),
        "average_precision": np.full(draws, np.nan),
    }
    if score is not None and len(score):
        # Sorted once: each draw then sorts in one pass.
        order = np.argsort(-score, kind="stable")
        for draw in range(draws):
            weight = times[draw][image_of_pick[order]]
            curve = curve_from_hits(score[order], hit[order], truth[draw], weight=weight)
            area, best = curve.average_precision, curve.best
            figures["average_precision"][draw] = np.nan if area is None else area
            figures["best_f1"][draw] = np.nan if best is None else best[0]
    return {name: _interval(figures[name]) for name in names}


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)


def _interval(values: NDArray[np.float64]) -> Interval | None:
    defined = values[np.isfinite(values)]
    if len(defined) == 0:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
