"""Local maxima of a score map, in 2D and 3D."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# A few copies of a block are made: they shall stay in the cache.
_BLOCK_PIXELS = 1 << 17


def local_maxima(score: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find the pixels that none of their 8 (3D: 26) neighbours exceeds.

    A plateau yields each of its pixels; a flat map yields none.

    Parameters
    ----------
    score
        ``(y, x)`` or ``(z, y, x)``.

    Returns
    -------
    index
        ``(n, d)`` array indices, in array order.

    Examples
    --------
    >>> local_maxima(np.array([[0, 1, 0, 0], [0, 0, 0, 2]], np.float32))
    array([[0, 1],
           [1, 3]])
    """
    n = score.shape[0]
    rows = max(1, _BLOCK_PIXELS * n // max(1, score.size))
    found: list[NDArray[np.int64]] = [np.zeros((0, score.ndim), np.int64)]
    for first in range(0, n, rows):
        last, start = min(n, first + rows), max(0, first - 1)
        block = score[start : min(n, last + 1)]
        highest = _extreme(block, np.maximum)
        tops = (block == highest) & (_extreme(block, np.minimum) < highest)
        index = np.argwhere(tops[first - start : last - start])
        index[:, 0] += first
        found.append(index)
    return np.concatenate(found)


def _extreme(
    score: NDArray[np.float32], of_two: Callable[..., NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Highest (or lowest) of each pixel and all its neighbours, one axis after the other."""
    result = score
    for axis, n in enumerate(score.shape):
        if n < 2:
            continue
        line = np.moveaxis(result, axis, 0)
        pairs = of_two(line[:-1], line[1:])
        spread = np.empty_like(result)
        target = np.moveaxis(spread, axis, 0)
        target[0], target[-1] = pairs[0], pairs[-1]
        of_two(pairs[:-1], pairs[1:], out=target[1:-1])
        result = spread
    return result


def highest_near(
    score: NDArray[np.float32],
    index: NDArray[np.int64],
    *,
    radius_px: float,
    allowed: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None,
) -> NDArray[np.int64]:
    """Find the highest pixel within a radius of each of some pixels.

    Parameters
    ----------
    score
        ``(y, x)`` or ``(z, y, x)``.
    index
        ``(n, d)`` array indices.
    radius_px
        Pixels as far as this count.
    allowed
        Tells of ``(n, d)`` pixels, one near each, whether they count; where none does, the pixel
        itself is returned.

    Returns
    -------
    index
        ``(n, d)``; of equal pixels the nearest one.

    Examples
    --------
    >>> score = np.zeros((9, 9), np.float32)
    >>> score[2, 5], score[8, 8] = 1, 2
    >>> highest_near(score, np.array([[4, 4], [0, 0]]), radius_px=3)
    array([[2, 5],
           [0, 0]])
    """
    reach = math.floor(radius_px)
    steps = np.indices((2 * reach + 1,) * score.ndim).reshape(score.ndim, -1).T - reach
    away = (steps**2).sum(axis=1)
    steps = steps[np.argsort(away, kind="stable")][: int((away <= radius_px**2).sum())]
    last = np.array(score.shape) - 1
    found, highest = index.copy(), np.full(len(index), -np.inf, np.float32)
    for step in steps:
        # Beyond an edge the pixel at the edge is looked at once more.
        there = np.clip(index + step, 0, last)
        value = score[tuple(there.T)]
        better = value > highest
        if allowed is not None:
            better &= allowed(there)
        found[better], highest[better] = there[better], value[better]
    return found


def refine_peaks(score: NDArray[np.float32], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Move each peak to the vertex of the parabola through it and its neighbours, axis by axis.

    Parameters
    ----------
    score
        ``(y, x)`` or ``(z, y, x)``.
    index
        ``(n, d)`` array indices of local maxima.

    Returns
    -------
    position
        ``(n, d)`` in array order, at most half a pixel from ``index``.

    Examples
    --------
    >>> x = np.arange(9.0)
    >>> score = (-((x[:, None] - 4.0) ** 2) - (x[None] - 3.75) ** 2).astype(np.float32)
    >>> refine_peaks(score, np.array([[4, 4]]))
    array([[4.  , 3.75]])
    """
    position = index.astype(np.float64)
    here = score[tuple(index.T)].astype(np.float64)
    for axis, n in enumerate(score.shape):
        inner = (index[:, axis] > 0) & (index[:, axis] < n - 1)
        step = np.zeros_like(index)
        step[inner, axis] = 1
        before = score[tuple((index - step).T)]
        after = score[tuple((index + step).T)]
        curvature = before - 2 * here + after
        bends = inner & (curvature < 0)
        shift = 0.5 * (before[bends] - after[bends]) / curvature[bends]
        position[bends, axis] += np.clip(shift, -0.5, 0.5)
    return position
