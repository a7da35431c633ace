"""Weighted back-projection of a tilt series about the y axis.

Each tilt image is weighted by a ramp along x, which undoes the crowding of samples near zero
frequency, and smeared back along its beam. Geometry as in `cryopick.ops.project_tilts`. The missing
wedge of the result is that of the tilts: nothing masks it.

Radermacher 1988 / 1992, weighted back-projection methods (doi 10.1007/978-0-387-31163-0_9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_CHUNK_BYTES = 64 * 2**20


def ramp_filter(
    nx: int, tilt_deg: Sequence[float] | NDArray[np.float64], *, thickness_px: float
) -> NDArray[np.float32]:
    """Weights of each tilt image along x, on the frequencies of ``rfft``.

    The slices of neighbouring tilts, each ``1 / thickness`` thick, overlap below the frequency
    ``1 / (thickness * increment)``; there the weight grows with frequency, beyond it is 1. Each
    tilt has its own increment: half the distance between its neighbours.

    Parameters
    ----------
    nx
        Padded width in pixels.
    tilt_deg
        ``n`` tilts, in any order.
    thickness_px
        Thickness of the specimen.

    Returns
    -------
    ndarray
        ``(n, nx // 2 + 1)`` float32.

    Examples
    --------
    >>> ramp_filter(8, [-3, 0, 3], thickness_px=1e6)[1].round(2)  # no overlap left but at zero
    array([0., 1., 1., 1., 1.], dtype=float32)
    """
    tilts = np.asarray(tilt_deg, dtype=np.float64)
    if tilts.ndim != 1 or not len(tilts):
        raise InputError(f"tilts: expected a list of angles, got shape {tilts.shape}")
    if not thickness_px > 0:
        raise InputError(f"thickness: expected more than 0 px, got {thickness_px}")
    order = np.argsort(tilts, kind="stable")
    increment = np.empty(len(tilts))
    increment[order] = np.gradient(np.deg2rad(tilts[order])) if len(tilts) > 1 else np.pi
    overlap = np.minimum(1 / (thickness_px * np.maximum(np.abs(increment), 1e-6)), 0.5)
    frequency = np.fft.rfftfreq(nx)
    weight = np.minimum(frequency / overlap[:, None], 1.0)
    # Where tilts lie denser than their neighbours', each counts less.
    share = np.abs(increment) / np.abs(increment).max() if np.any(increment) else 1.0
    return (weight * np.reshape(share, (-1, 1))).astype(np.float32)


def backproject(
    images: NDArray[np.float32],
    tilt_deg: Sequence[float] | NDArray[np.float64],
    *,
    nz: int,
    weighting: bool = True,
) -> NDArray[np.float32]:
    """Reconstruct ``(nz, y, x)`` from tilt images.

    Parameters
    ----------
    images
        ``(n, y, x)``, aligned: the tilt axis is y through ``nx // 2``.
    tilt_deg
        ``n`` tilts about y.
    nz
        Thickness of the reconstruction in pixels.
    weighting
        Apply `ramp_filter`; without it the result is the plain back-projection.

    Returns
    -------
    ndarray
        ``(nz, y, x)`` float32.

    Examples
    --------
    >>> backproject(np.ones((2, 3, 8), np.float32), [-45, 45], nz=5, weighting=False).shape
    (5, 3, 8)
    """
    tilts = np.asarray(tilt_deg, dtype=np.float64)
    if images.ndim != 3 or len(images) != len(tilts):
        raise InputError(
            f"back-projection: expected {len(tilts)} images (n, y, x), got shape {images.shape}"
        )
    ny, nx = images.shape[1:]
    if weighting:
        images = _weighted(images, tilts, thickness_px=float(nz))
    matrices = [backprojection_matrix(float(t), nz=nz, nx=nx) for t in tilts]
    out = np.zeros((nz, ny, nx), dtype=np.float32)
    step = max(1, _CHUNK_BYTES // (4 * nz * nx))
    for first in range(0, ny, step):
        rows = slice(first, first + step)
        block = np.zeros((nz * nx, len(range(*rows.indices(ny)))), dtype=np.float32)
        for image, matrix in zip(images, matrices, strict=True):
            block += matrix @ np.ascontiguousarray(image[rows].T)
        out[:, rows] = block.reshape(nz, nx, -1).transpose(0, 2, 1)
    return out / np.float32(len(tilts))


def backprojection_matrix(tilt_deg: float, *, nz: int, nx: int) -> csr_matrix[Any]:
    """The sparse matrix ``(nz * nx, nx)`` that smears one image row over an xz plane.

    Each voxel takes the image at its own ``x'``, interpolated linearly; voxels that fall beside
    the image take 0.
    """
    from scipy.sparse import csr_matrix

    cos, sin = np.cos(np.deg2rad(tilt_deg)), np.sin(np.deg2rad(tilt_deg))
    z, x = np.meshgrid(np.arange(nz) - nz // 2, np.arange(nx) - nx // 2, indexing="ij")
    place = (x * cos + z * sin).ravel() + nx // 2
    base = np.floor(place).astype(np.int64)
    part = place - base
    voxel = np.arange(nz * nx)
    left, right = (base >= 0) & (base < nx), (base >= -1) & (base < nx - 1)
    rows = np.concatenate([voxel[left], voxel[right]])
    columns = np.concatenate([base[left], base[right] + 1])
    weights = np.concatenate([1 - part[left], part[right]]).astype(np.float32)
    return csr_matrix((weights, (rows, columns)), shape=(nz * nx, nx))


def _weighted(
    images: NDArray[np.float32], tilts: NDArray[np.float64], *, thickness_px: float
) -> NDArray[np.float32]:
    """Apply the ramp, with the rows mirrored outwards so that opposite edges do not mix."""
    from scipy import fft

    nx = images.shape[-1]
    padded = fft.next_fast_len(2 * nx, real=True)
    before = (padded - nx) // 2
    wide = np.pad(images, ((0, 0), (0, 0), (before, padded - nx - before)), mode="symmetric")
    spectrum = fft.rfft(wide, axis=-1)
    spectrum *= ramp_filter(padded, tilts, thickness_px=thickness_px)[:, None, :]
    rows = np.asarray(fft.irfft(spectrum, n=padded, axis=-1), dtype=np.float32)
    return rows[..., before : before + nx]
