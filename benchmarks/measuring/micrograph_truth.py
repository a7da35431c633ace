"""How good picks in micrographs are against the truth: figures of `cryopick.evaluate`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cryopick.evaluate.comparison import compare_picks
from cryopick.model import Picks


def scored(picks: Picks, truth: Picks, *, tolerance_angstrom: float) -> dict[str, Any]:
    """Figures of a list of picks, one-to-one within a tolerance.

    ``f1``, ``precision``, ``recall`` are of the list as it is; ``best_f1`` is at the best common
    threshold of all micrographs, ``best_f1_mean`` the mean of those at the best of each.
    ``shift_angstrom`` is the median displacement that all matches share.

    Examples
    --------
    >>> truth = Picks.of([[0, 0], [50, 0]], image="m")
    >>> picks = Picks.of([[3, 0], [90, 0], [50, 4]], image="m", score=[9, 8, 7])
    >>> found = scored(picks, truth, tolerance_angstrom=10)
    >>> found["f1"], found["best_f1"], found["recall"], found["shift_angstrom"]
    (0.8, 0.8, 1.0, [1.5, 2.0])
    """
    plain = _plain(picks)
    result = compare_picks(plain, _plain(truth), tolerance_angstrom=tolerance_angstrom, draws=0)
    summary = result.summary()
    matches = result.matches
    apart = (
        result.picks.position_angstrom[matches.pick]
        - result.truth.position_angstrom[matches.truth]
    )  # fmt: skip
    shift = np.median(apart, axis=0) if len(apart) else np.zeros(2)
    return {
        "picks": summary["n_picks"],
        "truth": summary["n_truth"],
        **{
            name: _rounded(summary[name])
            for name in ("precision", "recall", "f1", "best_f1", "average_precision")
        },
        "best_threshold": _rounded(summary["best_threshold"]),
        "best_f1_mean": _rounded(_mean_of_best(plain, truth, tolerance_angstrom)),
        "position_error_angstrom": _rounded(summary["position_error_angstrom"]["median"], 2),
        "shift_angstrom": [round(float(v), 2) for v in shift],
    }


def with_names(picks: Picks, name: str) -> Picks:
    """The same picks in an image of another name."""
    return replace(picks, image=np.full(len(picks), name))


def _mean_of_best(picks: Picks, truth: Picks, tolerance_angstrom: float) -> float | None:
    best: list[float] = []
    for name in np.unique(truth.image).tolist():
        mine, true = picks[picks.image == name], _plain(truth[truth.image == name])
        found = compare_picks(mine, true, tolerance_angstrom=tolerance_angstrom, draws=0)
        best.append(found.summary()["best_f1"] or 0.0)
    return float(np.mean(best)) if best else None


def _plain(picks: Picks) -> Picks:
    """Without labels, which are numbers of references here, and orientations."""
    return replace(picks, label=None, orientation=None)


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)
