"""Images whose grey values are unlike those of the others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

COLUMNS = ("mean", "sd")
"""Columns of `image_statistics`."""

_ROUNDS = 3


def image_statistics(batches: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean and standard deviation ``(n, 2)`` of images that come in batches ``(k, y, x)``.

    Examples
    --------
    >>> image_statistics([np.array([[[1.0, 3.0]]], np.float32), np.zeros((1, 2, 2), np.float32)])
    array([[2., 1.],
           [0., 0.]])
    """
    rows = [np.zeros((0, 2))]
    for images in batches:
        flat = images.reshape(len(images), -1)
        # Pixels that are not finite make values that are not: those images are outlying.
        with np.errstate(invalid="ignore"):
            mean = flat.mean(axis=1, dtype=np.float64)
            sd = flat.std(axis=1, dtype=np.float64)
        rows.append(np.column_stack([mean, sd]))
    return np.concatenate(rows)


def outlying(statistics: NDArray[np.float64], *, deviation_sd: float) -> NDArray[np.bool_]:
    """Rows with a value farther than so many standard deviations from the mean of its column.

    Mean and standard deviation are those of the rows that are not outlying, found in three rounds,
    so that a few wild images do not hide the others. A value that is not finite is outlying.

    Parameters
    ----------
    statistics
        ``(n, f)``.
    deviation_sd
        RELION uses 4.

    Returns
    -------
    ndarray
        ``(n,)``.
    """
    if not deviation_sd > 0:
        raise InputError(f"deviation: expected more than 0, got {deviation_sd:g}")
    finite = np.asarray(np.isfinite(statistics).all(axis=1), dtype=bool)
    fine = finite.copy()
    values = np.where(finite[:, None], statistics, 0.0)
    for _ in range(_ROUNDS):
        if not fine.any():
            break
        mean, sd = values[fine].mean(axis=0), values[fine].std(axis=0)
        # Equal values differ by rounding alone: that is no deviation.
        reach = deviation_sd * sd + 1e-6 * np.abs(mean)
        near = np.asarray((np.abs(values - mean) <= reach).all(axis=1), dtype=bool)
        fine = np.logical_and(finite, near)
    return np.logical_not(fine)
