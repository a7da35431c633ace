"""Particles that were picked twice: the better one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.suppression import keep_better


def duplicates(
    position_angstrom: NDArray[np.float64],
    image: NDArray[np.str_],
    *,
    distance_angstrom: float,
    better: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Find rows that lie nearer than a distance to a better row of the same image.

    Parameters
    ----------
    position_angstrom
        ``(n, 2)`` or ``(n, 3)``.
    image
        ``(n,)`` names.
    distance_angstrom
        A pair exactly this far apart stays.
    better
        ``(n,)``, higher is better; NaN is worst. None: all alike, the choice follows position.

    Returns
    -------
    ndarray
        ``(n,)``: rows to drop. Every kept row is at least the distance away from all other kept
        ones, whatever the order of the rows.

    Examples
    --------
    >>> place = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
    >>> duplicates(place, np.array(["a", "a", "b"]), distance_angstrom=30, better=np.arange(3.0))
    array([ True, False, False])
    """
    if not distance_angstrom > 0:
        raise InputError(f"distance: expected more than 0 Å, got {distance_angstrom:g}")
    if not np.isfinite(position_angstrom).all():
        raise InputError(
            "duplicates: some positions are not known; give particles with coordinates"
        )
    n = len(position_angstrom)
    score = np.zeros(n) if better is None else np.asarray(better, dtype=np.float64)
    score = np.where(np.isnan(score), -np.inf, score)
    drop = np.zeros(n, dtype=bool)
    names, which = np.unique(image, return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(names) + 1))
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        rows = order[first:last]
        kept = keep_better(position_angstrom[rows], score[rows], distance=distance_angstrom)
        drop[rows] = ~kept
    return drop
