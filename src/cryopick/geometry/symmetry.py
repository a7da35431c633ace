"""Point groups, as rotations of the template: ``R`` and ``multiply(R, g)`` are the same pose.

Axes, as in RELION's settings of the same names:

- ``Cn``: n-fold about z.
- ``Dn``: n-fold about z, two-fold about x.
- ``T``: three-fold about z, two-fold about (0, sqrt(2/3), sqrt(1/3)).
- ``O``: four-fold about x, y and z.
- ``I``, the same as ``I2``: two-fold about x, y and z, five-fold about (1, 0, phi) with the golden
  ratio phi (Crowther's setting). ``I1``: five-fold about (phi, 0, -1) instead, turned by 90 degrees.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    IDENTITY,
    angle_between_deg,
    from_axis_angle,
    inverse,
    multiply,
    normalise,
)

MAX_FOLD = 360
_GOLDEN = (1 + 5**0.5) / 2
_ROWS_AT_ONCE = 16384
_SAME = 1e-9

_GENERATORS: dict[str, tuple[tuple[int, tuple[float, float, float]], ...]] = {
    "T": ((3, (0.0, 0.0, 1.0)), (2, (0.0, 2**0.5, 1.0))),
    "O": ((4, (0.0, 0.0, 1.0)), (3, (1.0, 1.0, 1.0))),
    "I1": ((2, (0.0, 0.0, 1.0)), (5, (_GOLDEN, 0.0, -1.0))),
    "I2": ((2, (0.0, 0.0, 1.0)), (5, (1.0, 0.0, _GOLDEN))),
}


def point_group(symmetry: str) -> NDArray[np.float64]:
    """Rotations ``(g, 4)`` of a point group: ``C1``, ``C2``..., ``D2``..., ``T``, ``O``, ``I``.

    The identity comes first. Upper and lower case are the same.

    Examples
    --------
    >>> [len(point_group(name)) for name in ("C1", "C4", "D3", "T", "O", "I")]
    [1, 4, 6, 12, 24, 60]
    """
    return _group(_canonical(symmetry)).copy()


def axial_fold(symmetry: str) -> int:
    """Order of the rotation axis along z: 4 for ``C4``, ``D4`` and ``O``, 3 for ``T``, 2 for ``I``."""
    group = _group(_canonical(symmetry))
    return int(np.sum(np.hypot(group[:, 1], group[:, 2]) < _SAME))


def angular_distance_deg(
    first: ArrayLike, second: ArrayLike, symmetry: str = "C1"
) -> NDArray[np.float64]:
    """Angle in degrees between rotations ``(..., 4)``, the smallest over equivalent poses.

    Examples
    --------
    >>> turned = from_axis_angle([0, 0, 1], 100)
    >>> float(angular_distance_deg(IDENTITY, turned, "C4").round(9))
    10.0
    """
    group = _group(_canonical(symmetry))
    difference = multiply(inverse(first), second)
    # The scalar part of d * g is the inner product of d with the conjugate of g.
    nearest = np.argmax(np.abs(difference @ inverse(group).T), axis=-1)
    return angle_between_deg(IDENTITY, multiply(difference, group[nearest]))


def reduce_to_asymmetric_unit(quaternion: ArrayLike, symmetry: str = "C1") -> NDArray[np.float64]:
    """Replace rotations ``(n, 4)`` by their equivalent pose that is closest to the identity.

    Where several are equally close, the one with the largest x, then y, then z is taken.

    Examples
    --------
    >>> turned = from_axis_angle([0, 0, 1], [[100.0], [350.0]][0])
    >>> float(angle_between_deg(IDENTITY, reduce_to_asymmetric_unit(turned, "C4"))[0].round(9))
    10.0
    """
    q = normalise(quaternion)
    if q.ndim != 2:
        raise InputError(f"rotations: expected a shape (n, 4), got {q.shape}")
    group = _group(_canonical(symmetry))
    parts = [pick_representative(multiply(block[:, None], group[None])) for block in _blocks(q)]
    return np.concatenate(parts) if parts else q


def pick_representative(
    orbits: NDArray[np.float64], allowed: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Of each orbit ``(n, g, 4)`` take the rotation ``(n, 4)`` closest to the identity.

    ``allowed`` ``(n, g)`` leaves candidates out; each row needs one that is allowed.
    """
    candidates = np.ones(orbits.shape[:2], dtype=bool) if allowed is None else allowed.copy()
    # At half turns w is 0 but for noise, whose sign must not choose between q and -q.
    first = np.argmax(np.abs(orbits) > _SAME, axis=-1)[..., None]
    orbits = orbits * np.where(np.take_along_axis(orbits, first, axis=-1) < 0, -1.0, 1.0)
    for component in range(4):
        values = np.where(candidates, orbits[..., component], -np.inf)
        candidates &= values >= values.max(axis=1, keepdims=True) - _SAME
    return orbits[np.arange(len(orbits)), np.argmax(candidates, axis=1)]


def _blocks(q: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [q[start : start + _ROWS_AT_ONCE] for start in range(0, len(q), _ROWS_AT_ONCE)]


def _canonical(symmetry: str) -> str:
    """Upper-case name without leading zeros, ``I`` spelled out; or an `InputError`."""
    name = symmetry.strip().upper()
    if name == "I":
        return "I2"
    if name in _GENERATORS:
        return name
    found = re.fullmatch(r"([CD])0*(\d{1,6})", name)
    fold = int(found[2]) if found and found[2].isascii() else 0
    if found is None or not 1 <= fold <= MAX_FOLD:
        raise InputError(
            f"symmetry {symmetry!r}: not a point group; "
            f"use C1 to C{MAX_FOLD}, D1 to D{MAX_FOLD}, T, O, I, I1 or I2"
        )
    return f"{found[1]}{fold}"


@lru_cache(maxsize=64)
def _group(name: str) -> NDArray[np.float64]:
    if name in _GENERATORS:
        generators = [from_axis_angle(axis, 360 / fold) for fold, axis in _GENERATORS[name]]
        return _closure(np.array(generators))
    fold = int(name[1:])
    cyclic = from_axis_angle([0.0, 0.0, 1.0], 360.0 * np.arange(fold) / fold)
    if name[0] == "C":
        return cyclic
    return np.concatenate([cyclic, multiply(cyclic, [0.0, 1.0, 0.0, 0.0])])


def _closure(generators: NDArray[np.float64]) -> NDArray[np.float64]:
    """All products of the generators."""
    elements = [np.array(IDENTITY)]
    fresh = list(elements)
    while fresh:
        products = multiply(np.array(fresh)[:, None], generators[None]).reshape(-1, 4)
        fresh = []
        for product in products:
            if np.min(angle_between_deg(np.array(elements), product)) > 1e-3:
                elements.append(product)
                fresh.append(product)
    group = np.array(elements)
    # A half turn has w = 0, not 1e-16 of either sign.
    group[np.abs(group) < 1e-12] = 0.0
    return normalise(group)
