"""How good a ranked list of picks is against the truth of a simulated tomogram."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.evaluate.curve import curve_from_hits
from cryopick.evaluate.matches import Matches, match_picks
from cryopick.geometry.neighbours import pairs_within
from cryopick.model import Picks


def best_first(picks: Picks, n: int | None = None) -> Picks:
    """The best ``n`` picks (all where not given), best first; equal scores stay in their order.

    Examples
    --------
    >>> picks = Picks.of([[0, 0, 0], [9, 0, 0], [5, 0, 0]], image="t", score=[1, 3, 2])
    >>> best_first(picks, 2).position_angstrom[:, 0]
    array([9., 5.])
    """
    if not len(picks):
        return picks
    if picks.score is None:
        raise ValueError("picks: expected scores")
    ranks = np.argsort(-np.nan_to_num(picks.score, nan=-np.inf), kind="stable")
    return picks[ranks[:n]]


def rated(
    picks: Picks,
    truth: Picks,
    *,
    tolerance_angstrom: float,
    symmetry: str = "C1",
    others: Picks | None = None,
) -> dict[str, Any]:
    """Figures of a ranked list.

    Every pick, best score first, takes the nearest true particle that is still free within the
    tolerance; a second pick of a particle is a false one. The whole list gives the average
    precision and the best F1; its best N, N the number of true particles, the rest.

    Parameters
    ----------
    picks
        In one tomogram, with scores.
    truth
        Every target in the tomogram.
    tolerance_angstrom
        Largest distance of a match.
    symmetry
        Point group, for angular errors.
    others
        What else is there, with labels: it is counted what the false picks among the best N lie
        on.

    Returns
    -------
    dict
        ``truth``, ``picks``, ``precision_at_n`` (which is the recall as well), ``average_precision``,
        ``best_f1``, medians ``angle_error_deg`` and ``position_error_angstrom`` (None without a
    X

    Examples
    --------
    >>> truth = Picks.of([[0, 0, 0], [50, 0, 0]], image="t")
    >>> picks = Picks.of([[3, 0, 0], [90, 0, 0], [50, 4, 0]], image="t", score=[9, 8, 7])
    >>> found = rated(picks, truth, tolerance_angstrom=10)
    >>> found["precision_at_n"], round(found["average_precision"], 3), found["false_on"]
    (0.5, 0.833, {'nothing': 1})
    """
    ranked = best_first(_bare(picks))
    true = _bare(truth)
    hits = _matched(ranked, true, tolerance_angstrom, symmetry).is_matched
    found = int(hits.sum())
    score = np.zeros(0) if ranked.score is None else ranked.score
    curve = curve_from_hits(score, hits, len(true))
    top = ranked[: len(true)]
    matches = _matched(top, true, tolerance_angstrom, symmetry)
    best = curve.best
    return {
        "truth": len(true),
        "picks": len(ranked),
        "precision": _share(found, len(ranked)),
        "recall": _share(found, len(true)),
        "precision_at_n": _share(len(matches), len(true)),
        "average_precision": _rounded(curve.average_precision),
        "best_f1": None if best is None else _rounded(best[0]),
        "angle_error_deg": _median(matches.angle_deg),
        "position_error_angstrom": _median(matches.distance_angstrom),
        "false_on": false_on(top[~matches.is_matched], others, tolerance_angstrom),
    }


def false_on(false: Picks, others: Picks | None, tolerance_angstrom: float) -> dict[str, int]:
    """Count false picks by the label of the nearest other thing whose surface is within reach.

    A thing of known diameter reaches that much further: hits on gold sit on the rim of the bead.

    Examples
    --------
    >>> gold = Picks.of([[0, 0, 0]], image="t", label="gold", diameter_angstrom=[100])
    >>> false_on(Picks.of([[55, 0, 0], [65, 0, 0]], image="t"), gold, 10)
    {'gold': 1, 'nothing': 1}
    """
    if not len(false):
        return {}
    words = ["nothing"] * len(false)
    if others is not None and len(others):
        names = ["unnamed"] * len(others) if others.label is None else others.label.tolist()
        radius = np.zeros(len(others))
        if others.diameter_angstrom is not None:
            radius = np.nan_to_num(others.diameter_angstrom) / 2
        reach = tolerance_angstrom + radius
        pairs = pairs_within(false.position_angstrom, others.position_angstrom, float(reach.max()))
        # The nearest is written last.
        for row in np.argsort(-pairs.distance, kind="stable").tolist():
            if pairs.distance[row] <= reach[pairs.second[row]]:
                words[pairs.first[row]] = names[pairs.second[row]]
    return dict(sorted(Counter(words).items()))


def _matched(picks: Picks, truth: Picks, tolerance_angstrom: float, symmetry: str) -> Matches:
    return match_picks(
        picks, truth, tolerance_angstrom=tolerance_angstrom, method="greedy", symmetry=symmetry
    )


def _bare(picks: Picks) -> Picks:
    """The same picks, all in one image and of no label: programs name both in their own way."""
    return Picks.of(
        picks.position_angstrom, image="t", score=picks.score, orientation=picks.orientation
    )


def _median(values: NDArray[np.float64] | None) -> float | None:
    return None if values is None or not len(values) else round(float(np.median(values)), 3)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
