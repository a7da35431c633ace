"""Lowest points of smooth functions of one or a few parameters, between bounds.

For fits of a few parameters, where importing an optimiser takes longer than the fit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_GOLDEN = (3 - 5**0.5) / 2
_ROUNDS = 200
# A step counts if it lowers the function by this share of what its slope promises (Armijo).
_LEAST_GAIN = 1e-4
_LEAST_STEP = 1e-10
_SAME_VALUE, _FLAT = 1e-13, 1e-9


def lowest_between(
    cost: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-7
) -> tuple[float, float]:
    """Find the lowest point of a function with one valley, by golden sections.

    Parameters
    ----------
    cost
        The function.
    low, high
        Where to look.
    tolerance
        How near to the lowest point, as a share of the range.

    Returns
    -------
    place, value

    Examples
    --------
    >>> place, value = lowest_between(lambda x: (x - 2) ** 2 + 1, 0, 10)
    >>> round(place, 4), round(value, 4)
    (2.0, 1.0)
    """
    left, right = low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    least = tolerance * (high - low)
    while high - low > least:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = low + _GOLDEN * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = high - _GOLDEN * (high - low)
            at_right = cost(right)
    return (left, at_left) if at_left <= at_right else (right, at_right)


def descend(
    cost: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    *,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Walk down from a start to the nearest valley, by BFGS within bounds.

    A parameter that stands at its bound and would go on stays there, and the others are moved
    without it.

    Parameters
    ----------
    cost
        Gives value and gradient ``(n,)``.
    start
        ``(n,)``.
    lowest, highest
        ``(n,)`` bounds; may be infinite.

    Returns
    -------
    place, value
        ``(n,)`` and the value there.

    References
    ----------
    Bertsekas 1982, doi 10.1137/0320018 (projected Newton methods).

    Examples
    --------
    >>> def bowl(x):
    ...     return float((x[0] - 1) ** 2 + (x[1] - x[0]) ** 2), np.array(
    ...         [2 * (x[0] - 1) - 2 * (x[1] - x[0]), 2 * (x[1] - x[0])]
    ...     )
    >>> free = np.full(2, np.inf)
    >>> descend(bowl, np.zeros(2), lowest=-free, highest=free)[0].round(4)
    array([1., 1.])
    >>> descend(bowl, np.zeros(2), lowest=-free, highest=np.array([np.inf, 0.5]))[0].round(4)
    array([0.75, 0.5 ])
    """
    x = np.clip(np.asarray(start, dtype=np.float64), lowest, highest)
    value, slope = cost(x)
    bend: NDArray[np.float64] | None = None
    for _ in range(_ROUNDS):
        free = ~(((x <= lowest) & (slope > 0)) | ((x >= highest) & (slope < 0)))
        if not free.any() or np.abs(slope[free]).max() < _FLAT:
            break
        found = _downhill(cost, x, value, _direction(slope, free, bend), slope, lowest, highest)
        if found is None and bend is not None:
            bend = None  # what was learnt of the bend misleads here: once more without it
            continue
        if found is None:
            break
        place, lower, new_slope = found
        bend = _bend(bend, place - x, new_slope - slope)
        gain = value - lower
        x, value, slope = place, lower, new_slope
        if gain <= _SAME_VALUE * max(abs(value), 1.0):
            break
    return x, value


def _direction(
    slope: NDArray[np.float64], free: NDArray[np.bool_], bend: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Where to go with the parameters that are free."""
    direction = np.zeros(len(slope))
    if bend is None:
        direction[free] = -slope[free] / max(1.0, float(np.abs(slope[free]).max()))
    else:
        direction[free] = -np.linalg.solve(bend[np.ix_(free, free)], slope[free])
    return direction


def _downhill(
    cost: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    x: NDArray[np.float64],
    value: float,
    direction: NDArray[np.float64],
    slope: NDArray[np.float64],
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]] | None:
    """Shorten a step until it leads down enough; None: no step does."""
    step = 1.0
    while step > _LEAST_STEP:
        place = np.clip(x + step * direction, lowest, highest)
        promised = float(slope @ (place - x))
        lower, new_slope = cost(place)
        if promised < 0 and lower <= value + _LEAST_GAIN * promised:
            return place, lower, new_slope
        step /= 2
    return None


def _bend(
    before: NDArray[np.float64] | None, moved: NDArray[np.float64], change: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Second derivatives ``(n, n)`` after what a step has shown of them."""
    curvature = float(moved @ change)
    if curvature <= 1e-10 * float(np.linalg.norm(moved) * np.linalg.norm(change)):
        return before
    bend = before
    if bend is None:
        bend = np.eye(len(moved)) * (float(change @ change) / curvature)
    along = bend @ moved
    return bend + np.outer(change, change) / curvature - np.outer(along, along) / (moved @ along)
