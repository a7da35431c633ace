"""Lines 7 to 10 of ``docs/conventions.md``: rotations."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.geometry import euler
from cryopick.geometry.axes import xyz_from_zyx, zyx_from_xyz
from cryopick.geometry.rotation import (
    angle_between_deg,
    from_axis_angle,
    multiply,
    normalise,
    random_rotations,
    rotate,
)
from cryopick.geometry.symmetry import angular_distance_deg, point_group


def converters():
    return [
        (name, function)
        for name, function in inspect.getmembers(euler, inspect.isfunction)
        if name.startswith("quaternion_from_") and function.__module__ == euler.__name__
    ]


def test_line_1_tables_are_xyz_and_arrays_zyx():
    volume = np.zeros((3, 4, 5))
    volume[2, 1, 4] = 1
    assert xyz_from_zyx(np.argwhere(volume)[0]).tolist() == [4, 1, 2]
    assert zyx_from_xyz([4, 1, 2]).tolist() == [2, 1, 4]


def test_line_7_the_rotation_is_active_and_leads_from_the_template_to_the_image():
    """A template with a knob along +x, seen turned by 90 degrees from x towards y."""
    pose = from_axis_angle([0, 0, 1], 90)
    np.testing.assert_allclose(rotate(pose, [1, 0, 0]), [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize(("name", "convert"), converters())
def test_line_7_quaternions_are_of_length_1_with_positive_w(name, convert):
    rng = np.random.default_rng(11)
    if name == "quaternion_from_psi_deg":
        values = rng.uniform(-720, 720, 50)
    elif name == "quaternion_from_transform":
        values = euler.transform_from_quaternion(random_rotations(50, rng=rng))
    else:
        values = rng.uniform(-720, 720, (50, 3))
    q = convert(values)
    assert q.shape == (50, 4)
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1, atol=1e-12)
    assert np.all(q[:, 0] >= 0)


@pytest.mark.parametrize("name", [name for name, _ in converters()])
def test_line_8_every_converter_has_its_way_back(name):
    other = name.removeprefix("quaternion_from_")
    back = "psi_deg_from_quaternion" if other == "psi_deg" else f"{other}_from_quaternion"
    assert callable(getattr(euler, back))


def test_line_8_relion_is_intrinsic_zyz_of_the_inverse():
    """Tilt 90: the reference was turned so that what we see is its +x side, x to the viewer."""
    pose = euler.quaternion_from_relion([0, 90, 0])
    np.testing.assert_allclose(rotate(pose, [1, 0, 0]), [0, 0, 1], atol=1e-12)


@given(st.floats(-180, 180))
def test_line_9_psi_is_minus_the_angle_about_z(psi):
    pose = euler.quaternion_from_psi_deg(psi)
    assert angle_between_deg(pose, from_axis_angle([0, 0, 1], -psi)) < 1e-9
    assert angle_between_deg(pose, euler.quaternion_from_relion([0, 0, psi])) < 1e-9


@pytest.mark.parametrize("symmetry", ["C4", "D3", "T", "O", "I"])
def test_line_10_the_group_acts_on_the_side_of_the_template(symmetry):
    pose = normalise([0.3, -0.5, 0.2, 0.7])
    group = point_group(symmetry)
    assert angular_distance_deg(pose, multiply(pose, group), symmetry).max() < 1e-5
    assert angular_distance_deg(pose, multiply(group, pose), symmetry).max() > 1
