"""From features of many particles to one number each: how unlike the others it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

MANUAL = -1.0
"""Score of a particle that nobody's reference stands for: it sorts before all others."""

# A normal distribution's standard deviation over its median absolute deviation.
_MAD_TO_SD = 1.4826
# The shortest interval with this share of the values, and its width for a normal distribution.
_DENSE_SHARE = 0.4
_DENSE_WIDTH_SD = 1.0488


def plain_z(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(value - mean) / sd`` of each column ``(n, f)``; 0 where a column is flat.

    Examples
    --------
    >>> plain_z(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    values = _checked(features)
    if not len(values):
        return values
    return _divided(values - values.mean(axis=0), values.std(axis=0))


def robust_z(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(value - median) / sd`` of each column, the sd from the median absolute deviation.

    Outliers do not widen the scale they are measured by. Where more than half of a column is one
    value, the mean absolute deviation stands in; a flat column gives 0.

    Examples
    --------
    >>> robust_z(np.array([[0.0], [1.0], [2.0], [3.0], [400.0]])).round(1).ravel().tolist()
    [-1.3, -0.7, 0.0, 0.7, 268.4]
    """
    values = _checked(features)
    if not len(values):
        return values
    centred = values - np.median(values, axis=0)
    deviation = np.abs(centred)
    sd = _MAD_TO_SD * np.median(deviation, axis=0)
    return _divided(centred, np.where(sd > 0, sd, 1.2533 * deviation.mean(axis=0)))


def dense_z(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """z-scores ``(n,)`` by where values lie closest together.

    Centre and scale are those of the shortest interval that holds 40 % of the values. They stay
    those of the good particles even where most of a set is junk, as long as the good ones are more
    alike: a median would not.

    Examples
    --------
    >>> good, junk = np.linspace(-1, 1, 100), np.linspace(5, 500, 110)
    >>> z = dense_z(np.concatenate([good, junk]))
    >>> bool(abs(z[:100]).max() < 2.5), bool(z[100:].min() > 3)
    (True, True)
    """
    data = _checked(np.asarray(values)[:, None])[:, 0]
    n = len(data)
    span = max(1, int(np.ceil(_DENSE_SHARE * n)) - 1)
    if n <= span:
        return np.zeros(n)
    ordered = np.sort(data)
    width = ordered[span:] - ordered[:-span]
    start = int(np.argmin(width))
    centre = float(np.mean(ordered[start : start + span + 1]))
    sd = float(width[start]) / _DENSE_WIDTH_SD
    return (data - centre) / sd if sd > 0 else robust_z(data[:, None])[:, 0]


def select_z_score(
    features: NDArray[np.floating],
    *,
    min_z: float = 0.0,
    manual: NDArray[np.bool_] | None = None,
    robust: bool = False,
) -> NDArray[np.float64]:
    """RELION's ``rlnParticleSelectZScore``: small is good.

    Each feature becomes a z-score over all particles; one below ``min_z`` counts 0, so that only
    what is too large speaks against a particle; the score is the mean of all.

    Parameters
    ----------
    features
        ``(n, f)``.
    min_z
        z-scores below it count 0.
    manual
        ``(n,)`` particles without a reference; they get -1 and do not enter mean and sd.
    robust
        Median and median absolute deviation in the place of mean and sd.

    Returns
    -------
    ndarray
        ``(n,)``.

    Examples
    --------
    >>> features = np.array([[0.0], [0.0], [0.0], [4.0]])
    >>> select_z_score(features).round(3).tolist()
    [0.0, 0.0, 0.0, 1.732]
    """
    values = _checked(features)
    n = len(values)
    left_out = np.zeros(n, dtype=bool) if manual is None else np.asarray(manual, dtype=bool)
    score = np.full(n, MANUAL)
    if left_out.all():
        return score
    z = (robust_z if robust else plain_z)(values[~left_out])
    score[~left_out] = np.where(z < min_z, 0.0, z).mean(axis=1)
    return score


def _checked(features: NDArray[np.floating]) -> NDArray[np.float64]:
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"features: expected (n, f), got shape {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise InputError(
            f"features of particle {bad[0] + 1}: not finite ({bad.size} of {len(values)} "
            "particles); leave such images out"
        )
    return values


def _divided(centred: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sd > 0, centred / sd, 0.0)
