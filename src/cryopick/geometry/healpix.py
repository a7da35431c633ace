"""HEALPix pixel centres in RING order, for any number of pixels per edge.

Equal-area pixels on rings of constant latitude (Gorski et al. 2005, doi 10.1086/427976,
equations 2 to 9). Only the nested order needs a power of two; the ring order works for every
``nside``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

# 12 * nside^2 pixels; more than that fits no memory, and square roots stay exact below it.
MAX_NSIDE = 4096


def pixel_count(nside: int) -> int:
    """Number of pixels: ``12 nside^2``.

    Examples
    --------
    >>> pixel_count(9)
    972
    """
    if not 1 <= nside <= MAX_NSIDE:
        raise InputError(f"nside {nside}: expected 1 to {MAX_NSIDE}")
    return 12 * nside * nside


def ring_and_place(
    nside: int, pixel: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ring (1 to ``4 nside - 1``, from north) and place on the ring (from 1) of pixels ``(n,)``.

    Default: all pixels.
    """
    count = pixel_count(nside)
    p = np.arange(count) if pixel is None else np.asarray(pixel, dtype=np.int64)
    if p.size and not 0 <= p.min() <= p.max() < count:
        raise InputError(f"pixel {int(p.min())} to {int(p.max())}: expected 0 to {count - 1}")
    cap = 2 * nside * (nside - 1)
    south = p >= count - cap
    north = p < cap
    # The south cap is the north cap counted from its end.
    folded = np.where(south, count - 1 - p, p)
    cap_ring = ((1 + np.sqrt(2.0 * folded + 1)) // 2).astype(np.int64)
    cap_place = folded + 1 - 2 * cap_ring * (cap_ring - 1)
    belt_ring = (p - cap) // (4 * nside) + nside
    belt_place = (p - cap) % (4 * nside) + 1
    ring = np.where(north, cap_ring, np.where(south, 4 * nside - cap_ring, belt_ring))
    place = np.where(north, cap_place, np.where(south, 4 * cap_ring + 1 - cap_place, belt_place))
    return ring, place


def pixel_angles_deg(
    nside: int, pixel: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colatitude (0 at the north pole) and longitude in degrees of pixel centres, each ``(n,)``.

    Examples
    --------
    >>> colatitude, longitude = pixel_angles_deg(1, [0, 4, 11])
    >>> colatitude.round(6), longitude
    (array([ 48.189685,  90.      , 131.810315]), array([ 45.,   0., 315.]))
    """
    ring, place = ring_and_place(nside, pixel)
    height, longitude = _height_and_longitude(nside, ring, place)
    return np.rad2deg(np.arccos(height)), longitude


def pixel_directions(nside: int, pixel: ArrayLike | None = None) -> NDArray[np.float64]:
    """Unit vectors ``(n, 3)``, ``x, y, z``, of pixel centres."""
    ring, place = ring_and_place(nside, pixel)
    height, longitude = _height_and_longitude(nside, ring, place)
    across = np.sqrt(1 - height**2)
    angle = np.deg2rad(longitude)
    return np.stack([across * np.cos(angle), across * np.sin(angle), height], axis=-1)


def _height_and_longitude(
    nside: int, ring: NDArray[np.int64], place: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from_pole = np.minimum(ring, 4 * nside - ring)
    in_cap = from_pole < nside
    sign = np.where(ring > 2 * nside, -1.0, 1.0)
    cap_height = sign * (1 - from_pole**2 / (3.0 * nside**2))
    belt_height = (4 * nside - 2 * ring) / (3.0 * nside)
    offset = np.where(in_cap, 0.5, np.where((ring - nside) % 2 == 0, 0.5, 1.0))
    step = 90.0 / np.where(in_cap, from_pole, nside)
    return np.where(in_cap, cap_height, belt_height), (place - offset) * step
