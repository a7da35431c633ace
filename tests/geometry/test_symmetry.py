import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    IDENTITY,
    angle_between_deg,
    from_axis_angle,
    inverse,
    multiply,
    normalise,
    random_rotations,
)
from cryopick.geometry.symmetry import (
    angular_distance_deg,
    axial_fold,
    point_group,
    reduce_to_asymmetric_unit,
)
from rotation_strategies import quaternions

ORDERS = {
    "C1": 1, "C2": 2, "C3": 3, "C7": 7, "C13": 13, "D1": 2, "D2": 4, "D3": 6, "D7": 14,
    "T": 12, "O": 24, "I": 60, "I1": 60, "I2": 60,
}  # fmt: skip
names = st.sampled_from(sorted(ORDERS))
GOLDEN = (1 + 5**0.5) / 2


def contains(group, q):
    return np.min(angle_between_deg(group, q)) < 1e-6


@pytest.mark.parametrize("name", ORDERS)
def test_it_is_a_group_of_the_right_order(name):
    group = point_group(name)
    assert group.shape == (ORDERS[name], 4)
    np.testing.assert_allclose(group[0], IDENTITY, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(group, axis=1), 1, atol=1e-12)
    between = angle_between_deg(group[:, None], group[None])
    assert np.min(between[~np.eye(len(group), dtype=bool)], initial=360) > 5
    products = multiply(group[:, None], group[None]).reshape(-1, 4)
    nearest = angle_between_deg(products[:, None], group[None]).min(axis=1)
    assert nearest.max() < 1e-6
    assert all(contains(group, g) for g in inverse(group))


@pytest.mark.parametrize(
    ("name", "fold", "axis"),
    [
        ("C5", 5, (0, 0, 1)),
        ("D3", 3, (0, 0, 1)),
        ("D3", 2, (1, 0, 0)),
        ("D7", 2, (1, 0, 0)),
        ("T", 3, (0, 0, 1)),
        ("T", 2, (0, 0.816496, 0.577350)),
        ("O", 4, (1, 0, 0)),
        ("O", 4, (0, 1, 0)),
        ("O", 4, (0, 0, 1)),
        ("O", 3, (1, 1, 1)),
        ("O", 2, (1, 1, 0)),
        ("I", 2, (1, 0, 0)),
        ("I", 2, (0, 1, 0)),
        ("I", 2, (0, 0, 1)),
        ("I2", 5, (0.525731114, 0, 0.850650807)),
        ("I2", 3, (0, 0.356822076, 0.934172364)),
        ("I1", 2, (1, 0, 0)),
        ("I1", 5, (0.850650807, 0, -0.525731114)),
        ("I1", 3, (0.934172364, 0.356822076, 0)),
    ],
)
def test_axes_of_relions_settings(name, fold, axis):
    # The axes are given to nine digits.
    turn = from_axis_angle(axis, 360 / fold)
    assert angle_between_deg(point_group(name), turn).min() < 1e-3


def test_the_two_icosahedral_settings_differ_by_a_quarter_turn():
    five = from_axis_angle([1, 0, GOLDEN], 72)
    assert contains(point_group("I2"), five)
    assert not contains(point_group("I1"), five)
    turn = from_axis_angle([0, 0, 1], 90)
    turned = multiply(multiply(turn, point_group("I2")), inverse(turn))
    assert all(contains(point_group("I1"), g) for g in turned) or all(
        contains(point_group("I2"), g) for g in turned
    )


@pytest.mark.parametrize(
    ("name", "fold"), [("C1", 1), ("C6", 6), ("D4", 4), ("T", 3), ("O", 4), ("I", 2), ("I1", 2)]
)
def test_order_of_the_axis_along_z(name, fold):
    assert axial_fold(name) == fold


@given(names, quaternions(), quaternions(), st.integers(0, 59), st.integers(0, 59))
@settings(max_examples=80)
def test_equivalent_poses_are_no_distance_apart(name, p, q, i, j):
    group = point_group(name)
    same = multiply(p, group[i % len(group)])
    assert angular_distance_deg(p, same, name) < 1e-5
    far = angular_distance_deg(p, q, name)
    assert far <= angle_between_deg(p, q) + 1e-6
    other = multiply(q, group[j % len(group)])
    assert angular_distance_deg(same, other, name) == pytest.approx(far, abs=1e-5)
    assert angular_distance_deg(q, p, name) == pytest.approx(far, abs=1e-5)


def test_the_distance_is_the_smallest_over_the_group():
    rng = np.random.default_rng(5)
    p, q = random_rotations(40, rng=rng), random_rotations(40, rng=rng)
    for name in ("C4", "D3", "T", "O", "I"):
        every = angle_between_deg(p[:, None], multiply(q[:, None], point_group(name)[None]))
        np.testing.assert_allclose(angular_distance_deg(p, q, name), every.min(axis=1), atol=1e-6)


def test_symmetry_acts_on_the_template_not_on_the_image():
    tilted = from_axis_angle([1, 0, 0], 30)
    spun_template = multiply(tilted, from_axis_angle([0, 0, 1], 90))
    spun_image = multiply(from_axis_angle([0, 0, 1], 90), tilted)
    assert angular_distance_deg(tilted, spun_template, "C4") < 1e-6
    assert angular_distance_deg(tilted, spun_image, "C4") > 20


@given(names, quaternions())
@settings(max_examples=60)
def test_the_representative_is_equivalent_closest_and_unique(name, q):
    q = normalise(q.round(4))  # off the borders, or on them, but not within 1e-9 beside them
    (reduced,) = reduce_to_asymmetric_unit(q[None], name)
    assert angular_distance_deg(q, reduced, name) < 1e-5
    group = point_group(name)
    closest = angle_between_deg(IDENTITY, multiply(q, group)).min()
    assert angle_between_deg(IDENTITY, reduced) == pytest.approx(closest, abs=1e-5)
    again = reduce_to_asymmetric_unit(multiply(q, group), name)
    assert angle_between_deg(again, reduced).max() < 1e-3


def test_an_orbit_has_one_representative_also_on_the_border():
    half = from_axis_angle([0, 0, 1], [[90.0], [-90.0]])[:, 0]
    reduced = reduce_to_asymmetric_unit(half, "C2")
    np.testing.assert_allclose(reduced[0], reduced[1], atol=1e-12)


def test_nothing_reduces_to_nothing():
    assert reduce_to_asymmetric_unit(np.zeros((0, 4)), "O").shape == (0, 4)


def test_a_caller_may_write_into_the_group():
    point_group("O")[:] = 0
    np.testing.assert_allclose(np.linalg.norm(point_group("O"), axis=1), 1, atol=1e-12)


def test_names_are_read_kindly():
    for name in ("c4", " C4 ", "C04"):
        assert len(point_group(name)) == 4
    assert len(point_group("i")) == 60


@pytest.mark.parametrize(
    "name", ["", "C", "C0", "D0", "C-1", "C1.5", "X3", "I9", "C361", "C99999999999", "CC4", "C٤"]
)
def test_what_is_no_point_group_is_named(name):
    with pytest.raises(InputError, match="not a point group; use C1 to C360") as caught:
        point_group(name)
    assert repr(name) in str(caught.value)
