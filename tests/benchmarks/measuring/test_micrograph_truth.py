"""Figures of picks by hand."""

import numpy as np
import pytest

from cryopick.model import Picks, concatenate
from measuring.micrograph_truth import scored, with_names

TRUTH = np.array([[100.0, 100], [300, 100], [100, 300], [300, 300]])


def test_list_with_one_false_and_one_missing():
    truth = Picks.of(TRUTH, image="a")
    picks = Picks.of(
        [[103, 104], [300, 100], [900, 900], [100, 300]], image="a", score=[4, 3, 2, 1]
    )
    found = scored(picks, truth, tolerance_angstrom=10)
    assert (found["precision"], found["recall"], found["f1"]) == (0.75, 0.75, 0.75)
    # Kept to the end: 3 of 4 and 4 true; cut before the false one: 2 of 2 and 4.
    assert found["best_f1"] == 0.75
    assert found["average_precision"] == pytest.approx(0.25 + 0.25 + 0.25 * 0.75, abs=1e-4)
    assert found["shift_angstrom"] == [0.0, 0.0]


def test_mean_of_best_f1_takes_each_micrograph_at_its_own_threshold():
    truth = concatenate([Picks.of(TRUTH, image="a"), Picks.of(TRUTH, image="b")])
    good = np.r_[TRUTH, [[900.0, 900]]]
    picks = concatenate(
        [
            Picks.of(good, image="a", score=[9, 9, 9, 9, 8]),
            Picks.of(good, image="b", score=[3, 3, 3, 3, 2]),
        ]
    )
    found = scored(picks, truth, tolerance_angstrom=10)
    assert found["best_f1_mean"] == 1.0
    assert found["best_f1"] < 1.0


def test_a_shift_of_all_is_told():
    picks = Picks.of(TRUTH + np.array([6.0, -2.0]), image="a", score=np.ones(4))
    found = scored(picks, Picks.of(TRUTH, image="a"), tolerance_angstrom=10)
    assert found["shift_angstrom"] == [6.0, -2.0]
    assert found["position_error_angstrom"] == pytest.approx(np.hypot(6, 2), abs=0.01)


def test_numbers_of_references_are_not_compared_with_anything():
    truth = Picks.of(TRUTH, image="a", label="particle")
    picks = Picks.of(TRUTH, image="a", score=np.ones(4), label=np.array(["1", "2", "1", "8"]))
    assert scored(picks, truth, tolerance_angstrom=5)["f1"] == 1.0


def test_nothing_found():
    found = scored(Picks.empty(2), Picks.of(TRUTH, image="a"), tolerance_angstrom=5)
    assert (found["picks"], found["recall"], found["best_f1_mean"]) == (0, 0.0, 0.0)


def test_names():
    assert with_names(Picks.of(TRUTH, image="x"), "y").image.tolist() == ["y"] * 4
