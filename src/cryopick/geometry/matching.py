"""One-to-one matching of two sets of points within a tolerance.

Both functions start from the pairs of `cryopick.geometry.neighbours.pairs_within`, so they hold
image by image where those do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError
from cryopick.geometry.neighbours import Pairs

# Assignment on a full cost matrix is faster than on a sparse one below this many entries.
_DENSE = 40_000


def match_optimal(pairs: Pairs, n_first: int, n_second: int) -> Pairs:
    """Choose as many disjoint pairs as possible and, among such choices, the shortest in sum.

    The pairs form a graph; each of its connected components is an assignment problem of its own
    (Crouse 2016, doi 10.1109/TAES.2016.140952), so that thousands of particles cost no more than
    their crowded spots do.

    Parameters
    ----------
    pairs
        Pairs allowed to match.
    n_first, n_second
        Sizes of the two sets.

    Returns
    -------
    Pairs
        The chosen ones, sorted by ``first``; no index twice in either column.

    Examples
    --------
    The nearest pair is not taken, because two matches are better than one:

    >>> from cryopick.geometry.neighbours import pairs_within
    >>> pairs = pairs_within([[0.0, 0.0], [3.0, 0.0]], [[2.0, 0.0], [5.5, 0.0]], 2.6)
    >>> chosen = match_optimal(pairs, 2, 2)
    >>> chosen.first, chosen.second
    (array([0, 1]), array([0, 1]))
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(pairs) == 0:
        return pairs
    size = n_first + n_second
    links = (np.ones(len(pairs), dtype=np.int8), (pairs.first, pairs.second + n_first))
    _, label = connected_components(coo_array(links, shape=(size, size)), directed=False)
    component = label[pairs.first]
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    # A component with one pair needs no solver; most are such.
    chosen = [
        rows if len(rows) == 1 else rows[_assign(pairs, rows)]
        for rows in np.split(order, starts[1:])
    ]
    return _take(pairs, np.concatenate(chosen))


def match_greedy(pairs: Pairs, n_first: int, n_second: int, *, score: ArrayLike) -> Pairs:
    """Let points of the first set choose the nearest free partner, the best score first.

    A NaN score comes last; equal scores go by distance to the nearest partner.

    Parameters
    ----------
    pairs
        Pairs allowed to match.
    n_first, n_second
        Sizes of the two sets.
    score
        ``(n_first,)``, higher is better.

    Returns
    -------
    Pairs
        The chosen ones, sorted by ``first``; no index twice in either column.
    """
    rank = _rank(score, n_first)[pairs.first]
    nearest = np.full(n_first, np.inf)
    np.minimum.at(nearest, pairs.first, pairs.distance)
    order = np.lexsort((pairs.distance, pairs.first, nearest[pairs.first], rank))
    free_first = np.ones(n_first, dtype=bool)
    free_second = np.ones(n_second, dtype=bool)
    chosen: list[int] = []
    for row in order.tolist():
        i, j = pairs.first[row], pairs.second[row]
        if free_first[i] and free_second[j]:
            free_first[i] = free_second[j] = False
            chosen.append(row)
    return _take(pairs, np.array(chosen, dtype=np.int64))


def best_first_gain(
    pairs: Pairs, n_first: int, n_second: int, *, score: ArrayLike
) -> NDArray[np.bool_]:
    """Tell which points, added best score first, make the largest matching larger.

    The running sum over the points in order of their scores is the size of the largest one-to-one
    matching of the best 1, 2, ... points: true positives at every threshold from one pass. Each
    point is added by an augmenting path; what a failed search has seen can never be reached
    again, so all failures together cost one look at each pair. (The sets of points that can be
    matched form a matroid: Edmonds and Fulkerson 1965, doi 10.6028/jres.069B.016.)

    Parameters
    ----------
    pairs
        Pairs allowed to match.
    n_first, n_second
        Sizes of the two sets.
    score
        ``(n_first,)``, higher is better; NaN comes last. Equal scores go in order of index.

    Returns
    -------
    array
        ``(n_first,)`` in the order of the points as given.
    """
    rank = _rank(score, n_first)
    partners: list[list[int]] = [[] for _ in range(n_first)]
    for row in np.lexsort((pairs.distance, pairs.first)).tolist():
        partners[pairs.first[row]].append(int(pairs.second[row]))
    owner, holds = [-1] * n_second, [-1] * n_first
    is_closed = [False] * n_second
    gain = np.zeros(n_first, dtype=bool)
    for point in np.argsort(rank, kind="stable").tolist():
        gain[point] = _augment(point, partners, owner, holds, is_closed)
    return gain


def _augment(
    point: int,
    partners: list[list[int]],
    owner: list[int],
    holds: list[int],
    is_closed: list[bool],
) -> bool:
    """Match one more point if an augmenting path leads to a free partner."""
    reached_from: dict[int, int] = {}
    queue = [point]
    for current in queue:
        for partner in partners[current]:
            if is_closed[partner] or partner in reached_from:
                continue
            reached_from[partner] = current
            if owner[partner] < 0:
                _shift(point, partner, reached_from, owner, holds)
                return True
            queue.append(owner[partner])
    for partner in reached_from:
        is_closed[partner] = True
    return False


def _shift(
    point: int, free: int, reached_from: dict[int, int], owner: list[int], holds: list[int]
) -> None:
    """Hand partners on along the path that ends at a free one."""
    partner = free
    taker = reached_from[partner]
    while taker != point:
        given_up = holds[taker]
        owner[partner], holds[taker] = taker, partner
        partner = given_up
        taker = reached_from[partner]
    owner[partner], holds[point] = point, partner


def _rank(score: ArrayLike, n: int) -> NDArray[np.float64]:
    """The lower the sooner: best score first, NaN last."""
    values = np.asarray(score, dtype=np.float64)
    if values.shape != (n,):
        raise InputError(f"score: expected {n} values, got shape {values.shape}")
    return np.where(np.isnan(values), np.inf, -values)


def _take(pairs: Pairs, rows: NDArray[np.int64]) -> Pairs:
    rows = rows[np.argsort(pairs.first[rows], kind="stable")]
    return Pairs(first=pairs.first[rows], second=pairs.second[rows], distance=pairs.distance[rows])


def _assign(pairs: Pairs, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Solve one component; returns which of its rows are chosen."""
    firsts, i = np.unique(pairs.first[rows], return_inverse=True)
    seconds, j = np.unique(pairs.second[rows], return_inverse=True)
    n, m = len(firsts), len(seconds)
    distance = pairs.distance[rows]
    longest = float(distance.max())
    # 1 to 2 for a match, and for being alone more than any rearrangement of matches can save.
    cost = 1 + distance / longest if longest > 0 else np.ones(len(rows))
    alone = 2.0 * (min(n, m) + 1)
    row_of = np.full((n, m), -1) if n * m <= _DENSE else None
    if row_of is not None:
        from scipy.optimize import linear_sum_assignment

        row_of[i, j] = np.arange(len(rows))
        matrix = np.full((n, m), alone)
        matrix[i, j] = cost
        a, b = linear_sum_assignment(matrix)
        found = row_of[a, b]
        return found[found >= 0]
    return _assign_sparse(i, j, cost, alone)


def _assign_sparse(
    i: NDArray[np.int64], j: NDArray[np.int64], cost: NDArray[np.float64], alone: float
) -> NDArray[np.int64]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    n, m = int(i.max()) + 1, int(j.max()) + 1
    # Each point of the first set gets a partner of its own that stands for being alone.
    values = np.concatenate([cost, np.full(n, alone)])
    places = (np.concatenate([i, np.arange(n)]), np.concatenate([j, m + np.arange(n)]))
    a, b = min_weight_full_bipartite_matching(csr_array((values, places), shape=(n, m + n)))
    key = i * np.int64(m) + j
    order = np.argsort(key)
    real = b < m
    return order[np.searchsorted(key[order], a[real] * np.int64(m) + b[real])]
