import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.evaluate.comparison import compare_picks, spread
from cryopick.geometry.rotation import from_axis_angle
from cryopick.model import Picks, concatenate, delete

KEYS = {
    "precision", "recall", "f1", "best_f1", "best_threshold", "average_precision", "f_beta4",
    "n_picks", "n_truth", "n_matched", "position_error_angstrom", "angular_error_deg",
    "intervals", "per_label", "per_image",
}  # fmt: skip


def jittered(truth, rng, *, keep=0.8, extra=20, sigma=3.0, side=4000.0):
    """Find most particles, a little off, and some that are none; true ones score higher."""
    found = truth[rng.random(len(truth)) < keep]
    position = found.position_angstrom + rng.normal(0, sigma, found.position_angstrom.shape)
    wrong = rng.uniform(0, side, (extra, truth.ndim))
    names = rng.choice(np.unique(truth.image), extra)
    return concatenate(
        [
            Picks.of(position, image=found.image, score=rng.normal(2, 1, len(found))),
            Picks.of(wrong, image=names, score=rng.normal(0, 1, extra)),
        ]
    )


def many(rng, *, images=6, each=50, side=4000.0, ndim=2):
    return concatenate(
        [Picks.of(rng.uniform(0, side, (each, ndim)), image=f"mic{k}") for k in range(images)]
    )


def test_known_picks_give_known_figures():
    rng = np.random.default_rng(1)
    truth = many(rng)
    picks = jittered(truth, rng)
    result = compare_picks(picks, truth, tolerance_angstrom=30, draws=200).summary()
    found = len(picks) - 20
    assert result["n_truth"] == 300
    assert found <= result["n_matched"] <= found + 2
    assert result["precision"] == result["n_matched"] / len(picks)
    assert result["recall"] == result["n_matched"] / 300
    assert result["best_f1"] >= result["f1"]
    assert 0.7 < result["average_precision"] < 0.9
    # The distance of a 2D Gaussian error has median sigma * sqrt(2 ln 2).
    assert result["position_error_angstrom"]["median"] == pytest.approx(3 * 1.177, rel=0.15)
    assert set(result["per_image"]) == {f"mic{k}" for k in range(6)}
    for name in ("precision", "recall", "f1", "best_f1", "average_precision"):
        low, high = result["intervals"][name]
        assert low <= result[name] <= high


def test_the_summary_has_its_keys_and_is_json():
    truth = Picks.of([[0.0, 0.0]], image="m")
    for picks in (truth, Picks.empty(2), Picks.of([[0.0, 0.0]], image="m", score=[np.nan])):
        summary = compare_picks(picks, truth, tolerance_angstrom=1).summary()
        assert set(summary) >= KEYS
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_a_truth_compared_with_itself_is_perfect():
    truth = many(np.random.default_rng(2), ndim=3)
    result = compare_picks(truth, truth, tolerance_angstrom=5).summary()
    assert (result["precision"], result["recall"], result["f1"], result["f_beta4"]) == (1, 1, 1, 1)
    assert result["position_error_angstrom"]["p95"] == 0
    assert result["best_f1"] is result["average_precision"] is None  # no scores, no curve


@pytest.mark.parametrize(
    ("picks", "truth", "expected"),
    [
        (0, 0, {"precision": None, "recall": None, "f1": None, "average_precision": None}),
        (0, 2, {"precision": None, "recall": 0, "f1": 0, "average_precision": None}),
        (2, 0, {"precision": 0, "recall": None, "f1": 0, "average_precision": None}),
    ],
)
def test_empty_sides_are_defined(picks, truth, expected):
    def some(n):
        where = np.arange(2.0 * n).reshape(n, 2)
        return Picks.of(where, image="m", score=np.ones(n)) if n else Picks.empty(2)

    summary = compare_picks(some(picks), some(truth), tolerance_angstrom=1).summary()
    assert {k: summary[k] for k in expected} == expected
    assert summary["position_error_angstrom"] == {"median": None, "mean": None, "p95": None}


def test_deleted_picks_do_not_count_on_either_side():
    truth = Picks.of([[0.0, 0.0], [50.0, 0.0]], image="m")
    picks = Picks.of([[0.0, 0.0], [90.0, 0.0]], image="m")
    picks = delete(picks, np.array([False, True]), reason="below threshold")
    assert compare_picks(picks, truth, tolerance_angstrom=1).overall.precision == 1.0
    truth = delete(truth, np.array([False, True]), reason="manual")
    assert compare_picks(picks, truth, tolerance_angstrom=1).overall.recall == 1.0


def test_labels_are_scored_apart_and_averaged_by_weight():
    truth = Picks.of([[0.0, 0, 0], [50.0, 0, 0], [100.0, 0, 0]], image="t", label=["a", "a", "b"])
    picks = Picks.of([[0.0, 0, 0], [50.0, 0, 0], [100.0, 0, 0]], image="t", label=["a", "a", "a"])
    result = compare_picks(picks, truth, tolerance_angstrom=5)
    assert result.per_label["a"].n_matched == 2
    assert result.per_label["b"].recall == 0
    # a: 17 * 2 / (17 * 2 + 1); b: 0
    assert result.f_beta4 == pytest.approx(34 / 35 / 2)
    weighted = compare_picks(picks, truth, tolerance_angstrom=5, label_weight={"a": 2.0, "b": 0.0})
    assert weighted.f_beta4 == pytest.approx(34 / 35)


def test_labels_without_a_common_one_are_ignored_with_a_warning():
    truth = Picks.of([[0.0, 0.0]], image="m", label="ribosome")
    picks = Picks.of([[0.0, 0.0]], image="m", label="1")
    result = compare_picks(picks, truth, tolerance_angstrom=1)
    assert result.overall.f1 == 1
    assert result.per_label == {}
    assert result.warnings == ("no label in common (picks 1, truth ribosome): labels are ignored",)


def test_images_that_the_truth_does_not_name():
    truth = Picks.of([[0.0, 0.0]], image="m1")
    picks = Picks.of([[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]], image=["m1", "m2", "m2"])
    all_of_them = compare_picks(picks, truth, tolerance_angstrom=1)
    assert all_of_them.overall.precision == pytest.approx(1 / 3)
    assert all_of_them.per_image["m2"].f1 == 0
    assert (
        "1 image(s) with picks are not in the truth (m2...): their 2 picks count as false"
        in (all_of_them.warnings[0])
    )
    covered = compare_picks(picks, truth, tolerance_angstrom=1, scope="truth")
    assert covered.overall.precision == 1
    assert covered.warnings == ()


def test_images_without_picks_count_as_missed():
    truth = Picks.of([[0.0, 0.0], [1.0, 1.0]], image=["m1", "m2"])
    picks = Picks.of([[0.0, 0.0]], image="m1")
    result = compare_picks(picks, truth, tolerance_angstrom=0.5)
    assert result.overall.recall == 0.5
    assert result.per_image["m2"].precision is None


def test_orientation_error_with_symmetry():
    where = np.arange(30.0).reshape(10, 3) * 20
    spin = from_axis_angle([0, 0, 1], np.full(10, 92.0))
    truth = Picks.of(where, image="t", orientation=np.tile([1.0, 0, 0, 0], (10, 1)))
    picks = Picks.of(where, image="t", orientation=spin)
    summary = compare_picks(picks, truth, tolerance_angstrom=1, symmetry="C4").summary()
    assert summary["angular_error_deg"]["median"] == pytest.approx(2)
    assert compare_picks(picks, truth, tolerance_angstrom=1).summary()["angular_error_deg"][
        "mean"
    ] == pytest.approx(92)


@given(st.integers(0, 2**31), st.sampled_from(["optimal", "greedy"]))
@settings(max_examples=25)
def test_neither_order_nor_score_scale_matter(seed, method):
    rng = np.random.default_rng(seed)
    truth = many(rng, images=2, each=12, side=200)
    picks = jittered(truth, rng, extra=8, sigma=5, side=200)
    shuffled = picks[rng.permutation(len(picks))]
    scaled = Picks(
        position_angstrom=picks.position_angstrom, image=picks.image, score=picks.score * 7 - 3
    )
    one, two, three = (
        compare_picks(p, truth, tolerance_angstrom=15, matching=method, draws=0).summary()
        for p in (picks, shuffled, scaled)
    )
    for name in ("n_matched", "f1", "best_f1", "average_precision", "per_image"):
        assert one[name] == two[name] == three[name]


def test_the_last_point_of_the_curve_is_the_whole_set():
    rng = np.random.default_rng(7)
    truth = many(rng, images=3, each=30, side=400)
    picks = jittered(truth, rng, extra=30, sigma=8, side=400)
    for method in ("optimal", "greedy"):
        result = compare_picks(picks, truth, tolerance_angstrom=25, matching=method, draws=0)
        assert result.curve.n_matched[-1] == result.overall.n_matched
        assert result.curve.n_kept[-1] == result.overall.n_picks


def test_the_best_threshold_gives_the_best_f1():
    rng = np.random.default_rng(8)
    truth = many(rng, images=3, each=30, side=900)
    picks = jittered(truth, rng, extra=60, side=900)
    result = compare_picks(picks, truth, tolerance_angstrom=20, draws=0).summary()
    kept = picks[picks.score >= result["best_threshold"]]
    again = compare_picks(kept, truth, tolerance_angstrom=20, draws=0)
    assert again.overall.f1 == pytest.approx(result["best_f1"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"symmetry": "C0"}, "not a point group"),
        ({"scope": "some"}, "scope some: expected all or truth"),
        ({"matching": "none"}, "matching none"),
        ({"tolerance_angstrom": -1}, "tolerance -1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    one = Picks.of([[0.0, 0.0]], image="m")
    with pytest.raises(InputError, match=message):
        compare_picks(one, one, **{"tolerance_angstrom": 1, **arguments})


def test_a_pick_without_an_orientation_does_not_spoil_the_others():
    turn = np.array([[1.0, 0, 0, 0], [np.nan] * 4])
    where = [[0.0, 0, 0], [50.0, 0, 0]]
    truth = Picks.of(where, image="t", orientation=np.tile([1.0, 0, 0, 0], (2, 1)))
    summary = compare_picks(
        Picks.of(where, image="t", orientation=turn), truth, tolerance_angstrom=1
    ).summary()
    assert summary["n_matched"] == 2
    assert summary["angular_error_deg"] == {"median": 0.0, "mean": 0.0, "p95": 0.0}
    json.dumps(summary, allow_nan=False)


def test_spread():
    assert spread(np.zeros(0)) == {"median": None, "mean": None, "p95": None}
    assert spread(np.arange(101.0)) == {"median": 50.0, "mean": 50.0, "p95": 95.0}
