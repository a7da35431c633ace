import numpy as np
import pytest

from cryopick.curate.z_scores import MANUAL, dense_z, plain_z, robust_z, select_z_score
from cryopick.errors import InputError


def features(n=400, seed=0):
    return np.random.default_rng(seed).normal([3.0, -2.0, 0.0], [1.0, 5.0, 0.1], (n, 3))


def test_plain_scores_have_mean_0_and_deviation_1():
    z = plain_z(features())
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1)


def test_select_z_score_is_the_formula():
    """z below the least counts 0; the score is the mean over the features."""
    values = features()
    z = (values - values.mean(0)) / values.std(0)
    np.testing.assert_allclose(select_z_score(values), np.where(z < 0, 0, z).mean(1))
    np.testing.assert_allclose(select_z_score(values, min_z=1.0), np.where(z < 1, 0, z).mean(1))


def test_manual_picks_come_first_and_change_nothing_else():
    values = features(50)
    manual = np.zeros(50, bool)
    manual[[3, 9]] = True
    wild = values.copy()
    wild[manual] = 1e6
    score = select_z_score(wild, manual=manual)
    assert (score[manual] == MANUAL).all()
    assert np.argsort(score)[:2].tolist() == [3, 9]
    np.testing.assert_allclose(score[~manual], select_z_score(values[~manual]))
    assert (select_z_score(values[:2], manual=np.ones(2, bool)) == MANUAL).all()


def test_outliers_do_not_widen_robust_scores():
    values = features()
    wild = values.copy()
    wild[:40] += 1000
    np.testing.assert_allclose(robust_z(wild)[40:], robust_z(values)[40:], atol=0.7)
    assert robust_z(wild)[:40].min() > 50
    assert plain_z(wild)[:40].max() < 4
    robust = select_z_score(wild, robust=True)
    assert robust[:40].min() > 10 * robust[40:].max()


def test_scores_do_not_depend_on_scale_and_offset():
    values = features()
    for function in (plain_z, robust_z):
        np.testing.assert_allclose(function(values * 7 - 3), function(values), atol=1e-9)


def test_flat_and_nearly_flat_columns():
    assert (plain_z(np.ones((5, 2))) == 0).all()
    assert (robust_z(np.ones((5, 2))) == 0).all()
    mostly = np.array([[0.0]] * 8 + [[1.0]] * 2)
    z = robust_z(mostly)[:, 0]
    assert (z[:8] == 0).all()
    assert (z[8:] > 1).all()
    assert np.isfinite(z).all()


def test_no_rows_and_bad_rows():
    assert plain_z(np.zeros((0, 3))).shape == (0, 3)
    assert robust_z(np.zeros((0, 3))).shape == (0, 3)
    assert select_z_score(np.zeros((0, 6))).shape == (0,)
    bad = features(5)
    bad[2, 1] = np.nan
    with pytest.raises(InputError, match="features of particle 3: not finite"):
        select_z_score(bad)
    with pytest.raises(InputError, match=r"expected \(n, f\)"):
        plain_z(np.zeros(3))


def test_dense_scores_are_those_of_a_normal_set():
    values = np.random.default_rng(1).normal(5.0, 2.0, 20_000)
    z = dense_z(values)
    assert abs(z.mean()) < 0.15
    assert z.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.5])
def test_dense_scores_follow_the_good_ones_however_much_junk_there_is(share):
    rng = np.random.default_rng(2)
    good = rng.normal(0.0, 1.0, 2000)
    junk = rng.normal(12.0, 5.0, int(2000 * share / (1 - share)))
    z = dense_z(np.concatenate([good, junk]))
    assert abs(np.median(z[:2000])) < 0.5
    assert np.mean(z[:2000] < 3) > 0.98
    assert np.mean(z[2000:] > 3) > 0.8


def test_dense_scores_of_few_or_equal_values():
    assert dense_z(np.array([4.0])).tolist() == [0.0]
    assert dense_z(np.zeros(0)).shape == (0,)
    assert (dense_z(np.full(10, 3.0)) == 0).all()
    assert np.isfinite(dense_z(np.array([0.0] * 6 + [1.0, 2.0]))).all()
