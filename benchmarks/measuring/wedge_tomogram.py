"""A large tomogram, cheaply: particles at known places in noise behind a missing wedge.

The wedge of a tilt about y is the same in every plane of constant y, so planes are filtered one by
one and the volume is written in slabs: memory does not grow with it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import random_rotations
from cryopick.io.images.mrc_write import mrc_canvas
from cryopick.model import Grid, Picks
from cryopick.ops.rotate_volume import rotate_volume

SLAB_PX = 16


def place_apart(
    shape: tuple[int, ...], n: int, *, apart_px: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Up to ``n`` places ``x, y, z`` that far apart, and half as far from the faces."""
    margin = apart_px / 2 + 1
    high = np.asarray(shape[::-1]) - 1.0 - margin
    found = np.empty((0, 3))
    for _ in range(100 * n):
        if len(found) == n:
            break
        at = rng.uniform(margin, high)
        if not len(found) or np.min(np.linalg.norm(found - at, axis=1)) >= apart_px:
            found = np.vstack([found, at])
    return found


def wedge_zx(depth: int, width: int, *, tilt_deg: float) -> NDArray[np.float32]:
    """What tilts up to ``+-tilt_deg`` about y see of a plane ``(z, x)``: for `numpy.fft.rfft2`.

    Examples
    --------
    >>> wedge_zx(4, 4, tilt_deg=46)
    array([[1., 1., 1.],
           [0., 1., 1.],
           [0., 0., 1.],
           [0., 1., 1.]], dtype=float32)
    """
    kz = np.abs(np.fft.fftfreq(depth))[:, None]
    kx = np.abs(np.fft.rfftfreq(width))[None]
    return (kz <= math.tan(math.radians(tilt_deg)) * kx + 1e-9).astype(np.float32)


def write_tomogram(
    path: Path,
    density: NDArray[np.float32],
    *,
    grid: Grid,
    n: int,
    signal_to_noise: float,
    tilt_deg: float = 60.0,
    seed: int,
) -> Picks:
    """Write a tomogram with ``n`` copies of a density, dark, and give the truth.

    Parameters
    ----------
    density
        ``(m, m, m)`` at the pixel size of the grid.
    signal_to_noise
        Variance of the density over its box, over the variance of the noise, before the wedge.
    tilt_deg
        Largest tilt, to both sides.
    """
    from scipy.fft import irfft2, rfft2

    rng = np.random.default_rng(seed)
    edge = len(density)
    place = place_apart(grid.shape, n, apart_px=edge, rng=rng)
    orientation = random_rotations(len(place), rng=rng)
    whole = np.floor(place).astype(np.int64)
    copies = rotate_volume(density, orientation, shift_px=place - whole, box_px=edge + 2)
    copies *= np.float32(-1 / math.sqrt(float(density.var()) / signal_to_noise))
    starts = whole[:, ::-1] - (edge + 2) // 2
    depth, height, width = grid.shape
    seen = wedge_zx(depth, width, tilt_deg=tilt_deg)[:, None]
    with mrc_canvas(path, grid.shape, grid.pixel_size_angstrom) as canvas:
        for low in range(0, height, SLAB_PX):
            high = min(height, low + SLAB_PX)
            slab = rng.standard_normal((depth, high - low, width), dtype=np.float32)
            for copy, start in zip(copies, starts, strict=True):
                _add(slab, copy, start - (0, low, 0))
            spectrum = rfft2(slab, axes=(0, 2))
            canvas[:, low:high] = irfft2(spectrum * seen, s=(depth, width), axes=(0, 2))
    return Picks.of(grid.to_angstrom(place), image=path.stem, orientation=orientation)


def _add(slab: NDArray[np.float32], box: NDArray[np.float32], start: NDArray[np.int64]) -> None:
    """Add the part of a box that lies in a slab; ``start`` is its first voxel, z y x."""
    low = np.maximum(start, 0)
    high = np.minimum(start + box.shape, slab.shape)
    if np.all(high > low):
        target = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        source = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        slab[target] += box[source]
