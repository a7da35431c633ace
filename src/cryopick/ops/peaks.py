"""Local maxima of a score map, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def local_maxima(score: torch.Tensor) -> NDArray[np.int64]:
    """Find the pixels that none of their 8 (3D: 26) neighbours exceeds.

    A plateau yields each of its pixels; a flat map yields none.

    Parameters
    ----------
    score
        ``(y, x)`` or ``(z, y, x)`` on any device.

    Returns
    -------
    index
        ``(n, d)`` array indices, in array order.
    """
    import torch

    highest = _extreme(score, torch.maximum)
    found = torch.nonzero((score == highest) & (_extreme(score, torch.minimum) < highest))
    return found.cpu().numpy().astype(np.int64)


def _extreme(
    score: torch.Tensor, of_two: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Highest (or lowest) of each pixel and all its neighbours, one axis after the other."""
    result = score
    for axis, n in enumerate(score.shape):
        if n < 2:
            continue
        pairs = of_two(result.narrow(axis, 0, n - 1), result.narrow(axis, 1, n - 1))
        spread = result.clone()
        spread.narrow(axis, 0, n - 1).copy_(pairs)
        ahead = spread.narrow(axis, 1, n - 1)
        ahead.copy_(of_two(ahead, pairs))
        result = spread
    return result


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
