import numpy as np
import pytest

from cryopick.curate.mahalanobis import find_bulk, gaussianised, robust_distance
from cryopick.errors import InputError


def correlated(n=1500, seed=0):
    """Rows whose two columns agree, and a third of its own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    return np.column_stack(
        [common, 2 * common + 0.2 * rng.normal(size=n), rng.normal(3, 0.1, size=n)]
    )


def test_the_bulk_scores_like_a_normal_set():
    z = robust_distance(correlated())
    assert abs(np.median(z)) < 0.3
    assert 0.7 < z.std() < 1.4
    assert np.mean(z > 4) < 0.005


def test_a_row_against_the_correlation_is_odd_though_each_value_is_usual():
    rows = correlated()
    rows[7] = [1.5, -3.0, 3.0]
    z = robust_distance(rows)
    assert int(np.argmax(z)) == 7
    assert z[7] > 5


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_junk_does_not_hide_junk(share):
    rows = correlated()
    bad = int(share * len(rows))
    rows[:bad] = np.random.default_rng(5).normal([6.0, -8.0, 3.5], 0.5, (bad, 3))
    z = robust_distance(rows)
    assert z[:bad].min() > z[bad:].max()


def test_the_distance_of_a_clean_normal_set_is_mahalanobis():
    z = np.random.default_rng(3).normal(size=(4000, 4)) @ np.diag([1.0, 0.5, 2.0, 1.0])
    bulk = find_bulk(z, core=1.0, energy=1.0)
    centred = z - z.mean(0)
    expected = np.sqrt(
        np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(z.T, bias=True)), centred)
    )
    np.testing.assert_allclose(bulk.distance(z), expected, rtol=1e-6)


def test_order_and_units_of_the_columns_do_not_matter():
    rows = correlated()
    z = robust_distance(rows)
    np.testing.assert_allclose(robust_distance(rows[:, ::-1] * [3.0, 0.1, 50.0] + 7), z, atol=1e-6)


def test_degenerate_tables():
    assert robust_distance(np.zeros((0, 3))).shape == (0,)
    assert robust_distance(np.ones((2, 3))).tolist() == [0.0, 0.0]
    assert np.isfinite(robust_distance(np.ones((20, 3)))).all()
    # A column that is a copy of another adds no direction.
    rows = correlated()[:, [0, 0, 2]]
    assert np.isfinite(robust_distance(rows)).all()
    with pytest.raises(InputError, match=r"share from 0\.5 to 1"):
        find_bulk(rows, core=0.2)


def test_gaussianised_chi_squares_are_normal():
    rng = np.random.default_rng(4)
    distance = np.linalg.norm(rng.normal(size=(20_000, 10)), axis=1)
    z = gaussianised(distance, 10)
    assert abs(np.mean(z)) < 0.1
    assert np.mean(z > 2) == pytest.approx(0.0228, abs=0.012)
