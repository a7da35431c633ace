"""Dust: pixels far brighter or darker than all others, replaced before they do harm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

# Half the edge of the neighbourhood whose median replaces a bad pixel.
_REACH = 2
# Neighbourhoods gathered at once.
_AT_ONCE = 1 << 16


def dust_to_noise(
    images: NDArray[np.float32],
    background: NDArray[np.bool_],
    *,
    white_sd: float | None,
    black_sd: float | None,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Replace outliers of each image by Gaussian noise like its background, as RELION does.

    Parameters
    ----------
    images
        ``(n, y, x)``.
    background
        ``(y, x)``: whose mean and standard deviation count.
    white_sd, black_sd
        Pixels this many standard deviations above, or below, the mean are replaced; None: none.
    rng
        Where the noise comes from.

    Returns
    -------
    ndarray
        ``(n, y, x)``; the given images are left alone.

    Examples
    --------
    >>> image = np.zeros((1, 8, 8), dtype=np.float32)
    >>> image[0, 0] = [1, -1] * 4
    >>> image[0, 4, 4] = 100
    >>> clean = dust_to_noise(image, np.ones((8, 8), bool), white_sd=5, black_sd=None,
    ...                       rng=np.random.default_rng(0))
    >>> bool(clean.max() < 60)
    True
    """
    values = images[:, background].astype(np.float64)
    mean = values.mean(axis=1)[:, np.newaxis, np.newaxis]
    sd = values.std(axis=1)[:, np.newaxis, np.newaxis]
    bad = np.zeros(images.shape, dtype=bool)
    if white_sd is not None:
        bad |= images > mean + white_sd * sd
    if black_sd is not None:
        bad |= images < mean - black_sd * sd
    result = images.copy()
    which = np.nonzero(bad)
    noise = rng.standard_normal(len(which[0]))
    result[which] = mean[which[0], 0, 0] + sd[which[0], 0, 0] * noise
    return result


def dust_to_median(pixels: NDArray[np.float32], *, threshold_sd: float) -> NDArray[np.float32]:
    """Replace outliers of a whole micrograph by the median of the good pixels around, as Xmipp does.

    Clusters are filled from their rim inwards. Pixels that are not finite are bad, too.

    Parameters
    ----------
    pixels
        ``(y, x)``.
    threshold_sd
        Pixels this many standard deviations of the micrograph from its mean are bad.

    Returns
    -------
    ndarray
        ``(y, x)``; the given pixels are left alone.

    Examples
    --------
    >>> image = np.arange(81, dtype=np.float32).reshape(9, 9) % 3
    >>> image[4, 4] = 1000
    >>> float(dust_to_median(image, threshold_sd=4)[4, 4])
    1.0
    """
    finite = np.isfinite(pixels)
    good_values = pixels[finite]
    mean = float(good_values.mean(dtype=np.float64)) if good_values.size else 0.0
    sd = float(good_values.std(dtype=np.float64)) if good_values.size else 0.0
    bad = ~finite
    bad |= np.abs(np.where(finite, pixels, mean) - mean) > threshold_sd * sd
    if bad.all():
        raise InputError(f"--dust {threshold_sd:g}: every pixel of the micrograph is dust")
    result = pixels.copy()
    while (places := np.argwhere(bad)).size:
        filled, medians = _medians_around(result, bad, places)
        y, x = places[filled].T
        result[y, x] = medians[filled]
        bad[y, x] = False
    return result


def _medians_around(
    pixels: NDArray[np.float32], bad: NDArray[np.bool_], places: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Medians of the good neighbours of places, and which places have any."""
    steps = np.arange(-_REACH, _REACH + 1)
    medians = np.zeros(len(places), dtype=np.float32)
    filled = np.zeros(len(places), dtype=bool)
    for first in range(0, len(places), _AT_ONCE):
        part: Any = slice(first, first + _AT_ONCE)
        y = places[part, 0, np.newaxis, np.newaxis] + steps[:, np.newaxis]
        x = places[part, 1, np.newaxis, np.newaxis] + steps
        inside = (y >= 0) & (y < pixels.shape[0]) & (x >= 0) & (x < pixels.shape[1])
        y, x = np.clip(y, 0, pixels.shape[0] - 1), np.clip(x, 0, pixels.shape[1] - 1)
        good = (inside & ~bad[y, x]).reshape(len(y), -1)
        around = np.where(good, pixels[y, x].reshape(len(y), -1), np.nan)
        some = good.any(axis=1)
        filled[part] = some
        medians[part][some] = np.nanmedian(around[some], axis=1)
    return filled, medians
