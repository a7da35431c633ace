"""Robust Mahalanobis distance: how far a row is from the bulk of many correlated columns.

Centre and covariance come from the share of rows that lie closest together (concentration steps
after Rousseeuw & Van Driessen 1999, doi 10.1080/00401706.1999.10485670), so that junk, which is no
small part of a set, neither moves the centre nor widens the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.z_scores import dense_z, robust_z
from cryopick.errors import InputError

# Values farther out say no more, but would own the principal axes.
_CLIP = 8.0
_STEPS = 20
_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bulk:
    """Where most rows lie, in a space of whitened principal axes.

    Attributes
    ----------
    centre
        ``(f,)`` of the clipped robust z-scores.
    axes
        ``(f, d)``; ``(z - centre) @ axes`` has unit variance over the bulk.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]

    def distance(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance ``(n,)`` of rows of clipped z-scores."""
        return np.linalg.norm((z - self.centre) @ self.axes, axis=1)


def robust_distance(
    features: NDArray[np.floating], *, core: float = 0.5, energy: float = 0.999
) -> NDArray[np.float64]:
    """Distance of each row from the bulk, as a z-score: about normal for rows of the bulk.

    Parameters
    ----------
    features
        ``(n, f)``.
    core
        Share of the rows that centre and covariance are made of.
    energy
        Share of the variance that the principal axes kept explain.

    Returns
    -------
    ndarray
        ``(n,)``; 0 for a typical row, above 3 for an odd one.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(500, 3))
    >>> rows[7] = 9.0
    >>> int(np.argmax(robust_distance(rows)))
    7
    """
    z = np.clip(robust_z(features), -_CLIP, _CLIP)
    if len(z) < 3:
        return np.zeros(len(z))
    bulk = find_bulk(z, core=core, energy=energy)
    return gaussianised(bulk.distance(z), bulk.axes.shape[1])


def find_bulk(z: NDArray[np.float64], *, core: float = 0.5, energy: float = 0.999) -> Bulk:
    """Find the bulk of rows ``(n, f)`` of robust z-scores."""
    if not 0.5 <= core <= 1:
        raise InputError(f"core: expected a share from 0.5 to 1, got {core}")
    # Evenly spaced rows of a large set: the same ones every time.
    rows = z[:: max(1, len(z) // _MOST_ROWS)]
    h = max(2, round(core * len(rows)))
    chosen = np.argsort(np.einsum("ij,ij->i", rows, rows), kind="stable")[:h]
    bulk = _fitted(rows[chosen], energy)
    for _ in range(_STEPS):
        closest = np.argsort(bulk.distance(rows), kind="stable")[:h]
        if np.array_equal(np.sort(closest), np.sort(chosen)):
            break
        chosen = closest
        bulk = _fitted(rows[chosen], energy)
    return bulk


def gaussianised(distance: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """Turn distances in so many dimensions into z-scores that are about normal for the bulk.

    The cube root of a chi-square is nearly normal (Wilson & Hilferty 1931); centre and scale are
    then those of the densest rows, so that features that are not normal do not shift them.
    """
    return dense_z(np.cbrt(distance**2 / max(dimensions, 1)))


def _fitted(rows: NDArray[np.float64], energy: float) -> Bulk:
    centre = rows.mean(axis=0)
    covariance = np.cov(rows - centre, rowvar=False, bias=True).reshape(rows.shape[1], -1)
    value, vector = np.linalg.eigh(covariance)
    order = np.argsort(-value)
    value, vector = np.maximum(value[order], 0), vector[:, order]
    total = value.sum()
    if total <= 0:
        return Bulk(centre=centre, axes=np.zeros((rows.shape[1], 0)))
    kept = int(np.searchsorted(np.cumsum(value) / total, energy)) + 1
    kept = min(kept, int((value > 1e-9 * value[0]).sum()))
    return Bulk(centre=centre, axes=vector[:, :kept] / np.sqrt(value[:kept]))
