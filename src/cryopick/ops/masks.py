"""Soft masks: spheres, ellipsoids, cylinders, and masks that follow a map; centre at ``N // 2``.

Outside of a shape with a Gaussian edge the mask falls as ``exp(-d² / (2 s²))`` with the distance
``d`` from its surface, and is 0 from ``3 s`` on. Programs that write ``exp(-(d / s)²)`` mean a
width ``s`` that is 1.41 times this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.threshold import between_two_groups

# Where a Gaussian edge ends, in standard deviations.
_EDGE_SD = 3.0
# Parts of a map smaller than this share of the largest one are specks of noise.
_SPECK = 0.05
# Values that are looked at for an automatic threshold.
_SAMPLE = 200_000


def sphere_mask(box_px: int, *, radius_px: float, soft_px: float = 0.0) -> NDArray[np.float32]:
    """Make a ball in a cubic box.

    Parameters
    ----------
    box_px
        Edge of the box; the centre is voxel ``box_px // 2``, of even boxes too.
    radius_px
        The mask is 1 up to here.
    soft_px
        Standard deviation of the Gaussian edge outside of it; 0: a hard edge.

    Returns
    -------
    numpy.ndarray
        ``(box_px, box_px, box_px)`` float32 from 0 to 1.

    Examples
    --------
    >>> mask = sphere_mask(8, radius_px=2)
    >>> mask[4, 4].tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return ellipsoid_mask(box_px, radii_px=(radius_px, radius_px, radius_px), soft_px=soft_px)


def ellipsoid_mask(
    box_px: int, *, radii_px: tuple[float, float, float], soft_px: float = 0.0
) -> NDArray[np.float32]:
    """Make an ellipsoid with axes along x, y, z in a cubic box.

    The distance from its surface is that to first order, ``(r - 1) / |∇r|`` with
    ``r² = (x/a)² + (y/b)² + (z/c)²``: exact for a sphere, and an edge of one width all around.

    Parameters
    ----------
    box_px, soft_px
        As for `sphere_mask`.
    radii_px
        Along ``x, y, z``.

    Examples
    --------
    >>> mask = ellipsoid_mask(16, radii_px=(6, 4, 2))
    >>> [int(n) for n in (mask[8, 8].sum(), mask[8, :, 8].sum(), mask[:, 8, 8].sum())]
    [13, 9, 5]
    """
    a, b, c = (_length("radius", value) for value in radii_px)

    def distance(z: Any, y: Any, x: Any) -> Any:
        squared = (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2
        slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2 + (z / c**2) ** 2)
        # |∇r| = slope / r, so that (r - 1) / |∇r| = (r² - r) / slope; the centre is inside.
        return (squared - np.sqrt(squared)) / np.where(slope > 0, slope, 1)

    return _soft(box_px, distance, soft_px)


def cylinder_mask(
    box_px: int, *, radius_px: float, height_px: float, soft_px: float = 0.0
) -> NDArray[np.float32]:
    """Make a cylinder along z in a cubic box.

    Parameters
    ----------
    box_px, soft_px
        As for `sphere_mask`.
    radius_px, height_px
        The mask is 1 within the radius of the axis and half the height of the centre.

    Examples
    --------
    >>> mask = cylinder_mask(16, radius_px=3, height_px=9)
    >>> int(mask[8, 8].sum()), int(mask[:, 8, 8].sum())
    (7, 9)
    """
    radius, height = _length("radius", radius_px), _length("height", height_px)

    def distance(z: Any, y: Any, x: Any) -> Any:
        across = np.maximum(np.hypot(x, y) - radius, 0)
        along = np.maximum(np.abs(z) - height / 2, 0)
        return np.hypot(across, along)

    return _soft(box_px, distance, soft_px)


def tight_mask(
    volume: NDArray[Any],
    *,
    threshold: float | None = None,
    extend_px: float = 3.0,
    soft_px: float = 6.0,
) -> NDArray[np.float32]:
    """Make a mask that follows the density of a map.

    Voxels from the threshold up are kept, specks dropped, the rest grown by ``extend_px``; from
    there the mask falls to 0 as a raised cosine over ``soft_px``.

    Parameters
    ----------
    volume
        ``(z, y, x)``, matter bright.
    threshold
        Lowest density that counts; None: see `map_threshold`.
    extend_px, soft_px
        Growth, and width of the edge.

    Returns
    -------
    numpy.ndarray
        float32 from 0 to 1, of the shape of the map.

    Examples
    --------
    >>> volume = np.zeros((17, 17, 17))
    >>> volume[6:11, 6:11, 6:11] = 1
    >>> tight_mask(volume, threshold=0.5, extend_px=1, soft_px=4)[8, 8, :9].round(2)
    array([0.  , 0.  , 0.15, 0.5 , 0.85, 1.  , 1.  , 1.  , 1.  ],
          dtype=float32)
    """
    from scipy.ndimage import distance_transform_edt

    values = _finite(volume)
    for name, width in (("extend", extend_px), ("soft edge", soft_px)):
        if not (np.isfinite(width) and width >= 0):
            raise InputError(f"tight mask: {name}: expected a length of at least 0, got {width}")
    level = map_threshold(values) if threshold is None else threshold
    solid = without_specks(values >= level)
    if not solid.any():
        raise InputError(
            f"tight mask: no voxel reaches the threshold {level:g}; the largest is "
            f"{float(values.max()):g}: give a lower threshold"
        )
    mask = np.zeros(values.shape, dtype=np.float32)
    # Distances are needed around the particle only.
    part = _around(solid, margin=int(np.ceil(extend_px + soft_px)) + 1)
    distance = np.asarray(distance_transform_edt(~solid[part]), dtype=np.float64) - extend_px
    if soft_px > 0:
        place = np.clip(distance / soft_px, 0, 1)
        mask[part] = (1 + np.cos(np.pi * place)) / 2
    else:
        mask[part] = distance <= 0
    return mask


def map_threshold(volume: NDArray[Any]) -> float:
    """Density that parts particle from background, by Otsu's method.

    Only values above the background count: background is the median of the box's faces, and what
    lies within four of their robust standard deviations.

    Examples
    --------
    >>> volume = np.zeros((12, 12, 12))
    >>> volume[4:8, 4:8, 4:8] = 2.0
    >>> map_threshold(volume)
    1.0
    """
    values = _finite(volume)
    background, spread = background_of(values)
    above = values[values > background + 4 * spread]
    if above.size == 0:
        raise InputError("map: no density above its background; give a threshold")
    step = max(1, above.size // _SAMPLE)
    # Particle against the floor that it stands on: one value of background for each of its own.
    sample = np.sort(above)[::step].astype(np.float64)
    floor = np.full(sample.size, background + 2 * spread)
    return float(between_two_groups(np.concatenate([floor, sample])))


def background_of(volume: NDArray[Any]) -> tuple[float, float]:
    """Median and robust standard deviation of the faces of a box.

    Examples
    --------
    >>> background_of(np.full((4, 4, 4), 7.0))
    (7.0, 0.0)
    """
    faces = np.concatenate(
        [np.take(volume, i, axis=axis).ravel() for axis in range(volume.ndim) for i in (0, -1)]
    )
    middle = float(np.median(faces))
    return middle, float(1.4826 * np.median(np.abs(faces - middle)))


def without_specks(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the connected parts of at least 5 % of the largest one's size.

    Examples
    --------
    >>> without_specks(np.array([True] * 30 + [False, True])).sum()
    np.int64(30)
    """
    from scipy.ndimage import label

    found: Any = label(solid)
    parts, count = found
    if count <= 1:
        return solid
    sizes = np.bincount(np.asarray(parts).ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= _SPECK * sizes.max())[parts]


def _soft(
    box_px: int, distance: Callable[[Any, Any, Any], Any], soft_px: float
) -> NDArray[np.float32]:
    """A mask from the distance outside a shape at offsets ``z, y, x`` from the centre."""
    if box_px < 1:
        raise InputError(f"mask: box: expected at least 1 px, got {box_px}")
    if not (np.isfinite(soft_px) and soft_px >= 0):
        raise InputError(f"mask: soft edge: expected a width of at least 0, got {soft_px}")
    axis = np.arange(box_px, dtype=np.float64) - box_px // 2
    mask = np.empty((box_px,) * 3, dtype=np.float32)
    for index, z in enumerate(axis):  # plane by plane: little memory, whatever the box
        outside = np.maximum(distance(z, axis[:, None], axis[None, :]), 0)
        if soft_px > 0:
            edge = np.exp(-(outside**2) / (2 * soft_px**2))
            mask[index] = np.where(outside > _EDGE_SD * soft_px, 0, edge)
        else:
            # 1e-9: a voxel whose centre lies on the surface is inside, whatever the rounding.
            mask[index] = outside <= 1e-9
    return mask


def _around(solid: NDArray[np.bool_], *, margin: int) -> tuple[slice, ...]:
    """The box around what is solid, with a margin, cut at the edges of the array."""
    slices: list[slice] = []
    for axis, n in enumerate(solid.shape):
        others = tuple(a for a in range(solid.ndim) if a != axis)
        filled = np.flatnonzero(solid.any(axis=others))
        slices.append(slice(max(0, int(filled[0]) - margin), min(n, int(filled[-1]) + margin + 1)))
    return tuple(slices)


def _finite(volume: NDArray[Any]) -> NDArray[np.float32]:
    values = np.asarray(volume, dtype=np.float32)
    if values.ndim != 3:
        raise InputError(f"mask: expected a volume, got {values.ndim} dimensions")
    if not np.isfinite(values).all():
        raise InputError("mask: the map holds NaN or infinite values; repair it first")
    return values


def _length(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"mask: {name}: expected a length above 0 px, got {value}")
    return float(value)
