"""Triangles and first guesses of the map between two views."""

from __future__ import annotations

import numpy as np
import pytest

from cryopick.combine.pair_seeds import (
    TiltLimits,
    find_seeds,
    singular_values,
    tilted_triangles,
    triangles,
)
from cryopick.combine.tilt_geometry import TiltGeometry, affine_matrix

MATRIX = affine_matrix(TiltGeometry(tilt_deg=60, axis_untilted_deg=30, axis_tilted_deg=35, scale=1))


def points(n: int) -> np.ndarray:
    return np.random.default_rng(4).uniform(0, 3000, (n, 2))


def test_singular_values_are_numpys() -> None:
    matrices = np.random.default_rng(0).normal(0, 1, (200, 2, 2))
    long, short = singular_values(matrices)
    np.testing.assert_allclose(
        np.stack([long, short], axis=1), np.linalg.svd(matrices, compute_uv=False), atol=1e-12
    )


def test_limits_allow_tilts_and_nothing_else() -> None:
    limits = TiltLimits(tilt_min_deg=30, tilt_max_deg=60, scale_min=0.95, scale_max=1.05)

    def allowed(tilt: float, scale: float = 1.0, *, mirrored: bool = False) -> bool:
        geometry = TiltGeometry(
            tilt_deg=tilt,
            axis_untilted_deg=70,
            axis_tilted_deg=10,
            scale=scale,
            is_mirrored=mirrored,
        )
        return bool(limits.allow(affine_matrix(geometry)[None])[0])

    assert allowed(31)
    assert allowed(59)
    assert not allowed(29)
    assert not allowed(61)
    assert not allowed(45, 1.06)
    assert not allowed(45, 0.94)
    assert not allowed(45, mirrored=True)


def test_triangles_are_fat_and_anticlockwise() -> None:
    place = points(60)
    found = triangles(place)
    corners = place[found]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert len(found) > 60
    assert np.all(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_no_triangles_of_few_points_or_of_a_line(n: int) -> None:
    assert triangles(points(n).reshape(n, 2)).shape == (0, 3)
    assert triangles(np.outer(np.arange(5.0), [1.0, 2.0])).shape == (0, 3)


def test_stretching_back_finds_the_triangles_of_the_untilted_view() -> None:
    place = points(80)
    here = {tuple(sorted(t)) for t in triangles(place).tolist()}
    tilted = place @ MATRIX.T
    plain = {tuple(sorted(t)) for t in triangles(tilted).tolist()}
    stretched = tilted_triangles(tilted, TiltLimits())
    found = {tuple(sorted(t)) for t in stretched.tolist()}
    assert len(found) == len(stretched)  # each once
    assert len(here & plain) < 0.5 * len(here)
    assert len(here & found) > 0.85 * len(here)


def test_best_seed_is_near_the_true_map() -> None:
    place = points(60)
    tilted = place @ MATRIX.T + [100.0, 900.0]
    seeds = find_seeds(
        place,
        tilted[::-1],
        tolerance=40.0,
        limits=TiltLimits(),
        rng=np.random.default_rng(0),
        maps=500_000,
        keep=20,
    )
    assert len(seeds) == 20
    assert np.all(np.diff(seeds.support) <= 0)
    np.testing.assert_allclose(seeds.matrix[0], MATRIX, atol=1e-6)


def test_few_maps_are_enough_for_clean_picks() -> None:
    place = points(60)
    seeds = find_seeds(
        place,
        place @ MATRIX.T,
        tolerance=40.0,
        limits=TiltLimits(),
        rng=np.random.default_rng(0),
        maps=1,
        keep=5,
    )
    np.testing.assert_allclose(seeds.matrix[0], MATRIX, atol=1e-6)


def test_no_seeds_without_triangles() -> None:
    line = np.outer(np.arange(9.0), [100.0, 0.0])
    seeds = find_seeds(
        line,
        points(9),
        tolerance=10.0,
        limits=TiltLimits(),
        rng=np.random.default_rng(0),
        maps=1000,
        keep=5,
    )
    assert len(seeds) == 0


def brute_force_support(
    place: np.ndarray, tilted: np.ndarray, tolerance: float, limits: TiltLimits
) -> int:
    """Largest number of picks around a triangle that fall on picks, one map after the other."""
    best = 0
    for one in triangles(place):
        corners = place[one]
        around = np.argsort(np.linalg.norm(place - corners.mean(axis=0), axis=1))[:24]
        for other in tilted_triangles(tilted, limits):
            for turn in range(3):
                goal = tilted[np.roll(other, turn)]
                left = np.column_stack([corners, np.ones(3)])
                whole = np.linalg.solve(left, goal).T
                if not limits.allow(whole[None, :, :2], slack=0.08)[0]:
                    continue
                moved = place[around] @ whole[:, :2].T + whole[:, 2]
                apart = np.linalg.norm(moved[:, None] - tilted[None], axis=2).min(axis=1)
                best = max(best, int(np.count_nonzero(apart <= tolerance)))
    return best


def test_support_is_that_of_a_plain_search() -> None:
    rng = np.random.default_rng(8)
    place = rng.uniform(0, 1200, (14, 2))
    tilted = place @ MATRIX.T + rng.normal(0, 6, (14, 2))
    tilted[:4] = rng.uniform(0, 1200, (4, 2))
    limits = TiltLimits(tilt_min_deg=50, tilt_max_deg=65)
    seeds = find_seeds(
        place,
        tilted,
        tolerance=40.0,
        limits=limits,
        rng=rng,
        maps=10_000_000,
        keep=3,
    )
    # The picture of discs has pixels of a quarter of the tolerance: a pick on the rim may differ.
    assert abs(int(seeds.support[0]) - brute_force_support(place, tilted, 40.0, limits)) <= 1


@pytest.mark.parametrize("keep", [1, 7, 50])
def test_the_best_are_kept_whatever_their_number(keep: int) -> None:
    place = points(40)
    found = [
        find_seeds(
            place,
            place @ MATRIX.T,
            tolerance=40.0,
            limits=TiltLimits(),
            rng=np.random.default_rng(0),
            maps=400_000,
            keep=k,
        )
        for k in (keep, 200)
    ]
    np.testing.assert_array_equal(found[0].support, found[1].support[:keep])
    np.testing.assert_array_equal(found[0].matrix, found[1].matrix[:keep])


def test_seeds_do_not_depend_on_the_unit() -> None:
    place = points(40)
    tilted = place @ MATRIX.T + 100.0
    one, two = (
        find_seeds(
            place * unit,
            tilted * unit,
            tolerance=40.0 * unit,
            limits=TiltLimits(),
            rng=np.random.default_rng(0),
            maps=400_000,
            keep=1,
        )
        for unit in (1.0, 0.125)
    )
    np.testing.assert_allclose(one.matrix, two.matrix, atol=1e-9)
    np.testing.assert_allclose(one.shift, two.shift * 8, atol=1e-6)


def test_mirrored_views_have_no_seeds_that_hold() -> None:
    place = points(60)
    mirrored = (place @ MATRIX.T) * [-1.0, 1.0]
    true, wrong = (
        find_seeds(
            place,
            tilted,
            tolerance=40.0,
            limits=TiltLimits(),
            rng=np.random.default_rng(0),
            maps=500_000,
            keep=1,
        ).support[0]
        for tilted in (place @ MATRIX.T, mirrored)
    )
    assert true > 2 * wrong
