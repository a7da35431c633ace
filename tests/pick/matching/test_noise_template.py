"""Noise templates and the background they measure."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.noise_template import (
    background_map,
    correct_background,
    extreme_value_scale,
    phase_randomised,
    sparse_rotations,
)
from cryopick.pick.matching.search import Means
from pick.matching.cases import lumpy_template, noise
from pick.matching.oracle import scores_at

ROTATIONS = rotation_grid(60)


@pytest.mark.parametrize("n", [9, 12])
def test_amplitudes_stay_and_phases_are_those_of_other_frequencies(n):
    template = lumpy_template(n)
    made = phase_randomised(template, seed=3)
    one, other = (np.fft.fftn(t.density.astype(float)) for t in (template, made))
    np.testing.assert_allclose(np.abs(other), np.abs(one), atol=1e-3)
    k = np.fft.fftfreq(n)
    inside = (k[:, None, None] ** 2 + k[:, None] ** 2 + k**2) <= 0.25
    strong = inside & (np.abs(one) > 1e-2)
    moved = np.abs(np.angle(one[strong] / other[strong])) > 1e-2
    assert moved.mean() > 0.9
    # The same set of phases, up to float32.
    folded = [np.cos(np.angle(v[inside])) for v in (one, other)]
    np.testing.assert_allclose(*(np.sort(v) for v in folded), atol=0.02)


def test_the_noise_does_not_look_like_the_template_in_any_rotation():
    template = lumpy_template(12)
    volume = np.zeros((16, 16, 16), np.float32)
    volume[2:14, 2:14, 2:14] = template.density
    own = search_exact(volume, template, ROTATIONS, weight=None, means=Means())
    made = phase_randomised(template, seed=1)
    other = search_exact(volume, made, ROTATIONS, weight=None, means=Means())
    assert other.score[8, 8, 8] < 0.65 * own.score.max()


def test_seeds_decide_and_mask_and_size_stay():
    template = lumpy_template(10, spherical=False)
    one, again, other = (phase_randomised(template, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.density, again.density)
    assert np.abs(one.density - other.density).max() > 0.1
    assert one.mask is template.mask
    assert (one.pixel_size_angstrom, one.spherical_mask) == (10.0, False)
    assert one.density.dtype == np.float32


def test_a_part_of_the_rotations_keeps_their_order():
    some = sparse_rotations(ROTATIONS, fraction=0.1, seed=0)
    assert len(some) == round(0.1 * len(ROTATIONS))
    place = [int(np.flatnonzero((q == ROTATIONS).all(axis=1))[0]) for q in some]
    assert place == sorted(set(place))
    np.testing.assert_array_equal(some, sparse_rotations(ROTATIONS, fraction=0.1, seed=0))
    assert [len(sparse_rotations(ROTATIONS[:m], seed=0)) for m in (1, 2, 3, 15)] == [1, 2, 2, 2]
    with pytest.raises(InputError, match="fraction"):
        sparse_rotations(ROTATIONS, fraction=0, seed=0)


def test_the_scale_is_that_of_the_highest_of_many_normal_scores():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 5000))
    measured = scores.max(axis=1).mean() / scores[:, :500].max(axis=1).mean()
    assert extreme_value_scale(5000, 500) == pytest.approx(measured, rel=0.06)
    assert extreme_value_scale(100, 100) == extreme_value_scale(1, 1) == 1
    assert extreme_value_scale(10, 1) > 1
    for wrong in (0, 101):
        with pytest.raises(InputError, match="from 1 to 100"):
            extreme_value_scale(100, wrong)


def test_without_smoothing_it_is_the_plain_difference():
    """Against plain numpy from the volume on: score less noise score plus its mean."""
    template, volume = lumpy_template(8), noise((12, 14, 16), smooth=0.8)
    shuffled = phase_randomised(template, seed=4)
    score, background = (
        search_exact(volume, t, ROTATIONS[:8], weight=None, means=Means()).score
        for t in (template, shuffled)
    )
    voxels = np.argwhere(np.ones(volume.shape))
    wanted, noisy = (
        scores_at(volume, t, None, ROTATIONS[:8], voxels).max(axis=0).reshape(volume.shape)
        for t in (template, shuffled)
    )
    found = correct_background(score, background)
    np.testing.assert_allclose(found, wanted - noisy + noisy.mean(), atol=5e-6)
    assert found.mean() == pytest.approx(score.mean(), abs=1e-5)


def test_smoothing_and_scale_are_applied_before_the_difference():
    score, values = noise((10, 11, 12)), noise((10, 11, 12), seed=1)
    smooth = gaussian_filter(values, 2.0, mode="nearest")
    np.testing.assert_allclose(
        correct_background(score, values, smooth_px=2.0, scale=1.3),
        score - 1.3 * (smooth - smooth.mean()), atol=1e-5,
    )  # fmt: skip


def test_voxels_that_were_not_searched_do_not_count():
    values = np.full((12, 12, 24), 0.3, np.float32) + 0.01 * noise((12, 12, 24))
    region = np.zeros(values.shape, bool)
    region[:, :, 12:] = True
    values[~region] = 0
    found = background_map(values, smooth_px=3.0, region=region)
    assert np.all(found[~region] == 0)
    # No slope towards what was not searched.
    assert np.abs(found[:, :, 12:].mean(axis=(0, 1))).max() < 0.005
    assert found[region].mean() == pytest.approx(0, abs=1e-5)
    assert np.all(background_map(values, region=np.zeros_like(region)) == 0)


def test_texture_that_matches_everything_is_levelled():
    """Half of the volume is textured at the template's own scale: all scores are higher there."""
    template = lumpy_template(10, smooth=1.6)
    volume = noise((20, 20, 64))
    volume[:, :, 32:] = 8 * noise((20, 20, 32), seed=1, smooth=1.6)
    some = sparse_rotations(ROTATIONS, fraction=0.3, seed=0)
    score = search_exact(volume, template, ROTATIONS, weight=None, means=Means()).score
    background = search_exact(
        volume, phase_randomised(template, seed=0), some, weight=None, means=Means()
    ).score
    scale = extreme_value_scale(len(ROTATIONS), len(some))
    level = correct_background(score, background, smooth_px=4.0, scale=scale)
    left, right = np.s_[:, :, 6:26], np.s_[:, :, 38:58]
    before = score[right].mean() - score[left].mean()
    after = level[right].mean() - level[left].mean()
    assert before > 0.05
    assert abs(after) < 0.35 * before


def test_shapes_must_agree():
    with pytest.raises(InputError, match="score of"):
        correct_background(noise((4, 4, 4)), noise((4, 4, 5)))
    with pytest.raises(InputError, match="region of"):
        background_map(noise((4, 4, 4)), region=np.ones((4, 4, 5), bool))
