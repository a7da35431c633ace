"""Pair the picks of an untilted and a tilted micrograph that were picked without each other.

Triangles give first guesses (`cryopick.combine.pair_seeds`). Each guess holds near its triangle; it
is refitted over the picks around it, farther and farther out, until it holds everywhere or falls
apart. The map that pairs most picks wins, and a one-to-one assignment under it gives the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.combine.pair_affine import (
    MAX_CONDITION,
    MIN_PAIRS,
    PairAffine,
    PairFit,
    condition_number,
    fit_affine,
    residuals,
    to_tilted,
)
from cryopick.combine.pair_seeds import Seeds, TiltLimits, find_seeds
from cryopick.errors import InputError
from cryopick.geometry.matching import match_optimal
from cryopick.geometry.neighbours import Pairs, pairs_within

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GROWTH = 1.5
# Maps looked at and guesses refined; the next row is for picks that the one before did not solve.
_EFFORTS = ((1_500_000, 150), (8_000_000, 800), (24_000_000, 2500))
# So many guesses that lead to the same map are proof enough.
_AGREEING_GUESSES = 4
_LEAST_PICKS = 6
_SETTLING = 10
# `evidence` against chance that a map needs, and the one at which the search stops. Some 10^7 maps
# are tried (16 in natural logarithm); sets of picks that share nothing reached 13.
_ENOUGH = 20.0
_CERTAIN = 40.0
_SHARES = (0.3, 0.5, 0.7, 1.0)
# Residuals in the plane have a median of 1.18 standard deviations per axis.
_TRIM_SD, _MEDIAN_PER_SD = 3.0, 1.177


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedPicks:
    """Which picks are the same particle.

    Attributes
    ----------
    untilted_row, tilted_row
        ``(k,)`` rows of the pairs, sorted by the first.
    fit
        The map, fitted to those of these pairs that lie as close as most do (``agrees``).
    expected_by_chance
        How many pairs a wrong map would have made.
    """

    untilted_row: Ints
    tilted_row: Ints
    fit: PairFit
    expected_by_chance: float

    def __len__(self) -> int:
        return len(self.untilted_row)


def pair_picks(
    untilted_angstrom: ArrayLike,
    tilted_angstrom: ArrayLike,
    *,
    tolerance_angstrom: float,
    rng: np.random.Generator,
    limits: TiltLimits | None = None,
) -> PairedPicks:
    """Find the picks that are the same particle, and the map between the views.

    Parameters
    ----------
    untilted_angstrom, tilted_angstrom
        Positions ``(n, 2)`` and ``(m, 2)``, in any order.
    tolerance_angstrom
        How far a tilted pick may be from where the map puts its partner; a third of the particle's
        diameter is a good choice.
    rng
        Source of all choices: the same state gives the same pairs.
    limits
        Tilts to look for; default: 15 to 72 degrees at equal magnification.

    Raises
    ------
    InputError
        Where there are fewer than six picks in a view, or no map pairs clearly more of them than
        chance would.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> untilted = rng.uniform(0, 2000, (40, 2))
    >>> tilted = rng.permutation(untilted * [1.0, 0.5] + [30.0, 500.0])
    >>> found = pair_picks(untilted, tilted, tolerance_angstrom=30, rng=rng)
    >>> len(found), (found.fit.affine.matrix.round(6) + 0.0).tolist()
    (40, [[1.0, 0.0], [0.0, 0.5]])
    """
    first, second = _checked(untilted_angstrom, tilted_angstrom, tolerance_angstrom)
    limits = limits or TiltLimits()
    most: tuple[int, float] | None = None
    for maps, guesses in _EFFORTS:
        seeds = find_seeds(
            first,
            second,
            tolerance=tolerance_angstrom,
            limits=limits,
            rng=rng,
            maps=maps,
            keep=guesses,
        )
        affine = _best_map(seeds, first, second, tolerance_angstrom, limits)
        if affine is None:
            continue
        found = _paired(affine, first, second, tolerance_angstrom)
        if found is not None and _support(found, first, second) >= _ENOUGH:
            return found
        if found is not None:
            most = max(most or (0, 0.0), (len(found), found.expected_by_chance))
    raise _unpaired(len(first), len(second), most)


def assign(
    affine: PairAffine, untilted: Floats, tilted: Floats, tolerance_angstrom: float
) -> Pairs:
    """Pair picks one to one under a known map: as many as possible, then the closest.

    Examples
    --------
    >>> same = PairAffine(matrix=np.eye(2), shift_angstrom=np.zeros(2))
    >>> pairs = assign(same, np.array([[0.0, 0.0]]), np.array([[9.0, 9.0], [1.0, 0.0]]), 2.0)
    >>> pairs.first, pairs.second
    (array([0]), array([1]))
    """
    near = pairs_within(to_tilted(affine, untilted), tilted, tolerance_angstrom)
    return match_optimal(near, len(untilted), len(tilted))


def _best_map(
    seeds: Seeds, first: Floats, second: Floats, tolerance: float, limits: TiltLimits
) -> PairAffine | None:
    """Grow the best guesses; the map that brings most picks onto picks."""
    from scipy.spatial import cKDTree

    tree = cKDTree(second)
    best: PairAffine | None = None
    most = agreeing = 0
    certain = False
    for row in range(len(seeds)):
        grown = _grown(seeds, row, first, tree, second, tolerance)
        if grown is None or not limits.allow(grown.matrix[None])[0]:
            continue
        n = len(_closest(grown, first, tree, tolerance)[0])
        if n > most:
            # A few picks more on the rim are the same map found again.
            agreeing = agreeing + 1 if n <= 1.05 * most else 1
            best, most = grown, n
            certain = _evidence(n, _chance(grown, first, second, tolerance)) >= _CERTAIN
        elif n >= 0.95 * most:
            agreeing += 1
        if certain and agreeing >= _AGREEING_GUESSES:
            break
    return best


def _grown(
    seeds: Seeds, row: int, first: Floats, tree: object, second: Floats, tolerance: float
) -> PairAffine | None:
    """Refit a guess over more and more of the view; None where it holds nowhere."""
    affine = PairAffine(matrix=seeds.matrix[row], shift_angstrom=seeds.shift[row])
    away = np.linalg.norm(first - seeds.centre[row], axis=1)
    ranked = np.sort(away)
    reach = float(ranked[min(15, len(ranked) - 1)])
    last = False
    while True:
        inside = np.flatnonzero(away <= reach)
        i, j = _closest(affine, first[inside], tree, tolerance)
        if len(i) < MIN_PAIRS + 1:
            return None
        try:
            affine = fit_affine(first[inside[i]], second[j])
        except InputError:  # those few lie on a line
            return None
        if last:
            return affine
        last = reach >= ranked[-1]
        reach *= _GROWTH


def _closest(
    affine: PairAffine, first: Floats, tree: object, tolerance: float
) -> tuple[Ints, Ints]:
    """Picks and the tilted picks nearest to where the map puts them, each tilted pick once."""
    apart, nearest = tree.query(to_tilted(affine, first), distance_upper_bound=tolerance)  # type: ignore[attr-defined]
    i = np.flatnonzero(np.isfinite(apart))
    order = i[np.argsort(apart[i], kind="stable")]
    j, place = np.unique(nearest[order], return_index=True)
    return order[place], j.astype(np.int64)


def _paired(
    affine: PairAffine, first: Floats, second: Floats, tolerance: float
) -> PairedPicks | None:
    """Pairs under the map, and the map of these pairs, until both stay; None where too few are."""
    pairs = assign(affine, first, second, tolerance)
    for _ in range(_SETTLING):
        if len(pairs) < MIN_PAIRS + 1 or condition_number(first[pairs.first]) > MAX_CONDITION:
            return None
        affine = fit_affine(first[pairs.first], second[pairs.second])
        again = assign(affine, first, second, tolerance)
        same = np.array_equal(again.first, pairs.first)
        if same and np.array_equal(again.second, pairs.second):
            break
        pairs = again
    affine, reach = _trimmed(first[pairs.first], second[pairs.second], tolerance)
    pairs = assign(affine, first, second, tolerance)
    apart = residuals(affine, first[pairs.first], second[pairs.second])
    return PairedPicks(
        untilted_row=pairs.first,
        tilted_row=pairs.second,
        fit=PairFit(
            affine=affine,
            agrees=apart <= reach,
            residual_angstrom=apart,
            condition=condition_number(first[pairs.first]),
            tolerance_angstrom=tolerance,
        ),
        expected_by_chance=_chance(affine, first, second, tolerance),
    )


def _trimmed(first: Floats, second: Floats, tolerance: float) -> tuple[PairAffine, float]:
    """Fit the map to the pairs that lie as close as most do: those at the rim may be chance."""
    affine, reach = fit_affine(first, second), tolerance
    agrees = np.ones(len(first), dtype=bool)
    for _ in range(_SETTLING):
        apart = residuals(affine, first, second)
        near = max(_TRIM_SD * float(np.median(apart)) / _MEDIAN_PER_SD, tolerance / 10)
        closer = apart <= min(near, tolerance)
        if np.array_equal(closer, agrees) or condition_number(first[closer]) > MAX_CONDITION:
            break
        agrees, reach = closer, min(near, tolerance)
        affine = fit_affine(first[closer], second[closer])
    return affine, reach


def _chance(affine: PairAffine, first: Floats, second: Floats, tolerance: float) -> float:
    """How many pairs a map of this tilt but of another place would make."""
    low, high = second.min(axis=0), second.max(axis=0)
    moved = to_tilted(affine, first)
    inside = int(np.count_nonzero(np.all((moved >= low) & (moved <= high), axis=1)))
    area = max(float(np.prod(high - low)), 1e-9)
    return inside * float(1.0 - np.exp(-len(second) * np.pi * tolerance**2 / area))


def _support(found: PairedPicks, first: Floats, second: Floats) -> float:
    """Evidence of pairs: of those within the whole tolerance, or within a part of it.

    Right pairs lie closer than they need to, wrong ones anywhere: crowded picks show it at a part
    of the tolerance only.
    """
    apart = found.fit.residual_angstrom
    reaches = [found.fit.tolerance_angstrom * share for share in _SHARES]
    return max(
        _evidence(
            int(np.count_nonzero(apart <= reach)),
            _chance(found.fit.affine, first, second, reach),
        )
        for reach in reaches
    )


def _evidence(n: int, expected: float) -> float:
    """Bound on minus the logarithm of the chance to find ``n`` or more (Chernoff, Poisson).

    Three pairs fix a map, so that three of them say nothing.
    """
    n, expected = n - MIN_PAIRS, max(expected, 0.01)
    return float(n * np.log(n / expected) - (n - expected)) if n > expected else 0.0


def _unpaired(n_untilted: int, n_tilted: int, best: tuple[int, float] | None) -> InputError:
    why = "no tilt within the limits was found"
    if best is not None:
        why = f"the best map pairs {best[0]} of them, where chance alone pairs {best[1]:.0f}"
    return InputError(
        f"tilt pair: {n_untilted} untilted and {n_tilted} tilted picks could not be paired: {why}; "
        "check that both micrographs show the same area, the limits of the tilt and the "
        "tolerance, or pick more particles"
    )


def _checked(
    untilted: ArrayLike, tilted: ArrayLike, tolerance_angstrom: float
) -> tuple[Floats, Floats]:
    if not (np.isfinite(tolerance_angstrom) and tolerance_angstrom > 0):
        raise InputError(f"tolerance: expected a distance above 0 Å, got {tolerance_angstrom}")
    sets: list[Floats] = []
    for name, values in (("untilted", untilted), ("tilted", tilted)):
        points = np.asarray(values, dtype=np.float64)
        if points.ndim != 2 or points.shape[1:] != (2,) or not np.isfinite(points).all():
            raise InputError(f"{name} picks: expected finite positions (n, 2), got {points.shape}")
        if len(points) < _LEAST_PICKS:
            raise InputError(
                f"tilt pair: {len(points)} {name} picks, at least {_LEAST_PICKS} are needed to "
                "find the pairs; pick more, or give picks that are paired row by row"
            )
        sets.append(points)
    return sets[0], sets[1]
