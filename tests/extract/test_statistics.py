import numpy as np
import pytest

from cryopick.extract.statistics import STATISTICS, grey_statistics, patch_scores


def test_they_are_those_of_numpy():
    images = np.random.default_rng(0).normal(5, 2, (4, 33, 35)).astype(np.float32)
    found = grey_statistics(images)
    assert STATISTICS == ("Mean", "Sd", "Min", "Max")
    for row, image in zip(found, images.astype(np.float64), strict=True):
        assert row == pytest.approx([image.mean(), image.std(), image.min(), image.max()], rel=1e-6)


def test_a_high_mean_does_not_drown_the_spread():
    images = (np.random.default_rng(0).normal(0, 1, (2, 64, 64)) + 50_000).astype(np.float32)
    for row, image in zip(grey_statistics(images), images.astype(np.float64), strict=True):
        assert row[:2] == pytest.approx([image.mean(), image.std()], rel=1e-5)


def test_no_images_and_flat_images():
    assert grey_statistics(np.zeros((0, 8, 8), np.float32)).shape == (0, 4)
    np.testing.assert_array_equal(
        grey_statistics(np.full((1, 8, 8), 3, np.float32)), [[3, 0, 3, 3]]
    )


def gini_by_pairs(values):
    """Half the mean difference between all pairs, over the mean: the definition."""
    return np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())


@pytest.mark.parametrize("patch", [4, 8])
def test_patches_are_scored_as_defined(patch):
    [image] = np.random.default_rng(1).normal(size=(1, 16, 16)).astype(np.float32)
    image[:6, :6] *= 10
    starts = range(0, 16 - patch + 1, patch // 2)
    variances = np.array(
        [image[y : y + patch, x : x + patch].astype(float).var() for y in starts for x in starts]
    )
    [found] = patch_scores(image[np.newaxis], patch_px=patch)
    assert found == pytest.approx([variances.mean(), gini_by_pairs(variances)], rel=1e-5)


def test_a_lump_is_more_uneven_than_noise_and_noise_more_than_nothing():
    noise = np.random.default_rng(2).normal(size=(32, 32))
    lump = noise.copy()
    lump[4:10, 4:10] *= 20
    images = np.stack([lump, noise, np.zeros((32, 32))]).astype(np.float32)
    found = patch_scores(images, patch_px=6)
    assert found[0, 1] > 0.8
    assert 0.3 > found[1, 1] > found[2, 1] == 0
    assert patch_scores(images[:0], patch_px=6).shape == (0, 2)
