"""Bring pixels to mean 0 and standard deviation 1 before picking."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Several passes over a slab: it shall stay in the cache.
_SLAB_PIXELS = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standardised:
    """An image that is standardised where it is sliced, so that no copy of all of it is needed.

    Attributes
    ----------
    pixels
        As they are.
    mean, spread
        Mean and standard deviation of the finite pixels; a spread of 0 makes all pixels 0.
    outlier_sigma
        Pixels farther than this from the mean, in standard deviations, become 0.
    """

    pixels: NDArray[np.floating]
    mean: float
    spread: float
    outlier_sigma: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Type of what slicing gives."""
        return np.dtype(np.float32)

    def __getitem__(self, index: Any, /) -> NDArray[np.float32]:
        raw = self.pixels[index]
        if self.spread == 0:
            return np.zeros(raw.shape, np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.subtract(raw, np.float32(self.mean), dtype=np.float32)
            scaled /= np.float32(self.spread)
            limit = self.outlier_sigma
            # Written so that a NaN fails.
            if scaled.size and not (scaled.max() <= limit and scaled.min() >= -limit):
                scaled[~(np.abs(scaled) <= limit)] = 0
        return scaled


def standardised(pixels: NDArray[np.floating], *, outlier_sigma: float = 8.0) -> Standardised:
    """Measure an image, so that slices of the result are those of `standardise`.

    Examples
    --------
    >>> lazy = standardised(np.array([[1.0, 2.0], [3.0, np.nan]], np.float32))
    >>> lazy.mean, lazy[1:].round(3)
    (2.0, array([[1.225, 0.   ]], dtype=float32))
    """
    mean, spread = mean_and_spread(pixels)
    if not spread > 1e-6 * max(1.0, abs(mean)):
        spread = 0.0
    return Standardised(pixels=pixels, mean=mean, spread=spread, outlier_sigma=outlier_sigma)


def standardise(pixels: NDArray[np.floating], *, outlier_sigma: float = 8.0) -> NDArray[np.float32]:
    """Subtract the mean, divide by the standard deviation, and set outliers and gaps to 0.

    Pixels that are not finite count as gaps. A flat image comes back as zeros.

    Parameters
    ----------
    pixels
        Any shape.
    outlier_sigma
        Pixels farther than this from the mean are set to it: hot pixels, gold, ice crystals.
    """
    lazy = standardised(pixels, outlier_sigma=outlier_sigma)
    out = np.empty(pixels.shape, np.float32)
    for rows in slabs(pixels.shape):
        out[rows] = lazy[rows]
    return out


def mean_and_spread(pixels: NDArray[np.floating]) -> tuple[float, float]:
    """Mean and standard deviation of the finite pixels, in one pass; 0 and 0 where there are none.

    Lines are summed in float32 after their slab's mean is taken off, lines in float64.

    Examples
    --------
    >>> mean_and_spread(np.array([[1.0, 3.0], [np.inf, 2.0]], np.float32))
    (2.0, 0.816496580927726)
    """
    count, mean, squares = 0, 0.0, 0.0
    for rows in slabs(pixels.shape):
        n, here, around = _slab_moments(pixels[rows])
        if n == 0:
            continue
        # Two groups joined (Chan, Golub and LeVeque).
        apart = here - mean
        squares += around + apart**2 * (count * n / (count + n))
        count += n
        mean += apart * (n / count)
    return (mean, math.sqrt(squares / count)) if count else (0.0, 0.0)


def slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array, so many at a time that they stay in the processor's cache."""
    rows = max(1, _SLAB_PIXELS * shape[0] // max(math.prod(shape), 1))
    return (slice(first, min(first + rows, shape[0])) for first in range(0, shape[0], rows))


def _slab_moments(slab: NDArray[np.floating]) -> tuple[int, float, float]:
    """Count, mean, and sum of squares around it, of the finite values."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(slab.sum(-1).sum(dtype=np.float64))
        if math.isfinite(total) and slab.size:
            mean = total / slab.size
            values = slab - slab.dtype.type(mean)
            squares = float(np.vecdot(values, values).sum(dtype=np.float64))
            if math.isfinite(squares):
                return slab.size, mean, squares
    values = slab[np.isfinite(slab)].astype(np.float64)
    if values.size == 0:
        return 0, 0.0, 0.0
    mean = float(values.mean())
    return values.size, mean, float(np.square(values - mean).sum())
