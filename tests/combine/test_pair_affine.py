"""The affine map of a tilt pair: exact on exact data, refuses lines, survives wrong pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.combine.pair_affine import (
    MAX_CONDITION,
    PairAffine,
    affine_through,
    condition_number,
    fit_affine,
    fit_affine_robust,
    residuals,
    to_tilted,
    to_untilted,
)
from cryopick.errors import InputError

MAP = PairAffine(matrix=np.array([[0.9, 0.1], [-0.2, 0.5]]), shift_angstrom=np.array([300.0, -40]))


def points(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 4000, (n, 2))


@pytest.mark.parametrize("n", [3, 4, 8, 50])
def test_exact_pairs_give_the_exact_map(n: int) -> None:
    untilted = points(n)
    fitted = fit_affine(untilted, to_tilted(MAP, untilted))
    np.testing.assert_allclose(fitted.matrix, MAP.matrix, atol=1e-9)
    np.testing.assert_allclose(fitted.shift_angstrom, MAP.shift_angstrom, atol=1e-6)


def test_fit_is_the_pseudo_inverse_of_homogeneous_coordinates() -> None:
    rng = np.random.default_rng(3)
    untilted = points(20)
    tilted = to_tilted(MAP, untilted) + rng.normal(0, 10, (20, 2))
    x = np.vstack([untilted.T, np.ones(20)])
    y = np.vstack([tilted.T, np.ones(20)])
    whole = y @ np.linalg.pinv(x)
    fitted = fit_affine(untilted, tilted)
    np.testing.assert_allclose(fitted.matrix, whole[:2, :2], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fitted.shift_angstrom, whole[:2, 2], rtol=1e-6)


@given(seed=st.integers(0, 10_000))
def test_there_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0, 1, (2, 2)) + 2 * np.eye(2)
    affine = PairAffine(matrix=matrix, shift_angstrom=rng.normal(0, 100, 2))
    untilted = rng.uniform(0, 1000, (7, 2))
    back = to_untilted(affine, to_tilted(affine, untilted))
    atol = 1e-9 * np.linalg.cond(matrix) * 1000
    np.testing.assert_allclose(back, untilted, atol=atol)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_pairs_are_refused(n: int) -> None:
    with pytest.raises(InputError, match=f"{n} pairs, at least 3"):
        fit_affine(points(n).reshape(n, 2), points(n).reshape(n, 2))


def test_pairs_on_a_line_are_refused() -> None:
    line = np.outer(np.arange(10.0), [100.0, 70.0])
    with pytest.raises(InputError, match="almost on a line"):
        fit_affine(line, line)
    with pytest.raises(InputError, match="on a line"):
        fit_affine_robust(line, line, tolerance_angstrom=10, rng=np.random.default_rng(0))
    almost = line + np.random.default_rng(0).normal(0, 0.5, line.shape)
    assert condition_number(almost) > MAX_CONDITION
    with pytest.raises(InputError, match="almost on a line"):
        fit_affine(almost, almost)


def test_condition_does_not_depend_on_origin_and_unit() -> None:
    one = condition_number(points(10))
    assert condition_number(points(10) * 1000 + 1e6) == pytest.approx(one, rel=1e-6)
    assert one < 5
    assert condition_number(np.zeros((4, 2))) == np.inf


def test_unequal_and_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match="equal length") as caught:
        fit_affine(points(4), points(5))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not a finite number"):
        fit_affine(np.full((4, 2), np.nan), points(4))
    with pytest.raises(InputError, match="above 0"):
        fit_affine_robust(points(9), points(9), tolerance_angstrom=0, rng=np.random.default_rng(0))


@pytest.mark.parametrize("wrong", [0, 3, 8])
def test_wrong_pairs_are_told_from_right_ones(wrong: int) -> None:
    rng = np.random.default_rng(wrong)
    untilted = points(20, seed=5)
    tilted = to_tilted(MAP, untilted) + rng.normal(0, 3, (20, 2))
    tilted[:wrong] += rng.choice([-1, 1], (wrong, 2)) * rng.uniform(200, 600, (wrong, 2))
    fit = fit_affine_robust(untilted, tilted, tolerance_angstrom=30, rng=rng)
    np.testing.assert_array_equal(np.flatnonzero(~fit.agrees), np.arange(wrong))
    np.testing.assert_allclose(fit.affine.matrix, MAP.matrix, atol=0.01)
    assert fit.rms_angstrom < 8
    assert np.all(fit.residual_angstrom[:wrong] > 30)


def test_up_to_eight_pairs_all_count() -> None:
    untilted = points(8)
    tilted = to_tilted(MAP, untilted)
    tilted[0] += 500
    fit = fit_affine_robust(untilted, tilted, tolerance_angstrom=30, rng=np.random.default_rng(0))
    assert fit.agrees.all()
    assert fit.tolerance_angstrom == np.inf
    assert not np.allclose(fit.affine.matrix, MAP.matrix, atol=1e-3)


def test_pairs_without_any_agreement_are_refused() -> None:
    untilted, tilted = np.zeros((12, 2)), points(12)
    with pytest.raises(InputError, match="agree on no map"):
        fit_affine_robust(untilted, tilted, tolerance_angstrom=5, rng=np.random.default_rng(0))


def test_residuals_are_distances_in_the_tilted_view() -> None:
    untilted = points(5)
    tilted = to_tilted(MAP, untilted) + np.array([3.0, 4.0])
    np.testing.assert_allclose(residuals(MAP, untilted, tilted), 5.0)


def test_map_through_three_pairs_and_none_through_a_line() -> None:
    untilted = points(3)[None]
    matrix, shift = affine_through(untilted, to_tilted(MAP, untilted[0])[None])
    np.testing.assert_allclose(matrix[0], MAP.matrix, atol=1e-9)
    np.testing.assert_allclose(shift[0], MAP.shift_angstrom, atol=1e-6)
    line = np.array([[[0.0, 0], [1, 1], [2, 2]]])
    assert np.isnan(affine_through(line, line)[0]).all()


@given(seed=st.integers(0, 5000), n=st.integers(3, 30))
def test_moving_and_scaling_both_views_changes_the_map_as_it_must(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    untilted = rng.uniform(0, 4000, (n, 2))
    if condition_number(untilted) > 50:
        return
    tilted = to_tilted(MAP, untilted) + rng.normal(0, 10, (n, 2))
    one = fit_affine(untilted, tilted)
    two = fit_affine(2 * untilted + 100, 2 * tilted - 300)
    np.testing.assert_allclose(one.matrix, two.matrix, atol=1e-8)
    np.testing.assert_allclose(
        to_tilted(two, 2 * untilted + 100), 2 * to_tilted(one, untilted) - 300, atol=1e-5
    )


@given(seed=st.integers(0, 5000))
def test_order_of_pairs_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    untilted = rng.uniform(0, 4000, (12, 2))
    tilted = to_tilted(MAP, untilted) + rng.normal(0, 5, (12, 2))
    order = rng.permutation(12)
    one, two = fit_affine(untilted, tilted), fit_affine(untilted[order], tilted[order])
    np.testing.assert_allclose(one.matrix, two.matrix, atol=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_robust_fit_is_that_of_the_right_pairs_alone(share: float) -> None:
    rng = np.random.default_rng(int(100 * share))
    untilted = points(60, seed=9)
    tilted = to_tilted(MAP, untilted) + rng.normal(0, 4, (60, 2))
    wrong = np.arange(60) < share * 60
    tilted[wrong] = rng.uniform(0, 4000, (int(wrong.sum()), 2))
    fit = fit_affine_robust(untilted, tilted, tolerance_angstrom=25, rng=rng)
    alone = fit_affine(untilted[fit.agrees], tilted[fit.agrees])
    np.testing.assert_allclose(fit.affine.matrix, alone.matrix, atol=1e-9)
    assert np.count_nonzero(fit.agrees & wrong) <= 1
    assert np.count_nonzero(fit.agrees & ~wrong) >= 0.97 * np.count_nonzero(~wrong)


def test_same_generator_same_fit() -> None:
    untilted = points(40)
    tilted = to_tilted(MAP, untilted) + np.random.default_rng(0).normal(0, 40, (40, 2))
    one, two = (
        fit_affine_robust(untilted, tilted, tolerance_angstrom=30, rng=np.random.default_rng(4))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.agrees, two.agrees)
    np.testing.assert_array_equal(one.affine.matrix, two.affine.matrix)
