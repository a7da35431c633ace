"""Project a specimen at many tilts, as the microscope sees it.

Geometry (also of `cryopick.ops.backproject`): tilting by ``θ`` turns the specimen actively about
the y axis through its centre ``(nx // 2, nz // 2)``, so a point goes to::

    x' = x cos θ + z sin θ         its place in the tilt image
    z' = z cos θ - x sin θ         its height along the beam

Each xz plane is projected alone, so a tilt is one sparse matrix, applied to all planes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_TILT_DEG = 80.0
_CHUNK_BYTES = 64 * 2**20


def project_tilts(
    volume: NDArray[np.float32], tilt_deg: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sum a volume along the beam at every tilt.

    The volume is a slab without end: it repeats itself along x, so the images stay full at high
    tilt, as they are in the microscope.

    Parameters
    ----------
    volume
        ``(z, y, x)`` array.
    tilt_deg
        ``n`` tilts about y, within ±80 degrees.

    Returns
    -------
    ndarray
        ``(n, y, x)`` float32, in units of the volume times pixels of path.

    Examples
    --------
    >>> slab = np.ones((10, 2, 16), np.float32)
    >>> project_tilts(slab, [0, 60])[:, 0, 8].round(2)  # 10 / cos(60 degrees) is 20
    array([10., 20.], dtype=float32)
    """
    if volume.ndim != 3 or not volume.size:
        raise InputError(f"volume: expected (z, y, x), got shape {volume.shape}")
    nz, ny, nx = volume.shape
    matrices = [projection_matrix(float(t), nz=nz, nx=nx) for t in tilt_deg]
    out = np.empty((len(matrices), ny, nx), dtype=np.float32)
    step = max(1, _CHUNK_BYTES // (4 * nz * nx))
    for first in range(0, ny, step):
        rows = slice(first, first + step)
        block = np.ascontiguousarray(volume[:, rows].transpose(0, 2, 1), dtype=np.float32)
        block = block.reshape(nz * nx, -1)
        for place, matrix in enumerate(matrices):
            out[place, rows] = (matrix @ block).T
    return out


def projection_matrix(tilt_deg: float, *, nz: int, nx: int) -> csr_matrix[Any]:
    """The sparse matrix ``(nx, nz * nx)`` that projects one xz plane at a tilt.

    Rays are sampled every pixel of path, with linear interpolation along x and z.
    """
    from scipy.sparse import csr_matrix

    if not abs(tilt_deg) <= MAX_TILT_DEG:
        raise InputError(f"tilt: expected -{MAX_TILT_DEG} to {MAX_TILT_DEG} deg, got {tilt_deg}")
    cos, sin = np.cos(np.deg2rad(tilt_deg)), np.sin(np.deg2rad(tilt_deg))
    across = np.arange(nx) - nx // 2
    # Heights at which the outermost rays can still be inside the slab.
    reach = int(np.ceil((nz / 2 + 1 + nx / 2 * abs(sin)) / cos)) + 1
    along = np.arange(-reach, reach + 1)
    x = across[:, None] * cos - along * sin + nx // 2
    z = across[:, None] * sin + along * cos + nz // 2
    column = np.floor(x).astype(np.int64)
    row = np.floor(z).astype(np.int64)
    right, below = x - column, z - row
    ray = np.broadcast_to(np.arange(nx)[:, None], x.shape)
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    weights: list[NDArray[np.float32]] = []
    for dz, wz in ((0, 1 - below), (1, below)):
        for dx, wx in ((0, 1 - right), (1, right)):
            weight = wz * wx
            used = (row + dz >= 0) & (row + dz < nz) & (weight > 0)
            rows.append(ray[used])
            columns.append(((row + dz) * nx + (column + dx) % nx)[used])
            weights.append(weight[used].astype(np.float32))
    place = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.concatenate(weights), place), shape=(nx, nz * nx))
