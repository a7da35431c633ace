import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.ops.threshold import between_two_clear_groups, between_two_groups, parted


def by_hand(values):
    """The plain reference: try every cut."""
    values = np.sort(values)
    cuts = range(1, len(values))
    spread = [len(values[:c]) * len(values[c:]) * (values[:c].mean() - values[c:].mean()) ** 2
              for c in cuts]  # fmt: skip
    best = int(np.argmax(spread)) + 1
    return (values[best - 1] + values[best]) / 2


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=40).filter(lambda v: len(set(v)) > 1))
def test_agrees_with_trying_every_cut(values):
    values = np.array(values, dtype=float)
    ours = between_two_groups(values)
    best = by_hand(values)
    low, high = values[values <= ours], values[values > ours]
    low_by_hand, high_by_hand = values[values <= best], values[values > best]

    def spread(a, b):
        return len(a) * len(b) * (a.mean() - b.mean()) ** 2

    assert spread(low, high) == pytest.approx(spread(low_by_hand, high_by_hand))


def test_parts_two_clear_groups():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(2, 0.3, 400), rng.normal(6, 0.5, 100)])
    assert 3 < between_two_groups(values) < 5


def test_edge_cases():
    assert between_two_groups(np.zeros(0)) == np.inf
    assert between_two_groups(np.array([3.0])) == 3.0
    assert between_two_groups(np.full(5, 2.0)) == 2.0


def crowd(*, outliers=0):
    rng = np.random.default_rng(1)
    noise, particles = rng.normal(1, 0.5, 350), rng.normal(3.4, 0.4, 300)
    return np.concatenate([noise, particles, np.linspace(9, 26, outliers)])


def test_a_few_extreme_values_do_not_move_the_clear_threshold():
    plain = between_two_clear_groups(crowd())
    with_outliers = between_two_clear_groups(crowd(outliers=8))
    assert plain is not None
    assert with_outliers is not None
    assert with_outliers == pytest.approx(plain, abs=0.1)
    assert 1.8 < with_outliers < 2.6
    # Otsu's cut alone follows them.
    few = np.concatenate([crowd(), [60.0, 70.0, 80.0]])
    assert between_two_groups(few) > 20
    assert between_two_clear_groups(few) == pytest.approx(plain, abs=0.1)


@pytest.mark.parametrize("draw", ["normal", "exponential", "gumbel", "uniform"])
@pytest.mark.parametrize("n", [120, 600])
def test_one_crowd_is_not_two_groups(draw, n):
    rng = np.random.default_rng(2)
    for _ in range(20):
        values = getattr(rng, draw)(size=n)
        values -= values.min()
        assert between_two_clear_groups(values) is None
        assert between_two_clear_groups(np.r_[values, values.max() + 30]) is None


def test_a_narrow_upper_group_pulls_the_threshold_to_itself():
    rng = np.random.default_rng(3)
    values = np.r_[rng.normal(1, 0.3, 400), rng.normal(10, 0.5, 150)]
    assert between_two_clear_groups(values) == pytest.approx(10 - 3 * 0.5, abs=0.4)


def test_too_little_to_tell():
    assert between_two_clear_groups(np.zeros(0)) is None
    assert between_two_clear_groups(np.full(200, 2.0)) is None
    assert between_two_clear_groups(np.r_[np.zeros(30), np.ones(30)]) is None
    assert between_two_clear_groups(np.r_[np.zeros(190), np.ones(12)]) is None


def test_two_groups_explain_what_they_explain():
    rng = np.random.default_rng(0)
    low, high = rng.normal(0, 1, 4000), rng.normal(6, 1, 2000)
    share, explained = parted(np.r_[low, high], 3.0)
    assert share == pytest.approx(1 / 3, abs=0.01)
    assert explained == pytest.approx(8 / 9, abs=0.01)  # 36 * 2/9 of 36 * 2/9 + 1
    assert parted(np.full(5, 2.0), 1.0) == (1.0, 0.0)
