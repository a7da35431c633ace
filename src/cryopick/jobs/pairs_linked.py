"""Link the picks of one tilt pair: by row or by geometry, with partners predicted where wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.pair_affine import (
    PairAffine,
    PairFit,
    fit_affine_robust,
    residuals,
    to_tilted,
    to_untilted,
)
from cryopick.combine.pair_matching import pair_picks
from cryopick.errors import InputError
from cryopick.jobs.pairs_fit_params import PairsFitParams, Predict, limits_of
from cryopick.model import Grid, PickPairs, Picks, active, concatenate, delete

PAIR_ID = "cryopickPairId"
RESIDUAL = "cryopickPairResidualAngst"
PREDICTED = "predicted"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkedPair:
    """Picks of one tilt pair, linked.

    Attributes
    ----------
    pairs
        Row i of both sides is the same particle.
    untilted_left, tilted_left
        The other picks, deleted, each with its reason.
    fit
        The map that the found pairs gave; None where they were too few.
    fitted_untilted
        ``(n, 2)`` untilted positions that the fit was made of, in Å.
    predicted
        ``(len(pairs),)`` partners that were put where the fit says.
    expected_by_chance
        Of the automatic pairing; NaN for given pairs.
    problem
        Why there is no fit; else empty.
    """

    pairs: PickPairs
    untilted_left: Picks
    tilted_left: Picks
    fit: PairFit | None
    fitted_untilted: NDArray[np.float64]
    predicted: NDArray[np.bool_]
    expected_by_chance: float
    problem: str = ""


def link(
    untilted: Picks,
    tilted: Picks,
    params: PairsFitParams,
    *,
    tolerance_angstrom: float | None,
    grids: tuple[Grid, Grid],
    rng: np.random.Generator,
) -> LinkedPair:
    """Link the picks of the two views.

    Parameters
    ----------
    untilted, tilted
        As read, deleted ones included.
    params
        Of the job.
    tolerance_angstrom
        Largest distance of a right pair; None: given pairs are all right.
    grids
        Of the two micrographs: partners are predicted only inside them.
    rng
        For the automatic pairing and the robust fit.
    """
    if params.auto:
        if tolerance_angstrom is None:
            raise InputError("--auto: give --particle-diameter or --tolerance")
        found = _by_geometry(untilted, tilted, params, tolerance_angstrom, rng)
    else:
        found = _by_row(untilted, tilted, params, tolerance_angstrom, rng)
    return _completed(found, params.predict, grids)


def _by_geometry(
    untilted: Picks,
    tilted: Picks,
    params: PairsFitParams,
    tolerance_angstrom: float,
    rng: np.random.Generator,
) -> LinkedPair:
    first, second = active(untilted), active(tilted)
    found = pair_picks(
        first.position_angstrom,
        second.position_angstrom,
        tolerance_angstrom=tolerance_angstrom,
        rng=rng,
        limits=limits_of(params),
    )
    pairs = PickPairs(untilted=first[found.untilted_row], tilted=second[found.tilted_row])
    return LinkedPair(
        pairs=pairs,
        untilted_left=_without(untilted, first, found.untilted_row),
        tilted_left=_without(tilted, second, found.tilted_row),
        fit=found.fit,
        fitted_untilted=pairs.untilted.position_angstrom,
        predicted=np.zeros(len(found), dtype=bool),
        expected_by_chance=found.expected_by_chance,
    )


def _without(every: Picks, kept: Picks, rows: NDArray[np.int64]) -> Picks:
    """Picks without a partner, and those that were deleted before."""
    alone = np.ones(len(kept), dtype=bool)
    alone[rows] = False
    lonely = delete(kept[alone], np.ones(int(alone.sum()), dtype=bool), reason="no partner")
    return concatenate([_gone(every), lonely])


def _by_row(
    untilted: Picks,
    tilted: Picks,
    params: PairsFitParams,
    tolerance_angstrom: float | None,
    rng: np.random.Generator,
) -> LinkedPair:
    """Rows belong together; where one side is deleted, so is the other."""
    n = min(len(untilted), len(tilted))
    _check_lengths(len(untilted), len(tilted), params.predict)
    gone = _is_gone(untilted[:n]) | _is_gone(tilted[:n])
    kept = np.flatnonzero(~gone)
    first, second = untilted[kept], tilted[kept]
    fit, problem = _fit_rows(first, second, tolerance_angstrom, rng)
    sides = (untilted, tilted)
    left = [
        concatenate(
            [
                delete(side[:n][gone], ~_is_gone(side[:n][gone]), reason="partner dropped"),
                delete(side[n:], np.ones(len(side) - n, dtype=bool), reason="no partner"),
            ]
        )
        for side in sides
    ]
    if fit is not None and params.drop_outliers and tolerance_angstrom is not None:
        wrong = fit.residual_angstrom > tolerance_angstrom
        for place, side in enumerate((first, second)):
            gone_too = delete(side[wrong], np.ones(int(wrong.sum()), bool), reason="no partner")
            left[place] = concatenate([left[place], gone_too])
        first, second = first[~wrong], second[~wrong]
        fit, problem = _fit_rows(first, second, tolerance_angstrom, rng)
    return LinkedPair(
        pairs=PickPairs(untilted=first, tilted=second),
        untilted_left=left[0],
        tilted_left=left[1],
        fit=fit,
        fitted_untilted=first.position_angstrom,
        predicted=np.zeros(len(first), dtype=bool),
        expected_by_chance=float("nan"),
        problem=problem,
    )


def _check_lengths(n_untilted: int, n_tilted: int, predict: Predict) -> None:
    if n_untilted == n_tilted:
        return
    short = "tilted" if n_tilted < n_untilted else "untilted"
    if predict not in (short, "both"):
        raise InputError(
            f"{n_untilted} untilted and {n_tilted} tilted picks are not paired row by row; give "
            f"--auto to find the pairs, or --predict {short} to add the missing partners"
        )


def _fit_rows(
    first: Picks, second: Picks, tolerance_angstrom: float | None, rng: np.random.Generator
) -> tuple[PairFit | None, str]:
    """The fit of given pairs; or None and why: the pairs are good without one, too."""
    try:
        fit = fit_affine_robust(
            first.position_angstrom,
            second.position_angstrom,
            tolerance_angstrom=np.inf if tolerance_angstrom is None else tolerance_angstrom,
            rng=rng,
        )
    except InputError as error:
        return None, str(error)
    return fit, ""


def _is_gone(picks: Picks) -> NDArray[np.bool_]:
    if picks.state is None:
        return np.zeros(len(picks), dtype=bool)
    return picks.state == "deleted"


def _gone(picks: Picks) -> Picks:
    return picks[_is_gone(picks)]


def _completed(found: LinkedPair, predict: Predict, grids: tuple[Grid, Grid]) -> LinkedPair:
    """Add predicted partners for picks that have none."""
    if predict == "none":
        return found
    if found.fit is None:
        raise InputError(
            f"--predict {predict}: there is no geometry to predict from: {found.problem}"
        )
    affine = found.fit.affine
    first, second = [found.pairs.untilted], [found.pairs.tilted]
    left = [found.untilted_left, found.tilted_left]
    names = (_name(found.pairs.untilted), _name(found.pairs.tilted))
    if predict in ("tilted", "both"):
        own, left[0] = _predictable(left[0], affine, grids[1], forth=True)
        first.append(own)
        second.append(_predicted(own, affine, names[1], forth=True))
    if predict in ("untilted", "both"):
        own, left[1] = _predictable(left[1], affine, grids[0], forth=False)
        second.append(own)
        first.append(_predicted(own, affine, names[0], forth=False))
    pairs = PickPairs(untilted=concatenate(first), tilted=concatenate(second))
    made = np.arange(len(pairs)) >= len(found.pairs)
    return replace(found, pairs=pairs, untilted_left=left[0], tilted_left=left[1], predicted=made)


def _predictable(
    left: Picks, affine: PairAffine, grid: Grid, *, forth: bool
) -> tuple[Picks, Picks]:
    """Picks without a partner whose partner lies inside the other view; and all the rest."""
    place = (to_tilted if forth else to_untilted)(affine, left.position_angstrom)
    reason = np.full(len(left), "") if left.reason is None else left.reason
    chosen = (reason == "no partner") & grid.contains(place)
    alive: dict[str, Any] = {"state": None, "reason": None}
    return replace(left[chosen], **alive), left[~chosen]


def _predicted(picks: Picks, affine: PairAffine, name: str, *, forth: bool) -> Picks:
    place = (to_tilted if forth else to_untilted)(affine, picks.position_angstrom)
    n = len(picks)
    return Picks(
        position_angstrom=place,
        image=np.full(n, name, dtype=f"<U{max(len(name), 1)}"),
        source=np.full(n, PREDICTED),
        diameter_angstrom=picks.diameter_angstrom,
    )


def _name(picks: Picks) -> str:
    return str(picks.image[0])


def with_columns(found: LinkedPair, *, stem: str, diameter_angstrom: float | None) -> PickPairs:
    """The linked picks with a pair id and the residual of each pair on both sides."""
    n = len(found.pairs)
    ids = np.array([f"{stem}_{i + 1:05d}" for i in range(n)], dtype=np.str_)
    extra: dict[str, NDArray[Any]] = {PAIR_ID: ids}
    if found.fit is not None:
        extra[RESIDUAL] = residuals(
            found.fit.affine,
            found.pairs.untilted.position_angstrom,
            found.pairs.tilted.position_angstrom,
        )
    sides = [
        replace(sized(side, diameter_angstrom), extra={**side.extra, **extra})
        for side in (found.pairs.untilted, found.pairs.tilted)
    ]
    return PickPairs(untilted=sides[0], tilted=sides[1])


def sized(picks: Picks, diameter_angstrom: float | None) -> Picks:
    """Picks with this diameter where they have none of their own."""
    if diameter_angstrom is None:
        return picks
    own = picks.diameter_angstrom
    known = np.full(len(picks), np.nan) if own is None else own
    size = np.where(np.isfinite(known), known, diameter_angstrom)
    return replace(picks, diameter_angstrom=size)
