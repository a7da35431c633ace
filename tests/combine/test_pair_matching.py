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


@pytest.mark.parametrize("seed", range(5))
def test_one_wrong_pick_more_changes_no_pair_far_away(seed: int) -> None:
    pair, _ = made(seed, particles=60)
    one = paired(pair)
    extra = np.vstack([pair.tilted.position_angstrom, [[-400.0, -400.0]]])
    two = pair_picks(
        pair.untilted.position_angstrom,
        extra,
        tolerance_angstrom=TOLERANCE,
        rng=np.random.default_rng(0),
    )
    assert len(extra) - 1 not in two.tilted_row
    np.testing.assert_array_equal(one.tilted_row, two.tilted_row)


@pytest.mark.parametrize("seed", range(4))
def test_false_pairs_are_no_more_than_chance_makes(seed: int) -> None:
    """A false pair is a pick within the tolerance of where one should be, and that is all."""
    pair, _ = made(seed + 20, particles=60, tilt_deg=40)
    found = paired(pair)
    got = set(zip(found.untilted_row.tolist(), found.tilted_row.tolist(), strict=True))
    truth = set(zip(pair.untilted_row.tolist(), pair.tilted_row.tolist(), strict=True))
    assert len(got - truth) <= max(3, 2 * found.expected_by_chance)


def test_residuals_and_fit_belong_together() -> None:
    pair, _ = made(5)
    found = paired(pair)
    from cryopick.combine.pair_affine import residuals

    np.testing.assert_allclose(
        found.fit.residual_angstrom,
        residuals(
            found.fit.affine,
            pair.untilted.position_angstrom[found.untilted_row],
            pair.tilted.position_angstrom[found.tilted_row],
        ),
    )
    inside = found.fit.residual_angstrom[found.fit.agrees]
    outside = found.fit.residual_angstrom[~found.fit.agrees]
    assert len(inside) > 0.85 * len(found)
    assert not len(outside) or outside.min() > inside.max()


def test_pairs_at_the_rim_do_not_turn_the_fit() -> None:
    """Chance pairs lie anywhere within the tolerance: the fit rests on those that lie close."""
    rng = np.random.default_rng(0)
    untilted = rng.uniform(0, 4000, (80, 2))
    tilted = untilted * [1.0, 0.6] + rng.normal(0, 3, (80, 2))
    away = untilted[:, 0] < 700
    tilted[away] += [0.0, 55.0]  # one side of the view: a bent specimen, or chance
    found = pair_picks(untilted, tilted, tolerance_angstrom=TOLERANCE, rng=rng)
    assert tilt_geometry(found.fit.affine).tilt_deg == pytest.approx(
        np.rad2deg(np.arccos(0.6)), abs=0.2
    )
    assert not found.fit.agrees[np.isin(found.untilted_row, np.flatnonzero(away))].any()


def test_evidence_grows_with_pairs_and_falls_with_chance() -> None:
    from cryopick.combine.pair_matching import _evidence

    assert _evidence(3, 0.0) == 0.0  # three pairs fix a map
    assert _evidence(10, 20.0) == 0.0
    values = [_evidence(n, 5.0) for n in (10, 20, 40, 80)]
    assert values == sorted(values)
    assert _evidence(20, 2.0) > _evidence(20, 5.0) > _evidence(20, 10.0)


def test_evidence_bounds_the_chance() -> None:
    """Against the tail of the Poisson distribution itself."""
    from scipy.stats import poisson

    from cryopick.combine.pair_matching import _evidence

    for n, expected in ((13, 2.0), (23, 5.0), (63, 30.0)):
        tail = float(poisson.logsf(n - 3 - 1, expected))
        assert _evidence(n, expected) <= -tail
        assert _evidence(n, expected) > -tail - 4
