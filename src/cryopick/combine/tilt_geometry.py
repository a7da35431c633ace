"""Tilt angle and tilt axis from the affine map between the two views of a tilt pair.

A flat specimen tilted by ``t`` keeps its lengths along the axis and shrinks by ``cos t`` across it:
``matrix = scale * R(axis_tilted) diag(1, cos t) R(-axis_untilted)``. That is a singular value
decomposition, so the geometry is read off without a search. The sign of the tilt is not in the
positions: both signs give the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.pair_affine import PairAffine, PairFit
from cryopick.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TiltGeometry:
    """How the specimen was turned between the two views.

    Angles are counted from x towards y. The two axis angles belong together: the direction
    ``axis_untilted_deg`` of the untilted view is the direction ``axis_tilted_deg`` of the tilted
    one. Both plus 180 degrees is the same geometry.

    Attributes
    ----------
    tilt_deg
        0 to 90.
    axis_untilted_deg
        0 or more, below 180.
    axis_tilted_deg
        -180 or more, below 540; within 180 degrees of ``axis_untilted_deg``.
    scale
        Magnification of the tilted view over that of the untilted one; about 1.
    is_mirrored
        One of the views is a mirror image of what it should be.
    """

    tilt_deg: float
    axis_untilted_deg: float
    axis_tilted_deg: float
    scale: float
    is_mirrored: bool = False

    @property
    def rotation_deg(self) -> float:
        """In-plane rotation from the untilted to the tilted view, about -180 to 180."""
        return self.axis_tilted_deg - self.axis_untilted_deg


def tilt_geometry(affine: PairAffine) -> TiltGeometry:
    """Read tilt, axes and scale off an affine map.

    Examples
    --------
    >>> across_y = PairAffine(matrix=np.diag([1.0, 0.5]), shift_angstrom=np.zeros(2))
    >>> geometry = tilt_geometry(across_y)
    >>> round(geometry.tilt_deg, 6), geometry.axis_untilted_deg, geometry.scale
    (60.0, 0.0, 1.0)
    """
    u, s, vt = np.linalg.svd(affine.matrix)
    if not s[0] > 0:
        raise InputError("tilt pair: the map is zero; all tilted picks lie on one point")
    axis = _angle_deg(vt[0])
    turned = _angle_deg(u[:, 0])
    if axis >= 180.0:  # the same axis from its other end
        axis, turned = axis - 180.0, turned - 180.0
    turned = axis + (turned - axis + 180.0) % 360.0 - 180.0
    return TiltGeometry(
        tilt_deg=float(np.rad2deg(np.arccos(np.clip(s[1] / s[0], 0.0, 1.0)))),
        axis_untilted_deg=axis,
        axis_tilted_deg=turned,
        scale=float(s[0]),
        is_mirrored=bool(np.linalg.det(affine.matrix) < 0),
    )


def affine_matrix(geometry: TiltGeometry) -> Floats:
    """The ``(2, 2)`` matrix of a geometry; `tilt_geometry` the other way round.

    Examples
    --------
    >>> flat = TiltGeometry(tilt_deg=60, axis_untilted_deg=0, axis_tilted_deg=0, scale=1)
    >>> affine_matrix(flat).round(9)
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    shrink = np.cos(np.deg2rad(geometry.tilt_deg)) * (-1.0 if geometry.is_mirrored else 1.0)
    middle = np.diag([geometry.scale, geometry.scale * shrink])
    return _turn(geometry.axis_tilted_deg) @ middle @ _turn(-geometry.axis_untilted_deg)


def tilt_error_deg(fit: PairFit, untilted_angstrom: Floats) -> float:
    """Standard error of the tilt that the scatter of the residuals leaves.

    To first order: the error of the smaller singular value over ``scale * sin(tilt)``. NaN with
    three pairs, which leave no residuals.

    Parameters
    ----------
    fit
        Of the pairs.
    untilted_angstrom
        ``(n, 2)`` untilted positions that the fit was made of.
    """
    n = int(np.count_nonzero(fit.agrees))
    if n <= 3:
        return float("nan")
    points = untilted_angstrom[fit.agrees]
    points = points - points.mean(axis=0)
    # Two coordinates per pair, six unknowns.
    variance = float(np.sum(fit.residual_angstrom[fit.agrees] ** 2)) / (2 * n - 6)
    _, s, vt = np.linalg.svd(fit.affine.matrix)
    across = float(vt[1] @ np.linalg.solve(points.T @ points, vt[1]))
    sine = np.sqrt(max(1.0 - float(s[1] / s[0]) ** 2, 0.0))
    error = np.sqrt(variance * across) / max(float(s[0]) * sine, 1e-9)
    return float(min(np.rad2deg(error), 90.0))


def common_axis_deg(axis_deg: Sequence[float]) -> float:
    """Mean direction of axes, 0 to 180 degrees: 179 and 1 are two degrees apart.

    Examples
    --------
    >>> round(common_axis_deg([178.0, 4.0]), 6)
    1.0
    """
    doubled = np.exp(2j * np.deg2rad(np.asarray(axis_deg, dtype=np.float64)))
    return float(np.rad2deg(np.angle(doubled.sum())) / 2 % 180.0)


def oriented_near(geometry: TiltGeometry, axis_deg: float) -> TiltGeometry:
    """The same geometry with the tilted axis taken from the end nearer to a direction.

    Signs of the tilt can be compared between micrographs only if their axes point the same way; a
    tilt axis along y is found at 89 degrees in one of them and at -91 in the next.

    Examples
    --------
    >>> g = TiltGeometry(tilt_deg=50, axis_untilted_deg=1.0, axis_tilted_deg=1.0, scale=1)
    >>> oriented_near(g, 179.0).axis_tilted_deg
    181.0
    """
    apart = (geometry.axis_tilted_deg - axis_deg + 180.0) % 360.0 - 180.0
    if abs(apart) <= 90.0:
        return geometry
    return replace(
        geometry,
        axis_untilted_deg=geometry.axis_untilted_deg + 180.0,
        axis_tilted_deg=geometry.axis_tilted_deg + 180.0,
    )


def _angle_deg(direction: Floats) -> float:
    """Angle of a direction, 0 or more and below 360."""
    angle = float(np.rad2deg(np.arctan2(direction[1], direction[0]))) % 360.0
    # The remainder of a tiny negative angle rounds to a full turn.
    return 0.0 if angle == 360.0 else angle


def _turn(angle_deg: float) -> Floats:
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[c, -s], [s, c]])
