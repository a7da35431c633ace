from dataclasses import replace

import numpy as np
import pytest
import torch

from cryopick.geometry.rotation import (
    from_rotation_vector,
    multiply,
    random_rotations,
    to_matrix,
)
from cryopick.pick.matching.turned_scores import TurnedScores
from pick.matching.oracle import scores_at, template_and_mask
from pick.matching.worlds import filled, noise, particle, wedge


def rotations(count, seed=0):
    return random_rotations(count, rng=np.random.default_rng(seed))


def one_box(n, *, ratio=0.5):
    """A box with a noisy particle at a known pose."""
    template, weight = particle(n), wedge(n)
    volume, position, rotation = filled(template, weight, 1, noise_ratio=ratio, seed=2)
    return TurnedScores(template, weight), volume[None], position - n // 2, rotation


@pytest.mark.parametrize(("n", "spherical"), [(16, True), (15, True), (16, False), (15, False)])
def test_the_score_of_a_voxel_is_that_of_the_search(n, spherical):
    template, weight = particle(n, spherical=spherical), wedge(n)
    volume = noise((n + 8,) * 3) + 40
    poses = rotations(3)
    voxel = np.array([[n // 2 + 1, n // 2 + 4, n // 2 + 2]])
    corner = voxel[0] - n // 2
    box = volume[tuple(slice(c, c + n) for c in corner)]
    scores = TurnedScores(template, weight)
    got = scores.exact(
        np.repeat(box[None], 3, axis=0), poses, np.zeros((3, 3)), whole_variance=volume.var()
    )
    expected = scores_at(volume, template, weight, poses, voxel)[:, 0]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_score_of_the_particle_itself_is_1_also_between_the_voxels():
    scores, box, shift, rotation = one_box(16, ratio=0.0)
    here = scores.exact(3 * box + 100, rotation, shift, whole_variance=1.0)
    assert here == pytest.approx(1, abs=1e-4)
    beside = scores.exact(
        3 * box + 100, rotation, shift + np.array([0.4, 0, 0]), whole_variance=1.0
    )
    assert beside[0] < 0.99


def test_a_flat_box_scores_nothing():
    scores, box, shift, rotation = one_box(16)
    flat = scores.exact(np.full_like(box, 3.7), rotation, shift, whole_variance=1.0)
    assert abs(flat[0]) < 1e-3


@pytest.mark.parametrize("spherical", [True, False])
def test_the_spread_is_the_deviation_under_the_mask(spherical):
    template, weight = particle(15, spherical=spherical), wedge(15)
    pose = rotations(2)
    scores = TurnedScores(template, weight)
    weighted = scores.turned.weighted(pose).double().numpy()
    for value, dense, rotation in zip(scores.spread(pose), weighted, pose, strict=True):
        _, mask = template_and_mask(template, weight, rotation)
        mean = np.average(dense, weights=mask)
        assert value == pytest.approx(np.sqrt(np.average((dense - mean) ** 2, weights=mask)))


def test_turned_values_are_those_of_the_turned_density():
    template = particle(20)
    scores = TurnedScores(template, None)
    pose = rotations(3)
    dense = scores.turned.weighted(pose).flatten(1)[:, scores.inside]
    error = (scores.values(pose) - dense).std() / dense.std()
    assert float(error) < 0.05
    # What is not read is next to nothing.
    left = dense.square().sum() / scores.turned.weighted(pose).square().sum()
    assert float(left) > 0.995


def dense_product(scores, box, pose, shift):
    """The numerator over the whole box, without tables or approximations."""
    image, mask = scores.normalised_boxes(box, pose, whole_variance=1.0)
    weighted = scores.turned.weighted(pose, shift_px=shift)
    return float((image * mask * weighted).double().sum())


def test_the_quick_product_is_the_dense_one():
    scores, box, shift, truth = one_box(24)
    moments = scores.moments(scores.projected(box, truth, whole_variance=1.0))
    ratio = []
    for turn in np.random.default_rng(0).normal(size=(8, 3)) * 0.08:
        pose = multiply(truth, from_rotation_vector(turn))
        value, _ = scores.slopes(moments, pose, shift)
        ratio.append(float(value[0]) / dense_product(scores, box, pose, shift))
    # Linear interpolation smooths the dense one a little, the same everywhere.
    assert np.mean(ratio) == pytest.approx(1, abs=0.05)
    assert np.std(ratio) < 0.01


def test_slopes_are_the_changes_with_turns_and_moves():
    scores, box, shift, truth = one_box(24)
    moments = scores.moments(scores.projected(box, truth, whole_variance=1.0))
    pose = multiply(truth, from_rotation_vector([[0.06, -0.05, 0.04]]))
    shift = shift + np.array([0.3, -0.2, 0.25])
    _, slope = scores.slopes(moments, pose, shift)
    expected = np.empty(6)
    for direction in range(6):
        length = 0.04 if direction < 3 else 0.3
        step = length * np.eye(3)[direction % 3]
        ends = []
        for sign in (1, -1):
            if direction < 3:
                moved = (multiply(pose, from_rotation_vector(sign * step)), shift)
            else:
                moved = (pose, shift + sign * to_matrix(pose)[0] @ step)
            ends.append(dense_product(scores, box, *moved))
        expected[direction] = (ends[0] - ends[1]) / (2 * length)
    for part in (slice(0, 3), slice(3, 6)):
        error = np.linalg.norm(slope[0, part] - expected[part])
        assert error < 0.12 * np.linalg.norm(expected[part])


def test_the_metric_tells_how_fast_a_score_falls():
    template, weight = particle(24), wedge(24)
    scores = TurnedScores(template, weight)
    metric = scores.metric()
    assert np.allclose(metric, metric.T)
    rng = np.random.default_rng(1)
    predicted, measured = [], []
    for truth in rotations(12, seed=5):
        box = scores.turned.weighted(truth[None]).numpy()
        error = rng.normal(size=6) * np.repeat([0.04, 0.2], 3)
        pose = multiply(truth, from_rotation_vector(error[:3]))[None]
        shift = (to_matrix(truth) @ error[3:])[None]
        predicted.append(error @ metric @ error / 2)
        measured.append(1 - scores.exact(box, pose, shift, whole_variance=1e-6)[0])
    assert np.mean(measured) == pytest.approx(np.mean(predicted), rel=0.2)
    assert np.corrcoef(predicted, measured)[0, 1] > 0.8


def test_a_pose_does_not_depend_on_those_beside_it():
    scores, box, shift, truth = one_box(16)
    pose = multiply(truth, from_rotation_vector(np.linspace(0, 0.3, 15).reshape(5, 3)))
    one = scores.moments(scores.projected(box, truth, whole_variance=1.0))
    shift = np.repeat(shift, 5, axis=0)
    together = scores.slopes(torch.cat([one] * 5), pose, shift)
    for i in range(5):
        alone = scores.slopes(one, pose[i : i + 1], shift[i : i + 1])
        assert np.array_equal(alone[0][0], together[0][i])
        assert np.array_equal(alone[1][0], together[1][i])


def test_scale_and_level_of_a_box_do_not_matter():
    scores, box, shift, truth = one_box(16)
    one = scores.exact(box, truth, shift, whole_variance=float(box.var()))
    other = scores.exact(
        (50 * box - 300).astype(np.float32), truth, shift, whole_variance=2500 * float(box.var())
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_template_that_is_moved_out_of_the_box_gives_0():
    scores, box, _, truth = one_box(16)
    moments = scores.moments(scores.projected(box, truth, whole_variance=1.0))
    value, slope = scores.slopes(moments, truth, np.array([[60.0, 0, 0]]))
    assert value[0] == 0
    assert not slope.any()


def test_a_score_is_linear_in_the_normalised_box():
    scores, box, shift, truth = one_box(16)
    image, _ = scores.normalised_boxes(box, truth, whole_variance=1.0)
    mask = scores.template.mask
    total = float(mask.sum())
    values = image[0].double().numpy()
    assert abs((values * mask).sum()) < 1e-5
    assert (values**2 * mask).sum() * total == pytest.approx(1, abs=1e-4)
    template = scores.turned.at(truth, shift_px=shift)[0].double().numpy()
    expected = (values * template).sum()
    assert scores.exact(box, truth, shift, whole_variance=1.0)[0] == pytest.approx(
        expected, abs=1e-5
    )


def test_a_dense_background_around_the_particle_is_not_read():
    """Neighbours in the template's box lie beyond its mask."""
    made = particle(24)
    crowded = made.density.copy()
    crowded[0, 0, 0] = crowded.max()
    template = replace(made, density=crowded)
    reached = TurnedScores(template, None).inside
    assert len(reached) < 24**3
    assert 0 not in reached
    assert len(reached) >= len(TurnedScores(made, None).inside)
