import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cryopick.curate.duplicates import duplicates
from cryopick.errors import InputError

PLACE = np.array([[0.0, 0], [10, 0], [100, 0], [100, 25]])
NAMES = np.array(["a"] * 4)


def test_the_better_one_stays():
    score = np.array([0.1, 0.9, 0.5, 0.4])
    drop = duplicates(PLACE, NAMES, distance_angstrom=30, better=score)
    assert drop.tolist() == [True, False, False, True]
    drop = duplicates(PLACE, NAMES, distance_angstrom=20, better=-score)
    assert drop.tolist() == [False, True, False, False]


def test_only_particles_of_one_image_are_duplicates():
    apart = np.array(["a", "b", "a", "b"])
    assert not duplicates(PLACE, apart, distance_angstrom=30).any()


def test_exactly_the_distance_apart_is_far_enough():
    assert duplicates(PLACE[:2], NAMES[:2], distance_angstrom=10).sum() == 0
    assert duplicates(PLACE[:2], NAMES[:2], distance_angstrom=10.1).sum() == 1


def test_a_score_that_is_not_known_is_worst():
    drop = duplicates(PLACE[:2], NAMES[:2], distance_angstrom=30, better=np.array([np.nan, -5.0]))
    assert drop.tolist() == [True, False]


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(0, 25), st.just(2)), elements=st.floats(0, 100)))
def test_what_stays_is_apart_and_what_goes_is_near(place):
    names = np.where(np.arange(len(place)) % 2, "a", "b")
    drop = duplicates(place, names, distance_angstrom=15)
    for name in ("a", "b"):
        kept, gone = place[(names == name) & ~drop], place[(names == name) & drop]
        gaps = np.linalg.norm(kept[:, None] - kept[None], axis=-1)
        assert (gaps[~np.eye(len(kept), dtype=bool)] >= 15).all()
        if len(gone):
            assert (np.linalg.norm(gone[:, None] - kept[None], axis=-1).min(1) < 15).all()


def test_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    place, score = rng.uniform(0, 300, (200, 2)), rng.integers(0, 3, 200).astype(float)
    names = rng.choice(["a", "b"], 200)
    order = rng.permutation(200)
    first = duplicates(place, names, distance_angstrom=40, better=score)
    again = duplicates(place[order], names[order], distance_angstrom=40, better=score[order])
    np.testing.assert_array_equal(again, first[order])


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(InputError, match="more than 0 Å"):
        duplicates(PLACE, NAMES, distance_angstrom=0)
    with pytest.raises(InputError, match="positions are not known"):
        duplicates(PLACE * np.nan, NAMES, distance_angstrom=5)
