"""Small minimisers against scipy's, and against bounds."""

import numpy as np
import pytest

from cryopick.ops.minimise import descend, lowest_between

FREE = np.full(2, np.inf)


def rosenbrock(x):
    """A curved valley with its lowest point at (1, 1)."""
    away, turn = 1 - x[0], x[1] - x[0] ** 2
    gradient = np.array([-2 * away - 400 * x[0] * turn, 200 * turn])
    return float(away**2 + 100 * turn**2), gradient


@pytest.mark.parametrize("place", [0.0, 0.3, 4.0, 9.99])
def test_the_lowest_point_of_a_valley(place):
    found, value = lowest_between(lambda x: np.cosh(x - place), 0, 10)
    assert found == pytest.approx(place, abs=1e-5)
    assert value == pytest.approx(1)


def test_a_slope_ends_at_its_bound():
    assert lowest_between(lambda x: 3 * x, -2, 5)[0] == pytest.approx(-2, abs=1e-5)
    assert lowest_between(lambda x: -3 * x, -2, 5)[0] == pytest.approx(5, abs=1e-5)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (2.0, 2.0), (0.0, -3.0)])
def test_a_curved_valley(start):
    found, value = descend(rosenbrock, np.array(start), lowest=-FREE, highest=FREE)
    np.testing.assert_allclose(found, [1, 1], atol=1e-5)
    assert value == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [((-2, -2), (0.5, 2)), ((1.3, -2), (3, 3)), ((-2, -2), (2, 0.2)), ((-1, -1), (-0.5, -0.2))],
)
def test_within_bounds_it_is_as_good_as_scipy(lowest, highest):
    from scipy.optimize import minimize

    low, high = np.array(lowest, float), np.array(highest, float)
    bounds = list(zip(lowest, highest, strict=True))
    for start in ((-1.2, 1.0), (2.0, 2.0), (0.0, 0.0)):
        found, value = descend(rosenbrock, np.array(start), lowest=low, highest=high)
        assert (found >= low).all()
        assert (found <= high).all()
        assert value == pytest.approx(rosenbrock(found)[0])
        first = np.clip(start, low, high)
        theirs = minimize(rosenbrock, first, jac=True, method="L-BFGS-B", bounds=bounds)
        assert value <= theirs.fun + 1e-6


def test_what_stands_in_a_corner_stays():
    found, value = descend(
        lambda x: (float(x.sum()), np.ones(2)), np.array([5.0, 5.0]),
        lowest=np.zeros(2), highest=FREE,
    )  # fmt: skip
    assert found.tolist() == [0, 0]
    assert value == 0
    again, _ = descend(rosenbrock, np.ones(2), lowest=-FREE, highest=FREE)
    assert again.tolist() == [1, 1]


def test_badly_scaled_parameters():
    scale = np.array([1e4, 1e-3])

    def bowl(x):
        return float(np.sum(scale * (x - 2) ** 2)), 2 * scale * (x - 2)

    found, _ = descend(bowl, np.array([-7.0, 50.0]), lowest=-FREE, highest=FREE)
    np.testing.assert_allclose(found, [2, 2], atol=1e-2)
