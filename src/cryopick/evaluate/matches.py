"""`Matches`: which pick is which true particle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.matching import best_first_gain, match_greedy, match_optimal
from cryopick.geometry.neighbours import Pairs, pairs_within
from cryopick.geometry.symmetry import angular_distance_deg
from cryopick.model import Picks

Matching = Literal["optimal", "greedy"]

# Separates image and label in the key of a pick; no file name holds it.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """One-to-one matches of picks and true particles, image by image.

    Attributes
    ----------
    pick, truth
        ``(k,)`` indices into the two sets.
    distance_angstrom
        ``(k,)`` position error.
    angle_deg
        ``(k,)`` orientation error modulo the point group; None where a set has no orientations.
    is_matched
        ``(n_picks,)`` whether a pick has a match.
    is_duplicate
        ``(n_picks,)`` picks without a match that lie within the tolerance of a matched particle.
    is_covered
        ``(n_truth,)`` particles with any pick within the tolerance.
    is_hit
        ``(n_picks,)`` whether a pick, added best score first, makes the matching larger: the
        running sum gives the matches at each threshold. None without scores.
    uses_labels
        Whether only equal labels were allowed to match.
    """

    pick: NDArray[np.int64]
    truth: NDArray[np.int64]
    distance_angstrom: NDArray[np.float64]
    angle_deg: NDArray[np.float64] | None
    is_matched: NDArray[np.bool_]
    is_duplicate: NDArray[np.bool_]
    is_covered: NDArray[np.bool_]
    is_hit: NDArray[np.bool_] | None
    uses_labels: bool

    def __len__(self) -> int:
        return len(self.pick)


def match_picks(
    picks: Picks,
    truth: Picks,
    *,
    tolerance_angstrom: float,
    method: Matching = "optimal",
    symmetry: str = "C1",
) -> Matches:
    """Match picks to true particles of the same image, one-to-one, within a tolerance.

    Picks near the edge of an image count like any others, and so do duplicates: a second pick of
    one particle is a false pick. Where both sets have labels and share at least one, only equal
    labels match.

    Parameters
    ----------
    picks, truth
        Both 2D or both 3D, with equal image names for equal images.
    tolerance_angstrom
        Largest distance of a match.
    method
        ``optimal``: as many matches as possible, then the least total distance. ``greedy``: the
        best score chooses its nearest free particle first.
    symmetry
        Point group for orientation errors.

    Examples
    --------
    >>> picks = Picks.of([[0.0, 0.0], [8.0, 0.0], [99.0, 0.0]], image="m", score=[3, 2, 1])
    >>> truth = Picks.of([[1.0, 0.0], [50.0, 0.0]], image="m")
    >>> matches = match_picks(picks, truth, tolerance_angstrom=10)
    >>> matches.pick, matches.truth, matches.is_duplicate
    (array([0]), array([0]), array([False,  True, False]))
    """
    _check(picks, truth, tolerance_angstrom, method)
    uses_labels = shares_labels(picks, truth)
    pairs = pairs_within(
        picks.position_angstrom,
        truth.position_angstrom,
        tolerance_angstrom,
        first_image=_keys(picks, with_label=uses_labels),
        second_image=_keys(truth, with_label=uses_labels),
    )
    n, m = len(picks), len(truth)
    hit = None if picks.score is None else best_first_gain(pairs, n, m, score=picks.score)
    if method == "greedy":
        score = np.zeros(n) if picks.score is None else picks.score
        chosen = match_greedy(pairs, n, m, score=score)
        # Greedy picks never change partners, so each match is gained by its own pick.
        hit = None if hit is None else np.isin(np.arange(n), chosen.first)
    else:
        chosen = match_optimal(pairs, n, m)
    is_matched = np.zeros(n, dtype=bool)
    is_matched[chosen.first] = True
    return Matches(
        pick=chosen.first,
        truth=chosen.second,
        distance_angstrom=chosen.distance,
        angle_deg=_angles(picks, truth, chosen, symmetry),
        is_matched=is_matched,
        is_duplicate=_duplicates(pairs, chosen, is_matched, m),
        is_covered=np.isin(np.arange(m), pairs.second),
        is_hit=hit,
        uses_labels=uses_labels,
    )


def shares_labels(picks: Picks, truth: Picks) -> bool:
    """Tell whether both sets have labels and at least one that is not empty is in both."""
    if picks.label is None or truth.label is None:
        return False
    common = set(np.unique(picks.label).tolist()) & set(np.unique(truth.label).tolist())
    return bool(common - {""})


def _check(picks: Picks, truth: Picks, tolerance_angstrom: float, method: str) -> None:
    if picks.ndim != truth.ndim:
        raise InputError(
            f"picks are {picks.ndim}D, the truth is {truth.ndim}D; compare sets of one dimension"
        )
    if not (np.isfinite(tolerance_angstrom) and tolerance_angstrom > 0):
        raise InputError(f"tolerance {tolerance_angstrom}: expected a distance above 0 Å")
    if method not in ("optimal", "greedy"):
        raise InputError(f"matching {method}: expected optimal or greedy")


def _keys(picks: Picks, *, with_label: bool) -> NDArray[np.str_]:
    if not with_label or picks.label is None:
        return picks.image
    return np.char.add(np.char.add(picks.image, _SEPARATOR), picks.label)


def _duplicates(
    pairs: Pairs, chosen: Pairs, is_matched: NDArray[np.bool_], n_truth: int
) -> NDArray[np.bool_]:
    taken = np.zeros(n_truth, dtype=bool)
    taken[chosen.second] = True
    duplicate = np.zeros(len(is_matched), dtype=bool)
    duplicate[pairs.first[taken[pairs.second]]] = True
    return duplicate & ~is_matched


def _angles(picks: Picks, truth: Picks, chosen: Pairs, symmetry: str) -> NDArray[np.float64] | None:
    if picks.orientation is None or truth.orientation is None:
        return None
    return angular_distance_deg(
        picks.orientation[chosen.first], truth.orientation[chosen.second], symmetry
    )
