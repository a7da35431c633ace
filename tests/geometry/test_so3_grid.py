from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    IDENTITY,
    angle_between_deg,
    from_axis_angle,
    multiply,
    random_rotations,
    rotate,
)
from cryopick.geometry.so3_grid import nside_for_step, rotation_grid
from cryopick.geometry.symmetry import (
    angular_distance_deg,
    point_group,
    reduce_to_asymmetric_unit,
)


def distance_to_grid(q, grid, symmetry="C1"):
    """Angle from each rotation to the nearest of the grid, modulo the group."""
    images = multiply(grid[:, None], point_group(symmetry)[None]).reshape(-1, 4)
    chord, _ = cKDTree(np.concatenate([images, -images])).query(q)
    return np.rad2deg(4 * np.arcsin(np.minimum(chord / 2, 1)))


@cache
def grid_of(step, symmetry="C1"):
    return rotation_grid(step, symmetry=symmetry)


@pytest.mark.parametrize(
    ("step", "nside", "spins"), [(7, 9, 52), (10, 6, 36), (14, 5, 26), (30, 2, 12), (90, 1, 4)]
)
def test_sizes(step, nside, spins):
    assert nside_for_step(step) == nside
    assert len(grid_of(step)) == 12 * nside**2 * spins


def test_the_published_sizes():
    assert len(grid_of(7)) == 972 * 52 == 50_544
    assert len(grid_of(10)) == 432 * 36 == 15_552
    assert len(grid_of(14)) == 7_800


@pytest.mark.parametrize("step", [3.0, 7.0, 10.0, 12.85, 25.0, 60.0])
def test_nside_is_the_smallest_that_is_fine_enough(step):
    need = 4 * np.pi / np.deg2rad(step) ** 2
    nside = nside_for_step(step)
    assert 12 * nside**2 >= need
    assert nside == 1 or 12 * (nside - 1) ** 2 < need


def test_unit_quaternions_each_once():
    grid = grid_of(14)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=1), 1, atol=1e-12)
    assert np.all(grid[:, 0] >= 0)
    distance, _ = cKDTree(np.concatenate([grid, -grid])).query(grid, k=[2])
    assert np.rad2deg(4 * np.arcsin(distance.min() / 2)) > 5


def test_coverage_at_7_degrees():
    """The figures that a search at this step is planned with."""
    d = distance_to_grid(random_rotations(6000, rng=np.random.default_rng(1)), grid_of(7))
    assert d.mean() == pytest.approx(3.16, abs=0.06)
    assert np.percentile(d, 99) == pytest.approx(4.79, abs=0.15)
    assert d.max() < 5.6


def test_the_stagger_pays():
    """Without half a step between alternate pixels the worst distance is larger."""
    nside, spins = 6, 36
    from cryopick.geometry.healpix import pixel_angles_deg

    colatitude, longitude = pixel_angles_deg(nside)
    towards = multiply(
        from_axis_angle([0, 0, 1], longitude), from_axis_angle([0, 1, 0], colatitude)
    )
    spin = from_axis_angle([0, 0, 1], np.arange(spins) * 360 / spins)
    plain = multiply(towards[:, None], spin[None]).reshape(-1, 4)
    q = random_rotations(20000, rng=np.random.default_rng(2))
    assert distance_to_grid(q, grid_of(10)).max() < distance_to_grid(q, plain).max()


@pytest.mark.parametrize("symmetry", ["C2", "C4", "C5", "D2", "D3", "D7", "T", "O", "I", "I1"])
def test_a_reduced_grid_covers_all_poses_with_its_share(symmetry):
    step = 10
    grid, order = grid_of(step, symmetry), len(point_group(symmetry))
    full = len(grid_of(step))
    assert full / order * 0.97 <= len(grid) <= full / order * 1.25 + 60
    q = random_rotations(4000, rng=np.random.default_rng(3))
    reduced = distance_to_grid(q, grid, symmetry)
    assert reduced.mean() < distance_to_grid(q, grid_of(step)).mean() * 1.03
    assert reduced.max() < 0.95 * step


@pytest.mark.parametrize("symmetry", ["C4", "D2", "D6", "T", "O", "I"])
def test_no_two_poses_of_a_reduced_grid_are_equivalent(symmetry):
    grid = grid_of(14, symmetry)
    for k, q in enumerate(grid[:: max(1, len(grid) // 60)]):
        d = np.sort(angular_distance_deg(q, grid, symmetry))
        assert d[0] < 1e-5, k
        # Across a seam two poses may come near each other, never together.
        assert d[1] > 0.5, k


@pytest.mark.parametrize("symmetry", ["C3", "D2", "O"])
def test_the_kept_pose_is_the_closest_to_the_identity(symmetry):
    grid = grid_of(14, symmetry)
    again = reduce_to_asymmetric_unit(grid, symmetry)
    assert angle_between_deg(grid, again).max() < 1e-4


@pytest.mark.parametrize("symmetry", ["C4", "D2", "D4"])
def test_groups_that_fit_the_grid_divide_it_exactly(symmetry):
    assert len(grid_of(10, symmetry)) * len(point_group(symmetry)) == len(grid_of(10))


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (-1, 2, -0.5)])
@pytest.mark.parametrize("half_angle", [20.0, 60.0])
def test_a_cone_keeps_exactly_the_rotations_in_it(axis, half_angle):
    unit = np.array(axis) / np.linalg.norm(axis)
    grid = rotation_grid(12, cone=(axis, half_angle))
    full = grid_of(12)
    inside = rotate(full, [0, 0, 1]) @ unit >= np.cos(np.deg2rad(half_angle)) - 1e-12
    np.testing.assert_array_equal(grid, full[inside])
    share = (1 - np.cos(np.deg2rad(half_angle))) / 2
    assert len(grid) / len(full) == pytest.approx(share, rel=0.35)


def test_a_cone_of_no_width_leaves_the_spin():
    grid = rotation_grid(10, cone=([1.0, 1.0, 0.0], 0.0))
    assert grid.shape == (36, 4)
    np.testing.assert_allclose(rotate(grid, [0, 0, 1]), [[0.5**0.5, 0.5**0.5, 0]] * 36, atol=1e-12)
    between = np.sort(angle_between_deg(grid[0], grid))
    np.testing.assert_allclose(between[1:3], 10, atol=1e-9)


def test_a_whole_cone_is_the_whole_grid():
    np.testing.assert_array_equal(rotation_grid(14, cone=([0, 1, 0], 180)), grid_of(14))


@pytest.mark.parametrize("symmetry", ["C3", "D2", "O"])
def test_a_cone_holds_its_poses_modulo_the_group(symmetry):
    axis, half_angle, step = np.array([0.6, 0.0, 0.8]), 40.0, 10
    grid = rotation_grid(step, symmetry=symmetry, cone=(axis, half_angle))
    assert len(grid) < len(grid_of(step)) / 4
    z = rotate(grid, [0, 0, 1])
    assert np.all(z @ axis >= np.cos(np.deg2rad(half_angle)) - 1e-9)
    q = random_rotations(6000, rng=np.random.default_rng(8))
    q = q[rotate(q, [0, 0, 1]) @ axis > np.cos(np.deg2rad(half_angle - step))]
    assert distance_to_grid(q, grid, symmetry).max() < 0.95 * step


def test_a_cone_of_no_width_works_with_symmetry():
    assert rotation_grid(10, symmetry="C4", cone=([0, 0, 1], 0)).shape == (9, 4)
    assert len(rotation_grid(10, symmetry="D4", cone=([1, 0, 0], 0))) >= 9


def test_the_grid_is_the_same_each_time():
    np.testing.assert_array_equal(rotation_grid(20, symmetry="O"), rotation_grid(20, symmetry="o"))


def test_a_coarse_grid_still_has_something():
    grid = rotation_grid(90, symmetry="I")
    assert 1 <= len(grid) <= 8
    assert angle_between_deg(IDENTITY, grid).min() < 60


def test_a_fine_step_is_for_a_narrow_cone():
    with pytest.raises(
        InputError, match=r"angular step 1: makes .* larger step or a narrower cone"
    ):
        rotation_grid(1)
    grid = rotation_grid(1, cone=([0, 0, 1], 1.5))
    assert 360 <= len(grid) <= 360 * 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_deg": 0}, "angular step 0: expected 0.1 to 90"),
        ({"step_deg": -7}, "angular step -7"),
        ({"step_deg": float("nan")}, "angular step nan"),
        ({"step_deg": 91}, "angular step 91"),
        ({"step_deg": 10, "symmetry": "C0"}, "not a point group"),
        ({"step_deg": 30, "cone": ([0, 0, 0], 10)}, "cone axis"),
        ({"step_deg": 30, "cone": ([0, 1], 10)}, "cone axis"),
        ({"step_deg": 30, "cone": ([0, 0, 1], 181)}, "cone half angle 181"),
        ({"step_deg": 30, "cone": ([0, 0, 1], -1)}, "cone half angle -1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        rotation_grid(**arguments)
