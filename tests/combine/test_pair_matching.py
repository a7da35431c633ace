"""Automatic pairing: most true pairs at every tilt, nothing from unrelated sets, same every time."""

from __future__ import annotations

import numpy as np
import pytest

from cryopick.combine.pair_affine import PairAffine
from cryopick.combine.pair_matching import PairedPicks, assign, pair_picks
from cryopick.combine.pair_seeds import TiltLimits
from cryopick.combine.tilt_geometry import tilt_geometry
from cryopick.errors import InputError
from cryopick.simulate.tilt_pairs import SimulatedTiltPair, TiltPairRecipe, simulate_tilt_pair

TOLERANCE = 60.0


def made(seed: int, **changes: float) -> tuple[SimulatedTiltPair, TiltPairRecipe]:
    rng = np.random.default_rng(seed)
    recipe = TiltPairRecipe(
        axis_untilted_deg=rng.uniform(0, 180),
        axis_tilted_deg=rng.uniform(0, 180),
        **{"particles": 120, **changes},  # type: ignore[arg-type]
    )
    return simulate_tilt_pair(recipe, names=("u", "t"), rng=rng), recipe


def paired(pair: SimulatedTiltPair, seed: int = 0) -> PairedPicks:
    return pair_picks(
        pair.untilted.position_angstrom,
        pair.tilted.position_angstrom,
        tolerance_angstrom=TOLERANCE,
        rng=np.random.default_rng(seed),
    )


def recall(found: PairedPicks, pair: SimulatedTiltPair) -> tuple[float, float]:
    truth = set(zip(pair.untilted_row.tolist(), pair.tilted_row.tolist(), strict=True))
    got = set(zip(found.untilted_row.tolist(), found.tilted_row.tolist(), strict=True))
    return len(truth & got) / len(truth), len(truth & got) / len(got)


@pytest.mark.parametrize("tilt", [30.0, 45.0, 60.0])
def test_most_true_pairs_are_found_and_the_tilt_within_a_degree(tilt: float) -> None:
    pair, recipe = made(int(tilt), tilt_deg=tilt)
    found = paired(pair)
    share, precision = recall(found, pair)
    assert share >= 0.95
    assert precision >= 0.9
    geometry = tilt_geometry(found.fit.affine)
    assert geometry.tilt_deg == pytest.approx(tilt, abs=1.0)
    apart = geometry.rotation_deg - (recipe.axis_tilted_deg - recipe.axis_untilted_deg)
    assert abs((apart + 90) % 180 - 90) < 1.0


def test_each_pick_has_one_partner_within_the_tolerance() -> None:
    pair, _ = made(1)
    found = paired(pair)
    assert len(np.unique(found.untilted_row)) == len(found)
    assert len(np.unique(found.tilted_row)) == len(found)
    assert found.fit.residual_angstrom.max() <= TOLERANCE
    assert len(found) > 4 * found.expected_by_chance


def test_same_seed_same_pairs_and_order_of_picks_does_not_matter() -> None:
    pair, _ = made(2, particles=60)
    one, two = paired(pair, 7), paired(pair, 7)
    np.testing.assert_array_equal(one.tilted_row, two.tilted_row)
    order = np.random.default_rng(0).permutation(len(pair.tilted))
    mixed = pair_picks(
        pair.untilted.position_angstrom,
        pair.tilted.position_angstrom[order],
        tolerance_angstrom=TOLERANCE,
        rng=np.random.default_rng(7),
    )
    np.testing.assert_array_equal(order[mixed.tilted_row], one.tilted_row)


def test_moving_both_views_moves_nothing_else() -> None:
    pair, _ = made(3, particles=60)
    one = paired(pair)
    other = pair_picks(
        pair.untilted.position_angstrom + 1e4,
        pair.tilted.position_angstrom - 5e3,
        tolerance_angstrom=TOLERANCE,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(one.tilted_row, other.tilted_row)


@pytest.mark.parametrize(("n", "m"), [(20, 25), (60, 80)])
def test_unrelated_picks_are_refused(n: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryopick.combine.pair_matching._EFFORTS", ((1_000_000, 100),))
    rng = np.random.default_rng(n)
    with pytest.raises(InputError, match="could not be paired") as caught:
        pair_picks(
            rng.uniform(0, 6000, (n, 2)),
            rng.uniform(0, 6000, (m, 2)),
            tolerance_angstrom=TOLERANCE,
            rng=rng,
        )
    assert "\n" not in str(caught.value)


def test_tilts_outside_the_limits_are_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryopick.combine.pair_matching._EFFORTS", ((300_000, 50),))
    pair, _ = made(4, tilt_deg=55, particles=60)
    with pytest.raises(InputError, match="could not be paired"):
        pair_picks(
            pair.untilted.position_angstrom,
            pair.tilted.position_angstrom,
            tolerance_angstrom=TOLERANCE,
            rng=np.random.default_rng(0),
            limits=TiltLimits(tilt_min_deg=15, tilt_max_deg=40),
        )


def test_few_picks_and_bad_values_are_refused() -> None:
    rng = np.random.default_rng(0)
    many = rng.uniform(0, 1000, (10, 2))
    for bad, message in (
        (many[:5], "5 untilted picks, at least 6"),
        (np.zeros((0, 2)), "0 untilted picks"),
        (np.full((8, 2), np.nan), "finite positions"),
    ):
        with pytest.raises(InputError, match=message):
            pair_picks(bad, many, tolerance_angstrom=10, rng=rng)
    with pytest.raises(InputError, match="above 0"):
        pair_picks(many, many, tolerance_angstrom=0, rng=rng)
    with pytest.raises(InputError, match="could not be paired"):
        pair_picks(np.ones((9, 2)), np.ones((9, 2)), tolerance_angstrom=5, rng=rng)


def test_assignment_prefers_more_pairs_to_nearer_ones() -> None:
    same = PairAffine(matrix=np.eye(2), shift_angstrom=np.zeros(2))
    pairs = assign(same, np.array([[0.0, 0], [3, 0]]), np.array([[2.0, 0], [5.5, 0]]), 2.6)
    assert pairs.first.tolist() == [0, 1]
    assert pairs.second.tolist() == [0, 1]
