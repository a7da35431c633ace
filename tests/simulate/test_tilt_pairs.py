"""Simulated tilt pairs hold what their recipe says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryopick.combine.pair_affine import fit_affine
from cryopick.combine.tilt_geometry import tilt_geometry
from cryopick.simulate.tilt_pairs import TiltPairRecipe, simulate_tilt_pair

CLEAN = TiltPairRecipe(particles=150, noise_angstrom=0.0, missing=0.0, false=0.0, tilt_deg=50)


def test_clean_pair_has_the_geometry_of_its_recipe() -> None:
    pair = simulate_tilt_pair(CLEAN, names=("u", "t"), rng=np.random.default_rng(0))
    affine = fit_affine(
        pair.untilted.position_angstrom[pair.untilted_row],
        pair.tilted.position_angstrom[pair.tilted_row],
    )
    found = tilt_geometry(affine)
    assert found.tilt_deg == pytest.approx(50, abs=1e-6)
    assert found.axis_untilted_deg == pytest.approx(CLEAN.axis_untilted_deg, abs=1e-6)
    assert found.axis_tilted_deg == pytest.approx(CLEAN.axis_tilted_deg, abs=1e-6)
    half = np.asarray(CLEAN.size_angstrom) / 2
    np.testing.assert_allclose(
        affine.matrix @ half + affine.shift_angstrom, half + CLEAN.shift_angstrom, atol=1e-6
    )


def test_tilted_view_shows_more_of_the_specimen() -> None:
    pair = simulate_tilt_pair(CLEAN, names=("u", "t"), rng=np.random.default_rng(0))
    assert len(pair.untilted) == 150
    expected = 150 / np.cos(np.deg2rad(50))
    assert len(pair.tilted) == pytest.approx(expected, rel=0.15)


def test_particles_keep_their_distance() -> None:
    from scipy.spatial import cKDTree

    pair = simulate_tilt_pair(CLEAN, names=("u", "t"), rng=np.random.default_rng(0))
    apart, _ = cKDTree(pair.untilted.position_angstrom).query(pair.untilted.position_angstrom, k=2)
    assert apart[:, 1].min() >= CLEAN.diameter_angstrom


def test_shares_of_missing_and_false_picks() -> None:
    recipe = replace(CLEAN, missing=0.2, false=0.2, particles=300)
    pair = simulate_tilt_pair(recipe, names=("u", "t"), rng=np.random.default_rng(1))
    # 0.8 are picked, and a quarter of that is added: as many picks as particles.
    assert len(pair.untilted) == pytest.approx(300, rel=0.1)
    assert len(pair.untilted_row) == pytest.approx(0.64 * 300, rel=0.12)
    assert len(np.unique(pair.untilted_row)) == len(pair.untilted_row)
    assert pair.tilted_row.max() < len(pair.tilted)


def test_same_seed_same_pair() -> None:
    recipe = TiltPairRecipe(particles=40)
    one, two = (
        simulate_tilt_pair(recipe, names=("u", "t"), rng=np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.tilted.position_angstrom, two.tilted.position_angstrom)
    assert set(one.tilted.image.tolist()) == {"t"}


def test_nothing_to_pick_is_empty() -> None:
    recipe = replace(CLEAN, particles=1, missing=1.0)
    pair = simulate_tilt_pair(recipe, names=("u", "t"), rng=np.random.default_rng(0))
    assert len(pair.untilted) == len(pair.tilted) == len(pair.untilted_row) == 0
