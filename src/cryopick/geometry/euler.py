"""Euler angles of each program, to and from our rotations.

Ours (``docs/conventions.md`` 7): an active rotation template -> image as unit quaternion
``w, x, y, z``. Every converter takes and gives arrays ``(..., 3)`` in degrees, in the order in
which the program stores them, and is exact also where the middle angle makes the two others
degenerate (there the first angle comes back as 0; for IMOD the z angle).

==================  =================  ====================================================
program             stored order       our rotation
==================  =================  ====================================================
RELION, Warp,       rot, tilt, psi     ``(Rz(rot) Ry(tilt) Rz(psi))^-1``
Xmipp, cisTEM
EMAN2               az, alt, phi       ``(Rz(az) Rx(alt) Rz(phi))^-1``
Dynamo              tdrot, tilt,       ``(Rz(narot) Rx(tilt) Rz(tdrot))^-1``
                    narot
TOM, STOPGAP, EM    phi, psi, theta    ``Rz(psi) Rx(theta) Rz(phi)``
motive list, PyTom
pytom-match-pick    z1, x, z2 (rad)    ``Rz(z2) Rx(x) Rz(z1)``
angle list
IMOD slicer         x, y, z            ``(Rx(x) Ry(y) Rz(z))^-1``
cryoSPARC           rotation vector    ``exp(vector)^-1``
                    (rad)
==================  =================  ====================================================

``Rx Ry Rz`` are active right-handed rotations; the rightmost acts first.

Evidence
--------
- RELION follows Heymann, Chagoyen and Belnap 2005 (doi 10.1016/j.jsb.2005.06.001), as do Xmipp
  and cisTEM. Its Euler matrix, written out, has the last row ``sin t cos r, sin t sin r, cos t``:
  the view direction in the frame of the reference. So that matrix takes reference vectors to
  image vectors (it is our rotation), and its transpose is ``Rz(rot) Ry(tilt) Rz(psi)``.
- EMAN2: ``rot = az - 90, tilt = alt, psi = phi + 90`` (Baldwin and Penczek 2007,
  J. Struct. Biol. 157, 250-261).
- pytom-match-pick reports its ZXZ angles to RELION as the intrinsic ZYZ angles of
  ``Rz(-z1) Rx(-x) Rz(-z2)``, the inverse of our rotation in the table above.
- Dynamo's angles are those of the motive list with the opposite sign and the opposite order:
  ``tdrot = -psi, tilt = -theta, narot = -phi``. In a genuine table of particles cropped along
  filaments, only this reading points z along each filament; the tests measure it.
- The motive list's order phi, psi, theta: in a genuine STOPGAP list of particles on a membrane,
  neighbours share their z axis when the angles are read so (mean cosine 0.82), and do not when
  phi and psi are exchanged or the rotation is inverted (0.38); the tests measure it.
- IMOD's slicer turns the *volume* by z, then y, then x (slicer manual), hence the inverse.
- cryoSPARC's ``alignments3D/pose`` becomes RELION's matrix as the transpose of ``exp(vector)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    from_matrix,
    from_rotation_vector,
    inverse,
    multiply,
    normalise,
    to_matrix,
    to_rotation_vector,
)

# Below this sine of half the middle angle (or cosine, near 180 degrees) the outer two angles act
# as one; taking the first as 0 turns the particle by less than 1e-10 degrees.
_DEGENERATE = 1e-12

_X, _Y, _Z = 1, 2, 3


def quaternion_from_relion(rot_tilt_psi_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn RELION's ``rlnAngleRot, Tilt, Psi`` ``(..., 3)`` into rotations ``(..., 4)``.

    Also the angles of Warp, Xmipp and cisTEM.

    Examples
    --------
    A particle with tilt 90 has its z axis along -x of the image: the image was turned by 90
    degrees about y to match the reference.

    >>> from cryopick.geometry.rotation import rotate
    >>> rotate(quaternion_from_relion([0, 90, 0]), [0, 0, 1]).round(12)
    array([-1.,  0.,  0.])
    """
    return inverse(_intrinsic(rot_tilt_psi_deg, (_Z, _Y, _Z), "rot, tilt, psi"))


def relion_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into RELION's rot, tilt, psi ``(..., 3)``; tilt is 0 to 180.

    Examples
    --------
    >>> relion_from_quaternion(quaternion_from_relion([10.0, 20.0, 30.0])).round(9)
    array([10., 20., 30.])
    """
    return _proper_angles(inverse(quaternion), _Z, _Y)


def quaternion_from_xmipp(rot_tilt_psi_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn Xmipp's ``angleRot, angleTilt, anglePsi`` ``(..., 3)`` into rotations ``(..., 4)``.

    They are RELION's angles. A row with ``flip 1`` is a mirrored image, which no rotation is.
    """
    return quaternion_from_relion(rot_tilt_psi_deg)


def xmipp_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into Xmipp's rot, tilt, psi ``(..., 3)``."""
    return relion_from_quaternion(quaternion)


def quaternion_from_warp(rot_tilt_psi_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn the angles of Warp and M ``(..., 3)`` into rotations ``(..., 4)``; they are RELION's."""
    return quaternion_from_relion(rot_tilt_psi_deg)


def warp_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into the angles of Warp and M ``(..., 3)``."""
    return relion_from_quaternion(quaternion)


def quaternion_from_eman(az_alt_phi_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn EMAN2's ``az, alt, phi`` ``(..., 3)`` into rotations ``(..., 4)``."""
    return inverse(_intrinsic(az_alt_phi_deg, (_Z, _X, _Z), "az, alt, phi"))


def eman_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into EMAN2's az, alt, phi ``(..., 3)``; alt is 0 to 180."""
    return _proper_angles(inverse(quaternion), _Z, _X)


def quaternion_from_dynamo(tdrot_tilt_narot_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn Dynamo's ``tdrot, tilt, narot`` (columns 7 to 9) ``(..., 3)`` into rotations.

    Examples
    --------
    tdrot and tilt point the z axis of the particle, narot spins the particle about it:

    >>> from cryopick.geometry.rotation import rotate
    >>> rotate(quaternion_from_dynamo([[0, 90, 0], [0, 90, 77]]), [0, 0, 1]).round(12)
    array([[0., 1., 0.],
           [0., 1., 0.]])
    """
    angles = _angles(tdrot_tilt_narot_deg, "tdrot, tilt, narot")
    return inverse(_intrinsic(angles[..., ::-1], (_Z, _X, _Z), "narot, tilt, tdrot"))


def dynamo_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into Dynamo's tdrot, tilt, narot ``(..., 3)``; tilt 0 to 180."""
    narot_tilt_tdrot = _proper_angles(inverse(quaternion), _Z, _X, zero_last=True)
    return np.ascontiguousarray(narot_tilt_tdrot[..., ::-1])


def quaternion_from_motive_list(phi_psi_theta_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn ``phi, psi, theta`` (rows 17 to 19 of an EM motive list) ``(..., 3)`` into rotations.

    Mind the stored order: the middle rotation, theta about x, comes last. Also the angles of TOM,
    AV3, Artiatomi and novaSTA.

    Examples
    --------
    >>> from cryopick.geometry.rotation import rotate
    >>> rotate(quaternion_from_motive_list([77, 0, 90]), [0, 0, 1]).round(12)
    array([ 0., -1.,  0.])
    """
    angles = _angles(phi_psi_theta_deg, "phi, psi, theta")
    return _intrinsic(angles[..., [1, 2, 0]], (_Z, _X, _Z), "psi, theta, phi")


def motive_list_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into phi, psi, theta ``(..., 3)``; theta is 0 to 180."""
    psi_theta_phi = _proper_angles(normalise(quaternion), _Z, _X, zero_last=True)
    return psi_theta_phi[..., [2, 0, 1]]


def quaternion_from_stopgap(phi_psi_the_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn STOPGAP's ``phi, psi, the`` ``(..., 3)`` into rotations; they are the motive list's."""
    return quaternion_from_motive_list(phi_psi_the_deg)


def stopgap_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into STOPGAP's phi, psi, the ``(..., 3)``."""
    return motive_list_from_quaternion(quaternion)


def quaternion_from_pytom(z1_z2_x_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn PyTom's ``Z1, Z2, X`` (phi, psi, theta in its XML) ``(..., 3)`` into rotations."""
    return quaternion_from_motive_list(z1_z2_x_deg)


def pytom_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into PyTom's Z1, Z2, X ``(..., 3)``."""
    return motive_list_from_quaternion(quaternion)


def quaternion_from_pytom_match_pick(z1_x_z2_rad: ArrayLike) -> NDArray[np.float64]:
    """Turn rows ``z1, x, z2`` of a pytom-match-pick angle list, in radians, into rotations."""
    angles = np.rad2deg(_angles(z1_x_z2_rad, "z1, x, z2"))
    return _intrinsic(angles[..., ::-1], (_Z, _X, _Z), "z2, x, z1")


def pytom_match_pick_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into rows of a pytom-match-pick angle list, in radians."""
    z2_x_z1 = _proper_angles(normalise(quaternion), _Z, _X, zero_last=True)
    return np.deg2rad(z2_x_z1[..., ::-1])


def quaternion_from_imod_slicer(x_y_z_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn the x, y, z angles of IMOD's slicer ``(..., 3)`` into rotations ``(..., 4)``.

    The template lies in the slicer window as it shows: its z axis points at the viewer.
    """
    return inverse(_intrinsic(x_y_z_deg, (_X, _Y, _Z), "x, y, z"))


def imod_slicer_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into IMOD slicer angles ``(..., 3)``; y is -90 to 90."""
    # Rz = Ry(-90) Rx Ry(90), so Rx Ry Rz Ry(-90) = Rx(x) Ry(y - 90) Rx(z): proper Euler angles.
    half = np.sqrt(0.5)
    shifted = multiply(inverse(quaternion), [half, 0.0, -half, 0.0])
    outer, middle, inner = np.moveaxis(_proper_angles(shifted, _X, _Y, zero_last=True), -1, 0)
    # A middle angle of -b is one of b between half turns about x. Where the middle angle is
    # degenerate, inner is 0 and both half turns are left out, so that z comes back as 0.
    turn = np.where((inner == 0) & (np.abs(middle - 90) > 90 - 1e-9), 0.0, 180.0)
    return _wrap(np.stack([outer + turn, 90 - middle, inner - turn], axis=-1))


def quaternion_from_cryosparc(pose_rad: ArrayLike) -> NDArray[np.float64]:
    """Turn cryoSPARC's ``alignments3D/pose`` (rotation vectors in radians) into rotations."""
    return inverse(from_rotation_vector(_angles(pose_rad, "pose")))


def cryosparc_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into cryoSPARC poses: rotation vectors in radians."""
    return to_rotation_vector(inverse(quaternion))


def quaternion_from_transform(transform: ArrayLike) -> NDArray[np.float64]:
    """Turn 3x3 or 4x4 matrices (copick, CryoET data portal) into rotations ``(..., 4)``.

    They take the reference to the particle, as ours do. The translation of a 4x4 matrix is left
    to the caller.
    """
    matrix = np.asarray(transform, dtype=np.float64)
    if matrix.shape[-2:] not in ((3, 3), (4, 4)):
        raise InputError(f"transform: expected 3x3 or 4x4 matrices, got shape {matrix.shape}")
    return from_matrix(matrix[..., :3, :3])


def transform_from_quaternion(quaternion: ArrayLike, *, size: int = 3) -> NDArray[np.float64]:
    """Turn rotations ``(..., 4)`` into 3x3 matrices, or 4x4 without translation."""
    if size not in (3, 4):
        raise InputError(f"transform: expected size 3 or 4, got {size}")
    rotation = to_matrix(quaternion)
    matrix = np.zeros((*rotation.shape[:-2], size, size))
    matrix[..., :, :] = np.eye(size)
    matrix[..., :3, :3] = rotation
    return matrix


def quaternion_from_psi_deg(psi_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn RELION's in-plane ``rlnAnglePsi`` ``(...)`` into rotations ``(..., 4)`` about z.

    The same rotation as `quaternion_from_relion` with rot and tilt 0: by ``-psi`` from x towards y.

    Examples
    --------
    >>> from cryopick.geometry.rotation import rotate
    >>> rotate(quaternion_from_psi_deg(90), [1, 0, 0]).round(12)
    array([ 0., -1.,  0.])
    """
    psi = np.asarray(psi_deg, dtype=np.float64)
    zero = np.zeros_like(psi)
    return quaternion_from_relion(np.stack([zero, zero, psi], axis=-1))


def psi_deg_from_quaternion(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Turn rotations about z ``(..., 4)`` into RELION's in-plane psi ``(...)``, -180 to 180.

    Of a rotation about another axis the part about z is taken.
    """
    q = normalise(quaternion)
    return _wrap(np.rad2deg(-2 * np.arctan2(q[..., 3], q[..., 0])))


def _angles(values: ArrayLike, names: str) -> NDArray[np.float64]:
    angles = np.asarray(values, dtype=np.float64)
    if angles.ndim == 0 or angles.shape[-1] != 3:
        raise InputError(f"angles {names}: expected a shape (..., 3), got {angles.shape}")
    if not np.all(np.isfinite(angles)):
        raise InputError(f"angles {names}: expected finite values")
    return angles


def _intrinsic(values: ArrayLike, axes: tuple[int, int, int], names: str) -> NDArray[np.float64]:
    """Product of three elementary rotations, the first leftmost."""
    halves = np.deg2rad(_angles(values, names)) / 2
    product = None
    for place, axis in enumerate(axes):
        q = np.zeros((*halves.shape[:-1], 4))
        q[..., 0], q[..., axis] = np.cos(halves[..., place]), np.sin(halves[..., place])
        product = q if product is None else multiply(product, q)
    return normalise(product if product is not None else halves)


def _proper_angles(
    q: NDArray[np.float64], outer: int, middle: int, *, zero_last: bool = False
) -> NDArray[np.float64]:
    """Angles a, b, c in degrees of ``R_outer(a) R_middle(b) R_outer(c)``, b from 0 to 180.

    Straight from the quaternion, which keeps full precision at every b (Bernardes and Viollet
    2022, doi 10.1371/journal.pone.0276302). Where b is 0 or 180 only one of the outer angles
    counts; the other is 0: c with ``zero_last``, else a.
    """
    third = 6 - outer - middle
    parity = 1.0 if (middle - outer) % 3 == 1 else -1.0
    w, o, m, t = q[..., 0], q[..., outer], q[..., middle], parity * q[..., third]
    along, across = np.hypot(w, o), np.hypot(m, t)
    half_sum = np.arctan2(o, w)
    half_difference = np.arctan2(t, m)
    flat, upside_down = across < _DEGENERATE, along < _DEGENERATE
    sign = 1.0 if zero_last else -1.0
    half_difference = np.where(flat, sign * half_sum, half_difference)
    half_sum = np.where(upside_down, sign * half_difference, half_sum)
    a, c = half_sum + half_difference, half_sum - half_difference
    b = 2 * np.arctan2(across, along)
    return _wrap(np.rad2deg(np.stack([a, b, c], axis=-1)))


def _wrap(angle_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring angles into -180 (excluded) to 180 without touching those already there."""
    outside = (angle_deg <= -180) | (angle_deg > 180)
    wrapped = np.where(outside, 180 - np.mod(180 - angle_deg, 360), angle_deg)
    # The remainder of a tiny negative number rounds up to 360.
    return np.where(wrapped <= -180, 180.0, wrapped) + 0.0
