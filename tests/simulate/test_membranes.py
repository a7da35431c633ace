"""Membranes: distances, outward normals, even sampling, density."""

import numpy as np
import pytest

from cryopick.simulate.membranes import Sheet, Vesicle, bilayer_density, paint_membrane

VESICLE = Vesicle(centre_angstrom=(500.0, 450.0, 400.0), radii_angstrom=(300.0, 260.0, 220.0))
SHEET = Sheet(
    point_angstrom=(500.0, 500.0, 300.0),
    angle_deg=30.0,
    lean_deg=20.0,
    amplitude_angstrom=60.0,
    period_angstrom=2500.0,
    phase_rad=0.7,
    half_length_angstrom=600.0,
)
BOTH = pytest.mark.parametrize("membrane", [VESICLE, SHEET], ids=["vesicle", "sheet"])


@BOTH
def test_sampled_points_lie_on_the_surface(membrane):
    points = membrane.sample(200, np.random.default_rng(0))
    assert points.shape == (200, 3)
    np.testing.assert_allclose(membrane.distance(points), 0, atol=1e-9)


@BOTH
def test_a_step_along_the_normal_is_that_far_outside(membrane):
    points = membrane.sample(200, np.random.default_rng(1))
    normal = membrane.normal(points)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1)
    for step in (-20.0, 15.0):
        np.testing.assert_allclose(membrane.distance(points + step * normal), step, rtol=0.08)


@BOTH
def test_normals_are_at_right_angles_to_the_surface(membrane):
    points = membrane.sample(50, np.random.default_rng(2))
    normal = membrane.normal(points)
    rng = np.random.default_rng(3)
    tangent = np.cross(normal, rng.normal(size=normal.shape))
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    drop = membrane.distance(points + 1.0 * tangent)
    np.testing.assert_allclose(drop, 0, atol=0.01)


def test_normals_of_a_vesicle_point_outwards():
    points = VESICLE.sample(300, np.random.default_rng(4))
    away = points - np.asarray(VESICLE.centre_angstrom)
    assert np.all((away * VESICLE.normal(points)).sum(axis=1) > 0)
    assert VESICLE.distance(np.array([500.0, 450.0, 400.0])) < 0


def test_points_on_an_ellipsoid_are_even_in_area():
    """As many on the two caps of a long axis as their area asks."""
    long = Vesicle(centre_angstrom=(0.0, 0.0, 0.0), radii_angstrom=(100.0, 100.0, 400.0))
    z = long.sample(40_000, np.random.default_rng(5))[:, 2]
    t = np.linspace(-1, 1, 20_001)
    strip = np.sqrt((1 - t**2) * 400**2 + t**2 * 100**2)
    expected = strip[np.abs(t) > 0.8].sum() / strip.sum()
    assert (np.abs(z) > 320).mean() == pytest.approx(expected, abs=0.01)


@BOTH
@pytest.mark.parametrize("pixel", [8.0, 14.0])
def test_density_is_two_lines_beside_the_surface(membrane, pixel):
    shape = tuple(int(np.ceil(1000 / pixel)) for _ in range(3))
    volume = np.zeros(shape, np.float32)
    paint_membrane(volume, membrane, pixel)
    z, y, x = np.nonzero(volume > 0.25)
    distance = np.abs(membrane.distance(np.stack([x, y, z], axis=1) * pixel))
    assert len(distance) > 100
    assert distance.max() < 18 + 1.5 * max(6.0, 0.6 * pixel)
    far = np.stack(np.nonzero(volume == 0)[::-1], axis=1)[::97] * pixel
    assert np.abs(membrane.distance(far)).min() > 30


def test_the_amount_of_lipid_does_not_depend_on_the_pixels():
    d = np.linspace(-100, 100, 4001)
    amounts = [bilayer_density(d, p).sum() for p in (1.0, 5.0, 12.0, 20.0)]
    np.testing.assert_allclose(amounts, amounts[0], rtol=0.01)


def test_a_membrane_outside_the_volume_leaves_it_alone():
    volume = np.zeros((10, 10, 10), np.float32)
    paint_membrane(volume, VESICLE, 5.0)
    assert not volume.any()
