"""The figures of the benchmark of tilt pairs, and that its easy case is solved."""

from __future__ import annotations

import numpy as np
import pytest

import tilt_pairs
from cryopick.simulate.tilt_pairs import TiltPairRecipe, simulate_tilt_pair


def test_a_clean_pair_scores_full_marks() -> None:
    recipe = TiltPairRecipe(particles=40, missing=0.0, false=0.0, noise_angstrom=2.0, tilt_deg=50)
    made = simulate_tilt_pair(recipe, names=("u", "t"), rng=np.random.default_rng(0))
    row = tilt_pairs.score(made, 50.0, 0)
    assert (row["recall"], row["precision"]) == (1.0, 1.0)
    assert row["tilt_off_deg"] == pytest.approx(0, abs=0.5)


def test_what_cannot_be_paired_scores_nothing() -> None:
    made = simulate_tilt_pair(
        TiltPairRecipe(particles=5, missing=0.0, false=0.0),
        names=("u", "t"),
        rng=np.random.default_rng(0),
    )
    row = tilt_pairs.score(made, 45.0, 0)
    assert (row["recall"], row["tilt_off_deg"]) == (0.0, None)


def test_summary_tells_mean_least_and_most() -> None:
    rows = [
        {"recall": 1.0, "precision": 1.0, "tilt_off_deg": -0.5, "cpu_s": 1.0},
        {"recall": 0.9, "precision": 0.8, "tilt_off_deg": 0.1, "cpu_s": 3.0},
        {"recall": 0.0, "precision": 0.0, "tilt_off_deg": None, "cpu_s": 5.0},
    ]
    found = tilt_pairs.summary(rows)
    assert (found["pairs_of_micrographs"], found["solved"]) == (3, 2)
    assert found["recall"] == {"mean": 0.6333, "least": 0.0}
    assert found["tilt_off_deg"] == {"median": 0.3, "most": 0.5}
    assert found["cpu_s_median"] == 3.0


def test_every_case_is_a_recipe() -> None:
    for changes in tilt_pairs.CASES.values():
        TiltPairRecipe(**changes)
    assert [tilt_pairs.CASES[case]["tilt_deg"] for case in tilt_pairs.ASKED] == [30, 45, 60]


def test_unrelated_picks_are_not_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryopick.combine.pair_matching._EFFORTS", ((300_000, 50),))
    assert not tilt_pairs.measure_unrelated(20, 0)
