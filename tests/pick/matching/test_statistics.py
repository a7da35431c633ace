"""The tail of the background: its own mathematics, without any fit."""

import numpy as np
import pytest
from scipy.integrate import quad

from cryopick.errors import InputError
from cryopick.pick.matching.statistics import BackgroundTail

MIXED = BackgroundTail(
    start=4.0, number=500.0, slope=(2.0, 3.0), shape=(0.0, 1.0), weight=(0.3, 0.7), scale=4.0
)


def test_below_the_start_everything_is_background():
    np.testing.assert_array_equal(MIXED.p_value(np.array([-np.inf, 0.0, 4.0])), 1.0)
    assert MIXED.density(np.array([3.9])).tolist() == [0.0]


def test_an_exponential_tail():
    tail = BackgroundTail(
        start=1.0, number=10.0, slope=(2.0,), shape=(0.0,), weight=(1.0,), scale=1.0
    )
    np.testing.assert_allclose(tail.p_value(np.array([1.5, 3.0])), np.exp([-1.0, -4.0]))


def test_a_gaussian_tail_falls_as_a_gaussian_of_mean_0():
    sigma, start = 0.7, 4.0
    tail = BackgroundTail(
        start=start, number=1.0, slope=(start / sigma**2,), shape=(1.0,), weight=(1.0,), scale=start
    )
    score = np.array([4.5, 6.0])
    expected = np.exp(-(score**2 - start**2) / (2 * sigma**2))
    np.testing.assert_allclose(tail.p_value(score), expected)


def test_the_density_is_the_slope_of_the_expected_number():
    area = quad(lambda s: float(MIXED.density(np.array(s))), 5.0, 6.0)[0]
    number = MIXED.expected(np.array([5.0, 6.0]))
    assert area == pytest.approx(number[0] - number[1])


def test_p_values_fall_and_their_logarithm_does_not_underflow():
    score = np.linspace(4, 300, 500)
    log_p = MIXED.log_p_value(score)
    assert np.isfinite(log_p).all()
    assert (np.diff(log_p) < 0).all()
    near = np.linspace(4, 7, 20)
    np.testing.assert_allclose(np.log(MIXED.p_value(near)), MIXED.log_p_value(near))


@pytest.mark.parametrize("number", [0.001, 1.0, 499.0])
def test_the_level_of_a_number_is_where_it_is_expected(number):
    assert float(MIXED.expected(np.array(MIXED.level(number)))) == pytest.approx(number)


@pytest.mark.parametrize("number", [500.0, 1e9, 0.0])
def test_a_number_that_cannot_be_expected_has_the_start_as_level(number):
    assert MIXED.level(number) == MIXED.start


@pytest.mark.parametrize(
    "change", [{"slope": (2.0,)}, {"slope": (0.0, 1.0)}, {"scale": 0.0}, {"number": -1.0}]
)
def test_a_tail_that_makes_no_sense(change):
    values = {
        "start": 4.0, "number": 5.0, "slope": (2.0, 3.0), "shape": (0.0, 1.0),
        "weight": (0.5, 0.5), "scale": 4.0,
    }  # fmt: skip
    with pytest.raises(InputError, match="tail of the background"):
        BackgroundTail(**(values | change))
