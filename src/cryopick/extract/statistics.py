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
    flat = images.reshape(len(images), -1)
    result = np.empty((len(images), 4))
    mean = flat.mean(axis=1, dtype=np.float64) if flat.size else np.zeros(len(images))
    # One pass in float32 for the spread about a mean that is exact: a tenth of the float64 time.
    for row, values in enumerate(flat):
        centred = values - np.float32(mean[row])
        rest = float(centred.mean(dtype=np.float64))
        variance = float(np.dot(centred, centred)) / centred.size - rest * rest
        result[row] = mean[row], np.sqrt(max(variance, 0.0)), values.min(), values.max()
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
    variances = windows.var(axis=(-2, -1), dtype=np.float64).reshape(len(images), -1)
    return np.stack([variances.mean(axis=1), _gini(variances)], axis=1)


def _gini(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gini coefficient of each row of values that are 0 or more."""
    ordered = np.sort(values, axis=1)
    n = ordered.shape[1]
    total = ordered.sum(axis=1)
    weighted = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=1)
    return np.divide(weighted, n * total, out=np.zeros_like(total), where=total > 0)
