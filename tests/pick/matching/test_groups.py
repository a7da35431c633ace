"""Two groups are found where there are two, and not where one is skewed, cut or small."""

import numpy as np
import pytest

from cryopick.pick.matching.groups import two_groups


def test_numbers_means_and_valley():
    rng = np.random.default_rng(0)
    found = two_groups(np.r_[rng.normal(0.35, 0.05, 150), rng.normal(0.65, 0.03, 80)])
    assert found.lower.number == pytest.approx(150, abs=4)
    assert found.upper.number == pytest.approx(80, abs=4)
    assert found.upper.mean == pytest.approx(0.65, abs=0.01)
    assert found.upper.sd == pytest.approx(0.03, rel=0.2)
    assert 0.5 < found.valley < 0.6


def test_the_unit_and_the_order_do_not_matter():
    rng = np.random.default_rng(1)
    score = np.r_[rng.normal(5, 0.4, 60), rng.normal(9, 0.4, 60)]
    one = two_groups(score)
    other = two_groups(rng.permutation(score) * 0.01 + 3)
    assert other.valley == pytest.approx(one.valley * 0.01 + 3, rel=1e-6)


def cut(rng):
    score = rng.normal(7.5, 0.8, 400)
    return score[score > 7]


ONE_GROUP = {
    "normal": lambda rng: rng.normal(8, 0.8, 300),
    "cut": cut,
    "skewed": lambda rng: 8 - rng.gamma(2, 0.5, 300),
    "exponential": lambda rng: 8 + rng.exponential(1.0, 300),
    "few": lambda rng: rng.normal(8, 0.8, 30),
}


@pytest.mark.parametrize("kind", ONE_GROUP)
def test_one_group_is_not_parted(kind):
    found = [two_groups(ONE_GROUP[kind](np.random.default_rng(seed))) for seed in range(30)]
    assert sum(groups is not None for groups in found) <= 1


def test_groups_that_overlap_are_one():
    rng = np.random.default_rng(2)
    assert two_groups(np.r_[rng.normal(6, 0.8, 200), rng.normal(7.5, 0.8, 200)]) is None


def test_a_few_outliers_are_no_group():
    rng = np.random.default_rng(3)
    assert two_groups(np.r_[rng.normal(6, 0.3, 200), rng.normal(12, 0.3, 5)]) is None


@pytest.mark.parametrize("score", [np.zeros(0), np.ones(19), np.ones(100), np.arange(19.0)])
def test_nothing_to_part(score):
    assert two_groups(score) is None
