"""One iteration, from state to state."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from class_sets import BOX, PIXEL, class_set, drawn
from cryopick.curate.classes.iteration import (
    LEAST_OF_LOW,
    LEAST_OFFSET_SIGMA_PX,
    next_state,
    telling_shell,
    temperature,
    trusted_noise,
)
from cryopick.curate.classes.prepare import prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.start import first_state

SETTINGS = ClassifySettings(
    classes=3,
    iterations=6,
    mask_diameter_angstrom=90.0,
    ctf="ignore",
    precision="float32",
    psi_step_deg=15,
    offset_range_angstrom=10.0,
    temperature=1.0,
)


@pytest.fixture(scope="module")
def run():
    return prepare(class_set(60)[0], PIXEL, SETTINGS, None)


@pytest.fixture(scope="module")
def states(run):
    found = [first_state(run, None)]
    for _ in range(3):
        found.append(next_state(run, found[-1]))
    return found


def test_the_band_widens_as_halves_agree_and_never_leaves_the_image(run, states):
    widths = [state.band_px for state in states]
    assert widths[0] < widths[-1] <= run.band.radius_px
    assert widths == sorted(widths)


def test_averages_hold_no_detail_beyond_the_band(run, states):
    values = run.band.of_images(states[1].average)
    beyond = run.band.shell > states[0].band_px
    assert np.abs(values[:, beyond]).max() < 0.2 * np.abs(values).max()


def test_every_particle_is_looked_at_and_what_is_said_of_it_is_in_range(states):
    state = states[-1]
    assert (state.class_index >= 0).all()
    assert (np.abs(state.psi_deg) <= 180).all()
    for share in (state.probability, state.class_probability):
        assert (share > 0).all()
        assert (share <= 1 + 1e-5).all()
    assert (state.probability <= state.class_probability + 1e-5).all()
    assert np.isfinite(state.log_likelihood).all()


def test_likelihood_rises(states):
    mean = [state.log_likelihood.mean() for state in states[1:]]
    assert mean[-1] > mean[0]


def test_changed_counts_particles_in_another_class(states):
    assert states[1].changed == 1
    assert states[3].changed == pytest.approx(
        (states[3].class_index != states[2].class_index).mean()
    )


def test_the_spread_of_shifts_has_a_floor(states):
    assert all(state.offset_sigma_px >= LEAST_OFFSET_SIGMA_PX for state in states)


def test_a_state_is_not_changed_by_what_follows(run, states):
    kept = {name: value.copy() for name, value in states[1].arrays().items()}
    next_state(run, states[1])
    for name, value in states[1].arrays().items():
        np.testing.assert_array_equal(value, kept[name])


def test_temperature_falls_to_one_half_way(run):
    hot = replace(run, settings=replace(SETTINGS, temperature=8.0))
    assert [temperature(hot, i) for i in (1, 4, 5, 6)] == [8, 1, 1, 1]
    assert 1 < temperature(hot, 3) < temperature(hot, 2) < 8
    assert [temperature(run, i) for i in (1, 6)] == [1, 1]


def test_batches_differ_and_blend_into_what_was_known(run, states):
    some = replace(run, settings=replace(SETTINGS, batch_size=20))
    first = next_state(some, states[0])
    second = next_state(some, first)
    looked = [state.class_index >= 0 for state in (first, second)]
    assert looked[0].sum() == 20
    assert 20 < looked[1].sum() <= 40
    # Sums stand for all particles whatever was looked at.
    assert second.denominator.sum((0, 1))[1] == pytest.approx(60, rel=1e-3)


def test_noise_is_not_masked_away(run, states):
    open_run = prepare(class_set(60)[0], PIXEL, replace(SETTINGS, zero_mask=False), None)
    state = first_state(open_run, None)
    for _ in range(3):
        state = next_state(open_run, state)
    shells = slice(4, state.band_px)
    np.testing.assert_allclose(
        states[-1].noise_power[shells].mean(), state.noise_power[shells].mean(), rtol=0.15
    )


@pytest.mark.parametrize("noise", [0.15, 1.0])
def test_noise_is_told_from_signal_in_every_shell(noise):
    """Also where particles are far stronger than the noise, at low frequency."""
    images = class_set(60, noise=noise, shapes=1)[0]
    run = prepare(images, PIXEL, replace(SETTINGS, classes=1), None)
    state = first_state(run, None)
    for _ in range(5):
        state = next_state(run, state)
    found = state.noise_power[1 : state.band_px]
    assert found.min() > 0.3
    assert found[1:].max() < (3 if noise == 1 else 12)


def smoothed_set(n, *, seed=0, width_px=2.0, noise=0.3):
    """Particles as a denoiser leaves them: noise of the same blobs as the particles are made of."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.normal(size=(n, BOX, BOX)), (0, width_px, width_px))
    blobs *= noise / blobs.std()
    images = np.stack([drawn(0, turn_deg=rng.uniform(0, 360), width=2.0) for _ in range(n)])
    return ((images + blobs) / noise).astype(np.float32)


def test_noise_that_is_nearly_white_is_trusted_as_measured():
    noise = np.array([1.2, 1.2, 1.1, 1.0, 0.9, 0.4, 0.2])
    np.testing.assert_array_equal(trusted_noise(noise, 3), noise)
    assert telling_shell(noise, 3) == 6


def test_noise_does_not_count_as_far_below_that_at_low_frequency():
    noise = np.array([40.0, 40.0, 25.0, 2.0, 0.5, 1e-3, 1e-4])
    trusted = trusted_noise(noise, 2)
    low = (40 + 2 * 25) / 3
    np.testing.assert_allclose(trusted[5:], LEAST_OF_LOW * low)
    np.testing.assert_array_equal(trusted[:3], noise[:3])
    assert telling_shell(noise, 2) == 4
    np.testing.assert_allclose(trusted_noise(7 * noise, 2), 7 * trusted)


def test_smoothed_images_do_not_run_away():
    """Their measured noise would make every comparison of fine detail decisive."""
    images = smoothed_set(120)
    settings = replace(SETTINGS, iterations=8, mask_diameter_angstrom=80.0)
    run = prepare(images, PIXEL, settings, None)
    state = first_state(run, None)
    for _ in range(settings.iterations):
        state = next_state(run, state)
    assert state.band_px < run.band.radius_px
    assert state.offset_sigma_px < 1.5
    # Where they run away, all end in one class, each in a hundred poses, and change it every time.
    assert state.class_size.max() < 100
    assert state.probability.mean() > 0.3
    assert state.changed < 0.7


def test_shapes(run, states):
    state = states[-1]
    shells = BOX // 2 + 1
    assert state.average.shape == (3, BOX, BOX)
    assert state.half_average.shape == (2, 3, BOX, BOX)
    for name in ("signal_power", "ssnr", "frc"):
        assert getattr(state, name).shape == (3, shells)
    assert state.noise_power.shape == (shells,)
    assert state.numerator.shape == (2, 3, len(run.band))
