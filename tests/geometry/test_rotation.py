import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    IDENTITY,
    angle_between_deg,
    from_axis_angle,
    from_matrix,
    from_rotation_vector,
    from_z_direction,
    inverse,
    mean,
    multiply,
    normalise,
    random_rotations,
    rotate,
    slerp,
    to_matrix,
    to_rotation_vector,
)
from rotation_strategies import any_angle_deg, quaternions

QUARTER_Z = [0.5**0.5, 0.0, 0.0, 0.5**0.5]
vectors = st.tuples(*[st.floats(-100, 100)] * 3).map(np.array)


def scipy_of(q):
    """Scipy keeps w last."""
    return Rotation.from_quat(np.asarray(q)[..., [1, 2, 3, 0]])


def test_a_quarter_turn_about_z_takes_x_to_y_and_y_to_minus_x():
    np.testing.assert_allclose(rotate(QUARTER_Z, [1, 0, 0]), [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(rotate(QUARTER_Z, [0, 1, 0]), [-1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(to_matrix(QUARTER_Z), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)


def test_the_right_factor_acts_first():
    about_z = from_axis_angle([0, 0, 1], 90)
    about_x = from_axis_angle([1, 0, 0], 90)
    # x -> y by z, then y -> z by x
    np.testing.assert_allclose(rotate(multiply(about_x, about_z), [1, 0, 0]), [0, 0, 1], atol=1e-15)
    # x stays by x, then x -> y by z
    np.testing.assert_allclose(rotate(multiply(about_z, about_x), [1, 0, 0]), [0, 1, 0], atol=1e-15)


@pytest.mark.parametrize(
    ("given_q", "expected"),
    [
        ([-1, 0, 0, 0], [1, 0, 0, 0]),
        ([0, -2, 0, 0], [0, 1, 0, 0]),
        ([0, 0, -1, 1], [0, 0, 0.5**0.5, -(0.5**0.5)]),
        ([-0.0, 0, 0, -3], [0, 0, 0, 1]),
    ],
)
def test_each_rotation_has_one_quaternion(given_q, expected):
    np.testing.assert_allclose(normalise(given_q), expected, atol=1e-15)
    assert not np.any(np.signbit(normalise(given_q)[normalise(given_q) == 0]))


@given(quaternions(), quaternions())
def test_products_agree_with_scipy_and_have_a_positive_w(p, q):
    product = multiply(p, q)
    assert product[0] >= 0
    expected = (scipy_of(p) * scipy_of(q)).as_matrix()
    np.testing.assert_allclose(to_matrix(product), expected, atol=1e-12)


@given(quaternions(), vectors)
def test_turning_agrees_with_the_matrix_and_keeps_lengths(q, v):
    turned = rotate(q, v)
    np.testing.assert_allclose(turned, to_matrix(q) @ v, atol=1e-10)
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(v), abs=1e-10)


@given(quaternions())
def test_matrices_go_there_and_back(q):
    matrix = to_matrix(q)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    assert angle_between_deg(from_matrix(matrix), q) < 1e-6
    np.testing.assert_allclose(to_matrix(from_matrix(matrix)), matrix, atol=1e-12)


@given(quaternions())
def test_the_inverse_undoes(q):
    np.testing.assert_allclose(multiply(q, inverse(q)), IDENTITY, atol=1e-12)
    np.testing.assert_allclose(to_matrix(inverse(q)), to_matrix(q).T, atol=1e-12)


@given(quaternions())
def test_rotation_vectors_go_there_and_back(q):
    vector = to_rotation_vector(q)
    assert np.linalg.norm(vector) <= np.pi + 1e-12
    np.testing.assert_allclose(to_matrix(from_rotation_vector(vector)), to_matrix(q), atol=1e-12)


@given(any_angle_deg)
def test_an_angle_about_an_axis_is_that_far_from_the_identity(angle):
    q = from_axis_angle([1, 2, -3], angle)
    assert angle_between_deg(IDENTITY, q) == pytest.approx(abs(angle), abs=1e-9)
    np.testing.assert_allclose(rotate(q, [1, 2, -3]), [1, 2, -3], atol=1e-12)


def test_small_angles_are_told_apart():
    tiny = from_axis_angle([0, 1, 0], 1e-9)
    assert angle_between_deg(IDENTITY, tiny) == pytest.approx(1e-9, rel=1e-6)


@given(quaternions(), quaternions(), quaternions())
def test_distance_does_not_depend_on_the_frame(p, q, r):
    before = angle_between_deg(p, q)
    assert 0 <= before <= 180
    assert angle_between_deg(q, p) == pytest.approx(before, abs=1e-6)
    assert angle_between_deg(multiply(r, p), multiply(r, q)) == pytest.approx(before, abs=1e-5)
    assert angle_between_deg(multiply(p, r), multiply(q, r)) == pytest.approx(before, abs=1e-5)


def test_random_rotations_are_uniform_and_repeatable():
    q = random_rotations(20000, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(q, random_rotations(20000, rng=np.random.default_rng(3)))
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1, atol=1e-12)
    # Directions of z are uniform: mean 0, variance 1/3 each.
    z = rotate(q, [0, 0, 1])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose((z**2).mean(axis=0), 1 / 3, atol=0.01)
    # Angles t have density (1 - cos t) / pi: their mean is pi / 2 + 2 / pi, 126.476 degrees.
    assert angle_between_deg(IDENTITY, q).mean() == pytest.approx(126.476, abs=0.8)


@given(quaternions(), quaternions(), st.floats(0, 1))
@settings(max_examples=60)
def test_slerp_has_constant_speed(p, q, fraction):
    whole = angle_between_deg(p, q)
    here = slerp(p, q, fraction)
    assert angle_between_deg(p, here) == pytest.approx(fraction * whole, abs=1e-5)
    assert angle_between_deg(here, q) == pytest.approx((1 - fraction) * whole, abs=1e-5)


def test_the_mean_does_not_depend_on_signs_and_takes_weights():
    spread = from_axis_angle([0, 0, 1], np.array([-20.0, 0.0, 20.0]))
    np.testing.assert_allclose(mean(spread), IDENTITY, atol=1e-12)
    flipped = spread * np.array([[1.0], [-1.0], [-1.0]])
    np.testing.assert_allclose(mean(flipped), IDENTITY, atol=1e-12)
    only_last = mean(spread, weight=[0, 0, 2.0])
    assert angle_between_deg(only_last, spread[2]) < 1e-9


@given(quaternions(), st.integers(0, 2**31))
@settings(max_examples=30)
def test_the_mean_turns_with_the_rotations(q, seed):
    wobble = np.random.default_rng(seed).normal(0, 0.1, (30, 3))
    cloud = from_rotation_vector(wobble)
    assert angle_between_deg(mean(multiply(q, cloud)), multiply(q, mean(cloud))) < 1e-6


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-3), any_angle_deg)
def test_from_z_direction_points_z_there_whatever_the_spin(direction, spin):
    unit = direction / np.linalg.norm(direction)
    q = from_z_direction(direction, spin)
    np.testing.assert_allclose(rotate(q, [0, 0, 1]), unit, atol=1e-12)
    spun = multiply(inverse(from_z_direction(direction)), q)
    assert angle_between_deg(spun, from_axis_angle([0, 0, 1], spin)) < 1e-6


def test_from_z_direction_is_the_shortest_way_and_knows_both_poles():
    np.testing.assert_allclose(from_z_direction([0, 0, 5]), IDENTITY)
    np.testing.assert_allclose(from_z_direction([0, 0, -2]), [0, 1, 0, 0], atol=1e-15)
    assert angle_between_deg(IDENTITY, from_z_direction([1, 0, 1])) == pytest.approx(45)


def test_leading_axes_broadcast():
    q = random_rotations(6, rng=np.random.default_rng(0)).reshape(2, 3, 4)
    assert multiply(q, IDENTITY).shape == (2, 3, 4)
    assert rotate(q, np.ones(3)).shape == (2, 3, 3)
    assert to_matrix(q).shape == (2, 3, 3, 3)
    assert from_matrix(to_matrix(q)).shape == (2, 3, 4)
    assert angle_between_deg(q[:, None], q[None]).shape == (2, 2, 3)
    assert from_axis_angle([0, 0, 1], np.zeros((0,))).shape == (0, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normalise([0, 0, 0, 0]), "not all 0"),
        (lambda: normalise([np.nan, 0, 0, 0]), "finite"),
        (lambda: normalise([1, 0, 0]), r"expected a shape \(\.\.\., 4\), got \(3,\)"),
        (lambda: from_axis_angle([0, 0, 0], 10), "rotation axis"),
        (lambda: from_z_direction([0, 0, 0]), "direction"),
        (lambda: from_matrix(np.eye(4)), r"\(4, 4\)"),
        (lambda: from_matrix(2 * np.eye(3)), "off an orthonormal matrix by 3"),
        (lambda: from_matrix(np.diag([1, 1, -1])), "a mirror"),
        (lambda: from_matrix(np.full((3, 3), np.nan)), "finite"),
        (lambda: mean(np.zeros((0, 4))), "n > 0"),
        (lambda: mean([IDENTITY], weight=[-1]), "weights of 0 or more"),
    ],
)
def test_what_is_not_a_rotation_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
