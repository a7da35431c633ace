"""The affine map between the two views of a tilt pair, fitted to matched picks.

A flat specimen seen untilted and tilted is related by ``tilted = matrix @ untilted + shift``
(Radermacher et al. 1987, doi 10.1111/j.1365-2818.1987.tb01333.x). Three pairs that do not lie on a
line determine it; with more it is a least-squares fit, with more than eight a robust one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

Floats = NDArray[np.float64]

MIN_PAIRS = 3
ROBUST_ABOVE = 8
"""With more pairs than this one wrong pair can be told from the others."""

# Spread along a line over spread across it. A picking error of 2 px across a line of 4,000 px is
# a ratio of about 1,000; beyond 100 the fit across the line says nothing.
MAX_CONDITION = 100.0
_DRAWS = 500
_REFITS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairAffine:
    """``tilted = matrix @ untilted + shift_angstrom``.

    Attributes
    ----------
    matrix
        ``(2, 2)``.
    shift_angstrom
        ``(2,)``.
    """

    matrix: Floats
    shift_angstrom: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairFit:
    """An affine map and how well the pairs agree with it.

    Attributes
    ----------
    affine
        Least squares over the pairs that agree.
    agrees
        ``(n,)`` pairs that the fit rests on.
    residual_angstrom
        ``(n,)`` distance in the tilted view between a pick and where the fit puts it.
    condition
        Spread of the untilted picks along a line over their spread across it; 1 is best.
    tolerance_angstrom
        Largest residual of a pair that agrees; inf where all were taken.
    """

    affine: PairAffine
    agrees: NDArray[np.bool_]
    residual_angstrom: Floats
    condition: float
    tolerance_angstrom: float = np.inf

    @property
    def rms_angstrom(self) -> float:
        """Root mean square residual of the pairs that agree."""
        return float(np.sqrt(np.mean(self.residual_angstrom[self.agrees] ** 2)))


def to_tilted(affine: PairAffine, untilted_angstrom: ArrayLike) -> Floats:
    """Predict where picks ``(n, 2)`` of the untilted view are in the tilted one.

    Examples
    --------
    >>> half = PairAffine(matrix=np.diag([1.0, 0.5]), shift_angstrom=np.array([3.0, 0.0]))
    >>> to_tilted(half, [[10.0, 10.0]]), to_untilted(half, [[13.0, 5.0]])
    (array([[13.,  5.]]), array([[10., 10.]]))
    """
    points = np.asarray(untilted_angstrom, dtype=np.float64)
    return points @ affine.matrix.T + affine.shift_angstrom


def to_untilted(affine: PairAffine, tilted_angstrom: ArrayLike) -> Floats:
    """Predict where picks ``(n, 2)`` of the tilted view are in the untilted one."""
    points = np.asarray(tilted_angstrom, dtype=np.float64) - affine.shift_angstrom
    return np.asarray(np.linalg.solve(affine.matrix, points.T).T, dtype=np.float64)


def condition_number(untilted_angstrom: ArrayLike) -> float:
    """Spread of points ``(n, 2)`` along a line over their spread across it; inf on a line.

    This is the condition number of the fit once the origin and the unit are taken out of it.

    Examples
    --------
    >>> condition_number([[0, 0], [100, 0], [0, 1], [100, 1]])
    100.0
    """
    points = np.asarray(untilted_angstrom, dtype=np.float64)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if len(spread) < 2 or spread[1] <= 1e-12 * spread[0]:
        return float("inf")
    return round(float(spread[0] / spread[1]), 9)


def fit_affine(untilted_angstrom: ArrayLike, tilted_angstrom: ArrayLike) -> PairAffine:
    """Fit the map to matched picks by least squares.

    Parameters
    ----------
    untilted_angstrom, tilted_angstrom
        ``(n, 2)`` each, n of 3 or more; row i of both is the same particle.

    Raises
    ------
    InputError
        With fewer than three pairs, or where all lie on a line.

    Examples
    --------
    >>> untilted = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    >>> fit_affine(untilted, untilted * [1.0, 0.5] + 7.0).matrix.round(9)
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    first, second = _checked(untilted_angstrom, tilted_angstrom)
    condition = condition_number(first)
    if condition > MAX_CONDITION:
        raise InputError(
            f"tilt pair: the {len(first)} pairs lie almost on a line (they spread {condition:.3g} "
            f"times as far along it as across, at most {MAX_CONDITION:g} is allowed); "
            "add pairs away from that line"
        )
    return _least_squares(first, second)


def fit_affine_robust(
    untilted_angstrom: ArrayLike,
    tilted_angstrom: ArrayLike,
    *,
    tolerance_angstrom: float,
    rng: np.random.Generator,
) -> PairFit:
    """Fit the map to matched picks some of which may be wrong.

    With more than eight pairs, maps through random triples are tried, and the one that most pairs
    agree with is refined over these (RANSAC: Fischler & Bolles 1981, doi 10.1145/358669.358692).
    With eight or fewer every pair counts.

    Parameters
    ----------
    untilted_angstrom, tilted_angstrom
        ``(n, 2)`` each; row i of both is thought to be the same particle.
    tolerance_angstrom
        Largest residual of a right pair.
    rng
        Source of the triples.

    Examples
    --------
    >>> untilted = np.random.default_rng(1).uniform(0, 1000, (20, 2))
    >>> tilted = untilted * [1.0, 0.5]
    >>> tilted[3] += 200
    >>> fit = fit_affine_robust(
    ...     untilted, tilted, tolerance_angstrom=20, rng=np.random.default_rng(2)
    ... )
    >>> np.flatnonzero(~fit.agrees), round(fit.rms_angstrom, 6)
    (array([3]), 0.0)
    """
    if not tolerance_angstrom > 0:
        raise InputError(f"tolerance: expected a distance above 0 Å, got {tolerance_angstrom}")
    first, second = _checked(untilted_angstrom, tilted_angstrom)
    if len(first) <= ROBUST_ABOVE:
        return _fit_of(fit_affine(first, second), first, second, np.ones(len(first), dtype=bool))
    agrees = _largest_agreement(first, second, tolerance_angstrom, rng)
    affine = fit_affine(first[agrees], second[agrees])
    for _ in range(_REFITS):
        closer = residuals(affine, first, second) <= tolerance_angstrom
        if np.array_equal(closer, agrees) or np.count_nonzero(closer) < MIN_PAIRS:
            break
        agrees, affine = closer, fit_affine(first[closer], second[closer])
    return _fit_of(affine, first, second, agrees, tolerance_angstrom)


def residuals(
    affine: PairAffine, untilted_angstrom: ArrayLike, tilted_angstrom: ArrayLike
) -> Floats:
    """Distance ``(n,)`` in the tilted view between picks and where the map puts them."""
    apart = np.asarray(tilted_angstrom, dtype=np.float64) - to_tilted(affine, untilted_angstrom)
    return np.hypot(apart[:, 0], apart[:, 1])


def affine_through(untilted_triple: Floats, tilted_triple: Floats) -> tuple[Floats, Floats]:
    """Matrices ``(k, 2, 2)`` and shifts ``(k, 2)`` through triples ``(k, 3, 2)``; NaN on a line."""
    u = np.swapaxes(untilted_triple[:, 1:] - untilted_triple[:, :1], 1, 2)
    t = np.swapaxes(tilted_triple[:, 1:] - tilted_triple[:, :1], 1, 2)
    area = u[:, 0, 0] * u[:, 1, 1] - u[:, 0, 1] * u[:, 1, 0]
    flat = np.abs(area) <= 1e-9 * np.einsum("kij,kij->k", u, u)
    adjugate = np.stack(
        [
            np.stack([u[:, 1, 1], -u[:, 0, 1]], axis=-1),
            np.stack([-u[:, 1, 0], u[:, 0, 0]], axis=-1),
        ],
        axis=-2,
    )
    inverse = adjugate / np.where(flat, np.nan, area)[:, None, None]
    matrix = t @ inverse
    shift = tilted_triple[:, 0] - np.einsum("kij,kj->ki", matrix, untilted_triple[:, 0])
    return matrix, shift


def _largest_agreement(
    first: Floats, second: Floats, tolerance_angstrom: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Pairs within the tolerance of the best map through three of them."""
    triples = np.argsort(rng.random((_DRAWS, len(first))), axis=1)[:, :MIN_PAIRS]
    matrix, shift = affine_through(first[triples], second[triples])
    predicted = np.einsum("kij,nj->kni", matrix, first) + shift[:, None]
    apart = np.linalg.norm(predicted - second, axis=2)
    near = apart <= tolerance_angstrom
    # Truncated squares: of two maps with as many agreeing pairs the closer one is better.
    loss = np.where(near, (apart / tolerance_angstrom) ** 2, 1.0).sum(axis=1)
    loss = np.where(near.sum(axis=1) >= MIN_PAIRS, loss, np.inf)
    best = int(np.argmin(loss))
    if not np.isfinite(loss[best]):
        raise InputError(
            f"tilt pair: the {len(first)} pairs lie on a line or agree on no map within "
            f"{tolerance_angstrom:g} Å; check that row i of both sides is the same particle"
        )
    return near[best]


def _least_squares(first: Floats, second: Floats) -> PairAffine:
    centre, goal = first.mean(axis=0), second.mean(axis=0)
    solution, *_ = np.linalg.lstsq(first - centre, second - goal, rcond=None)
    matrix = solution.T
    return PairAffine(matrix=matrix, shift_angstrom=goal - matrix @ centre)


def _fit_of(
    affine: PairAffine,
    first: Floats,
    second: Floats,
    agrees: NDArray[np.bool_],
    tolerance_angstrom: float = np.inf,
) -> PairFit:
    return PairFit(
        affine=affine,
        agrees=agrees,
        residual_angstrom=residuals(affine, first, second),
        condition=condition_number(first[agrees]),
        tolerance_angstrom=tolerance_angstrom,
    )


def _checked(untilted: ArrayLike, tilted: ArrayLike) -> tuple[Floats, Floats]:
    first = np.asarray(untilted, dtype=np.float64)
    second = np.asarray(tilted, dtype=np.float64)
    if first.ndim != 2 or first.shape[1:] != (2,) or first.shape != second.shape:
        raise InputError(
            f"tilt pair: expected two arrays (n, 2) of equal length, "
            f"got {first.shape} and {second.shape}"
        )
    if len(first) < MIN_PAIRS:
        raise InputError(
            f"tilt pair: {len(first)} pairs, at least {MIN_PAIRS} are needed; pick more"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("tilt pair: a position is not a finite number; remove that pair")
    return first, second
