import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.evaluate.curve import curve_from_hits


@st.composite
def scored_hits(draw):
    n = draw(st.integers(0, 15))
    level = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5, 2.0, float("nan")])
    score = np.array(draw(st.lists(level, min_size=n, max_size=n)), dtype=float)
    hit = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    return score, hit, int(hit.sum()) + draw(st.integers(0, 5))


def test_golden():
    """P and R at 0.9: 1/1, 1/4; 0.8: 2/2, 2/4; 0.7: 2/3, 2/4; 0.1: 3/4, 3/4."""
    curve = curve_from_hits([0.7, 0.9, 0.1, 0.8], [False, True, True, True], 4)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.1]
    np.testing.assert_allclose(curve.precision, [1, 1, 2 / 3, 3 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 2 / 4, 2 / 4, 3 / 4])
    np.testing.assert_allclose(curve.f1, [2 / 5, 4 / 6, 4 / 7, 6 / 8])
    assert curve.best == (0.75, 0.1)
    assert curve.average_precision == pytest.approx(1 / 4 + 1 / 4 + 1 / 4 * 3 / 4)


def test_a_perfect_picker_has_an_area_of_one():
    curve = curve_from_hits([3, 2, 1, 0, -1], [True, True, True, False, False], 3)
    assert curve.average_precision == 1.0
    assert curve.best == (1.0, 1.0)


def test_equal_scores_are_kept_together():
    """No threshold parts them, whichever comes first."""
    one = curve_from_hits([1, 1, 1, 0], [True, False, False, True], 2)
    two = curve_from_hits([1, 1, 1, 0], [False, False, True, True], 2)
    assert one.threshold.tolist() == [1, 0]
    np.testing.assert_array_equal(one.precision, two.precision)
    assert one.average_precision == two.average_precision == pytest.approx(1 / 6 + 1 / 4)


def test_picks_without_a_score_come_last_and_have_no_threshold():
    curve = curve_from_hits([np.nan, 5.0, np.nan], [True, False, True], 2)
    assert curve.n_kept.tolist() == [1, 3]
    assert np.isnan(curve.threshold[1])
    assert curve.best == (pytest.approx(0.8), None)


def test_infinite_scores_keep_their_place_and_stay_finite():
    curve = curve_from_hits([np.inf, 1.0, -np.inf], [True, False, True], 2)
    assert np.isfinite(curve.threshold).all()
    assert np.all(np.diff(curve.threshold) < 0)
    assert curve.n_matched.tolist() == [1, 1, 2]


def test_empty_sides():
    nothing = curve_from_hits([], [], 3)
    assert nothing.best is None
    assert nothing.average_precision == 0.0
    no_truth = curve_from_hits([1.0, 2.0], [False, False], 0)
    assert no_truth.average_precision is None
    assert no_truth.best == (0.0, 2.0)
    assert no_truth.recall.tolist() == [0, 0]


@given(scored_hits())
def test_the_curve_is_what_each_threshold_gives(case):
    score, hit, n_truth = case
    curve = curve_from_hits(score, hit, n_truth)
    for k, threshold in enumerate(curve.threshold):
        kept = np.ones(len(score), bool) if np.isnan(threshold) else score >= threshold
        assert curve.n_kept[k] == kept.sum()
        assert curve.n_matched[k] == hit[kept].sum()
        assert curve.precision[k] == pytest.approx(hit[kept].mean())
    assert np.all(np.diff(curve.recall) >= 0)
    area = curve.average_precision
    assert area is None or 0 <= area <= 1 + 1e-12


@given(scored_hits())
def test_best_is_the_largest_f1(case):
    score, hit, n_truth = case
    curve = curve_from_hits(score, hit, n_truth)
    if len(score):
        assert curve.best[0] == max(curve.f1)


@given(scored_hits(), st.integers(0, 2**31))
def test_weights_are_copies(case, seed):
    score, hit, n_truth = case
    times = np.random.default_rng(seed).integers(1, 4, len(score))
    weighted = curve_from_hits(score, hit, n_truth, weight=times)
    copied = curve_from_hits(np.repeat(score, times), np.repeat(hit, times), n_truth)
    np.testing.assert_allclose(weighted.n_kept, copied.n_kept)
    np.testing.assert_allclose(weighted.n_matched, copied.n_matched)


@given(scored_hits())
def test_only_the_order_of_scores_matters_for_the_area(case):
    score, hit, n_truth = case
    one = curve_from_hits(score, hit, n_truth).average_precision
    two = curve_from_hits(np.exp(score) * 10 + 3, hit, n_truth).average_precision
    assert one == two


def test_a_hit_per_score_is_needed():
    with pytest.raises(InputError, match="as many hits as scores"):
        curve_from_hits([1.0, 2.0], [True], 1)
