"""Orientations of tilted particles for a random conical tilt reconstruction.

The untilted view of a particle is its class average turned in the plane; the tilted view is that
turned about the tilt axis (Radermacher et al. 1987, doi 10.1111/j.1365-2818.1987.tb01333.x)::

    tilted = Rz(axis_tilted) Rx(tilt) Rz(-axis_untilted) Rz(in-plane angle)

The tilt may as well be negative, which gives the mirror image of the map. All micrographs must take
the same sign, so their axes have to point the same way
(`cryopick.combine.tilt_geometry.oriented_near`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.tilt_geometry import TiltGeometry
from cryopick.geometry.rotation import from_axis_angle, multiply

Floats = NDArray[np.float64]


def tilted_orientation(untilted: Floats, geometry: TiltGeometry) -> Floats:
    """Orientations of the tilted particles.

    Parameters
    ----------
    untilted
        ``(n, 4)`` rotations template -> untilted image: about z where the template is a class
        average; the identity where no in-plane angle is known.
    geometry
        Of the tilt pair.

    Returns
    -------
    ndarray
        ``(n, 4)`` rotations template -> tilted image.

    Examples
    --------
    >>> across_x = TiltGeometry(tilt_deg=90, axis_untilted_deg=0, axis_tilted_deg=0, scale=1)
    >>> from cryopick.geometry.rotation import rotate
    >>> rotate(tilted_orientation(np.array([[1.0, 0, 0, 0]]), across_x)[0], [0, 1, 0]).round(9)
    array([0., 0., 1.])
    """
    z, x = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    turn = multiply(
        from_axis_angle(z, geometry.axis_tilted_deg),
        multiply(
            from_axis_angle(x, geometry.tilt_deg), from_axis_angle(z, -geometry.axis_untilted_deg)
        ),
    )
    return multiply(turn, untilted)
