import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.evaluate.matches import match_picks, shares_labels
from cryopick.geometry.rotation import from_axis_angle, multiply, random_rotations
from cryopick.model import Picks


@st.composite
def scenes(draw):
    """Picks and truth on a lattice in two images, with scores and labels."""

    def one(*, scored):
        n = draw(st.integers(1, 8))
        rows = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=n,
                             max_size=n))  # fmt: skip
        names = draw(st.lists(st.sampled_from(["007", "1e5"]), min_size=n, max_size=n))
        score = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)) if scored else None
        return Picks.of(np.array(rows, float), image=names, score=score)

    return one(scored=True), one(scored=False)


@given(scenes(), st.sampled_from(["optimal", "greedy"]))
def test_matches_are_one_to_one_near_and_in_one_image(scene, method):
    picks, truth = scene
    m = match_picks(picks, truth, tolerance_angstrom=2.0, method=method)
    assert len(set(m.pick)) == len(m) == len(set(m.truth))
    assert np.all(m.distance_angstrom <= 2.0)
    assert picks.image[m.pick].tolist() == truth.image[m.truth].tolist()
    gap = picks.position_angstrom[m.pick] - truth.position_angstrom[m.truth]
    np.testing.assert_allclose(np.linalg.norm(gap, axis=1), m.distance_angstrom)
    assert m.is_matched.sum() == len(m)
    assert m.is_hit.sum() == len(m)
    assert not np.any(m.is_duplicate & m.is_matched)
    assert m.is_covered.sum() >= len(m)
    assert m.angle_deg is None


@given(scenes())
def test_optimal_has_at_least_as_many_as_greedy(scene):
    picks, truth = scene
    best = match_picks(picks, truth, tolerance_angstrom=2.0)
    greedy = match_picks(picks, truth, tolerance_angstrom=2.0, method="greedy")
    assert len(best) >= len(greedy)


@given(scenes(), st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)))
@settings(max_examples=40)
def test_moving_both_changes_nothing(scene, shift):
    picks, truth = scene
    moved = [
        Picks(position_angstrom=p.position_angstrom + np.round(shift), image=p.image, score=p.score)
        for p in scene
    ]
    before = match_picks(picks, truth, tolerance_angstrom=2.5)
    after = match_picks(*moved, tolerance_angstrom=2.5)
    assert len(before) == len(after)
    assert before.is_hit.tolist() == after.is_hit.tolist()


def test_the_same_place_in_another_image_is_another_place():
    picks = Picks.of([[5.0, 5.0]], image="007")
    truth = Picks.of([[5.0, 5.0]], image="7")
    assert len(match_picks(picks, truth, tolerance_angstrom=1.0)) == 0


def test_a_second_pick_of_one_particle_is_a_duplicate():
    picks = Picks.of([[0.0, 0], [3.0, 0], [40.0, 0]], image="m", score=[0.1, 0.9, 0.5])
    truth = Picks.of([[1.0, 0.0], [90.0, 0.0]], image="m")
    m = match_picks(picks, truth, tolerance_angstrom=5)
    assert m.pick.tolist() == [0]
    assert m.is_duplicate.tolist() == [False, True, False]
    # In the curve the better score counts, not the nearer pick.
    assert m.is_hit.tolist() == [False, True, False]
    greedy = match_picks(picks, truth, tolerance_angstrom=5, method="greedy")
    assert greedy.pick.tolist() == [1]


def test_one_pick_between_two_particles_covers_both_and_matches_one():
    picks = Picks.of([[0.0, 0.0]], image="m")
    truth = Picks.of([[-1.0, 0.0], [1.0, 0.0]], image="m")
    m = match_picks(picks, truth, tolerance_angstrom=2)
    assert len(m) == 1
    assert m.is_covered.tolist() == [True, True]
    assert m.is_hit is None


def test_labels_must_agree_where_both_sets_share_some():
    picks = Picks.of([[0.0, 0, 0], [9.0, 0, 0]], image="t", label=["ribosome", "virus"])
    truth = Picks.of([[0.0, 0, 0], [9.0, 0, 0]], image="t", label=["ribosome", "ribosome"])
    m = match_picks(picks, truth, tolerance_angstrom=1)
    assert m.uses_labels
    assert m.pick.tolist() == [0]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (None, "a", False),
        ("a", None, False),
        ("a", "a", True),
        ("a", "b", False),
        ("", "", False),
        ("1", "01", False),
    ],
)
def test_when_labels_count(ours, theirs, expected):
    def one(label):
        return Picks.of([[0.0, 0.0]], image="m", **({} if label is None else {"label": label}))

    assert shares_labels(one(ours), one(theirs)) is expected
    found = match_picks(one(ours), one(theirs), tolerance_angstrom=1)
    assert len(found) == 1


def test_orientation_errors_are_taken_modulo_the_group():
    rng = np.random.default_rng(2)
    true = random_rotations(20, rng=rng)
    tilt = from_axis_angle([1, 0, 0], 5)
    quarter = from_axis_angle([0, 0, 1], 90)
    seen = multiply(multiply(true, quarter), tilt)
    where = np.arange(60.0).reshape(20, 3) * 10
    picks = Picks.of(where, image="t", orientation=seen)
    truth = Picks.of(where, image="t", orientation=true)
    with_group = match_picks(picks, truth, tolerance_angstrom=1, symmetry="C4").angle_deg
    np.testing.assert_allclose(with_group, 5, atol=1e-9)
    without = match_picks(picks, truth, tolerance_angstrom=1).angle_deg
    assert without.min() > 80


def test_empty_sides_match_nothing():
    some = Picks.of([[1.0, 2.0]], image="m", score=[1.0])
    for picks, truth in ((some, Picks.empty(2)), (Picks.empty(2), some)):
        m = match_picks(picks, truth, tolerance_angstrom=5)
        assert len(m) == 0
        assert m.is_matched.shape == (len(picks),)
        assert m.is_covered.shape == (len(truth),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance_angstrom": 0}, "tolerance 0: expected a distance above 0"),
        ({"tolerance_angstrom": float("nan")}, "tolerance nan"),
        ({"tolerance_angstrom": 1, "method": "best"}, "matching best: expected optimal or greedy"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    one = Picks.of([[1.0, 2.0]], image="m")
    with pytest.raises(InputError, match=message):
        match_picks(one, one, **arguments)


def test_2d_and_3d_do_not_compare():
    flat, solid = Picks.of([[1.0, 2.0]], image="m"), Picks.of([[1.0, 2.0, 3.0]], image="m")
    with pytest.raises(InputError, match="picks are 2D, the truth is 3D"):
        match_picks(flat, solid, tolerance_angstrom=1)
