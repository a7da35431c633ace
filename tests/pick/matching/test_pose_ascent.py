import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg
from cryopick.pick.matching.pose_ascent import PoseAscent, _updated
from cryopick.pick.matching.turned_scores import TurnedScores
from pick.matching.worlds import filled, particle, turned_away, wedge

N = 20


@pytest.fixture(scope="module")
def scores():
    return TurnedScores(particle(N), wedge(N))


def begin(scores, *, max_shift_px=3.0, angle_deg=8.0, ratio=0.5, step_deg=12.0, count=6):
    """Poses beside the truth, which is in the middle of each box but for half a voxel."""
    template = scores.template
    ascent = PoseAscent(scores, step_deg=step_deg, max_shift_px=max_shift_px)
    volume, position, rotations = filled(template, scores.weight, count, noise_ratio=ratio)
    corner = np.rint(position).astype(int) - N // 2
    boxes = np.stack([volume[z : z + N, y : y + N, x : x + N] for x, y, z in corner])
    projected = scores.projected(boxes, rotations, whole_variance=float(volume.var()))
    moments = scores.moments(projected)
    start = np.tile([0.5, -0.5, 0.4], (count, 1))
    climb = ascent.start(
        moments, turned_away(rotations, angle_deg)[:, 0], shift_px=start, anchor_px=start
    )
    return ascent, moments, climb, rotations, position - corner - N // 2


def test_it_arrives_at_the_truth(scores):
    ascent, moments, climb, rotations, shift = begin(scores, ratio=0.0)
    end = ascent.climb(moments, climb, evaluations=15)
    assert end.arrived.all()
    assert np.median(angle_between_deg(rotations, end.orientation)) < 1
    assert np.median(np.linalg.norm(end.shift_px - shift, axis=1)) < 0.1


def test_no_step_goes_down(scores):
    ascent, moments, climb, _, _ = begin(scores, ratio=2.0)
    first = climb.value
    for _ in range(8):
        after = ascent.climb(moments, climb, evaluations=1)
        assert np.all(after.value >= climb.value)
        climb = after
    assert np.mean(climb.value - first) > 0.01


def test_it_stays_near_its_anchor(scores):
    ascent, moments, climb, _, _ = begin(scores, max_shift_px=0.2)
    end = ascent.climb(moments, climb, evaluations=10)
    moved = np.linalg.norm(end.shift_px - climb.anchor_px, axis=1)
    assert np.all(moved <= 0.2 + 1e-9)
    assert moved.max() > 0.15


def test_no_step_turns_further_than_half_the_angular_step(scores):
    ascent, moments, climb, _, _ = begin(scores, step_deg=2.0)
    after = ascent.climb(moments, climb, evaluations=1)
    turned = angle_between_deg(climb.orientation, after.orientation)
    assert np.all(turned <= 1 + 1e-6)
    assert turned.max() > 0.5


def test_poses_that_have_arrived_stay(scores):
    ascent, moments, climb, _, _ = begin(scores)
    end = ascent.climb(moments, climb, evaluations=30)
    again = ascent.climb(moments, end, evaluations=5)
    assert end.arrived.all()
    assert np.array_equal(again.orientation, end.orientation)
    assert np.array_equal(again.shift_px, end.shift_px)


def test_the_way_is_the_same_in_one_go_and_in_parts(scores):
    ascent, moments, climb, _, _ = begin(scores)
    whole = ascent.climb(moments, climb, evaluations=9)
    parts = ascent.climb(moments, ascent.climb(moments, climb, evaluations=4), evaluations=5)
    assert np.array_equal(whole.orientation, parts.orientation)
    assert np.array_equal(whole.value, parts.value)


def test_rows_can_be_taken(scores):
    ascent, moments, climb, _, _ = begin(scores)
    rows = np.array([4, 1])
    some = ascent.climb(moments[rows], climb[rows], evaluations=6)
    every = ascent.climb(moments, climb, evaluations=6)
    assert np.array_equal(some.orientation, every.orientation[rows])


def test_one_step_from_a_slope_measured_elsewhere(scores):
    ascent, moments, climb, _, _ = begin(scores, ratio=0.2)
    orientation, shift = ascent.stepped(
        climb.orientation, climb.shift_px, climb.anchor_px, value=climb.value, slope=climb.slope
    )
    by_itself = ascent.climb(moments, climb, evaluations=1)
    went = by_itself.value > climb.value
    assert went.sum() >= 4
    np.testing.assert_allclose(orientation[went], by_itself.orientation[went], atol=1e-9)
    np.testing.assert_allclose(shift[went], by_itself.shift_px[went], atol=1e-9)


def test_a_slope_of_0_is_no_step(scores):
    ascent, _, climb, _, _ = begin(scores)
    orientation, shift = ascent.stepped(
        climb.orientation, climb.shift_px, climb.anchor_px,
        value=np.zeros(6), slope=np.zeros((6, 6)),
    )  # fmt: skip
    np.testing.assert_allclose(angle_between_deg(orientation, climb.orientation), 0, atol=1e-5)
    np.testing.assert_allclose(shift, climb.shift_px)


def test_the_curvature_learns_from_a_step():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    hill = root @ root.T + np.eye(6)
    step = rng.normal(size=(3, 6))
    fall = step @ hill
    learnt = _updated(np.tile(np.eye(6), (3, 1, 1)), step, fall)
    np.testing.assert_allclose(np.einsum("mab,mb->ma", learnt, fall), step, atol=1e-9)
    np.testing.assert_allclose(learnt, np.swapaxes(learnt, 1, 2), atol=1e-9)


def test_where_the_ground_curves_upwards_nothing_is_learnt():
    step = np.eye(6)[:2]
    before = np.tile(2 * np.eye(6), (2, 1, 1))
    assert np.array_equal(_updated(before, step, -step), before)
    assert np.array_equal(_updated(before, np.zeros((2, 6)), np.zeros((2, 6))), before)
