"""Rotate small volumes: many orientations of one template at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import to_matrix

_CHUNK_VOXELS = 4_000_000


def rotate_volume(
    volume: NDArray[np.float32],
    orientation: NDArray[np.float64],
    *,
    shift_px: NDArray[np.float64] | None = None,
    box_px: int | None = None,
    oversampling: float = 1.0,
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Rotate a cubic volume actively about its centre ``N // 2``, then shift it.

    Trilinear interpolation; what lies outside the volume is 0.

    Parameters
    ----------
    volume
        ``(N, N, N)`` array, ``zyx``.
    orientation
        ``(n, 4)`` unit quaternions ``w, x, y, z``, template -> image.
    shift_px
        ``(n, 3)`` ``x, y, z`` in output voxels, applied after the rotation.
    box_px
        Edge of the output; default ``N / oversampling`` rounded up.
    oversampling
        How many input voxels make one output voxel along an edge: a template that is sampled
        finer than the output loses less to interpolation.
    device
        Torch device.

    Returns
    -------
    ndarray
        ``(n, box_px, box_px, box_px)`` float32.

    Examples
    --------
    >>> volume = np.zeros((5, 5, 5), np.float32)
    >>> volume[2, 2, 4] = 1  # two voxels from the centre along x
    >>> quarter_turn_about_z = [[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]]
    >>> out = rotate_volume(volume, np.array(quarter_turn_about_z))
    >>> [int(i) for i in np.unravel_index(out[0].argmax(), out[0].shape)]
    [2, 4, 2]
    """
    import torch

    n = _check_cube(volume)
    orientation = np.atleast_2d(np.asarray(orientation, dtype=np.float64))
    count = len(orientation)
    box = int(np.ceil(n / oversampling)) if box_px is None else box_px
    shift = np.zeros((count, 3)) if shift_px is None else np.atleast_2d(shift_px)
    inverse = np.swapaxes(to_matrix(orientation), -1, -2)
    axis = np.arange(box) - box // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    source = torch.from_numpy(np.array(volume, dtype=np.float32)).to(device)[None, None]
    out = np.empty((count, box, box, box), dtype=np.float32)
    step = max(1, _CHUNK_VOXELS // box**3)
    for first in range(0, count, step):
        part = slice(first, first + step)
        # R^-1 (u - s) for all u at once: one matrix product and one constant per orientation.
        turned = points @ np.swapaxes(inverse[part], 1, 2)
        turned -= np.einsum("nij,nj->ni", inverse[part], shift[part])[:, None, :]
        index = turned * oversampling + n // 2
        scaled = (index * 2 / max(n - 1, 1) - 1).astype(np.float32)
        places = torch.from_numpy(scaled).to(device).reshape(-1, box, box, box, 3)
        sampled = torch.nn.functional.grid_sample(
            source.expand(len(places), -1, -1, -1, -1), places, align_corners=True
        )
        out[part] = sampled[:, 0].cpu().numpy()
    return out


def _check_cube(volume: NDArray[np.float32]) -> int:
    if volume.ndim != 3 or len(set(volume.shape)) != 1:
        raise InputError(f"volume: expected a cube (n, n, n), got {volume.shape}")
    return volume.shape[0]
