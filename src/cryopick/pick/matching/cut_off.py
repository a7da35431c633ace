"""The score from which a candidate is taken for a particle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.pick.matching.statistics import BackgroundTail


def gaussian_cut_off(*, sigma: float, tests: float, false_positives: float) -> float:
    """Score that so many of all tests would exceed, were the noise Gaussian of mean 0.

    ``√2 σ erfcinv(2 n / N)`` (Rickgauer et al. 2017, doi 10.7554/eLife.25648).

    Parameters
    ----------
    sigma
        Standard deviation of the score of one voxel in one rotation.
    tests
        Voxels times rotations.
    false_positives
        How many of them may exceed the cut-off, on average.

    Examples
    --------
    >>> round(gaussian_cut_off(sigma=0.05, tests=1e10, false_positives=1.0), 4)
    0.3181
    """
    from scipy.special import erfcinv

    if not 0 < false_positives < tests:
        raise InputError(
            f"--false-positives {false_positives:g}: expected above 0 and below the number of "
            f"tests ({tests:.3g})"
        )
    return float(np.sqrt(2) * sigma * erfcinv(2 * false_positives / tests))


def false_discovery_rates(score: NDArray[np.float64], tail: BackgroundTail) -> NDArray[np.float64]:
    """Share of background to expect among all candidates at least as good as each one.

    Benjamini and Hochberg's step-up values (doi 10.1111/j.2517-6161.1995.tb02031.x), with the
    fitted number of background candidates in place of that of all candidates.

    Parameters
    ----------
    score
        ``(n,)``.
    tail
        Of the background among these candidates.

    Returns
    -------
    rate
        ``(n,)`` from 0 to 1; never lower for a worse score.

    Examples
    --------
    >>> tail = BackgroundTail(
    ...     start=4, number=10, slope=(2.0,), shape=(0.0,), weight=(1.0,), scale=4
    ... )
    >>> false_discovery_rates(np.array([4.5, 7.0, 6.0]), tail).round(3)
    array([1.   , 0.025, 0.092])
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    # Equal scores count together: each is one of all that are at least as good.
    count = len(score) - np.searchsorted(ranked[::-1], ranked, side="left")
    raw = np.minimum(tail.expected(ranked) / count, 1.0)
    rate = np.empty(len(score))
    rate[order] = np.minimum.accumulate(raw[::-1])[::-1]
    return rate


def discovery_cut_off(score: NDArray[np.float64], tail: BackgroundTail, *, rate: float) -> float:
    """Lowest score at which no more than the given share is expected to be background.

    Where none is that good, a score above all of them.
    """
    good = false_discovery_rates(score, tail) <= rate
    if good.any():
        return float(score[good].min())
    highest = float(score.max()) if len(score) else tail.start
    return max(tail.level(rate), float(np.nextafter(highest, np.inf)))
