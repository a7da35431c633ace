"""Linking by row and by geometry: nobody is lost, and no pair is torn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.jobs.pairs_fit_params import PairsFitParams
from cryopick.jobs.pairs_linked import PAIR_ID, RESIDUAL, LinkedPair, link, sized, with_columns
from cryopick.model import Grid, Picks, delete
from cryopick.simulate.tilt_pairs import TiltPairRecipe, simulate_tilt_pair

GRID = Grid(shape=(600, 600), pixel_size_angstrom=10.0)


def given_pairs(n: int, seed: int = 0) -> tuple[Picks, Picks]:
    untilted = np.random.default_rng(seed).uniform(500, 5000, (n, 2))
    tilted = untilted * [1.0, 0.6] + [100.0, 1000.0]
    return Picks.of(untilted, image="u"), Picks.of(tilted, image="t")


def linked(
    untilted: Picks, tilted: Picks, tolerance: float | None = 60.0, **given: object
) -> LinkedPair:
    params = PairsFitParams(picks_untilted="u", picks_tilted="t", **given)  # type: ignore[arg-type]
    return link(
        untilted,
        tilted,
        params,
        tolerance_angstrom=tolerance,
        grids=(GRID, GRID),
        rng=np.random.default_rng(0),
    )


def test_rows_are_pairs() -> None:
    untilted, tilted = given_pairs(12)
    found = linked(untilted, tilted)
    np.testing.assert_array_equal(found.pairs.tilted.position_angstrom, tilted.position_angstrom)
    assert found.fit is not None
    np.testing.assert_allclose(found.fit.affine.matrix, np.diag([1, 0.6]), atol=1e-9)
    assert len(found.untilted_left) == len(found.tilted_left) == 0


@given(
    n=st.integers(1, 15),
    gone=st.tuples(st.sets(st.integers(0, 14)), st.sets(st.integers(0, 14))),
)
def test_dropping_one_side_always_drops_the_other(n: int, gone: tuple[set[int], set[int]]) -> None:
    sides: list[Picks] = []
    for side, rows in zip(given_pairs(n), gone, strict=True):
        which = np.isin(np.arange(n), list(rows))
        sides.append(delete(side, which, reason="manual"))
    found = linked(*sides)
    kept = [row for row in range(n) if row not in gone[0] | gone[1]]
    for pairs, left, side, rows in (
        (found.pairs.untilted, found.untilted_left, sides[0], gone[0]),
        (found.pairs.tilted, found.tilted_left, sides[1], gone[1]),
    ):
        np.testing.assert_array_equal(pairs.position_angstrom, side.position_angstrom[kept])
        assert len(pairs) + len(left) == n
        if len(left):
            reasons = np.asarray(left.reason)
            assert set(reasons) <= {"manual", "partner dropped"}
            assert np.count_nonzero(reasons == "manual") == len(rows & set(range(n)))


@pytest.mark.parametrize("n", [1, 2])
def test_few_pairs_are_kept_without_a_geometry(n: int) -> None:
    found = linked(*given_pairs(n))
    assert len(found.pairs) == n
    assert found.fit is None
    assert f"{n} pairs, at least 3" in found.problem


def test_pairs_on_a_line_are_kept_without_a_geometry() -> None:
    line = Picks.of(np.outer(np.arange(6.0), [100.0, 50.0]), image="u")
    found = linked(line, replace(line, image=np.full(6, "t")))
    assert len(found.pairs) == 6
    assert found.fit is None
    assert "line" in found.problem


def test_wrong_rows_are_told_and_dropped_only_where_asked() -> None:
    untilted, tilted = given_pairs(15)
    place = tilted.position_angstrom.copy()
    place[4] += 900
    tilted = replace(tilted, position_angstrom=place)
    found = linked(untilted, tilted)
    assert len(found.pairs) == 15
    assert found.fit is not None
    assert np.flatnonzero(~found.fit.agrees).tolist() == [4]
    found = linked(untilted, tilted, drop_outliers=True)
    assert len(found.pairs) == 14
    assert np.asarray(found.untilted_left.reason).tolist() == ["no partner"]
    np.testing.assert_allclose(found.tilted_left.position_angstrom, place[4:5])


def test_without_a_tolerance_every_row_counts() -> None:
    untilted, tilted = given_pairs(15)
    place = tilted.position_angstrom.copy()
    place[4] += 900
    found = linked(untilted, replace(tilted, position_angstrom=place), None)
    assert found.fit is not None
    assert found.fit.agrees.all()


def test_unequal_rows_are_refused() -> None:
    untilted, tilted = given_pairs(9)
    with pytest.raises(InputError, match="9 untilted and 6 tilted picks are not paired row by row"):
        linked(untilted, tilted[:6])
    with pytest.raises(InputError, match="--predict untilted"):
        linked(untilted[:6], tilted, predict="tilted")


def test_missing_partners_are_predicted_inside_the_view() -> None:
    untilted, tilted = given_pairs(9)
    far = replace(untilted, position_angstrom=untilted.position_angstrom.copy())
    far.position_angstrom[8] = [5950.0, 100.0]  # its partner lies beyond x = 6000
    for side in (untilted, far):
        found = linked(side, tilted[:6], predict="tilted")
        n = 9 if side is untilted else 8
        assert len(found.pairs) == n
        assert found.predicted.tolist() == [False] * 6 + [True] * (n - 6)
        np.testing.assert_allclose(
            found.pairs.tilted.position_angstrom[:8], tilted.position_angstrom[:8], atol=1e-6
        )
        assert set(np.asarray(found.pairs.tilted.source)[6:].tolist()) == {"predicted"}
        assert len(found.untilted_left) == 9 - n
        assert set(found.pairs.tilted.image.tolist()) == {"t"}


def test_prediction_goes_the_other_way_too() -> None:
    untilted, tilted = given_pairs(9)
    found = linked(untilted[:5], tilted, predict="both")
    np.testing.assert_allclose(
        found.pairs.untilted.position_angstrom, untilted.position_angstrom, atol=1e-6
    )


def test_nothing_is_predicted_without_a_geometry() -> None:
    untilted, tilted = given_pairs(5)
    with pytest.raises(InputError, match="--predict tilted: there is no geometry"):
        linked(untilted, tilted[:2], predict="tilted")


def test_automatic_pairing_keeps_everybody() -> None:
    made = simulate_tilt_pair(
        TiltPairRecipe(particles=80), names=("u", "t"), rng=np.random.default_rng(3)
    )
    untilted = delete(made.untilted, np.arange(len(made.untilted)) < 3, reason="manual")
    found = linked(untilted, made.tilted, auto=True)
    assert len(found.pairs) + len(found.untilted_left) == len(made.untilted)
    assert len(found.pairs) + len(found.tilted_left) == len(made.tilted)
    reasons, counts = np.unique(np.asarray(found.untilted_left.reason), return_counts=True)
    assert dict(zip(reasons.tolist(), counts.tolist(), strict=True))["manual"] == 3
    assert set(np.asarray(found.tilted_left.reason)) == {"no partner"}
    assert found.expected_by_chance < len(found.pairs) / 4


def test_both_sides_carry_the_same_ids_and_residuals() -> None:
    pairs = with_columns(linked(*given_pairs(5)), stem="mic", diameter_angstrom=None)
    assert pairs.untilted.extra[PAIR_ID].tolist() == [f"mic_{i:05d}" for i in range(1, 6)]
    np.testing.assert_array_equal(pairs.untilted.extra[PAIR_ID], pairs.tilted.extra[PAIR_ID])
    np.testing.assert_allclose(pairs.tilted.extra[RESIDUAL], 0, atol=1e-6)
    without = with_columns(linked(*given_pairs(2)), stem="mic", diameter_angstrom=None)
    assert RESIDUAL not in without.tilted.extra


def test_own_diameters_stay() -> None:
    picks = Picks.of([[1.0, 2], [3, 4]], image="a", diameter_angstrom=[100.0, np.nan])
    assert np.asarray(sized(picks, 50).diameter_angstrom).tolist() == [100, 50]
    assert sized(picks, None) is picks
