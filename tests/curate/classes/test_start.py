"""The state before the first iteration."""

from dataclasses import replace

import numpy as np
import pytest

from class_sets import BOX, PIXEL, class_set
from cryopick.curate.classes.prepare import prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.start import first_state
from cryopick.errors import InputError

SETTINGS = ClassifySettings(
    classes=4, mask_diameter_angstrom=90.0, ctf="ignore", precision="float32", psi_step_deg=15
)


def begun(settings=SETTINGS, *, n=60, half=None, images=None):
    images = class_set(n)[0] if images is None else images
    return first_state(prepare(images, PIXEL, settings, None), half)


def test_nothing_is_known_of_the_particles():
    state = begun()
    assert state.iteration == 0
    assert (state.class_index == -1).all()
    assert np.isnan(state.log_likelihood).all()
    assert not state.shift_px.any()


def test_halves_are_even_and_may_be_given():
    state = begun()
    assert np.bincount(state.half).tolist() == [0, 30, 30]
    given = np.array([2, 1, 1] * 20)
    np.testing.assert_array_equal(begun(half=given).half, given)
    with pytest.raises(InputError, match="half sets of 1 and 2"):
        begun(half=given[:-1])


def test_classes_begin_different_and_smooth():
    state = begun()
    flat = state.average.reshape(4, -1)
    assert (np.corrcoef(flat) - np.eye(4)).max() < 0.999
    power = np.abs(np.fft.rfft2(state.average)) ** 2
    assert power[:, state.band_px + 2 : -state.band_px - 2, :].sum() < 0.02 * power.sum()
    assert np.abs(state.average).max() > 0


def test_first_detail_is_asked_for_or_a_share_of_the_mask():
    assert begun().band_px == int(BOX * PIXEL / (90 / 5))
    fine = replace(SETTINGS, start_resolution_angstrom=24.0)
    assert begun(fine).band_px == 5


def test_noise_of_white_images_is_their_variance():
    rng = np.random.default_rng(0)
    images = (3 * rng.normal(size=(80, BOX, BOX))).astype(np.float32)
    state = begun(images=images)
    assert state.noise_power[2:].mean() == pytest.approx(9, rel=0.1)
    unmasked = begun(replace(SETTINGS, zero_mask=False), images=images)
    assert unmasked.noise_power[2:].mean() == pytest.approx(9, rel=0.1)


def test_the_same_seed_begins_the_same():
    np.testing.assert_array_equal(begun().average, begun().average)
    assert not np.array_equal(begun().average, begun(replace(SETTINGS, seed=1)).average)


def test_precision_is_as_asked_or_measured():
    assert begun(replace(SETTINGS, precision="bfloat16")).precision == "bfloat16"
    assert begun(replace(SETTINGS, precision="auto")).precision in ("float32", "bfloat16")
