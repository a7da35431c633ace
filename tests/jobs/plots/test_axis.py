import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.jobs.plots.axis import axis_over, drawable, tick_labels

finite = st.floats(min_value=-1e30, max_value=1e30)


@given(st.lists(finite, max_size=20), st.booleans(), st.integers(2, 12))
def test_an_axis_holds_its_values_and_a_few_ticks_told_apart(values, whole, most):
    axis = axis_over(values, "x", whole=whole, most_ticks=most)
    assert math.isfinite(axis.low)
    assert axis.low < axis.high
    assert all(axis.low <= value <= axis.high for value in values)
    margin = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - margin <= tick <= axis.high + margin for tick in axis.ticks)
    assert len(axis.ticks) == len(axis.labels) <= most + 2
    assert len(set(axis.labels)) == len(axis.labels)
    share = axis.share(np.array(values))
    assert ((share >= 0) & (share <= 1)).all()


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_1_2_or_5_times_a_power_of_ten_apart(low, span):
    axis = axis_over([low, low + span], "x")
    steps = np.diff(axis.ticks)
    assert len(axis.ticks) >= 2
    step = float(np.median(steps))
    np.testing.assert_allclose(steps, step, rtol=1e-3)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(mantissa - round_one) for round_one in (1, 2, 5)) < 1e-2


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((0, 1), ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        ((0, 310), ("0", "100", "200", "300")),
        ((-0.31, 0.3), ("−0.2", "0.0", "0.2")),
        ((0, 5400), ("0", "1,000", "2,000", "3,000", "4,000", "5,000")),
        ((0, 2.6e7), ("0", "5e6", "1e7", "1.5e7", "2e7", "2.5e7")),
    ],
)
def test_ticks_are_written_as_people_do(ends, labels):
    found = axis_over(ends, "x").labels
    assert found == labels or [float(x.replace("−", "-")) for x in found] == [
        float(x.replace("−", "-")) for x in labels
    ]


def test_zero_is_never_minus_zero():
    assert "−0.0" not in axis_over([-1.0, 1.0], "x").labels
    assert tick_labels((-0.0,), 0.1) == ("0.0",)


def test_known_ends_stay():
    axis = axis_over([0.2, 0.9], "precision", low=0, high=1.03)
    assert (axis.low, axis.high) == (0, 1.03)
    assert axis.ticks[0] == 0
    assert axis.ticks[-1] == pytest.approx(1)


def test_whole_numbers_have_whole_ticks():
    assert axis_over([1, 2], "iteration", whole=True).labels == ("1", "2")
    assert axis_over([0, 3], "picks", whole=True).labels == ("0", "1", "2", "3")


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [5.0], [0.0, 0.0], [1e12, 1e12 + 1e-3]])
def test_an_axis_over_next_to_nothing(values):
    axis = axis_over(values, "x")
    assert axis.low < axis.high
    assert len(axis.ticks) >= 2
    assert len(set(axis.labels)) == len(axis.labels)


def test_what_is_not_finite_cannot_be_drawn():
    x, y = np.array([0, np.nan, 1, np.inf, 1e200]), np.array([0, 1, np.nan, 2, 3])
    assert drawable(x).tolist() == [True, False, True, False, False]
    assert drawable(x, y).tolist() == [True, False, False, False, False]
    assert bool(drawable(3.0))
    assert not bool(drawable(float("nan")))
