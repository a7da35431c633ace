"""Orientations of tilted particles, with a phantom of points as the witness."""

from __future__ import annotations

import numpy as np
import pytest

from cryopick.combine.pair_affine import fit_affine
from cryopick.combine.tilt_geometry import TiltGeometry, oriented_near, tilt_geometry
from cryopick.combine.tilt_orientation import tilted_orientation
from cryopick.geometry.euler import quaternion_from_relion, relion_from_quaternion
from cryopick.geometry.rotation import angle_between_deg, from_axis_angle, multiply, rotate

PHANTOM = np.random.default_rng(0).normal(0, 50, (12, 3))


def phantom_pair(
    tilt_deg: float, axis_deg: float, turn_deg: float, spin_deg: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Particles on a flat support: their centres in both views, and the true tilted rotations."""
    rng = np.random.default_rng(1)
    direction = [np.cos(np.deg2rad(axis_deg)), np.sin(np.deg2rad(axis_deg)), 0.0]
    stage = multiply(from_axis_angle([0, 0, 1], turn_deg), from_axis_angle(direction, tilt_deg))
    centre = np.column_stack(
        [rng.uniform(-2000, 2000, (len(spin_deg), 2)), np.zeros(len(spin_deg))]
    )
    seen = np.array([rotate(stage, c) for c in centre])
    spin = np.array([from_axis_angle([0, 0, 1], s) for s in spin_deg])
    return centre[:, :2], seen[:, :2], multiply(stage, spin)


@pytest.mark.parametrize("tilt", [35.0, -50.0])
@pytest.mark.parametrize("axis", [0.5, 88.0, 179.0])
def test_phantom_comes_back_up_to_the_sign_of_the_tilt(tilt: float, axis: float) -> None:
    spin = np.array([0.0, 40.0, 200.0, 310.0, 75.0])
    untilted, tilted, truth = phantom_pair(tilt, axis, 6.0, spin)
    geometry = oriented_near(tilt_geometry(fit_affine(untilted, tilted)), axis + 6.0)
    assert geometry.tilt_deg == pytest.approx(abs(tilt), abs=1e-6)
    in_plane = np.array([from_axis_angle([0, 0, 1], s) for s in spin])
    found = tilted_orientation(in_plane, geometry)
    if tilt > 0:
        assert angle_between_deg(found, truth).max() < 1e-5
        return
    # The wrong sign shows the mirror image of the particle, and the same one for all.
    mirror = PHANTOM * [1, 1, -1]
    for one, true in zip(found, truth, strict=True):
        np.testing.assert_allclose(
            rotate(one, mirror)[:, :2], rotate(true, PHANTOM)[:, :2], atol=1e-6
        )


def test_tilt_angle_survives_as_the_second_euler_angle() -> None:
    geometry = TiltGeometry(tilt_deg=55, axis_untilted_deg=20, axis_tilted_deg=24, scale=1)
    in_plane = np.array([from_axis_angle([0, 0, 1], s) for s in (0, 90, 180)])
    angles = relion_from_quaternion(tilted_orientation(in_plane, geometry))
    np.testing.assert_allclose(angles[:, 1], 55, atol=1e-6)
    assert np.ptp(angles[:, 2] % 360) == pytest.approx(0, abs=1e-6)
    steps = np.diff(angles[:, 0]) % 360
    assert np.allclose(steps, 90) or np.allclose(steps, 270)
    back = quaternion_from_relion(angles)
    assert angle_between_deg(back, tilted_orientation(in_plane, geometry)).max() < 1e-5
