"""Rotations as unit quaternions ``w, x, y, z``, scalar first, in arrays ``(..., 4)``.

A quaternion stands for an active rotation: `rotate` turns vectors, axes stay. ``q`` and ``-q`` are
the same rotation; functions that return rotations return the one with ``w >= 0``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

IDENTITY: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)


def normalise(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Scale quaternions ``(..., 4)`` to length 1 and give them the sign with ``w >= 0``.

    Where ``w`` is 0 the first of ``x, y, z`` that is not 0 is made positive, so that each rotation
    has exactly one quaternion.

    Examples
    --------
    >>> normalise([-2.0, 0.0, 0.0, 2.0])
    array([ 0.70710678,  0.        ,  0.        , -0.70710678])
    """
    q = _quaternions(quaternion)
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    if not (np.all(np.isfinite(length)) and np.all(length > 0)):
        raise InputError("quaternion: expected finite values that are not all 0")
    # Adding 0.0 turns -0.0 into 0.0.
    return q / length * _leading_sign(q) + 0.0


def multiply(left: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """Compose rotations: ``multiply(a, b)`` turns by ``b`` first, then by ``a``.

    Examples
    --------
    >>> quarter = from_axis_angle([0, 0, 1], 90)
    >>> multiply(quarter, quarter).round(12)
    array([0., 0., 0., 1.])
    """
    aw, ax, ay, az = np.moveaxis(_quaternions(left), -1, 0)
    bw, bx, by, bz = np.moveaxis(_quaternions(right), -1, 0)
    product = np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )
    return product * _leading_sign(product) + 0.0


def inverse(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Give the rotations back: the conjugates of unit quaternions ``(..., 4)``."""
    conjugate = _quaternions(quaternion) * np.array([1.0, -1.0, -1.0, -1.0])
    return conjugate * _leading_sign(conjugate) + 0.0


def rotate(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """Turn vectors ``(..., 3)`` by rotations ``(..., 4)``; leading axes broadcast.

    Examples
    --------
    >>> rotate(from_axis_angle([0, 0, 1], 90), [1.0, 0.0, 0.0]).round(12)
    array([0., 1., 0.])
    """
    q = _quaternions(quaternion)
    v = np.asarray(vector, dtype=np.float64)
    twice = 2.0 * np.cross(q[..., 1:], v)
    return v + q[..., :1] * twice + np.cross(q[..., 1:], twice) + 0.0


def to_matrix(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn unit quaternions ``(..., 4)`` into matrices ``(..., 3, 3)``; ``matrix @ v`` turns ``v``."""
    w, x, y, z = np.moveaxis(_quaternions(quaternion), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    """Turn rotation matrices ``(..., 3, 3)`` into quaternions ``(..., 4)``.

    Raises `InputError` for a matrix that is further than 1e-3 from a rotation. Of the four ways
    to write the quaternion the one with the largest divisor is taken for each matrix (Shepperd
    1978, doi 10.2514/3.55767b).

    Examples
    --------
    >>> from_matrix([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    array([0.70710678, 0.        , 0.        , 0.70710678])
    """
    m = np.asarray(matrix, dtype=np.float64)
    if m.shape[-2:] != (3, 3):
        raise InputError(f"rotation matrix: expected a shape (..., 3, 3), got {m.shape}")
    _check_orthonormal(m)
    a, b, c = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], axis=-1)
    wx, wy, wz = _antisymmetric(m)
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    candidates = np.stack(
        [
            np.stack([squares[..., 0], wx, wy, wz], axis=-1),
            np.stack([wx, squares[..., 1], xy, xz], axis=-1),
            np.stack([wy, xy, squares[..., 2], yz], axis=-1),
            np.stack([wz, xz, yz, squares[..., 3]], axis=-1),
        ],
        axis=-2,
    )
    best = np.argmax(squares, axis=-1)[..., None, None]
    return normalise(np.take_along_axis(candidates, best, axis=-2)[..., 0, :])


def from_axis_angle(axis: ArrayLike, angle_deg: ArrayLike) -> NDArray[np.float64]:
    """Make rotations by ``angle_deg`` ``(...)`` about ``axis`` ``(..., 3)``, right-handed.

    Examples
    --------
    >>> from_axis_angle([0, 0, 2], 180)
    array([0., 0., 0., 1.])
    """
    direction = np.asarray(axis, dtype=np.float64)
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    if not (np.all(np.isfinite(length)) and np.all(length > 0)):
        raise InputError("rotation axis: expected finite values that are not all 0")
    half = np.deg2rad(np.asarray(angle_deg, dtype=np.float64))[..., None] / 2
    vector = np.sin(half) * (direction / length)
    scalar = np.broadcast_to(np.cos(half), (*vector.shape[:-1], 1))
    q = np.concatenate([scalar, vector], axis=-1)
    # cos(pi / 2) is 6e-17 in floating point; a half turn has w = 0.
    q[np.abs(q) < np.finfo(np.float64).eps / 2] = 0.0
    return normalise(q)


def from_rotation_vector(vector_rad: ArrayLike) -> NDArray[np.float64]:
    """Make rotations from rotation vectors ``(..., 3)``: axis times angle in radians."""
    v = np.asarray(vector_rad, dtype=np.float64)
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    # sinc(t / pi) = sin(t) / t, and 1 at t = 0.
    vector = 0.5 * np.sinc(angle / (2 * np.pi)) * v
    return normalise(np.concatenate([np.cos(angle / 2), vector], axis=-1))


def to_rotation_vector(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn quaternions ``(..., 4)`` into rotation vectors ``(..., 3)``, length up to pi radians."""
    q = normalise(quaternion)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    scale = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 0)
    return q[..., 1:] * scale


def angle_between_deg(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Angle in degrees, 0 to 180, of the rotation that leads from one rotation to the other.

    Examples
    --------
    >>> float(angle_between_deg(IDENTITY, from_axis_angle([1, 1, 0], 30)).round(9))
    30.0
    """
    difference = multiply(inverse(first), second)
    # atan2 keeps its precision near 0 and 180 degrees, where acos(w) loses half of the digits.
    sine = np.linalg.norm(difference[..., 1:], axis=-1)
    return np.rad2deg(2 * np.arctan2(sine, np.abs(difference[..., 0])))


def random_rotations(n: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw ``n`` rotations, uniform over all rotations, as quaternions ``(n, 4)``.

    Examples
    --------
    >>> random_rotations(5, rng=np.random.default_rng(1)).shape
    (5, 4)
    """
    return normalise(rng.standard_normal((n, 4)))


def slerp(first: ArrayLike, second: ArrayLike, fraction: ArrayLike) -> NDArray[np.float64]:
    """Go the ``fraction`` ``(...)`` of the shortest way from one rotation to the other.

    The way has constant speed (Shoemake 1985, doi 10.1145/325165.325242).

    Examples
    --------
    >>> half = slerp(IDENTITY, from_axis_angle([0, 0, 1], 90), 0.5)
    >>> float(angle_between_deg(IDENTITY, half).round(9))
    45.0
    """
    way = to_rotation_vector(multiply(inverse(first), second))
    step = np.asarray(fraction, dtype=np.float64)[..., None] * way
    return multiply(first, from_rotation_vector(step))


def mean(quaternion: ArrayLike, *, weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Average rotations ``(n, 4)`` into one ``(4,)``.

    The eigenvector of the largest eigenvalue of the weighted sum of ``q q^T``, which does not
    depend on the signs of the quaternions (Markley et al. 2007, doi 10.2514/1.28949).
    """
    q = _quaternions(quaternion)
    if q.ndim != 2 or len(q) == 0:
        raise InputError(f"mean rotation: expected rotations (n, 4), n > 0, got {q.shape}")
    w = np.ones(len(q)) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (len(q),) or not np.all(w >= 0) or not 0 < w.sum() < np.inf:
        raise InputError(f"mean rotation: expected {len(q)} weights of 0 or more, not all 0")
    _, vectors = np.linalg.eigh((q * w[:, None]).T @ q)
    return normalise(vectors[:, -1])


def from_z_direction(direction: ArrayLike, spin_deg: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Make the rotations that take z to ``direction`` ``(..., 3)``.

    The shortest rotation (about an axis in the xy plane) after a spin about z by ``spin_deg``
    ``(...)``. For the direction -z the axis is x.

    Examples
    --------
    >>> rotate(from_z_direction([0.0, 3.0, 0.0]), [0, 0, 1]).round(12)
    array([0., 1., 0.])
    """
    d = np.asarray(direction, dtype=np.float64)
    length = np.linalg.norm(d, axis=-1, keepdims=True)
    if not (np.all(np.isfinite(length)) and np.all(length > 0)):
        raise InputError("direction: expected finite values that are not all 0")
    x, y, z = np.moveaxis(d / length, -1, 0)
    across = np.hypot(x, y)
    half = np.arctan2(across, z) / 2
    flat = across > 0
    axis_x = np.divide(-y, across, out=np.ones_like(across), where=flat)
    axis_y = np.divide(x, across, out=np.zeros_like(across), where=flat)
    sine = np.sin(half)
    tilt = np.stack([np.cos(half), sine * axis_x, sine * axis_y, np.zeros_like(sine)], axis=-1)
    return multiply(tilt, from_axis_angle([0.0, 0.0, 1.0], spin_deg))


def _quaternions(values: ArrayLike) -> NDArray[np.float64]:
    q = np.asarray(values, dtype=np.float64)
    if q.ndim == 0 or q.shape[-1] != 4:
        raise InputError(f"quaternion: expected a shape (..., 4), got {q.shape}")
    return q


def _leading_sign(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sign of the first component that is not 0, as ``(..., 1)``; 1 where all are 0."""
    first = np.argmax(q != 0, axis=-1)[..., None]
    return np.where(np.take_along_axis(q, first, axis=-1) < 0, -1.0, 1.0)


def _antisymmetric(
    m: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return (
        m[..., 2, 1] - m[..., 1, 2],
        m[..., 0, 2] - m[..., 2, 0],
        m[..., 1, 0] - m[..., 0, 1],
    )


def _check_orthonormal(m: NDArray[np.float64]) -> None:
    if not np.all(np.isfinite(m)):
        raise InputError("rotation matrix: expected finite values")
    error = np.abs(np.swapaxes(m, -1, -2) @ m - np.eye(3)).max(initial=0.0)
    if error > 1e-3:
        raise InputError(f"rotation matrix: off an orthonormal matrix by {error:.2g}")
    if np.any(np.linalg.det(m) < 0):
        raise InputError("rotation matrix: has determinant -1, a mirror; expected a rotation")
