import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cryopick.ops.suppression import blank_discs, drop_both, keep_better

points = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 30), st.integers(2, 3)),
    elements=st.floats(-50, 50).map(lambda v: round(v, 1)),
)


def keep_better_by_hand(position, score, distance):
    """The plain reference: one candidate after the other, best first."""
    kept = []
    for i in sorted(range(len(position)), key=lambda i: (-score[i], *position[i])):
        if all(np.linalg.norm(position[i] - position[j]) >= distance for j in kept):
            kept.append(i)
    mask = np.zeros(len(position), bool)
    mask[kept] = True
    return mask


@settings(max_examples=200)
@given(position=points, distance=st.floats(0.5, 40), seed=st.integers(0, 99))
def test_keep_better_agrees_with_the_reference(position, distance, seed):
    score = np.random.default_rng(seed).integers(0, 6, size=len(position)).astype(float)
    ours = keep_better(position, score, distance=distance)
    reference = keep_better_by_hand(position, score, distance)
    # Points that coincide with equal scores are interchangeable: compare what is kept.
    np.testing.assert_array_equal(
        np.sort(position[ours], axis=0), np.sort(position[reference], axis=0)
    )


@given(position=points, distance=st.floats(0.5, 40), seed=st.integers(0, 99))
def test_keep_better_does_not_depend_on_the_order(position, distance, seed):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=len(position))
    order = rng.permutation(len(position))
    kept = keep_better(position, score, distance=distance)
    shuffled = keep_better(position[order], score[order], distance=distance)
    np.testing.assert_array_equal(kept[order], shuffled)


@given(position=points, distance=st.floats(0.5, 40))
def test_what_is_kept_is_apart_and_what_is_not_has_a_better_neighbour(position, distance):
    score = np.arange(len(position), dtype=float)
    kept = keep_better(position, score, distance=distance)
    gap = np.linalg.norm(position[:, None] - position[None], axis=-1)
    np.fill_diagonal(gap, np.inf)
    assert (gap[kept][:, kept] >= distance).all()
    for i in np.flatnonzero(~kept):
        assert (gap[i, kept & (score > score[i])] < distance).any()


def test_a_pair_exactly_at_the_distance_stays():
    position = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert keep_better(position, np.array([1.0, 2.0]), distance=10.0).all()
    assert drop_both(position, distance=10.0).all()


@given(position=points, distance=st.floats(0.5, 40))
def test_drop_both_drops_every_member_of_a_close_pair(position, distance):
    gap = np.linalg.norm(position[:, None] - position[None], axis=-1)
    np.fill_diagonal(gap, np.inf)
    expected = (gap >= distance).all(axis=1)
    np.testing.assert_array_equal(drop_both(position, distance=distance), expected)


def test_drop_both_removes_what_keep_better_spares():
    position = np.array([[0.0, 0], [3, 0], [50, 0]])
    assert drop_both(position, distance=5.0).tolist() == [False, False, True]
    assert keep_better(position, np.array([2.0, 1, 1]), distance=5.0).tolist() == [
        True,
        False,
        True,
    ]


def blank_by_hand(score, radius, floor):
    """The plain reference: arg-max of the whole map again and again."""
    left = np.where(score >= floor, score.astype(float), -np.inf)
    grid = np.indices(score.shape)
    taken = []
    while np.isfinite(left).any():
        index = np.unravel_index(left.argmax(), left.shape)
        taken.append(index)
        centre = np.reshape(index, (-1,) + (1,) * score.ndim)
        left[((grid - centre) ** 2).sum(0) <= radius[index] ** 2] = -np.inf
    return np.array(taken).reshape(-1, score.ndim)


@pytest.mark.parametrize("shape", [(25, 31), (9, 12, 10)])
def test_blanking_agrees_with_the_reference(shape):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        score = rng.normal(size=shape).astype(np.float32)
        radius = rng.uniform(1, 4, size=shape).astype(np.float32)
        ours = blank_discs(score, radius, floor=0.3)
        np.testing.assert_array_equal(ours, blank_by_hand(score, radius, 0.3))


def test_blanking_takes_shoulders_as_relion_does():
    x = np.arange(21.0)
    score = np.exp(-((x[None] - 10) ** 2 + (x[:, None] - 10) ** 2) / 60).astype(np.float32)
    taken = blank_discs(score, np.full((21, 21), 3.0, np.float32), floor=0.5)
    assert taken[0].tolist() == [10, 10]
    assert len(taken) > 1


def test_nothing_above_the_floor_takes_nothing():
    flat = np.zeros((5, 6), np.float32)
    assert blank_discs(flat, flat + 1, floor=0.5).shape == (0, 2)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("distance", [1e-9, 0.7, 3.0, 500.0, np.inf])
def test_neighbours_are_those_of_a_k_d_tree(dimensions, distance):
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(dimensions)
    # Some points coincide, and many lie exactly at a whole distance.
    position = np.concatenate(
        [rng.random((60, dimensions)) * 9, rng.integers(0, 9, (60, dimensions))]
    )
    found = drop_both(position, distance=distance)
    nearest = cKDTree(position).query(position, k=2)[0][:, 1]
    np.testing.assert_array_equal(found, nearest >= distance)


def test_far_apart_and_close_together_in_one_list():
    """Cells never become too many to be numbered."""
    position = np.array([[0.0, 0, 0], [1e-6, 0, 0], [1e12, 0, 0], [1e12, 1e12, -1e12]])
    assert drop_both(position, distance=1e-5).tolist() == [False, False, True, True]


def test_needs_no_k_d_tree():
    """Importing scipy.spatial takes longer than most searches."""
    code = (
        "import sys, numpy as np; from cryopick.ops.suppression import keep_better; "
        "keep_better(np.random.rand(9, 2), np.arange(9.0), distance=0.2); "
        "assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
