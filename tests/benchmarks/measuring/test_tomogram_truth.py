"""Ratings of ranked lists against worked examples."""

import numpy as np
import pytest

from cryopick.geometry.rotation import IDENTITY, from_axis_angle
from cryopick.model import Picks
from measuring.tomogram_truth import best_first, false_on, rated

TRUTH = Picks.of(
    [[0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]],
    image="truth_name",
    orientation=np.tile(IDENTITY, (4, 1)),
    label="target",
)


def listed(positions, scores, **columns):
    return Picks.of(positions, image="another_name", score=scores, **columns)


def test_all_found_and_nothing_else():
    found = rated(listed(TRUTH.position_angstrom, [4, 3, 2, 1]), TRUTH, tolerance_angstrom=5)
    for figure in ("precision", "recall", "precision_at_n", "average_precision", "best_f1"):
        assert found[figure] == 1
    assert found["position_error_angstrom"] == 0
    assert found["false_on"] == {}
    assert found["angle_error_deg"] is None


def test_order_of_the_list_does_not_matter_scores_do():
    positions = [[500, 0, 0], [0, 0, 0], [100, 0, 0]]
    good = rated(listed(positions, [1, 3, 2]), TRUTH, tolerance_angstrom=5)
    shuffled = rated(listed(positions[::-1], [2, 3, 1]), TRUTH, tolerance_angstrom=5)
    bad = rated(listed(positions, [3, 2, 1]), TRUTH, tolerance_angstrom=5)
    assert good == shuffled
    assert good["average_precision"] == pytest.approx(0.5)  # two of four, both at precision 1
    assert bad["average_precision"] == pytest.approx((1 / 2 + 2 / 3) / 4, abs=1e-4)
    assert bad["precision_at_n"] == good["precision_at_n"] == 0.5


def test_a_second_pick_of_a_particle_is_false():
    found = rated(
        listed([[1, 0, 0], [2, 0, 0], [100, 0, 0]], [9, 8, 7]), TRUTH, tolerance_angstrom=5
    )
    assert found["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["recall"] == 0.5


def test_best_n_leaves_out_what_is_ranked_below():
    positions = [[300, 0, 0]] * 4 + TRUTH.position_angstrom.tolist()
    found = rated(listed(positions, np.arange(8)[::-1]), TRUTH, tolerance_angstrom=5)
    assert found["precision_at_n"] == 0
    assert found["position_error_angstrom"] is None
    assert found["recall"] == 1


def test_tolerance_is_the_largest_distance():
    picks = listed([[5, 0, 0], [100, 5.1, 0]], [2, 1])
    assert rated(picks, TRUTH, tolerance_angstrom=5)["recall"] == 0.25


def test_angles_are_modulo_the_point_group():
    turned = from_axis_angle([0, 0, 1], [170.0, 170.0, 170.0, 170.0])
    picks = listed(TRUTH.position_angstrom, [4, 3, 2, 1], orientation=turned)
    plain = rated(picks, TRUTH, tolerance_angstrom=5)
    twofold = rated(picks, TRUTH, tolerance_angstrom=5, symmetry="C2")
    assert plain["angle_error_deg"] == pytest.approx(170)
    assert twofold["angle_error_deg"] == pytest.approx(10)


def test_no_picks_at_all():
    found = rated(Picks.empty(3), TRUTH, tolerance_angstrom=5)
    assert found["recall"] == found["precision_at_n"] == found["average_precision"] == 0
    assert found["precision"] is None


def test_picks_without_scores_have_no_order():
    with pytest.raises(ValueError, match="scores"):
        best_first(TRUTH)


def test_nan_scores_come_last():
    picks = listed([[1, 0, 0], [2, 0, 0]], [np.nan, -5.0])
    assert best_first(picks, 1).position_angstrom[0, 0] == 2


def test_false_picks_are_put_to_the_nearest_thing_in_reach():
    others = Picks.of(
        [[0, 0, 0], [60, 0, 0]], image="t", label=["gold", "decoy"], diameter_angstrom=[40, 40]
    )
    false = Picks.of([[24, 0, 0], [36, 0, 0], [0, 0, 26]], image="t")
    assert false_on(false, others, 5) == {"decoy": 1, "gold": 1, "nothing": 1}
    assert false_on(false, None, 5) == {"nothing": 3}
    assert false_on(false[:0], others, 5) == {}
