"""Scores of round things: their peak, their size, their noise, their scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.model import Grid, Image
from cryopick.ops.blob_filter import disc_contrast_transform, pad_mirrored
from cryopick.pick.blob_scores import (
    DISC_STEPS,
    disc_scores,
    laplacian_scores,
    working_step_px,
)

PIXEL = 5.0
SHAPES = {2: (120, 140), 3: (48, 56, 60)}
SCORES = {"disc": disc_scores, "log": laplacian_scores}


def image_of(pixels, pixel=PIXEL):
    grid = Grid(shape=pixels.shape, pixel_size_angstrom=pixel)
    return Image(data=pixels.astype(np.float32), grid=grid, name="a")


def disc(shape, centre_xyz, diameter_angstrom, *, depth=4.0, noise=1.0, seed=0, pixel=PIXEL):
    """A dark disc or ball with a soft edge, in white noise."""
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    squares = sum((a - c) ** 2 for a, c in zip(axes, centre_xyz[::-1], strict=True))
    radius = diameter_angstrom / 2 / pixel
    body = depth / (1 + np.exp((np.sqrt(squares) - radius) / 0.7))
    return np.random.default_rng(seed).normal(scale=noise, size=shape) - body


def peak_px(scores):
    """``x, y(, z)`` of the highest score, in pixels of the original image."""
    index = np.unravel_index(scores.score.argmax(), scores.score.shape)
    return np.array(index[::-1]) * scores.step_px


def asked(kernel, image, diameters=(100.0, 125.0), resolution=20.0, sign=-1):
    return SCORES[kernel](image, diameters, resolution=resolution, sign=sign)


@pytest.mark.parametrize("kernel", SCORES)
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_peak_lies_on_the_particle(kernel, ndim):
    centre = np.array([60, 48, 24])[:ndim] if ndim == 2 else np.array([30, 26, 22])
    scores = asked(kernel, image_of(disc(SHAPES[ndim], centre, 110.0)))
    assert np.abs(peak_px(scores) - centre).max() <= scores.step_px


@pytest.mark.parametrize("kernel", SCORES)
def test_bright_particles_are_the_dark_ones_of_the_negative(kernel):
    pixels = disc(SHAPES[2], (60, 48), 110.0)
    dark = asked(kernel, image_of(pixels), sign=-1)
    bright = asked(kernel, image_of(-pixels), sign=1)
    np.testing.assert_allclose(dark.score, bright.score, atol=1e-4)
    other = asked(kernel, image_of(pixels), sign=1)
    at = np.unravel_index(dark.score.argmax(), dark.score.shape)
    assert other.score[at] <= 0 < dark.score[at]


@pytest.mark.parametrize("kernel", SCORES)
@settings(max_examples=8, deadline=None)
@given(scale=st.floats(1e-3, 1e4), offset=st.floats(-1e4, 1e4))
def test_gain_and_offset_of_the_camera_do_not_matter(kernel, scale, offset):
    pixels = disc((60, 70), (30, 30), 110.0)
    one = asked(kernel, image_of(pixels))
    two = asked(kernel, image_of(pixels * scale + offset * scale))
    # float32 pixels far from 0 keep fewer digits.
    assert np.corrcoef(one.score.ravel(), two.score.ravel())[0, 1] > 0.999
    np.testing.assert_array_less(np.abs(peak_px(one) - peak_px(two)), 2 * one.step_px + 1e-9)


@pytest.mark.parametrize("true", [80.0, 120.0, 180.0])
def test_the_best_diameter_is_that_of_the_particle(true):
    """Steps between 60 and 200 Å are a factor 1.35 apart."""
    scores = asked("disc", image_of(disc((160, 160), (80, 80), true, noise=0.5)), (60.0, 200.0))
    at = np.unravel_index(scores.score.argmax(), scores.score.shape)
    ratio = float(scores.diameter_angstrom[at]) / true
    assert 1 / 1.4 < ratio < 1.4
    tried = np.unique(scores.diameter_angstrom)
    assert len(tried) <= DISC_STEPS
    assert tried.min() >= 60 * 0.999
    assert tried.max() <= 200 * 1.001


def test_one_diameter_is_tried_once():
    scores = asked("disc", image_of(disc((60, 60), (30, 30), 110.0)), (110.0, 110.0))
    assert np.unique(scores.diameter_angstrom) == pytest.approx([110.0])


def test_relions_scores_leave_out_what_is_of_another_size():
    """A dark disc four times too large prefers a diameter outside the range: it scores 0."""
    pixels = disc((200, 200), (100, 100), 420.0, depth=8.0, noise=0.3)
    scores = asked("log", image_of(pixels), (90.0, 110.0))
    middle = tuple(int(100 / scores.step_px) for _ in range(2))
    assert scores.score[middle] == 0
    assert scores.diameter_angstrom[middle] > 110
    inside = (scores.diameter_angstrom >= 90 * 0.999) & (scores.diameter_angstrom <= 110 * 1.001)
    assert not scores.score[~inside].any()


@pytest.mark.parametrize("kernel", SCORES)
def test_mean_and_spread_are_those_of_the_scores_that_count(kernel):
    scores = asked(kernel, image_of(disc(SHAPES[2], (60, 48), 110.0)))
    counted = scores.score
    if kernel == "log":
        size = scores.diameter_angstrom
        counted = scores.score[(size >= 100 * 0.999) & (size <= 125 * 1.001)]
    assert scores.mean == pytest.approx(counted.mean(), abs=1e-4)
    assert scores.sd == pytest.approx(counted.std(), rel=1e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_noise_alone_has_scores_of_about_one_everywhere(ndim):
    """In standard deviations of local noise, also at the rims, where the image is mirrored."""
    pixels = np.random.default_rng(3).normal(size=SHAPES[ndim])
    score = asked("disc", image_of(pixels), (50.0, 50.0)).score
    assert 0.5 < score.std() < 2.0
    rim = np.ones(score.shape, bool)
    rim[tuple(slice(4, -4) for _ in score.shape)] = False
    assert 0.5 < score[rim].std() / score[~rim].std() < 1.6


def test_rough_regions_do_not_win_by_their_roughness():
    """Noise five times stronger in one half: its highest score is no higher than elsewhere."""
    noise = np.random.default_rng(4).normal(size=(160, 240))
    noise[:, 120:] *= 5
    score = asked("disc", image_of(noise)).score
    half = score.shape[1] // 2
    assert score[:, half + 15 :].max() < 1.7 * score[:, : half - 15].max()


@pytest.mark.parametrize("kernel", SCORES)
@pytest.mark.parametrize("value", [0.0, 7.5, np.nan, np.inf])
def test_a_flat_image_scores_nothing(kernel, value):
    scores = asked(kernel, image_of(np.full((60, 70), value)))
    assert np.isfinite(scores.score).all()
    assert np.abs(scores.score).max() < 1e-3
    assert np.isfinite([scores.mean, scores.sd]).all()


@pytest.mark.parametrize("kernel", SCORES)
def test_gaps_do_not_spread(kernel):
    pixels = disc(SHAPES[2], (60, 48), 110.0)
    pixels[5:9, 100:110] = np.nan
    scores = asked(kernel, image_of(pixels))
    assert np.isfinite(scores.score).all()
    assert np.abs(peak_px(scores) - [60, 48]).max() <= scores.step_px


@pytest.mark.parametrize(
    ("pixel", "resolution", "step"),
    [
        (5.0, 20.0, 2.0),
        (1.0, 20.0, 10.0),
        (12.0, 20.0, 1.0),
        (3.0, 20.0, 10 / 3),
        (10.0, 20.0, 1.0),
    ],
)
def test_the_working_pixel_has_the_resolution_at_nyquist(pixel, resolution, step):
    grid = Grid(shape=(8, 8), pixel_size_angstrom=pixel)
    assert working_step_px(grid, resolution) == pytest.approx(step)


@pytest.mark.parametrize("kernel", SCORES)
def test_a_finer_image_of_the_same_specimen_has_the_same_peak(kernel):
    """At 2.5 and at 5 Å per pixel the particle lies at the same Å."""
    coarse = asked(kernel, image_of(disc((120, 140), (60, 48), 110.0, noise=0.2)))
    fine_pixels = disc((240, 280), (120, 96), 110.0, noise=0.2, pixel=2.5)
    fine = asked(kernel, image_of(fine_pixels, pixel=2.5))
    place = [peak_px(coarse) * PIXEL, peak_px(fine) * 2.5]
    assert np.abs(place[0] - place[1]).max() <= 10.0 + 1e-6  # one working pixel
    assert fine.step_px == pytest.approx(2 * coarse.step_px)


@pytest.mark.parametrize("shape", [(70, 81), (40, 36, 45)])
def test_scores_agree_with_a_plain_calculation(shape):
    """In float64, on whole transforms: disc against ring, over the deviation around each pixel."""
    pixel, diameter = 12.0, 60.0
    pixels = np.random.default_rng(5).normal(size=shape)
    scores = asked("disc", image_of(pixels, pixel), (diameter, diameter))
    clean = -(pixels - pixels.mean()) / pixels.std()

    def frequency(padded):
        lines = (np.fft.fftfreq(n, pixel) ** 2 for n in padded.shape)
        return np.sqrt(sum(np.meshgrid(*lines, indexing="ij")))

    def filtered(padded, weight):
        return np.fft.ifftn(np.fft.fftn(padded) * weight).real

    padded, inside = pad_mirrored(clean, 5)
    response = disc_contrast_transform(frequency(padded), diameter, ndim=len(shape))
    answer = filtered(padded, response)[inside] / np.sqrt((response**2).mean())
    padded, inside = pad_mirrored(clean, 10)
    window = np.exp(-2 * (np.pi * diameter * frequency(padded)) ** 2)
    spread = np.sqrt(filtered(padded**2, window) - filtered(padded, window) ** 2)[inside]
    inner = tuple(slice(10, -10) for _ in shape)  # no noise is mirrored there
    assert scores.step_px == 1
    np.testing.assert_allclose(scores.score[inner], (answer / spread)[inner], atol=1e-4)


@pytest.mark.parametrize("kernel", SCORES)
def test_twice_is_the_same(kernel):
    image = image_of(disc((60, 70), (30, 30), 110.0))
    np.testing.assert_array_equal(asked(kernel, image).score, asked(kernel, image).score)
