"""How the merit of mere background follows defocus, so that one threshold fits all micrographs.

Close to focus the references carry little contrast, and noise reaches merits that only particles
reach far from focus. Level and spread of the merit of a whole micrograph are mostly those of its
background. Their trend over defocus is fitted robustly, so that a micrograph full of ice does not
bend it; subtracting the trend, and not each micrograph's own level, leaves what is special about
one micrograph in its scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

_ROUNDS = 30
_TUNING = 4.685  # bisquare: 95 % efficient where all is normal
_FEWEST_LINE, _FEWEST_CURVE = 2, 8
_LEAST_SPREAD_UM = 0.05


def background_level(merit: NDArray[Any]) -> tuple[float, float]:
    """Level and spread of a merit map, from its lower half: particles are in the upper one.

    Parameters
    ----------
    merit
        Any shape; values that are not finite are left out.

    Returns
    -------
    location, scale
        The median, and how far below it the normal distribution's lower sigma lies.

    Examples
    --------
    >>> merit = np.random.default_rng(0).normal(3, 0.5, 100_000)
    >>> [round(value, 1) for value in background_level(merit)]
    [3.0, 0.5]
    """
    values = np.asarray(merit, dtype=np.float32).ravel()
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, middle = (float(v) for v in np.quantile(values, (0.15866, 0.5)))
    return middle, max(middle - low, 1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefocusTrend:
    """Level and spread of the background's merit over defocus.

    Attributes
    ----------
    centre_um
        Median defocus, where the polynomials have their origin.
    location
        Coefficients of the level, constant first.
    log_scale
        Coefficients of the logarithm of the spread.
    lowest_um, highest_um
        Range of defocus that the fit rests on; beyond it the trend stays as at its end.
    """

    centre_um: float
    location: tuple[float, ...]
    log_scale: tuple[float, ...]
    lowest_um: float
    highest_um: float

    def at(
        self, defocus_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Level and spread at defoci ``(n,)``."""
        x = np.clip(defocus_um, self.lowest_um, self.highest_um) - self.centre_um
        level, logarithm = (
            np.vander(x, len(c), increasing=True) @ np.array(c)
            for c in (self.location, self.log_scale)
        )
        return level, np.exp(logarithm)

    def normalised(
        self, score: NDArray[np.float64], defocus_um: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores ``(n,)`` as they would be at the median defocus: still merits.

        Examples
        --------
        >>> trend = DefocusTrend(
        ...     centre_um=1.0, location=(0.0, 0.5), log_scale=(0.0,), lowest_um=0.5, highest_um=2.0
        ... )
        >>> trend.normalised(np.array([1.0, 1.0]), np.array([1.0, 2.0]))
        array([1. , 0.5])
        """
        level, spread = self.at(np.asarray(defocus_um, dtype=np.float64))
        middle, middle_spread = self.at(np.array([self.centre_um]))
        return (score - level) / spread * middle_spread[0] + middle[0]


def fit_defocus_trend(
    defocus_um: NDArray[np.float64], location: NDArray[np.float64], scale: NDArray[np.float64]
) -> DefocusTrend:
    """Fit the trend: a constant for one micrograph, a line for a few, a parabola from eight on.

    Parameters
    ----------
    defocus_um
        ``(n,)`` of the micrographs.
    location, scale
        ``(n,)`` from `background_level`.

    Examples
    --------
    >>> defocus = np.array([1.0, 1.5, 2.0, 2.5, 3.0])
    >>> level = np.array([0.2, 0.3, 9.0, 0.5, 0.6])  # the third is full of ice
    >>> trend = fit_defocus_trend(defocus, level, np.full(5, 0.1))
    >>> trend.at(np.array([2.0]))[0].round(6)
    array([0.4])
    """
    x = np.asarray(defocus_um, dtype=np.float64)
    if len(x) == 0:
        raise InputError("scores cannot be normalised: no micrograph was compared")
    if not np.isfinite(x).all():
        raise InputError("scores cannot be normalised: expected the defocus of every micrograph")
    centre = float(np.median(x))
    degree = 0
    if np.ptp(x) >= _LEAST_SPREAD_UM and len(x) >= _FEWEST_LINE:
        degree = 2 if len(x) >= _FEWEST_CURVE and len(np.unique(x.round(3))) > 3 else 1
    return DefocusTrend(
        centre_um=centre,
        location=_robust_polynomial(x - centre, np.asarray(location, np.float64), degree),
        log_scale=_robust_polynomial(
            x - centre, np.log(np.maximum(np.asarray(scale, np.float64), 1e-9)), degree
        ),
        lowest_um=float(x.min()),
        highest_um=float(x.max()),
    )


def _robust_polynomial(
    x: NDArray[np.float64], y: NDArray[np.float64], degree: int
) -> tuple[float, ...]:
    """Coefficients of a polynomial; bisquare weights from the line through the medians on."""
    if degree == 0:
        return (float(np.median(y)),)
    basis = np.vander(x, degree + 1, increasing=True)
    first, second = np.triu_indices(len(x), 1)
    apart = np.abs(x[first] - x[second]) > 1e-9
    slopes = (y[first] - y[second])[apart] / (x[first] - x[second])[apart]
    slope = float(np.median(slopes))
    coefficients = np.zeros(degree + 1)
    coefficients[:2] = float(np.median(y - slope * x)), slope
    for _ in range(_ROUNDS):
        residual = y - basis @ coefficients
        spread = 1.4826 * float(np.median(np.abs(residual)))
        if spread < 1e-12:
            break
        weight = np.maximum(1 - (residual / (_TUNING * spread)) ** 2, 0)
        wanted, *_ = np.linalg.lstsq(basis * weight[:, None], y * weight, rcond=None)
        if np.allclose(wanted, coefficients, rtol=1e-9, atol=1e-12):
            break
        coefficients = wanted
    return tuple(float(c) for c in coefficients)
