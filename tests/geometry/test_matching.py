from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry import matching
from cryopick.geometry.matching import best_first_gain, match_greedy, match_optimal
from cryopick.geometry.neighbours import pairs_within


@st.composite
def scenes(draw, most=7):
    """Two small sets on a lattice, scores with ties and gaps, and a tolerance."""
    point = st.tuples(st.integers(0, 8), st.integers(0, 5))
    a = np.array(draw(st.lists(point, max_size=most)), dtype=float).reshape(-1, 2)
    b = np.array(draw(st.lists(point, max_size=most)), dtype=float).reshape(-1, 2)
    level = st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9, float("nan")])
    score = np.array(draw(st.lists(level, min_size=len(a), max_size=len(a))), dtype=float)
    return a, b, score, draw(st.sampled_from([0.0, 1.0, 2.0, 3.0]))


def best_by_trial(a, b, tolerance):
    """Largest number of matches and least total distance, over all assignments."""
    if len(a) > len(b):
        a, b = b, a
    best = (0, 0.0)
    for order in permutations(range(len(b)), len(a)):
        d = np.array([np.linalg.norm(a[i] - b[j]) for i, j in enumerate(order)])
        kept = d[d <= tolerance]
        best = min(best, (-len(kept), float(kept.sum())))
    return -best[0], best[1]


def check_one_to_one(chosen, pairs):
    assert len(set(chosen.first.tolist())) == len(chosen) == len(set(chosen.second.tolist()))
    allowed = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert set(zip(chosen.first.tolist(), chosen.second.tolist(), strict=True)) <= allowed
    assert np.all(np.diff(chosen.first) > 0)


@given(scenes(most=5))
@settings(max_examples=120)
def test_optimal_is_the_best_of_all(scene):
    a, b, _, tolerance = scene
    pairs = pairs_within(a, b, tolerance)
    chosen = match_optimal(pairs, len(a), len(b))
    check_one_to_one(chosen, pairs)
    number, total = best_by_trial(a, b, tolerance)
    assert len(chosen) == number
    assert chosen.distance.sum() == pytest.approx(total, abs=1e-9)


@given(scenes())
def test_greedy_is_one_to_one_and_never_has_more(scene):
    a, b, score, tolerance = scene
    pairs = pairs_within(a, b, tolerance)
    greedy = match_greedy(pairs, len(a), len(b), score=score)
    check_one_to_one(greedy, pairs)
    optimal = match_optimal(pairs, len(a), len(b))
    assert len(optimal) >= len(greedy) >= len(optimal) / 2
    # Greedy leaves no pair with both ends free.
    free = ~np.isin(pairs.first, greedy.first) & ~np.isin(pairs.second, greedy.second)
    assert not free.any()


@given(scenes(), st.integers(0, 2**31))
def test_order_does_not_matter(scene, seed):
    a, b, _, tolerance = scene
    rng = np.random.default_rng(seed)
    p, q = rng.permutation(len(a)), rng.permutation(len(b))
    one = match_optimal(pairs_within(a, b, tolerance), len(a), len(b))
    two = match_optimal(pairs_within(a[p], b[q], tolerance), len(a), len(b))
    assert len(one) == len(two)
    assert one.distance.sum() == pytest.approx(two.distance.sum(), abs=1e-9)
    swapped = match_optimal(pairs_within(b, a, tolerance), len(b), len(a))
    assert len(swapped) == len(one)
    assert swapped.distance.sum() == pytest.approx(one.distance.sum(), abs=1e-9)


@given(scenes())
def test_both_solvers_agree(scene):
    a, b, _, tolerance = scene
    pairs = pairs_within(a, b, tolerance)
    dense = match_optimal(pairs, len(a), len(b))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_DENSE", 0)
        sparse = match_optimal(pairs, len(a), len(b))
    check_one_to_one(sparse, pairs)
    assert len(dense) == len(sparse)
    assert dense.distance.sum() == pytest.approx(sparse.distance.sum(), abs=1e-9)


@given(scenes())
def test_gains_add_up_to_the_largest_matching_at_every_threshold(scene):
    a, b, score, tolerance = scene
    pairs = pairs_within(a, b, tolerance)
    gain = best_first_gain(pairs, len(a), len(b), score=score)
    order = np.argsort(np.where(np.isnan(score), np.inf, -score), kind="stable")
    for k in range(len(a) + 1):
        kept = order[:k]
        part = pairs_within(a[kept], b, tolerance)
        assert gain[kept].sum() == len(match_optimal(part, k, len(b)))


def test_two_matches_beat_the_nearest_pair():
    pairs = pairs_within([[0.0], [3.0]], [[2.0], [5.5]], 2.6)
    assert match_optimal(pairs, 2, 2).second.tolist() == [0, 1]
    # Greedily the second point takes what only the first could have had.
    greedy = match_greedy(pairs, 2, 2, score=[0.1, 0.9])
    assert (greedy.first.tolist(), greedy.second.tolist()) == ([1], [0])
    # In the curve the first still counts: the other one can move on.
    assert best_first_gain(pairs, 2, 2, score=[0.1, 0.9]).tolist() == [True, True]


def test_a_long_chain_moves_all_along():
    n = 200
    a = np.arange(n)[:, None] * 10.0
    b = np.append(a + 4.0, [[-6.0]], axis=0)
    pairs = pairs_within(a, b, 6.5)
    # Each takes the nearest at 4 to its right; then a late one at the far right pushes all left.
    extra = np.append(a, [[n * 10.0 - 6.5]], axis=0)
    pairs = pairs_within(extra, b, 6.5)
    score = np.append(np.linspace(2, 1, n), 0.0)
    assert best_first_gain(pairs, n + 1, n + 1, score=score).all()
    assert len(match_optimal(pairs, n + 1, n + 1)) == n + 1


def test_thousands_of_points():
    rng = np.random.default_rng(4)
    truth = rng.uniform(0, 4000, (5000, 2))
    picks = truth + rng.normal(0, 3, truth.shape)
    pairs = pairs_within(picks, truth, 60.0)
    chosen = match_optimal(pairs, 5000, 5000)
    check_one_to_one(chosen, pairs)
    assert len(chosen) == 5000
    assert chosen.distance.mean() < 4.0
    assert np.mean(chosen.first == chosen.second) > 0.95
    assert best_first_gain(pairs, 5000, 5000, score=rng.random(5000)).sum() == 5000


def test_a_crowd_that_is_one_component():
    rng = np.random.default_rng(5)
    a, b = rng.uniform(0, 40, (400, 2)), rng.uniform(0, 40, (350, 2))
    pairs = pairs_within(a, b, 10.0)
    chosen = match_optimal(pairs, 400, 350)
    check_one_to_one(chosen, pairs)
    assert len(chosen) == 350


def test_all_at_one_place():
    pairs = pairs_within(np.zeros((4, 3)), np.zeros((2, 3)), 1.0)
    chosen = match_optimal(pairs, 4, 2)
    assert len(chosen) == 2
    assert chosen.distance.tolist() == [0, 0]
    assert best_first_gain(pairs, 4, 2, score=[4, 3, 2, 1]).tolist() == [True, True, False, False]


def test_nothing_matches_nothing():
    pairs = pairs_within(np.zeros((0, 2)), [[1.0, 1.0]], 5.0)
    assert len(match_optimal(pairs, 0, 1)) == 0
    assert len(match_greedy(pairs, 0, 1, score=[])) == 0
    assert best_first_gain(pairs, 0, 1, score=[]).shape == (0,)


@pytest.mark.parametrize("function", [match_greedy, best_first_gain])
def test_a_score_per_point_is_needed(function):
    pairs = pairs_within([[0.0]], [[0.0]], 1.0)
    with pytest.raises(InputError, match=r"score: expected 1 values, got shape \(2,\)"):
        function(pairs, 1, 1, score=[1.0, 2.0])
