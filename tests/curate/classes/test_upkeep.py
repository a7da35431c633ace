"""Upkeep of classes between iterations."""

from dataclasses import replace

import numpy as np
import pytest

from class_sets import BOX, PIXEL, class_set, drawn
from cryopick.curate.classes.prepare import prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.start import first_state
from cryopick.curate.classes.upkeep import recentred, revived

SETTINGS = ClassifySettings(
    classes=2, mask_diameter_angstrom=95.0, ctf="ignore", precision="float32", psi_step_deg=15
)


def state_with(averages, n=40):
    """A run and a state whose averages are given, in the full band."""
    run = prepare(class_set(n)[0], PIXEL, SETTINGS, None)
    state = first_state(run, None)
    images = np.asarray(averages, np.float32)
    values = run.band.of_images(images)
    return run, replace(
        state,
        average=run.band.to_images(values),
        half_average=run.band.to_images(np.concatenate([values, values])).reshape(2, 2, BOX, BOX),
        reference=run.band.to_images(np.concatenate([values, values])).reshape(2, 2, BOX, BOX),
        numerator=np.stack([values, values]),
        denominator=np.ones_like(state.denominator),
        band_px=run.band.radius_px,
    )


def test_an_average_off_the_centre_is_moved_there_and_its_particles_stay_explained():
    """The image that a particle is said to show does not change."""
    off = (2.0, -1.5)
    run, state = state_with([drawn(1), drawn(1, move=off)])
    rng = np.random.default_rng(0)
    state = replace(
        state,
        class_index=rng.integers(2, size=40),
        psi_deg=rng.uniform(-180, 180, 40),
        shift_px=rng.normal(size=(40, 2)),
    )
    found = recentred(run, state)
    centred = run.band.to_images(run.band.of_images(drawn(1)[None].astype(np.float32)))
    before = np.abs(state.average[1] - centred[0]).max()
    assert np.abs(found.average[1] - centred[0]).max() < 0.35 * before
    # The average turned by -psi and moved by -shift is the image: its centre lies at R c - shift.
    angle = -np.deg2rad(state.psi_deg)
    c, s = np.cos(angle), np.sin(angle)
    own = state.class_index == 1
    moved = found.shift_px - state.shift_px
    assert not moved[~own][np.hypot(*moved[~own].T) > 1].size
    expected = -np.stack([c * off[0] - s * off[1], s * off[0] + c * off[1]], axis=1)
    np.testing.assert_allclose(moved[own], expected[own], atol=0.6)


def test_sums_and_halves_move_with_the_average():
    run, state = state_with([drawn(1), drawn(1, move=(2.5, 0))])
    found = recentred(run, state)
    for values in (
        run.band.to_images(found.numerator[0])[1],
        found.half_average[1, 1],
        found.reference[0, 1],
    ):
        np.testing.assert_allclose(values, found.average[1], atol=1e-3)


def test_what_is_centred_stays():
    run, state = state_with([drawn(1, width=2.5), drawn(2)])
    assert np.abs(recentred(run, state).average[1] - state.average[1]).max() < 1e-5


def test_an_empty_class_takes_half_of_the_largest():
    _, state = state_with([drawn(0), drawn(1)])
    halves = state.half_average.copy()
    halves[0, 0] *= 1 + 0.3 * np.random.default_rng(0).random((BOX, BOX))
    halves[1, 0] = 2 * state.average[0] - halves[0, 0]
    state = replace(state, half_average=halves, class_weight=np.array([0.98, 0.02]))
    found = revived(state, seed=0)
    np.testing.assert_allclose(found.class_weight, 0.5)
    pair = np.corrcoef(found.average.reshape(2, -1))[0, 1]
    assert 0.8 < pair < 1
    np.testing.assert_allclose(found.average.mean(0), state.average[0], atol=1e-4)
    np.testing.assert_allclose(found.numerator.sum(1), state.numerator[:, 0], rtol=1e-5)


@pytest.mark.parametrize("weight", [(0.5, 0.5), (0.7, 0.3)])
def test_classes_in_use_are_left_alone(weight):
    _, state = state_with([drawn(0), drawn(1)])
    state = replace(state, class_weight=np.array(weight))
    found = revived(state, seed=0)
    np.testing.assert_array_equal(found.average, state.average)
    np.testing.assert_allclose(found.class_weight, weight)


def test_the_same_state_is_revived_the_same_way():
    _, state = state_with([drawn(0), drawn(1)])
    state = replace(state, class_weight=np.array([0.99, 0.01]))
    np.testing.assert_array_equal(revived(state, seed=3).average, revived(state, seed=3).average)
