"""Where a tilt series samples Fourier space: the wedge between its outermost tilts, and its slices.

Tilting by ``θ`` turns the specimen about y (see `cryopick.ops.project_tilts`), so the image at
``θ`` holds the plane of Fourier space that is spanned by y and ``(cos θ, 0, sin θ)``; a frequency
lies ``s = kz cos θ - kx sin θ`` away from that plane. All frequencies here are in cycles per pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wedge_weight(
    kz: ArrayLike, kx: ArrayLike, *, wedge_deg: tuple[float, float], edge: float
) -> NDArray[np.float64]:
    """1 between the two limiting planes and 0 beyond them, rising over a width of ``edge``.

    Parameters
    ----------
    kz, kx
        Frequencies, broadcast against each other.
    wedge_deg
        Lowest and highest tilt.
    edge
        Width of the rise across a limiting plane; half way lies on the plane.

    Examples
    --------
    >>> kx, kz = 0.25, 0.25 * np.tan(np.deg2rad([30, 50, 70, -50, -30]))
    >>> wedge_weight(kz, kx, wedge_deg=(-40, 60), edge=1 / 64)
    array([1., 1., 0., 0., 1.])
    """
    kz, kx = np.broadcast_arrays(np.asarray(kz, float), np.asarray(kx, float))
    low, high = np.deg2rad(wedge_deg)
    if high - low >= np.pi:
        return np.ones(kz.shape)
    below = kx * np.sin(high) - kz * np.cos(high)
    above = kz * np.cos(low) - kx * np.sin(low)
    # Of a frequency and its mirror image through the origin, one lies on the sampled side.
    depth = np.maximum(np.minimum(below, above), -np.maximum(below, above))
    weight = np.clip(depth / edge + 0.5, 0.0, 1.0)
    return np.where((kz == 0) & (kx == 0), 1.0, weight)


def slice_share(distance_px: ArrayLike) -> NDArray[np.float64]:
    """Share of a slice that falls to a Fourier voxel: linear interpolation across the slice.

    Parameters
    ----------
    distance_px
        Distance from the plane in Fourier voxels, which are one over the box wide: as thick as
        the slice of a projection through the box.

    Examples
    --------
    >>> slice_share([0.0, -0.25, 1.5])
    array([1.  , 0.75, 0.  ])
    """
    return np.maximum(1.0 - np.abs(distance_px), 0.0)


def crowding_weight(across_px: ArrayLike, increment_rad: float) -> NDArray[np.float64]:
    """Weight of a slice where its neighbours overlap it: ``min(1, |across| increment)``.

    Slices ``increment`` apart are ``|across| increment`` voxels from each other at a distance
    ``across`` from the tilt axis, so with this weight they sum to 1 out to where they part. The
    ramp is averaged over a voxel like the slices are, which keeps the axis itself: there the sum
    is a third of the tilt range in radian.

    Examples
    --------
    >>> crowding_weight([0, -10, 50], np.deg2rad(3)).round(3)
    array([0.017, 0.524, 1.   ])
    """
    across = np.abs(across_px)
    averaged = np.where(across < 1, across**2 - across**3 / 3 + 1 / 3, across)
    return np.minimum(averaged * increment_rad, 1.0)


def tilt_increments_rad(tilt_deg: ArrayLike) -> NDArray[np.float64]:
    """Angle that each tilt stands for, ``(n,)``: half the distance between its neighbours.

    The outermost tilts stand for the distance to their only neighbour, a single one for half a
    turn.

    Examples
    --------
    >>> np.rad2deg(tilt_increments_rad([3, 0, -3, 9])).round(1)
    array([4.5, 3. , 3. , 6. ])
    """
    tilts = np.deg2rad(np.asarray(tilt_deg, dtype=np.float64))
    if len(tilts) < 2:
        return np.full(len(tilts), np.pi)
    order = np.argsort(tilts, kind="stable")
    increment = np.empty(len(tilts))
    increment[order] = np.gradient(tilts[order])
    return increment
