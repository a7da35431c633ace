"""The top-hat, against scipy; its threshold, against maps with a known truth."""

import numpy as np
import pytest
from scipy import ndimage

from cryopick.errors import InputError
from cryopick.model import Grid
from cryopick.pick.matching import tophat
from cryopick.pick.matching.tophat import sharp, sharpness, white_tophat

SHAPE = (30, 40, 44)
GRID = Grid(shape=SHAPE, pixel_size_angstrom=10.0)


@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_the_transform_equals_that_of_scipy_inside(connectivity):
    score = np.random.default_rng(0).normal(size=(12, 13, 14)).astype(np.float32)
    structure = ndimage.generate_binary_structure(3, connectivity)
    reference = ndimage.white_tophat(score, footprint=structure)
    inside = (slice(2, -2),) * 3
    ours = white_tophat(score, connectivity=connectivity)
    np.testing.assert_allclose(ours[inside], reference[inside], atol=1e-6)


def test_plateaus_and_ridges_vanish_and_peaks_stay():
    score = np.zeros((9, 20, 20), np.float32)
    score[3:7, 3:8, 3:8] = 0.5
    score[4, 14, 14] = 0.5
    hat = white_tophat(score)
    assert hat[4, 14, 14] == pytest.approx(0.5)
    assert hat[4, 4, 4] == pytest.approx(0.0)


def test_a_connectivity_that_is_none():
    with pytest.raises(InputError, match="expected 1, 2 or 3"):
        white_tophat(np.zeros((3, 3, 3), np.float32), connectivity=4)


def noisy_map(peaks, *, height=0.5, sheet=False):
    """Smooth noise with sharp peaks at z, y, x, and a ridge that is as high but flat."""
    rng = np.random.default_rng(1)
    score = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0)
    score = (0.05 * score / score.std()).astype(np.float32)
    for place in peaks:
        score[tuple(place)] += height
    if sheet:
        score[:, 25:38] += height
    return score


PEAKS = np.array([(8, 10, 12), (15, 20, 30), (22, 8, 36), (20, 18, 8)])


def test_candidates_on_peaks_are_sharp_and_those_elsewhere_are_not():
    score = noisy_map(PEAKS, sheet=True)
    # The last lies on the ridge, away from its rim.
    elsewhere = np.array([(5, 3, 3), (26, 22, 20), (15, 31, 22)])
    position = GRID.to_angstrom(np.vstack([PEAKS, elsewhere])[:, ::-1])
    found, threshold = sharp(position, score, GRID)
    assert found.tolist() == [True] * 4 + [False] * 3
    assert 0.05 < threshold.threshold < 0.5


def test_a_candidate_may_have_moved_a_little_from_its_voxel():
    score = noisy_map(PEAKS)
    found, _ = sharp(GRID.to_angstrom(PEAKS[:, ::-1] + [1.4, -1.3, 0.6]), score, GRID)
    assert found.all()
    far, _ = sharp(GRID.to_angstrom(PEAKS[:, ::-1] + [5.0, 0, 0]), score, GRID)
    assert not far.any()


@pytest.mark.parametrize("planes", [1, 3, 7])
def test_slabs_give_the_same(monkeypatch, planes):
    score = noisy_map(PEAKS)
    position = GRID.to_angstrom(PEAKS[:, ::-1])
    whole = sharp(position, score, GRID)
    monkeypatch.setattr(tophat, "_SLAB_VOXELS", planes * SHAPE[1] * SHAPE[2])
    part = sharp(position, score, GRID)
    np.testing.assert_array_equal(part[0], whole[0])
    assert part[1].threshold == pytest.approx(whole[1].threshold)


def test_a_flat_map_and_one_with_holes():
    position = GRID.to_angstrom(PEAKS[:, ::-1])
    assert not sharp(position, np.ones(SHAPE, np.float32), GRID)[0].any()
    holes = noisy_map(PEAKS)
    holes[:3] = -np.inf
    holes[-2:] = np.nan
    assert sharp(position, holes, GRID)[0].all()


def test_the_fit_finds_a_normal_distribution():
    edges = np.linspace(0, 0.4, 51)
    values = np.random.default_rng(2).normal(0.05, 0.03, 2_000_000)
    count = np.histogram(values[values > 0], edges)[0].astype(float)
    found = sharpness(count, edges, false_positives=1.0)
    assert found.mean == pytest.approx(0.05, abs=0.004)
    assert found.sd == pytest.approx(0.03, rel=0.06)
    assert found.threshold == pytest.approx(0.05 + 4.9 * 0.03, rel=0.08)


def test_more_false_positives_lower_the_threshold():
    edges = np.linspace(0, 0.4, 51)
    values = np.abs(np.random.default_rng(3).normal(0, 0.05, 500_000))
    count = np.histogram(values, edges)[0].astype(float)
    strict, loose = (sharpness(count, edges, false_positives=n).threshold for n in (1, 100))
    assert loose < strict


@pytest.mark.parametrize("filled", [(), (0,), (0, 1), (2, 3), tuple(range(50))])
def test_any_histogram_has_a_threshold(filled):
    """Few bins, or counts that never bend down, are no reason to fail."""
    count = np.zeros(50)
    count[list(filled)] = 10.0
    assert np.isfinite(sharpness(count, np.linspace(0, 1, 51), false_positives=1.0).threshold)
