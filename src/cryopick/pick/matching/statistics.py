"""How high candidates score that are only noise: the tail of their scores.

The highest of many noisy scores follows an extreme-value law. Beyond a level above the bulk, the
hazard rate of such a law (density over what is left above) is constant where the noise is
exponential (Gumbel's law), and grows in proportion to the score where it is Gaussian of mean 0.
Between the two lie the *shapes* ``0 <= r <= 1``, and the share of background candidates that score
``s`` or more is::

    S(s) = exp(-slope (x + r x² / 2 start)),   x = s - start

What the scores do not tell about the shape stays open: a tail is a weighted mean over shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundTail:
    """Scores of background candidates above a level.

    Attributes
    ----------
    start
        The level.
    number
        Expected number of background candidates above the level.
    slope
        ``(k,)`` hazard rate at the level, per unit of score, for each shape.
    shape
        ``(k,)`` 0: exponential, 1: Gaussian.
    weight
        ``(k,)`` of each shape; their sum is 1.
    scale
        Score of which the shapes are multiples: ``start`` where that is above 0.
    """

    start: float
    number: float
    slope: tuple[float, ...]
    shape: tuple[float, ...]
    weight: tuple[float, ...]
    scale: float

    def __post_init__(self) -> None:
        if not len(self.slope) == len(self.shape) == len(self.weight) > 0:
            raise InputError("tail of the background: slopes, shapes and weights do not agree")
        if min(self.slope) <= 0 or self.scale <= 0 or self.number < 0:
            raise InputError("tail of the background: expected slopes and scale above 0")

    def p_value(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that a background candidate above the level scores this much or more.

        Examples
        --------
        >>> tail = BackgroundTail(
        ...     start=4, number=100, slope=(2.0,), shape=(0.0,), weight=(1.0,), scale=4
        ... )
        >>> tail.p_value(np.array([3.0, 4.0, 5.0])).round(4)
        array([1.    , 1.    , 0.1353])
        """
        return np.exp(self.log_p_value(score))

    def log_p_value(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of `p_value`, which does not underflow."""
        logs = self._logs(score)
        highest = logs.max(axis=-1)
        base = np.where(np.isfinite(highest), highest, 0.0)
        with np.errstate(divide="ignore"):
            return np.log(np.exp(logs - base[..., None]) @ np.asarray(self.weight)) + base

    def expected(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected number of background candidates at or above a score (of start, if below it)."""
        return self.number * self.p_value(score)

    def density(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected number of background candidates per unit of score; 0 below start."""
        score = np.asarray(score, dtype=np.float64)
        x = np.maximum(score - self.start, 0.0)[..., None]
        hazard = np.asarray(self.slope) * (1 + np.asarray(self.shape) * x / self.scale)
        mean = (np.exp(self._logs(score)) * hazard) @ np.asarray(self.weight)
        return np.where(score >= self.start, self.number * mean, 0.0)

    def level(self, number: float) -> float:
        """Score that so many background candidates are expected to reach; never below start.

        Examples
        --------
        >>> tail = BackgroundTail(
        ...     start=4, number=1000, slope=(2.0, 3.0), shape=(0.0, 1.0), weight=(0.5, 0.5), scale=4
        ... )
        >>> round(float(tail.expected(np.array(tail.level(1.0)))), 6)
        1.0
        """
        from scipy.optimize import brentq

        if not 0 < number < self.number:
            return self.start

        wanted = float(np.log(number / self.number))
        # The flattest exponential lies above every shape.
        far = self.start - 1.01 * wanted / min(self.slope)
        return float(
            brentq(lambda s: float(self.log_p_value(np.array(s))) - wanted, self.start, far)
        )

    def _logs(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.maximum(np.asarray(score, dtype=np.float64) - self.start, 0.0)[..., None]
        bend = np.asarray(self.shape) * x**2 / (2 * self.scale)
        return -np.asarray(self.slope) * (x + bend)
