import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.ops.threshold import between_two_groups


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
