"""Grey values of particle images in a few numbers."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

STATISTICS = ("Mean", "Sd", "Min", "Max")


def grey_statistics(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean, standard deviation, minimum and maximum of each image.

    Parameters
    ----------
    images
        ``(n, y, x)``.

    Returns
    -------
    ndarray
        ``(n, 4)``, in the order of `STATISTICS`.

    Examples
    --------
    >>> grey_statistics(np.array([[[1.0, 3.0], [1.0, 3.0]]], dtype=np.float32))
    array([[2., 1., 1., 3.]])
    """
    n = images.shape[1] * images.shape[2]
    flat = images.reshape(len(images), n)
    # About a value near the mean, so that products of float32 are exact enough, and fast.
    level = flat[:, ::64].mean(axis=1, keepdims=True)
    centred = flat - level
    rest = (centred @ np.ones(n, dtype=np.float32)).astype(np.float64) / n
    squares = np.array([np.dot(row, row) for row in centred], dtype=np.float64) / n
    result = np.empty((len(images), 4))
    result[:, 0] = level[:, 0] + rest
    result[:, 1] = np.sqrt(np.maximum(squares - rest**2, 0.0))
    result[:, 2], result[:, 3] = flat.min(axis=1), flat.max(axis=1)
    return result


def patch_scores(images: NDArray[np.float32], *, patch_px: int) -> NDArray[np.float64]:
    """Judge each image by the variances of its patches.

    Empty ice, carbon and aggregates show in the mean of them and in how unevenly they are spread.

    Parameters
    ----------
    images
        ``(n, y, x)``.
    patch_px
        Edge of a patch; patches overlap by half.

    Returns
    -------
    ndarray
        ``(n, 2)``: mean variance; Gini coefficient of the variances, 0 where all patches are alike,
        towards 1 where one patch holds all of it.

    Examples
    --------
    >>> spot = np.zeros((1, 8, 8), dtype=np.float32)
    >>> spot[0, 0, 0] = 4
    >>> patch_scores(spot, patch_px=4).round(3)
    array([[0.104, 0.889]])
    """
    step = max(1, patch_px // 2)
    windows = sliding_window_view(images, (patch_px, patch_px), axis=(1, 2))[:, ::step, ::step]
    variances = windows.var(axis=(-2, -1), dtype=np.float64)
    variances = variances.reshape(len(images), variances.shape[1] * variances.shape[2])
    return np.stack([variances.mean(axis=1), _gini(variances)], axis=1)


def _gini(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gini coefficient of each row of values that are 0 or more."""
    ordered = np.sort(values, axis=1)
    n = ordered.shape[1]
    total = ordered.sum(axis=1)
    weighted = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=1)
    return np.divide(weighted, n * total, out=np.zeros_like(total), where=total > 0)
