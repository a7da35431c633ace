"""Where to cut a list of scores in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
