"""`compare_picks`: everything that tells how good picks are against a truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.evaluate.bootstrap import Interval, bootstrap_intervals
from cryopick.evaluate.counts import Counts, total
from cryopick.evaluate.curve import Curve, curve_from_hits
from cryopick.evaluate.image_names import with_common_names
from cryopick.evaluate.matches import Matches, Matching, match_picks
from cryopick.geometry.symmetry import point_group
from cryopick.model import Picks, active

Scope = Literal["all", "truth"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """The result of `compare_picks`.

    Attributes
    ----------
    picks, truth
        The active picks of both sets that were compared.
    matches
        Indices into these.
    overall
        All images together.
    per_image
        By image name, sorted.
    per_label
        By label, sorted; empty where labels were not used.
    curve
        None where the picks have no scores.
    intervals
        95 % intervals from drawing images again, by figure; None where there are none.
    label_weight
        Weights of the labels in ``f_beta4``; a label without one weighs 1.
    warnings
        One sentence each.
    """

    picks: Picks
    truth: Picks
    matches: Matches
    overall: Counts
    per_image: Mapping[str, Counts]
    per_label: Mapping[str, Counts]
    curve: Curve | None
    intervals: Mapping[str, Interval | None]
    label_weight: Mapping[str, float]
    warnings: tuple[str, ...]

    @property
    def f_beta4(self) -> float | None:
        """CZII's score: F-beta 4 of each label of the truth, averaged by weight."""
        if not self.per_label:
            return self.overall.f_beta4
        rows = [
            (self.label_weight.get(label, 1.0), counts.f_beta4)
            for label, counts in self.per_label.items()
            if counts.n_truth
        ]
        weight = sum(w for w, _ in rows)
        return sum(w * (f or 0.0) for w, f in rows) / weight if weight else None

    def summary(self) -> dict[str, Any]:
        """All figures as JSON types; a figure that is not defined is None."""
        best = None if self.curve is None else self.curve.best
        return {
            **self.overall.summary(),
            "f_beta4": self.f_beta4,
            "best_f1": None if best is None else best[0],
            "best_threshold": None if best is None else best[1],
            "average_precision": None if self.curve is None else self.curve.average_precision,
            "n_images": len(self.per_image),
            "position_error_angstrom": spread(self.matches.distance_angstrom),
            "angular_error_deg": None
            if self.matches.angle_deg is None
            else spread(self.matches.angle_deg),
            "intervals": {k: None if v is None else list(v) for k, v in self.intervals.items()},
            "per_label": {label: c.summary() for label, c in self.per_label.items()},
            "per_image": {image: c.summary() for image, c in self.per_image.items()},
        }


def compare_picks(
    picks: Picks,
    truth: Picks,
    *,
    tolerance_angstrom: float,
    matching: Matching = "optimal",
    symmetry: str = "C1",
    scope: Scope = "all",
    draws: int = 1000,
    seed: int = 0,
    label_weight: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare picks with a truth.

    Deleted picks are left out on both sides. Duplicates count as false; picks at the edge of an
    image count as any others. See `cryopick.evaluate.matches.match_picks` for what matches.

    Parameters
    ----------
    picks, truth
        Both 2D or both 3D.
    tolerance_angstrom
        Largest distance of a match.
    matching
        ``optimal`` or ``greedy``.
    symmetry
        Point group for orientation errors.
    scope
        ``all``: picks of an image that the truth does not name are false. ``truth``: they are left
        out, for a truth that covers some of the images only.
    draws, seed
        Bootstrap over images; 0 draws: no intervals.
    label_weight
        Weights of labels in F-beta 4, as in the CZII challenge; 1 where not given.

    Examples
    --------
    >>> truth = Picks.of([[0.0, 0.0], [50.0, 0.0]], image="m1")
    >>> picks = Picks.of([[2.0, 0.0], [99.0, 9.0]], image="m1", score=[0.9, 0.4])
    >>> result = compare_picks(picks, truth, tolerance_angstrom=10)
    >>> result.overall.f1, result.summary()["best_f1"], result.summary()["best_threshold"]
    (0.5, 0.6666666666666666, 0.9)
    """
    point_group(symmetry)  # a wrong name is an error also where no orientation is compared
    if scope not in ("all", "truth"):
        raise InputError(f"scope {scope}: expected all or truth")
    picks, truth, warnings = with_common_names(active(picks), active(truth))
    alone = ~np.isin(picks.image, truth.image)
    if scope == "truth":
        picks = picks[~alone]
    elif alone.any():
        warnings += (_unknown_images(picks, alone),)
    matches = match_picks(
        picks, truth, tolerance_angstrom=tolerance_angstrom, method=matching, symmetry=symmetry
    )
    if not matches.uses_labels:
        warnings += _no_common_label(picks, truth)
    per_image = _counts_by(picks.image, truth.image, matches)
    overall = total(per_image.values())
    curve = None
    if picks.score is not None and matches.is_hit is not None:
        curve = curve_from_hits(picks.score, matches.is_hit, len(truth))
    return Comparison(
        picks=picks,
        truth=truth,
        matches=matches,
        overall=overall,
        per_image=per_image,
        per_label=_per_label(picks, truth, matches),
        curve=curve,
        intervals=_intervals(picks, matches, per_image, draws=draws, seed=seed),
        label_weight=dict(label_weight or {}),
        warnings=warnings,
    )


def spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Median, mean and 95th percentile of what is not NaN; None where there are no values.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0, 6.0]))
    {'median': 2.0, 'mean': 3.0, 'p95': 5.6}
    """
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return {"median": None, "mean": None, "p95": None}
    return {
        "median": float(np.median(values)),
        "mean": float(np.mean(values)),
        "p95": round(float(np.percentile(values, 95)), 12),
    }


def _counts_by(
    of_pick: NDArray[np.str_], of_truth: NDArray[np.str_], matches: Matches
) -> dict[str, Counts]:
    names = np.unique(np.concatenate([of_pick, of_truth]))
    pick_row, truth_row = np.searchsorted(names, of_pick), np.searchsorted(names, of_truth)

    def tally(rows: NDArray[np.int64]) -> list[int]:
        return np.bincount(rows, minlength=len(names)).tolist()

    columns = zip(
        names.tolist(),
        tally(pick_row),
        tally(truth_row),
        tally(pick_row[matches.is_matched]),
        tally(truth_row[matches.is_covered]),
        tally(pick_row[matches.is_duplicate]),
        strict=True,
    )
    return {
        name: Counts(n_picks=n, n_truth=m, n_matched=k, n_covered=c, n_duplicates=d)
        for name, n, m, k, c, d in columns
    }


def _per_label(picks: Picks, truth: Picks, matches: Matches) -> dict[str, Counts]:
    if not matches.uses_labels or picks.label is None or truth.label is None:
        return {}
    return _counts_by(picks.label, truth.label, matches)


def _intervals(
    picks: Picks, matches: Matches, per_image: Mapping[str, Counts], *, draws: int, seed: int
) -> dict[str, Interval | None]:
    names = np.array(list(per_image), dtype=np.str_)
    counts = [[c.n_picks, c.n_truth, c.n_matched] for c in per_image.values()]
    return bootstrap_intervals(
        np.array(counts, dtype=np.float64).reshape(-1, 3),
        score=picks.score,
        hit=np.zeros(len(picks), dtype=bool) if matches.is_hit is None else matches.is_hit,
        image_of_pick=np.searchsorted(names, picks.image),
        draws=draws,
        seed=seed,
    )


def _unknown_images(picks: Picks, alone: NDArray[np.bool_]) -> str:
    names = np.unique(picks.image[alone])
    return (
        f"{len(names)} image(s) with picks are not in the truth ({names[0]}...): their "
        f"{int(alone.sum())} picks count as false; --scope truth leaves them out"
    )


def _no_common_label(picks: Picks, truth: Picks) -> tuple[str, ...]:
    ours, theirs = _labels(picks), _labels(truth)
    if not ours or not theirs:
        return ()
    return (f"no label in common (picks {ours[0]}, truth {theirs[0]}): labels are ignored",)


def _labels(picks: Picks) -> list[str]:
    return [] if picks.label is None else sorted(set(picks.label.tolist()) - {""})
