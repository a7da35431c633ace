import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_rotation_vector, multiply, random_rotations
from cryopick.pick.matching.turned_scores import TurnedScores
from cryopick.pick.matching.turned_spread import TurnedSpread, sampled_orientations
from pick.matching.worlds import particle, wedge


def lopsided(n):
    """A wedge of -60 to 40 degrees: only a half turn about y leaves it as it is."""
    kz, kx = np.fft.fftfreq(n)[:, None, None], np.fft.rfftfreq(n)
    angle = np.degrees(np.arctan2(kz, kx + 1e-9))
    k = np.sqrt(kz**2 + np.fft.fftfreq(n)[:, None] ** 2 + kx**2)
    return (np.clip((50 - np.abs(angle + 10)) / 4 + 0.5, 0, 1) * (k < 0.4)).astype(np.float32)


def other(count=60):
    return random_rotations(count, rng=np.random.default_rng(7))


@pytest.mark.parametrize(("make", "knots"), [(wedge, 4), (lopsided, 2)])
def test_it_knows_orientations_that_were_not_measured(make, knots):
    weight = make(16)
    scores = TurnedScores(particle(16), weight)
    knot = sampled_orientations()
    fitted = TurnedSpread.fitted(knot, scores.spread(knot), weight=weight)
    assert len(fitted.knot) == knots * len(knot)
    exact = np.log(scores.spread(other()))
    error = np.log(fitted.at(other())[0]) - exact
    assert error.std() < 0.25 * exact.std()
    assert abs(error.mean()) < 0.1 * exact.std()


def test_without_symmetry_of_the_weight_it_still_fits():
    weight = wedge(16) * np.linspace(0.5, 1, 16, dtype=np.float32)[:, None]
    weight[1:8] *= 0.7
    scores = TurnedScores(particle(16), weight)
    knot = sampled_orientations()
    fitted = TurnedSpread.fitted(knot, scores.spread(knot), weight=weight)
    assert len(fitted.knot) == len(knot)
    exact = np.log(scores.spread(other()))
    assert np.std(np.log(fitted.at(other())[0]) - exact) < 0.5 * exact.std()


def test_the_slope_is_the_change_with_own_turns():
    knot = sampled_orientations()
    spread = np.exp(0.1 * knot[:, 0] ** 2 - 0.2 * knot[:, 1] * knot[:, 2])
    fitted = TurnedSpread.fitted(knot, spread, weight=lopsided(8))
    pose = other(10)
    _, slope = fitted.at(pose)
    for axis in range(3):
        step = 1e-4 * np.eye(3)[axis]
        ahead = np.log(fitted.at(multiply(pose, from_rotation_vector(step)))[0])
        behind = np.log(fitted.at(multiply(pose, from_rotation_vector(-step)))[0])
        np.testing.assert_allclose(slope[:, axis], (ahead - behind) / 2e-4, atol=1e-6)


def test_both_signs_of_a_quaternion_are_one_rotation():
    knot = sampled_orientations()
    fitted = TurnedSpread.fitted(knot, 1 + 0.3 * knot[:, 3] ** 2, weight=lopsided(8))
    for one, negative in zip(fitted.at(other()), fitted.at(-other()), strict=True):
        np.testing.assert_allclose(one, negative, atol=1e-12)


def test_half_turns_of_the_specimen_change_nothing():
    weight = wedge(16)
    scores = TurnedScores(particle(16), weight)
    pose = other(4)
    for half_turn in np.eye(4)[1:]:
        np.testing.assert_allclose(
            scores.spread(pose), scores.spread(multiply(half_turn, pose)), rtol=0.02
        )


def test_a_template_of_which_nothing_is_left_is_an_error():
    knot = sampled_orientations()
    with pytest.raises(InputError, match="nothing is left"):
        TurnedSpread.fitted(knot, np.zeros(len(knot)), weight=None)
