import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.evaluate.counts import Counts, total


@st.composite
def counts(draw):
    n, m = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    k = draw(st.integers(0, min(n, m)))
    covered = draw(st.integers(k, m)) if n else 0
    duplicates = draw(st.integers(0, n - k))
    return Counts(n_picks=n, n_truth=m, n_matched=k, n_covered=covered, n_duplicates=duplicates)


def made(n, m, k, covered=None, duplicates=0):
    return Counts(
        n_picks=n,
        n_truth=m,
        n_matched=k,
        n_covered=k if covered is None else covered,
        n_duplicates=duplicates,
    )


def test_golden():
    c = made(10, 8, 6, duplicates=3)
    assert (c.precision, c.recall, c.duplicate_rate) == (0.6, 0.75, 0.3)
    assert c.f1 == pytest.approx(2 * 0.6 * 0.75 / 1.35)


def test_czii_f_beta_4_is_the_published_formula():
    """(1 + 16) P R / (16 P + R) with P = TP / (TP + FP), R = TP / (TP + FN)."""
    c = made(40, 30, 20)
    p, r = 20 / 40, 20 / 30
    assert c.f_beta4 == pytest.approx(17 * p * r / (16 * p + r))


def test_czii_counts_covered_particles_and_the_picks_beyond_them_as_false():
    # One pick between two particles covers both; nine others hit nothing.
    c = made(10, 4, 1, covered=2)
    assert c.f_beta4 == pytest.approx(17 * 2 / (17 * 2 + 16 * 2 + 8))
    # More covered than picked: no false positives, never a negative number of them.
    assert made(1, 2, 1, covered=2).f_beta4 == 1.0


def test_recall_weighs_more_than_precision_in_f_beta_4():
    assert made(20, 10, 10).f_beta4 > made(5, 10, 5).f_beta4


@pytest.mark.parametrize(
    ("c", "expected"),
    [
        (made(0, 0, 0), (None, None, None, None, None)),
        (made(5, 0, 0), (0, None, 0, 0, 0)),
        (made(0, 5, 0), (None, 0, 0, 0, None)),
        (made(5, 5, 5), (1, 1, 1, 1, 0)),
    ],
)
def test_empty_sides_are_defined(c, expected):
    assert (c.precision, c.recall, c.f1, c.f_beta4, c.duplicate_rate) == expected


@given(counts())
def test_ratios_stay_between_0_and_1(c):
    for value in (c.precision, c.recall, c.f1, c.f_beta4, c.duplicate_rate):
        assert value is None or 0 <= value <= 1
    assert set(c.summary()) >= {"precision", "recall", "f1", "f_beta4", "n_matched"}


@given(counts())
def test_f1_is_the_harmonic_mean_where_both_are_defined(c):
    if c.precision and c.recall:
        assert c.f1 == pytest.approx(2 / (1 / c.precision + 1 / c.recall))


@given(st.lists(counts(), max_size=5))
def test_counts_add_up(parts):
    whole = total(parts)
    for name in ("n_picks", "n_truth", "n_matched", "n_covered", "n_duplicates"):
        assert getattr(whole, name) == sum(getattr(p, name) for p in parts)
