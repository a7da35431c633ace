"""What random poses score: by direct sums, and how it falls with the size of the template."""

import numpy as np
import pytest

from cryopick.geometry.rotation import random_rotations
from cryopick.pick.matching.random_poses import random_pose_sigma
from pick.matching.cases import lumpy_template, noise
from pick.matching.oracle import scores_at
from pick.matching.worlds import wedge


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_root_mean_square_of_scores(spherical, weighted):
    n = 11
    template = lumpy_template(n, spherical=spherical)
    weight = wedge(n) if weighted else None
    volume = noise((28, 30, 32), smooth=0.8)
    volume -= volume.mean()
    sigma = random_pose_sigma(volume, template, weight=weight)
    rng = np.random.default_rng(3)
    inside = np.stack([rng.integers(n // 2, s - n // 2, 300) for s in volume.shape], axis=1)
    wanted = scores_at(volume, template, weight, random_rotations(24, rng=rng), inside)
    assert sigma == pytest.approx(np.sqrt(np.mean(wanted**2)), rel=0.06)


def test_on_white_noise_it_is_one_over_the_root_of_the_voxels():
    """The voxels that count: all under the mask, those of its rim in part."""
    for n, radius in ((12, 4.0), (16, 6.0)):
        template = lumpy_template(n, radius=radius)
        sigma = random_pose_sigma(noise((40, 40, 40)), template, weight=None)
        wanted = scores_at(
            noise((40, 40, 40), seed=8), template, None,
            random_rotations(10, rng=np.random.default_rng(0)),
            np.random.default_rng(1).integers(10, 30, (300, 3)),
        )  # fmt: skip
        assert sigma == pytest.approx(1 / np.sqrt(template.mask.sum()), rel=0.12)
        assert sigma == pytest.approx(wanted.std(), rel=0.05)


def test_scale_and_seed():
    template, volume = lumpy_template(12), noise((24, 24, 24))
    one = random_pose_sigma(volume, template, weight=None)
    assert one == random_pose_sigma(volume, template, weight=None)
    assert one == pytest.approx(random_pose_sigma(1000 * volume, template, weight=None), rel=1e-4)
    other = random_pose_sigma(volume, template, weight=None, seed=1)
    assert other != one
    assert other == pytest.approx(one, rel=0.05)


def test_a_memory_map_gives_the_same(tmp_path):
    template, volume = lumpy_template(12), noise((24, 24, 24))
    np.save(tmp_path / "volume.npy", volume)
    mapped = np.load(tmp_path / "volume.npy", mmap_mode="r")
    assert random_pose_sigma(mapped, template, weight=None) == random_pose_sigma(
        volume, template, weight=None
    )


@pytest.mark.parametrize("shape", [(12, 12, 12), (5, 30, 30), (6, 7, 8)])
def test_a_volume_no_larger_than_the_box(shape):
    sigma = random_pose_sigma(noise(shape), lumpy_template(12), weight=None)
    assert 0 < sigma < 1


def test_flat_places_do_not_count():
    template = lumpy_template(12)
    flat = np.zeros((30, 30, 30), np.float32)
    assert random_pose_sigma(flat, template, weight=None) == 1.0
    half = noise((24, 24, 64))
    half -= half.mean()
    whole = random_pose_sigma(half, template, weight=None)
    half[:, :, :32] = 0
    assert random_pose_sigma(half, template, weight=None) == pytest.approx(whole, rel=0.25)
