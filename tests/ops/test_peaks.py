import numpy as np
import pytest
from scipy import ndimage

from cryopick.ops.peaks import highest_near, local_maxima, refine_peaks


def maxima_by_scipy(score):
    """The plain reference: equal to the highest of the neighbourhood, above its lowest."""
    size = (3,) * score.ndim
    highest = ndimage.maximum_filter(score, size=size, mode="nearest")
    lowest = ndimage.minimum_filter(score, size=size, mode="nearest")
    return np.argwhere((score == highest) & (lowest < highest))


@pytest.mark.parametrize("shape", [(17, 23), (9, 11, 13), (1, 7), (2, 2)])
def test_local_maxima_agree_with_scipy(shape):
    for seed in range(5):
        score = np.random.default_rng(seed).integers(0, 30, size=shape).astype(np.float32)
        found = local_maxima(score)
        np.testing.assert_array_equal(found, maxima_by_scipy(score))


@pytest.mark.parametrize("shape", [(40, 30), (40, 6, 7)])
def test_the_seams_between_blocks_hide_nothing_and_add_nothing(shape, monkeypatch):
    monkeypatch.setattr("cryopick.ops.peaks._BLOCK_PIXELS", 3 * np.prod(shape[1:]))
    for seed in range(5):
        score = np.random.default_rng(seed).integers(0, 9, size=shape).astype(np.float32)
        np.testing.assert_array_equal(local_maxima(score), maxima_by_scipy(score))


def test_a_flat_map_has_no_peak():
    assert len(local_maxima(np.zeros((8, 9), np.float32))) == 0


def test_a_maximum_on_the_border_counts():
    score = np.zeros((6, 6), np.float32)
    score[0, 5] = 1.0
    np.testing.assert_array_equal(local_maxima(score), [[0, 5]])


@pytest.mark.parametrize("ndim", [2, 3])
def test_refinement_is_exact_for_parabolas(ndim):
    rng = np.random.default_rng(1)
    for _ in range(20):
        true = rng.uniform(3.0, 6.0, size=ndim)
        axes = np.ogrid[tuple(slice(10) for _ in range(ndim))]
        score = -sum(
            (a - t) ** 2 * (1 + i) for i, (a, t) in enumerate(zip(axes, true, strict=True))
        )
        index = local_maxima(score)
        np.testing.assert_allclose(refine_peaks(score, index), [true], atol=1e-9)


def test_refinement_stays_within_half_a_pixel_and_off_the_border():
    score = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    index = local_maxima(score)
    refined = refine_peaks(score, index)
    assert (np.abs(refined - index) <= 0.5).all()
    border = (index == 0) | (index == np.array(score.shape) - 1)
    assert border.any()
    np.testing.assert_array_equal(refined[border], index[border])


def test_refinement_of_nothing_is_nothing():
    empty = np.zeros((0, 3), dtype=np.int64)
    assert refine_peaks(np.zeros((4, 4, 4), np.float32), empty).shape == (0, 3)


@pytest.mark.parametrize("shape", [(20, 24), (10, 12, 14)])
def test_the_highest_pixel_nearby_is_that_of_a_plain_search(shape):
    rng = np.random.default_rng(0)
    score = rng.normal(size=shape).astype(np.float32)
    index = np.stack([rng.integers(n, size=30) for n in shape], axis=1)
    found = highest_near(score, index, radius_px=2.5)
    grid = np.indices(shape).reshape(len(shape), -1).T
    for start, end in zip(index, found, strict=True):
        near = grid[((grid - start) ** 2).sum(axis=1) <= 2.5**2]
        assert score[tuple(end)] == score[tuple(near.T)].max()
        assert ((end - start) ** 2).sum() <= 2.5**2


def test_nothing_is_nearby_within_less_than_a_pixel():
    score = np.arange(9, dtype=np.float32).reshape(3, 3)
    index = np.array([[1, 1], [0, 2]])
    np.testing.assert_array_equal(highest_near(score, index, radius_px=0.9), index)


def test_of_equal_pixels_nearby_the_nearest_counts():
    index = np.array([[2, 2]])
    np.testing.assert_array_equal(
        highest_near(np.ones((5, 5), np.float32), index, radius_px=2), index
    )


def test_only_what_is_allowed_counts_nearby():
    score = np.array([[0, 3, 0, 5]], np.float32)
    found = highest_near(
        score, np.array([[0, 2]]), radius_px=2, allowed=lambda there: there[:, 1] < 3
    )
    assert found.tolist() == [[0, 1]]
