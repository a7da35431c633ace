from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.curate.parts import regroup, split_parts
from cryopick.errors import InputError


@given(st.integers(1, 200), st.integers(1, 20), st.booleans())
def test_parts_are_of_one_size_but_for_one_row(n, parts, at_random):
    if parts > n:
        return
    found = split_parts(n, parts=parts, seed=0 if at_random else None)
    sizes = np.bincount(found, minlength=parts)
    assert len(found) == n
    assert len(sizes) == parts
    assert sizes.max() - sizes.min() <= 1
    if not at_random:
        assert (np.diff(found) >= 0).all()


@given(st.integers(0, 200), st.integers(1, 50))
def test_parts_of_a_size_are_full_but_the_last(n, size):
    sizes = np.bincount(split_parts(n, size=size)) if n else np.zeros(0)
    assert (sizes[:-1] == size).all()
    assert sizes.sum() == n


def test_random_parts_are_the_same_for_one_seed_and_mixed():
    first = split_parts(100, parts=2, seed=1)
    np.testing.assert_array_equal(first, split_parts(100, parts=2, seed=1))
    assert not np.array_equal(first, split_parts(100, parts=2, seed=2))
    assert 10 < first[:50].sum() < 40


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "either a number"),
        ({"parts": 2, "size": 2}, "either a number"),
        ({"parts": 6}, "5 rows cannot make 6 parts"),
        ({"size": 0}, "parts of 1 row or more"),
    ],
)
def test_parts_that_cannot_be(asked, problem):
    with pytest.raises(InputError, match=problem):
        split_parts(5, **asked)


def test_groups_are_runs_of_like_micrographs_of_about_one_size():
    rng = np.random.default_rng(0)
    size = rng.integers(5, 30, 40)
    image = np.repeat([f"mic{i:02d}" for i in range(40)], size)
    defocus = rng.uniform(1, 3, 40)
    group = regroup(image, np.repeat(defocus, size), groups=6)
    counts = np.bincount(group)
    assert len(counts) == 6
    assert counts.max() <= 2 * counts.mean()
    # Each micrograph is in one group, and groups do not overlap in defocus.
    of_image = {name: set(group[image == name].tolist()) for name in np.unique(image)}
    assert all(len(groups) == 1 for groups in of_image.values())
    ranges = [np.repeat(defocus, size)[group == g] for g in range(6)]
    assert all(a.max() < b.min() for a, b in pairwise(ranges))


def test_one_group_and_one_each():
    image = np.array(["b", "a", "b", "c"])
    value = np.array([2.0, 1.0, 2.0, 3.0])
    assert regroup(image, value, groups=1).tolist() == [0, 0, 0, 0]
    assert regroup(image[:2], value[:2], groups=2).tolist() == [1, 0]
    assert regroup(np.zeros(0, str), np.zeros(0), groups=1).shape == (0,)


def test_groups_left_empty_by_a_large_micrograph_are_closed():
    image = np.array(["a"] * 98 + ["b", "c"])
    group = regroup(image, np.where(image == "a", 1.0, 2.0), groups=3)
    assert sorted(set(group.tolist())) == list(range(len(set(group.tolist()))))


def test_more_groups_than_micrographs_are_refused():
    with pytest.raises(InputError, match="--regroup 3: expected 1 to 2 groups"):
        regroup(np.array(["a", "b"]), np.zeros(2), groups=3)
