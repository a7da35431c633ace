import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    angle_between_deg,
    multiply,
    normalise,
    random_rotations,
    rotate,
)
from cryopick.pick.matching import refine
from cryopick.pick.matching.pose_refiner import PoseRefiner
from cryopick.pick.matching.refine import refine_poses
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.template import Template
from pick.matching.oracle import scores_at
from pick.matching.worlds import filled, moved_away, noise, particle, turned_away, wedge

N = 20
TEMPLATE, WEIGHT = particle(N), wedge(N)


def refined(volume, position, seeds, *, template=TEMPLATE, weight=WEIGHT, means=None, **options):
    settings = {"step_deg": 12.0, "max_shift_px": 2.5, **options}
    return refine_poses(
        volume, position, seeds, template=template, weight=weight, means=means or Means(),
        **settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def noisy():
    return filled(TEMPLATE, WEIGHT, 8, noise_ratio=1.0)


def errors(poses, position, rotations):
    angle = angle_between_deg(rotations, poses.orientation)
    return angle, np.linalg.norm(poses.position_px - position, axis=1)


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("position_px", "orientation", "score")
    )


@pytest.mark.parametrize("n", [24, 23])
def test_without_noise_it_finds_the_pose(n):
    template, weight = particle(n), wedge(n)
    volume, position, rotations = filled(template, weight, 8)
    seeds = turned_away(rotations, 7.0)
    poses = refined(volume, moved_away(position, 1.0), seeds, template=template, weight=weight)
    angle, distance = errors(poses, position, rotations)
    assert np.median(angle) < 1
    assert angle.max() < 2.2
    assert np.median(distance) < 0.06
    assert distance.max() < 0.15
    assert poses.score.min() > 0.995


def test_in_noise_it_is_closer_than_its_seeds():
    volume, position, rotations = filled(TEMPLATE, WEIGHT, 27, noise_ratio=0.7)
    seeds = np.stack([turned_away(rotations, a, seed=int(a))[:, 0] for a in (6, 9, 12)], axis=1)
    poses = refined(volume, moved_away(position, 1.5), seeds)
    angle, distance = errors(poses, position, rotations)
    assert np.median(angle) < 4.5
    assert np.median(distance) < 0.5


def test_a_refined_score_is_not_below_that_of_the_true_pose_on_the_grid(noisy):
    volume, position, rotations = noisy
    poses = refined(volume, moved_away(position, 1.0), turned_away(rotations, 5.0))
    voxel = np.rint(position).astype(int)[:, ::-1]
    on_grid = np.diag(scores_at(volume, TEMPLATE, WEIGHT, rotations, voxel))
    assert np.all(poses.score > on_grid - 0.01)
    assert np.mean(poses.score - on_grid) > 0


@pytest.mark.parametrize("spherical", [True, False])
def test_at_a_voxel_the_score_is_that_of_the_search(spherical):
    template = particle(N, spherical=spherical)
    volume, position, rotations = filled(template, WEIGHT, 4, noise_ratio=1.0)
    whole = np.rint(position)
    poses = refined(volume, whole, turned_away(rotations, 4.0), template=template, max_shift_px=0.0)
    assert np.array_equal(poses.position_px, whole)
    expected = scores_at(
        volume, template, WEIGHT, poses.orientation, whole[:, ::-1].astype(int)
    ).diagonal()
    np.testing.assert_allclose(poses.score, expected, atol=1e-4)


def test_the_right_one_of_several_seeds_is_taken(noisy):
    volume, position, rotations = noisy
    wrong = random_rotations(len(rotations), rng=np.random.default_rng(9))
    seeds = np.stack([wrong, turned_away(rotations, 5.0)[:, 0], wrong], axis=1)
    seeds[3, 2] = np.nan
    poses = refined(volume, position, seeds)
    angle, _ = errors(poses, position, rotations)
    assert np.median(angle) < 8
    assert angle.max() < 20


def test_it_stays_within_the_shift_allowed(noisy):
    volume, position, rotations = noisy
    start = moved_away(position, 2.0)
    poses = refined(volume, start, turned_away(rotations, 3.0), max_shift_px=0.7)
    moved = np.linalg.norm(poses.position_px - start, axis=1)
    assert moved.max() <= 0.7 + 1e-9
    assert np.median(moved) > 0.5


def test_boxes_may_stick_out_of_the_volume():
    volume, position, rotations = filled(TEMPLATE, WEIGHT, 1, noise_ratio=0.1)
    cut = 4
    level = 50.0
    poses = refined(
        np.ascontiguousarray(volume[cut:, :, :-cut]) + np.float32(level),
        position - [0, 0, cut],
        turned_away(rotations, 5.0),
    )
    angle, distance = errors(poses, position - [0, 0, cut], rotations)
    assert angle[0] < 5
    assert distance[0] < 0.7
    assert poses.score[0] > 0.7


def test_outside_and_flat_places_score_nothing():
    volume = noise((30, 30, 30))
    volume[:, :, 15:] = volume.mean()
    seeds = np.tile([1.0, 0, 0, 0], (2, 1, 1))
    poses = refined(volume, np.array([[60.0, 60, 60], [29, 15, 15]]), seeds)
    assert np.isfinite(poses.orientation).all()
    assert abs(poses.score[0]) < 1e-3


def test_order_batches_and_cores_change_nothing(noisy, monkeypatch):
    volume, position, rotations = noisy
    start, seeds = moved_away(position, 1.0), turned_away(rotations, 6.0, seeds=2)
    whole = refined(volume, start, seeds)
    order = np.array([5, 2, 7, 0, 1, 3, 6, 4])
    shuffled = refined(volume, start[order], seeds[order])
    assert np.array_equal(shuffled.score, whole.score[order])
    assert np.array_equal(shuffled.orientation, whole.orientation[order])
    monkeypatch.setattr(refine, "_BATCH", 3)
    assert same(refined(volume, start, seeds, means=Means(cores=2)), whole)
    assert same(refined(volume, start, seeds, means=Means(cores=1)), whole)


def test_a_memory_map_is_as_good_as_an_array(noisy, tmp_path):
    volume, position, rotations = noisy
    np.save(tmp_path / "volume.npy", volume)
    mapped = np.load(tmp_path / "volume.npy", mmap_mode="r")
    seeds = turned_away(rotations, 6.0)[:2]
    assert same(refined(mapped, position[:2], seeds), refined(volume, position[:2], seeds))


def test_a_killed_run_goes_on_where_it_was(noisy, tmp_path, monkeypatch):
    volume, position, rotations = noisy
    monkeypatch.setattr(refine, "_BATCH", 2)
    seeds = turned_away(rotations, 6.0)
    undisturbed = refined(volume, position, seeds)

    def killed_at_half(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    folder = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        refined(volume, position, seeds, means=Means(checkpoints=folder, progress=killed_at_half))
    assert len(list(folder.iterdir())) == 3
    work = PoseRefiner.refine
    done = []
    monkeypatch.setattr(
        PoseRefiner,
        "refine",
        lambda self, *arguments: done.append(1) or work(self, *arguments),
    )
    resumed = refined(volume, position, seeds, means=Means(checkpoints=folder))
    assert same(resumed, undisturbed)
    assert len(done) == 1
    # Other candidates are not taken for these.
    other = refined(volume, position + 2, seeds, means=Means(checkpoints=folder))
    assert len(done) == 5
    assert not same(other, undisturbed)


def test_progress_ends_at_1(noisy, monkeypatch):
    volume, position, rotations = noisy
    monkeypatch.setattr(refine, "_BATCH", 3)
    told = []
    refined(volume, position, turned_away(rotations, 6.0), means=Means(progress=told.append))
    assert told == [3 / 8, 6 / 8, 1.0]


def test_no_candidates_is_no_poses():
    poses = refined(noise((8, 8, 8)), np.empty((0, 3)), np.empty((0, 3, 4)))
    assert poses.position_px.shape == (0, 3)
    assert poses.orientation.shape == (0, 4)
    assert poses.score.shape == (0,)


def test_orientations_are_unit_and_of_one_sign(noisy):
    volume, position, rotations = noisy
    poses = refined(volume, position, -3 * turned_away(rotations, 6.0))
    np.testing.assert_allclose(poses.orientation, normalise(poses.orientation), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": np.full((2, 1, 4), np.nan)}, "candidate 0 has no starting orientation"),
        ({"seeds": np.ones((2, 4))}, "expected 2 x s x 4 seeds"),
        ({"position": np.array([[1.0, 2, np.inf]] * 2)}, "finite positions"),
        ({"position": np.zeros((2, 2))}, "finite positions"),
        ({"volume": np.zeros((8, 8), np.float32)}, "2 dimensions"),
        ({"step_deg": 0.0}, "angular step 0"),
        ({"max_shift_px": -1.0}, "shift of -1 voxels"),
    ],
)
def test_what_makes_no_sense_is_an_error_in_one_line(change, message):
    given = {
        "volume": noise((24, 24, 24)),
        "position": np.full((2, 3), 12.0),
        "seeds": np.tile([1.0, 0, 0, 0], (2, 1, 1)),
        **change,
    }
    volume, position, seeds = (given.pop(name) for name in ("volume", "position", "seeds"))
    with pytest.raises(InputError, match=message) as caught:
        refined(volume, position, seeds, **given)
    assert "\n" not in str(caught.value)


def test_turning_the_specimen_turns_the_poses():
    """A half turn about y leaves voxels on voxels and the wedge as it is."""
    n = 21
    template, weight = particle(n), wedge(n)
    volume, position, rotations = filled(template, weight, 1, noise_ratio=0.5)
    seeds = turned_away(rotations, 6.0)
    turned = np.ascontiguousarray(volume[::-1, :, ::-1])
    half_turn = np.array([0.0, 0, 1, 0])
    one = refined(volume, position, seeds, template=template, weight=weight)
    other = refined(
        turned, (n - 1 - position) * [1, 0, 1] + position * [0, 1, 0],
        multiply(half_turn, seeds), template=template, weight=weight,
    )  # fmt: skip
    assert other.score == pytest.approx(one.score, abs=2e-3)
    back = multiply(half_turn, other.orientation)
    assert angle_between_deg(one.orientation, back)[0] < 1


def test_scale_and_level_of_the_volume_do_not_matter(noisy):
    volume, position, rotations = noisy
    start, seeds = moved_away(position, 1.0), turned_away(rotations, 6.0)
    one = refined(volume, start, seeds)
    other = refined((volume * 200 - 30).astype(np.float32), start, seeds)
    np.testing.assert_allclose(other.score, one.score, atol=1e-4)
    assert angle_between_deg(one.orientation, other.orientation).max() < 0.5
    np.testing.assert_allclose(other.position_px, one.position_px, atol=0.05)


def test_moving_the_volume_moves_the_poses_by_as_much(noisy):
    volume, position, rotations = noisy
    start, seeds = moved_away(position, 1.0), turned_away(rotations, 6.0)
    one = refined(volume, start, seeds)
    along = np.array([5, 2, 3])
    moved = np.pad(volume, [(3, 0), (2, 0), (5, 0)], constant_values=volume.mean())
    other = refined(moved, start + along, seeds)
    np.testing.assert_allclose(other.position_px, one.position_px + along, atol=0.02)
    np.testing.assert_allclose(other.score, one.score, atol=2e-3)
    assert angle_between_deg(one.orientation, other.orientation).max() < 0.3


def test_a_template_without_weights():
    volume, position, rotations = filled(TEMPLATE, None, 8, noise_ratio=0.2)
    poses = refined(volume, moved_away(position, 1.0), turned_away(rotations, 7.0), weight=None)
    angle, distance = errors(poses, position, rotations)
    assert np.median(angle) < 1.5
    assert np.median(distance) < 0.15


def test_a_rod_finds_its_direction_though_its_spin_means_nothing():
    axis = np.arange(N) - N // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    # Thicker at one end: up and down differ.
    width = 1.5 + 0.8 * (z > 0)
    density = np.exp(-(x**2 + y**2) / 2 / width**2) * (np.abs(z) < 0.3 * N)
    rod = Template(
        density=density.astype(np.float32), mask=TEMPLATE.mask, pixel_size_angstrom=10.0,
        name="rod", diameter_angstrom=130.0,
    )  # fmt: skip
    volume, position, rotations = filled(rod, WEIGHT, 8, noise_ratio=0.2)
    poses = refined(volume, moved_away(position, 1.0), turned_away(rotations, 8.0), template=rod)
    found, truth = (rotate(q, [0.0, 0.0, 1.0]) for q in (poses.orientation, rotations))
    off = np.rad2deg(np.arccos(np.clip(np.sum(found * truth, axis=1), -1, 1)))
    assert np.median(off) < 2
    assert np.median(np.linalg.norm(poses.position_px - position, axis=1)) < 0.2


def test_contrast_turned_round_is_no_match(noisy):
    volume, position, rotations = noisy
    poses = refined(-volume, position, rotations[:, None])
    assert np.isfinite(poses.score).all()
    assert poses.score.max() < 0.6
    assert refined(volume, position, rotations[:, None]).score.min() > 0.7
