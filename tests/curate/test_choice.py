import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.curate.choice import Choice, Limits, parse_numbers, reject_classes
from cryopick.errors import InputError
from cryopick.model.picks import REASONS


def test_the_first_reason_stands():
    choice = Choice(4)
    choice.reject(np.array([True, True, False, False]), reason="manual")
    choice.reject(np.array([False, True, True, False]), reason="duplicate")
    assert choice.reason.tolist() == ["manual", "manual", "duplicate", ""]
    assert choice.kept.tolist() == [False, False, False, True]
    assert choice.counts() == {"manual": 2, "duplicate": 1}


def test_every_reason_fits_and_others_are_refused():
    choice = Choice(len(REASONS))
    for i, reason in enumerate(REASONS):
        choice.reject(np.arange(len(REASONS)) == i, reason=reason)
    assert choice.reason.tolist() == list(REASONS)
    with pytest.raises(InputError, match="reason 'ugly': expected one of manual"):
        choice.reject([True] * len(REASONS), reason="ugly")


def test_no_rows():
    assert Choice(0).counts() == {}
    assert Choice(0).kept.shape == (0,)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("a:1:2", 1, 2), ("a::2", -np.inf, 2), ("a:-3:", -3, np.inf), ("a:1e-3:inf", 1e-3, np.inf)],
)
def test_limits_are_read(text, low, high):
    found = Limits.parse(text)
    assert (found.column, found.low, found.high) == ("a", low, high)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a", "expected COLUMN:MIN:MAX"),
        ("a:1", "expected COLUMN:MIN:MAX"),
        ("a::", "expected COLUMN:MIN:MAX"),
        (":1:2", "expected COLUMN:MIN:MAX"),
        ("a:x:2", "'x' is not a number"),
        ("a:nan:2", "'nan' is not a number"),
        ("a:3:2", "its least value is above its largest"),
    ],
)
def test_limits_that_make_no_sense(text, problem):
    with pytest.raises(InputError, match=problem):
        Limits.parse(text)


def test_both_ends_belong_to_the_limits():
    choice = Choice(6)
    values = np.array([0.9, 1.0, 1.5, 2.0, 2.1, np.nan])
    Limits(column="a", low=1.0, high=2.0).apply(values, choice)
    low, high = "below threshold", "above threshold"
    assert choice.reason.tolist() == [low, "", "", "", high, low]


@given(st.frozensets(st.integers(1, 60)))
def test_numbers_come_back_from_their_list(numbers):
    text = ",".join(map(str, sorted(numbers)))
    if numbers:
        assert parse_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "0", "1,,2", "5-3", "1-", "-4", "1.5", "1-99999999"])
def test_lists_that_are_none(text):
    with pytest.raises(InputError, match=r"expected numbers and ranges from 1|too large"):
        parse_numbers(text)


def test_rows_of_other_classes_and_of_none_go():
    choice = Choice(4)
    reject_classes(["1", "2", "", "10"], frozenset({1, 10}), choice)
    assert choice.reason.tolist() == ["", "class rejected", "class rejected", ""]
