"""Where to cut a list of scores in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Otsu's groups of one bell-shaped, exponential or uniform crowd of 100 values or more hold less
# than this share of the variance between them (0.64, 0.65 and 0.75, and what chance adds).
_CLEAR_SHARE = 0.8
_FEWEST = 100
# A smaller upper group may be a handful of outliers: both readings are tried.
_OUTLIER_SHARE = 0.05
_LEAST_UPPER_SHARE = 0.1
_OUTLIER_MEDIANS = 2.0
_ROUNDS = 5
# Nothing belongs to the upper group that lies farther below its median.
_REACH_SD = 3.0


def between_two_groups(score: NDArray[np.float64]) -> float:
    """Threshold that parts scores into the two groups of largest variance between them.

    Otsu's method (doi 10.1109/TSMC.1979.4310076) on the values themselves, without bins.

    Parameters
    ----------
    score
        ``(n,)`` finite values.

    Returns
    -------
    threshold
        Half way between the groups; the one value where all are equal, infinity for none.

    Examples
    --------
    >>> between_two_groups(np.array([1.0, 1.2, 0.9, 5.0, 5.4]))
    3.1
    """
    values = np.sort(np.asarray(score, dtype=np.float64))
    n = len(values)
    if n == 0:
        return float("inf")
    if values[0] == values[-1]:
        return float(values[0])
    total = np.cumsum(values)
    low = np.arange(1, n)
    difference = total[:-1] / low - (total[-1] - total[:-1]) / (n - low)
    cut = int(np.argmax(low * (n - low) * difference**2))
    return float((values[cut] + values[cut + 1]) / 2)


def between_two_clear_groups(score: NDArray[np.float64]) -> float | None:
    """Threshold between the groups of `between_two_groups`, where there are two without doubt.

    Extreme values above are set aside first: those above twice the median of the upper group, or
    all of a group that is a handful. Where the upper group is much narrower than the gap, the
    threshold lies near it rather than half way.

    Parameters
    ----------
    score
        ``(n,)`` finite values; 0 where there is nothing.

    Returns
    -------
    threshold or None
        None: fewer than 100 values, one crowd, or less than a tenth in the upper group.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise, particles = rng.normal(1, 0.5, 300), rng.normal(3.5, 0.5, 200)
    >>> outliers = np.array([12.0, 20.0, 30.0])
    >>> 2 < between_two_clear_groups(np.r_[noise, particles, outliers]) < 2.5
    True
    >>> between_two_clear_groups(np.r_[noise, outliers]) is None
    True
    """
    values = np.asarray(score, dtype=np.float64)
    for _ in range(_ROUNDS):
        if len(values) < _FEWEST:
            return None
        threshold = between_two_groups(values)
        above = values > threshold
        if not above.any():
            return None
        upper = values[above]
        few = len(upper) < _OUTLIER_SHARE * len(values)
        kept = values[~above] if few else values[values <= _OUTLIER_MEDIANS * np.median(upper)]
        if len(kept) == len(values):
            break
        values = kept
    threshold = between_two_groups(values)
    share, explained = parted(values, threshold)
    if share < _LEAST_UPPER_SHARE or explained < _CLEAR_SHARE:
        return None
    # The upper half tells the width: the lower one holds what strayed into the group.
    middle, high = np.quantile(values[values > threshold], (0.5, 0.8413))
    return max(threshold, float(middle - _REACH_SD * (high - middle)))


def parted(score: NDArray[np.float64], threshold: float) -> tuple[float, float]:
    """Share of values above a threshold, and of their variance that two groups explain.

    Examples
    --------
    >>> parted(np.array([0.0, 0.0, 9.0, 9.0]), 5.0)
    (0.5, 1.0)
    >>> parted(np.array([1.0, 2.0]), 5.0)
    (0.0, 0.0)
    """
    above = score > threshold
    share, variance = float(above.mean()), float(np.var(score))
    if not 0 < share < 1 or variance == 0:
        return share, 0.0
    apart = float(score[above].mean() - score[~above].mean())
    return share, share * (1 - share) * apart**2 / variance
