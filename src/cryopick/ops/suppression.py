"""Which of several candidates for one particle stays."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

# Numbers of cells in three dimensions fit 64 bits.
_MOST_CELLS_PER_AXIS = 2**20


def keep_better(
    position: NDArray[np.float64], score: NDArray[np.float64], *, distance: float
) -> NDArray[np.bool_]:
    """Keep, best first, every candidate farther than ``distance`` from all that were kept.

    The result does not depend on the order of the candidates: equal scores are ordered by
    position.

    Parameters
    ----------
    position
        ``(n, d)``.
    score
        ``(n,)``, higher is better.
    distance
        In the unit of ``position``; a pair exactly this far apart stays.

    Returns
    -------
    kept
        ``(n,)`` mask.

    Examples
    --------
    >>> keep_better(np.array([[0.0, 0], [3, 0], [9, 0]]), np.array([1.0, 2.0, 0.5]), distance=5)
    array([False,  True,  True])
    """
    order = np.lexsort((*position.T[::-1], -score))
    starts, neighbours = _neighbour_lists(position, distance)
    kept = np.zeros(len(position), dtype=bool)
    gone = np.zeros(len(position), dtype=bool)
    for candidate in order:
        if not gone[candidate]:
            kept[candidate] = True
            gone[neighbours[starts[candidate] : starts[candidate + 1]]] = True
    return kept


def drop_both(position: NDArray[np.float64], *, distance: float) -> NDArray[np.bool_]:
    """Drop every candidate whose nearest neighbour is nearer than ``distance`` (RELION's rule).

    Both members of a pair that is too close go, not just the weaker one.
    """
    starts, _ = _neighbour_lists(position, distance)
    return np.diff(starts) == 0


def blank_discs(
    score: NDArray[np.float32], radius_px: NDArray[np.float32], *, floor: float
) -> NDArray[np.int64]:
    """Take the highest pixel, blank the disc (ball) of its own radius, and repeat down to a floor.

    RELION's rule for its Laplacian picker. Unlike `keep_better` it takes any pixel, not only
    local maxima, so the rim of a blanked disc may be taken next.

    Parameters
    ----------
    score
        ``(y, x)`` or ``(z, y, x)``.
    radius_px
        Same shape: radius of the disc to blank if this pixel is taken.
    floor
        Pixels below it are not taken.

    Returns
    -------
    index
        ``(n, d)`` array indices, best first.
    """
    candidates = np.flatnonzero(score.ravel() >= floor)
    candidates = candidates[np.argsort(-score.ravel()[candidates], kind="stable")]
    alive = np.ones(score.shape, dtype=bool)
    taken: list[tuple[int, ...]] = []
    # Blanked pixels are swept out of the queue now and then, so that long runs of them cost
    # one vector operation and not one step each.
    for chunk in np.array_split(candidates, max(1, len(candidates) // 4096)):
        living = chunk[alive.ravel()[chunk]]
        for flat in living:
            index = tuple(int(i) for i in np.unravel_index(flat, score.shape))
            if alive[index]:
                taken.append(index)
                _blank(alive, index, float(radius_px[index]))
    return np.asarray(taken, dtype=np.int64).reshape(-1, score.ndim)


def _blank(alive: NDArray[np.bool_], centre: tuple[int, ...], radius: float) -> None:
    reach = int(radius)
    window = tuple(
        slice(max(0, c - reach), min(n, c + reach + 1))
        for c, n in zip(centre, alive.shape, strict=True)
    )
    grid = np.ogrid[window]
    squared = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
    alive[window] &= squared > radius**2


def _neighbour_lists(
    position: NDArray[np.float64], distance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs nearer than ``distance``, as one list per point: ``list[start[i]:start[i + 1]]``.

    Points are sorted into cells as wide as the distance, so that neighbours lie in the same cell or
    beside it. (A k-d tree would do as well, but importing one takes longer than most searches.)
    """
    n = len(position)
    if n == 0 or distance <= 0:
        return np.zeros(n + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    key, steps = _cells(position, distance)
    order = np.argsort(key, kind="stable")
    sorted_key, place = key[order], position[order]
    firsts: list[NDArray[np.int64]] = []
    seconds: list[NDArray[np.int64]] = []
    for step in steps:
        # Cells along the last axis follow each other, so the three of a line are one run.
        begin = np.searchsorted(sorted_key, sorted_key + (step - 1), side="left")
        count = np.searchsorted(sorted_key, sorted_key + (step + 1), side="right") - begin
        first = np.repeat(np.arange(n), count)
        second = np.arange(len(first)) - np.repeat(np.cumsum(count) - count - begin, count)
        squared = np.zeros(len(first))
        for line in place.T:
            squared += (line[first] - line[second]) ** 2
        near = (np.sqrt(squared) < distance) & (first != second)
        firsts.append(order[first[near]])
        seconds.append(order[second[near]])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    by_first = np.argsort(first, kind="stable")
    starts = np.searchsorted(first[by_first], np.arange(n + 1))
    return starts.astype(np.int64), second[by_first].astype(np.int64)


def _cells(
    position: NDArray[np.float64], distance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number ``(n,)`` of each point's cell, and steps to the lines of cells beside and through it.

    Cells are at least ``distance`` wide, and so few that their numbers are no problem.
    """
    offset = np.asarray(position, dtype=np.float64) - position.min(axis=0)
    # A little wider: two points nearer than the distance are never rounded two cells apart.
    width = max(distance * (1 + 1e-9), float(offset.max()) / _MOST_CELLS_PER_AXIS)
    cell = np.floor(offset / width).astype(np.int64)
    # A free cell at each end keeps the ends of lines apart.
    size = cell.max(axis=0) + 3
    stride = np.append(np.cumprod(size[:0:-1])[::-1], 1)
    beside = np.array(list(product((-1, 0, 1), repeat=position.shape[1] - 1)), dtype=np.int64)
    return cell @ stride, beside @ stride[:-1]
