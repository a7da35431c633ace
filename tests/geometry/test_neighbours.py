import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry import neighbours
from cryopick.geometry.neighbours import nearest_distance, pairs_within


@st.composite
def point_sets(draw):
    """Two sets in 2D or 3D, on a coarse lattice so that ties are common, in three images."""
    d = draw(st.sampled_from([2, 3]))
    point = st.tuples(*[st.integers(0, 6)] * d)

    def points():
        rows = draw(st.lists(point, max_size=12))
        images = draw(st.lists(st.sampled_from(["a", "b", "007"]), min_size=len(rows),
                               max_size=len(rows)))  # fmt: skip
        return np.array(rows, dtype=float).reshape(-1, d), np.array(images, dtype=str)

    return *points(), *points()


def brute(a, b, radius, names=None):
    found = []
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            if names is not None and names[0][i] != names[1][j]:
                continue
            d = float(np.linalg.norm(p - q))
            if d <= radius:
                found.append((i, j, d))
    return found


@given(point_sets(), st.sampled_from([0.0, 1.0, 1.5, 3.0, 20.0]))
def test_pairs_are_those_of_all_pairs(sets, radius):
    a, _, b, _ = sets
    pairs = pairs_within(a, b, radius)
    expected = brute(a, b, radius)
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(i, j) for i, j, _ in expected]
    np.testing.assert_allclose(pairs.distance, [d for *_, d in expected])


@given(point_sets(), st.sampled_from([0.0, 2.0, 20.0]))
def test_only_points_of_one_image_pair_up(sets, radius):
    a, image_a, b, image_b = sets
    pairs = pairs_within(a, b, radius, first_image=image_a, second_image=image_b)
    expected = brute(a, b, radius, (image_a, image_b))
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(i, j) for i, j, _ in expected]
    assert len(pairs) == len(expected)


@given(point_sets())
def test_the_nearest_other_point(sets):
    a, image, _, _ = sets
    got = nearest_distance(a, image=image)
    for i, p in enumerate(a):
        rest = [np.linalg.norm(p - q) for j, q in enumerate(a) if j != i and image[j] == image[i]]
        assert got[i] == pytest.approx(min(rest, default=np.inf))


@given(point_sets())
def test_the_nearest_of_another_set(sets):
    a, image_a, b, image_b = sets
    got = nearest_distance(a, b, image=image_a, other_image=image_b)
    for i, p in enumerate(a):
        rest = [np.linalg.norm(p - q) for j, q in enumerate(b) if image_b[j] == image_a[i]]
        assert got[i] == pytest.approx(min(rest, default=np.inf))


@given(point_sets(), st.integers(0, 2**31))
@settings(max_examples=40)
def test_order_does_not_matter(sets, seed):
    a, _, b, _ = sets
    shuffle = np.random.default_rng(seed).permutation(len(a))
    pairs, shuffled = pairs_within(a, b, 2.0), pairs_within(a[shuffle], b, 2.0)
    before = sorted(zip(pairs.first, pairs.second, strict=True))
    after = sorted(zip(shuffle[shuffled.first], shuffled.second, strict=True))
    assert before == after


def test_the_radius_is_included():
    assert len(pairs_within([[0.0, 0.0]], [[3.0, 4.0]], 5.0)) == 1
    assert len(pairs_within([[0.0, 0.0]], [[3.0, 4.0]], 4.999)) == 0


def test_nothing_has_no_pairs():
    assert len(pairs_within(np.zeros((0, 3)), np.zeros((5, 3)), 1.0)) == 0
    assert nearest_distance(np.zeros((0, 2))).shape == (0,)
    assert nearest_distance([[1.0, 1.0]]).tolist() == [np.inf]


def test_names_that_look_like_numbers_stay_apart():
    pairs = pairs_within(
        [[0, 0], [0, 0]], [[0, 0], [0, 0]], 1.0, first_image=["007", "7"], second_image=["7", "1e5"]
    )
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(1, 0)]


def test_a_radius_that_pairs_everything_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(neighbours, "MAX_PAIRS", 99)
    points = np.zeros((10, 2))
    with pytest.raises(InputError, match="radius 5: 100 pairs of 10 and 10 points"):
        pairs_within(points, points, 5.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairs_within([[0, 0]], [[0, 0, 0]], 1), "both sets in 2D or both in 3D"),
        (lambda: pairs_within([[0, 0]], [[0, 0]], -1), "radius -1"),
        (lambda: pairs_within([[0, 0]], [[0, 0]], np.inf), "radius inf"),
        (lambda: pairs_within([0, 0], [[0, 0]], 1), r"first: expected positions \(n, d\)"),
        (lambda: pairs_within([[0, 0]], [[np.nan, 0]], 1), "second: expected finite"),
        (lambda: pairs_within([[0, 0]], [[0, 0]], 1, first_image=["a"]), "for both sets or"),
        (
            lambda: pairs_within([[0, 0]], [[0, 0]], 1, first_image=["a"], second_image=[]),
            "expected 1 and 1",
        ),
        (lambda: nearest_distance([[0, 0]], image=["a", "b"]), "image names"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
