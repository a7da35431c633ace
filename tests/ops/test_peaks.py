import numpy as np
import pytest
from scipy import ndimage

from cryopick.ops.peaks import local_maxima, refine_peaks


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
