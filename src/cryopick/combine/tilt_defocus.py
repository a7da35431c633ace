"""Defocus of each particle of a tilted micrograph, from its distance to the tilt axis.

CTF programs give one defocus for a micrograph. In a tilted one it holds along the tilt axis through
the centre; at a distance ``d`` from that line the specimen is higher or lower by ``d tan(tilt)``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.combine.tilt_geometry import TiltGeometry
from cryopick.model import Defocus

Floats = NDArray[np.float64]

Gradient = Literal["none", "positive", "negative"]
"""Side of the tilt axis on which the defocus grows: that of the axis direction turned by +90
degrees (x towards y), the other one, or not known: no gradient."""

_UM_PER_ANGSTROM = 1e-4
_SIGN = {"none": 0.0, "positive": 1.0, "negative": -1.0}


def axis_distance_angstrom(
    position_angstrom: ArrayLike, *, axis_deg: float, centre_angstrom: ArrayLike
) -> Floats:
    """Signed distance ``(n,)`` from a line through the centre.

    Positive on the side of the line's direction turned by +90 degrees, x towards y.

    Examples
    --------
    >>> place = [[10.0, 30.0]]
    >>> axis_distance_angstrom(place, axis_deg=0, centre_angstrom=[0, 0]).round(6)
    array([30.])
    >>> axis_distance_angstrom(place, axis_deg=90, centre_angstrom=[0, 0]).round(6)
    array([-10.])
    """
    angle = np.deg2rad(axis_deg)
    normal = np.array([-np.sin(angle), np.cos(angle)])
    away = np.asarray(position_angstrom, dtype=np.float64) - np.asarray(centre_angstrom)
    return away @ normal


def defocus_offset_um(
    position_angstrom: ArrayLike,
    *,
    geometry: TiltGeometry,
    centre_angstrom: ArrayLike,
    gradient: Gradient,
) -> Floats:
    """How much more defocus than the micrograph a particle has.

    Parameters
    ----------
    position_angstrom
        ``(n, 2)`` in the tilted micrograph.
    geometry
        Its tilt and axis. The two ends of an axis are alike: where several micrographs share one
        ``gradient``, orient their axes first (`cryopick.combine.tilt_geometry.oriented_near`).
    centre_angstrom
        Where the defocus is that of the micrograph.
    gradient
        The side on which it grows.

    Returns
    -------
    ndarray
        ``(n,)`` µm, to be added to both principal defoci.

    Examples
    --------
    >>> tilted = TiltGeometry(tilt_deg=45, axis_untilted_deg=0, axis_tilted_deg=0, scale=1)
    >>> defocus_offset_um(
    ...     [[500.0, 1000.0]], geometry=tilted, centre_angstrom=[0, 0], gradient="positive"
    ... ).round(6)
    array([0.1])
    """
    away = axis_distance_angstrom(
        position_angstrom, axis_deg=geometry.axis_tilted_deg, centre_angstrom=centre_angstrom
    )
    slope = float(np.tan(np.deg2rad(geometry.tilt_deg))) * _SIGN[gradient]
    return away / geometry.scale * slope * _UM_PER_ANGSTROM


def defocus_rows(defocus: Defocus, offset_um: Floats) -> Floats:
    """One row per particle as in `Particles`: along both axes (µm), angle, phase shift (deg).

    Examples
    --------
    >>> defocus_rows(Defocus(u_um=2.0, v_um=1.5), np.array([0.1]))
    array([[2.1, 1.6, 0. , 0. ]])
    """
    whole = [defocus.u_um, defocus.v_um, defocus.astigmatism_angle_deg, defocus.phase_shift_deg]
    rows = np.tile(np.array(whole, dtype=np.float64), (len(offset_um), 1))
    rows[:, :2] += offset_um[:, None]
    return rows
