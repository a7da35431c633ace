"""`TurnedSpread`: the standard deviation that a weighted template has in any orientation.

Turned into the missing wedge a template loses more or less of its density. How much is a smooth
function of the orientation, so a few hundred exact values tell it everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import multiply, random_rotations

SAMPLES = 300
_DEGREE = 6
_RIDGE = 0.01
_HALF_TURNS = np.eye(4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TurnedSpread:
    """``log s(R) = level + Σ_i a_i K(q · q_i)``.

    The kernel ``K`` is the sum of the characters of rotations of degree 0, 2, 4 and 6: the power
    spectrum of a real density is the same in opposite directions, so odd degrees do not occur.
    """

    level: float
    knot: NDArray[np.float64]
    coefficient: NDArray[np.float64]

    @classmethod
    def fitted(
        cls,
        orientation: NDArray[np.float64],
        spread: NDArray[np.float64],
        *,
        weight: NDArray[np.float32] | None,
    ) -> TurnedSpread:
        """Fit to values ``(m,)`` at orientations ``(m, 4)``.

        Half turns of the specimen that leave the weight ``(n, n, n // 2 + 1)`` as it is make
        several of each value.
        """
        if not np.all(spread > 0):
            raise InputError("template: nothing is left of it under its mask after the weights")
        group = _half_turns(weight)
        kernel = _kernel()
        log = np.log(spread)
        level = float(log.mean())
        images = multiply(group[:, None], orientation[None])
        products = kernel((images @ orientation.T) ** 2).mean(axis=0)
        ridge = _RIDGE * float(kernel(1.0))
        coefficient = np.linalg.solve(products + ridge * np.eye(len(log)), log - level)
        return cls(
            level=level,
            knot=images.reshape(-1, 4),
            coefficient=np.tile(coefficient / len(group), len(group)),
        )

    def at(
        self, orientation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give ``s`` ``(m,)`` and the slope of ``log s`` ``(m, 3)`` for own turns (radians).

        Examples
        --------
        >>> knots = sampled_orientations()
        >>> same = TurnedSpread.fitted(knots, np.full(len(knots), 0.5), weight=None)
        >>> spread, slope = same.at(knots[:2])
        >>> spread.round(6), bool(np.all(slope == 0))
        (array([0.5, 0.5]), True)
        """
        # A few at a time stay in the cache.
        parts = [self._some(orientation[i : i + 8]) for i in range(0, len(orientation), 8)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])

    def _some(
        self, orientation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        w, x, y, z = np.moveaxis(orientation, -1, 0)
        # Halves of q (0, e) for the axes e: how q changes when the template turns first.
        change = 0.5 * np.stack(
            [
                np.stack([-x, w, z, -y], axis=-1),
                np.stack([-y, -z, w, x], axis=-1),
                np.stack([-z, y, -x, w], axis=-1),
            ],
            axis=1,
        )
        # One product for each pose: one for all rounds by their number, and no pose may depend on
        # those beside it.
        cosine = orientation[:, None] @ self.knot.T
        square = cosine * cosine
        log = self.level + (polyval(square, _kernel().coef) @ self.coefficient)[:, 0]
        # The chain rule: d c² = 2 c dc
        pull = polyval(square, _kernel_slope().coef) * cosine * (2 * self.coefficient) @ self.knot
        return np.exp(log), np.einsum("mac,mc->ma", change, pull[:, 0])


def sampled_orientations() -> NDArray[np.float64]:
    """Orientations ``(m, 4)`` at which to measure; always the same."""
    return random_rotations(SAMPLES, rng=np.random.default_rng(0))


@cache
def _kernel() -> Polynomial:
    """Sum of ``(2 l + 1) U_2l(c)`` over even ``l``, written in ``c²``: ``q`` and ``-q`` are one."""
    before, now = Polynomial([1.0]), Polynomial([-1.0, 4.0])
    second = [before, now]
    for _ in range(_DEGREE - 1):
        # U_(n+2) = (4 c² - 2) U_n - U_(n-2)
        before, now = now, Polynomial([-2.0, 4.0]) * now - before
        second.append(now)
    total = Polynomial([0.0])
    for degree in range(0, _DEGREE + 1, 2):
        damped = (2 * degree + 1) * np.exp(-0.02 * degree * (degree + 1))
        total = total + damped * second[degree]
    return total


@cache
def _kernel_slope() -> Polynomial:
    return _kernel().deriv()


def _half_turns(weight: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """The identity and the half turns about x, y, z that leave a weight as it is."""
    if weight is None:
        return _HALF_TURNS
    # With opposite frequencies equal, a half turn about y is ky to -ky; about z, kz to -kz.
    other_z, other_y = (np.roll(np.flip(weight, axis), 1, axis) for axis in (0, 1))
    other = np.roll(np.flip(other_y, 0), 1, 0)
    scale = 1e-3 * float(np.abs(weight).max())
    same = [float(np.abs(image - weight).max()) <= scale for image in (other, other_y, other_z)]
    return _HALF_TURNS[[True, *same]]
