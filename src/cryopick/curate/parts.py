"""Cut a set into parts, and its micrographs into groups of like intensity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


def split_parts(
    n: int, *, parts: int | None = None, size: int | None = None, seed: int | None = None
) -> NDArray[np.int64]:
    """Number of the part, from 0, that each of ``n`` rows goes to.

    Parameters
    ----------
    n
        Rows.
    parts
        How many parts, of sizes that differ by one at most; or
    size
        rows of each part but the last.
    seed
        Draw the rows of a part at random; None: parts are runs of rows in their order.

    Examples
    --------
    >>> split_parts(5, parts=2).tolist(), split_parts(5, size=2).tolist()
    ([0, 0, 0, 1, 1], [0, 0, 1, 1, 2])
    """
    if (parts is None) == (size is None):
        raise InputError("split: give either a number of parts or their size")
    if parts is not None:
        if not 1 <= parts <= max(n, 1):
            raise InputError(f"split: {n} rows cannot make {parts} parts")
        lengths = np.full(parts, n // parts) + (np.arange(parts) < n % parts)
        in_order = np.repeat(np.arange(parts), lengths)
    else:
        assert size is not None  # one of both is given
        if size < 1:
            raise InputError(f"split: expected parts of 1 row or more, got {size}")
        in_order = np.arange(n) // size
    if seed is None:
        return in_order
    return np.random.default_rng(seed).permutation(in_order)


def regroup(
    image: NDArray[np.str_], intensity: NDArray[np.float64], *, groups: int
) -> NDArray[np.int64]:
    """Join micrographs of like intensity into groups with about equally many particles.

    Few particles of a micrograph tell its intensity badly; RELION estimates it per group.

    Parameters
    ----------
    image
        ``(n,)`` micrograph of each particle; those of one micrograph stay together.
    intensity
        ``(n,)`` what decides which micrographs are alike: ``rlnGroupScaleCorrection``, or defocus.
    groups
        How many, at most.

    Returns
    -------
    ndarray
        ``(n,)`` number of the group, from 0.

    Examples
    --------
    >>> names = np.array(["a", "a", "b", "c", "c"])
    >>> regroup(names, np.array([3.0, 3.0, 1.0, 2.0, 2.0]), groups=2).tolist()
    [1, 1, 0, 0, 0]
    """
    names, which = np.unique(image, return_inverse=True)
    if not 1 <= groups <= max(len(names), 1):
        raise InputError(
            f"--regroup {groups}: expected 1 to {len(names)} groups, as many as there are "
            "micrographs"
        )
    if not len(names):
        return np.zeros(0, dtype=np.int64)
    size = np.bincount(which)
    mean = np.bincount(which, weights=intensity) / size
    order = np.lexsort((np.arange(len(names)), mean))
    # The group is told by where the middle particle of a micrograph lies in the sorted set.
    middle = np.cumsum(size[order]) - size[order] / 2
    group = np.minimum((middle / size.sum() * groups).astype(np.int64), groups - 1)
    # Groups that stayed empty are closed up.
    _, dense = np.unique(group, return_inverse=True)
    of_name = np.empty(len(names), dtype=np.int64)
    of_name[order] = dense
    return of_name[which]
