import numpy as np
import pytest

from cryopick.geometry.rotation import (
    angle_between_deg,
    from_axis_angle,
    multiply,
    random_rotations,
)
from cryopick.pick.matching.pose_ascent import PoseAscent
from cryopick.pick.matching.pose_refiner import PoseRefiner
from cryopick.pick.matching.turned_scores import TurnedScores
from pick.matching.worlds import filled, moved_away, particle, turned_away, wedge

N = 20


def refiner(volume, template, weight, *, max_shift_px=2.5):
    scores = TurnedScores(template, weight)
    return PoseRefiner(
        volume=volume,
        level=float(volume.mean()),
        whole_variance=float(volume.var()),
        ascent=PoseAscent(scores, step_deg=12.0, max_shift_px=max_shift_px),
    )


@pytest.fixture(scope="module")
def crowd():
    template, weight = particle(N), wedge(N)
    volume, position, rotations = filled(template, weight, 8, noise_ratio=0.7)
    return refiner(volume, template, weight), position, rotations


def test_the_top_is_not_below_the_truth(crowd):
    work, position, rotations = crowd
    whole = np.arange(len(position))
    truth = work._highest(position, rotations, whole).score
    start = turned_away(rotations, 8.0, seeds=3)
    found = work.refine(moved_away(position, 1.5), start)
    assert np.all(found.score > truth - 0.002)
    before = work._highest(position, start[:, 0], whole).score
    assert np.all(found.score > before)
    assert np.mean(found.score - before) > 0.01


def test_a_start_some_voxels_away_is_first_brought_near(crowd):
    work, position, rotations = crowd
    centre = np.rint(position).astype(int)
    away = np.array([[2, 0, 0], [0, -2, 0], [0, 0, 2], [1, 1, -1]] * 2)
    shift = work._best_shift(centre + away, rotations, np.zeros(position.shape))
    assert np.abs(centre + away + shift - position).max() < 1
    assert np.linalg.norm(shift, axis=1).max() <= 2.5


def test_a_shift_is_not_longer_than_allowed(crowd):
    work, position, rotations = crowd
    centre = np.rint(position).astype(int) + np.array([4, 0, 0])
    # The start was a bit aside of the voxel that is nearest to it.
    anchor = np.tile([0.4, 0.0, 0.0], (len(centre), 1))
    shift = work._best_shift(centre, rotations, anchor)
    assert np.all(np.linalg.norm(shift - anchor, axis=1) <= 2.5)


def test_seeds_that_are_missing_are_left_out(crowd):
    work, position, rotations = crowd
    seeds = turned_away(rotations, 6.0, seeds=3)
    few = seeds.copy()
    few[:, 1:] = np.nan
    one = work.refine(position, few)
    same = work.refine(position, seeds[:, :1])
    assert np.array_equal(one.score, same.score)
    assert np.array_equal(one.orientation, same.orientation)


def test_more_seeds_make_no_score_worse(crowd):
    work, position, rotations = crowd
    near = turned_away(rotations, 6.0)
    far = random_rotations(len(rotations), rng=np.random.default_rng(8))[:, None]
    one = work.refine(position, near)
    both = work.refine(position, np.concatenate([far, near], axis=1))
    assert np.all(both.score >= one.score - 1e-6)


@pytest.mark.parametrize("n", [24, 23])
def test_a_mask_that_turns_is_followed(n):
    template, weight = particle(n, spherical=False), wedge(n)
    volume, position, rotations = filled(template, weight, 8)
    work = refiner(volume, template, weight)
    found = work.refine(moved_away(position, 1.0), turned_away(rotations, 7.0))
    angle = angle_between_deg(rotations, found.orientation)
    assert np.median(angle) < 0.7
    assert angle.max() < 1.5
    assert np.linalg.norm(found.position_px - position, axis=1).max() < 0.15
    assert found.score.min() > 0.998


def test_a_polished_pose_is_not_worse():
    template, weight = particle(N, spherical=False), wedge(N)
    volume, position, rotations = filled(template, weight, 4, noise_ratio=0.5)
    work = refiner(volume, template, weight)
    off = multiply(rotations, from_axis_angle([1.0, 2, 0], np.full(4, 3.0)))
    before = work._highest(position, off, np.arange(4))
    after = work._polished(before, position)
    assert np.all(after.score >= before.score)
    assert np.mean(after.score - before.score) > 1e-3


def test_boxes_hold_the_volume_less_its_level_and_0_outside():
    volume = np.arange(6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8)
    template = particle(8)
    work = refiner(volume, template, None)
    box = work._boxes(np.array([[1, 5, 0]]))[0]
    level = np.float32(volume.mean())
    for z, y, x in np.ndindex(8, 8, 8):
        at = (z - 4, y - 4 + 5, x - 4 + 1)
        inside = all(0 <= a < n for a, n in zip(at, volume.shape, strict=True))
        assert box[z, y, x] == (volume[at] - level if inside else 0)


def test_a_box_that_is_wholly_outside_is_0():
    volume = np.ones((6, 6, 6), np.float32)
    volume[0] = 0
    assert not refiner(volume, particle(8), None)._boxes(np.array([[40, 3, 3], [3, -40, 3]])).any()
