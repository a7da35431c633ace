"""Bring a volume to any pixel size, keeping its centre: band-limited, so nothing aliases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


def rescale_volume(
    volume: NDArray[np.float32],
    *,
    pixel_size_angstrom: float,
    new_pixel_size_angstrom: float,
    box_px: int | None = None,
) -> NDArray[np.float32]:
    """Resample a cubic volume onto another pixel size about its centre ``N // 2``.

    The volume is taken as a sum of waves (periodic in its box); those beyond the Nyquist frequency
    of the new pixels are left out. The ratio of the pixel sizes may be any number.

    Parameters
    ----------
    volume
        ``(N, N, N)``.
    pixel_size_angstrom, new_pixel_size_angstrom
        Before and after.
    box_px
        New edge; default: the old extent, rounded up to an even number. What lies beyond the old
        box is 0.

    Returns
    -------
    ndarray
        ``(box_px, box_px, box_px)`` float32; densities keep their values.

    Examples
    --------
    >>> fine = rescale_volume(
    ...     np.ones((8, 8, 8), np.float32), pixel_size_angstrom=3, new_pixel_size_angstrom=2
    ... )
    >>> fine.shape, bool(np.allclose(fine, 1, atol=1e-5))
    ((12, 12, 12), True)
    """
    if volume.ndim != 3 or len(set(volume.shape)) != 1:
        raise InputError(f"volume: expected a cube (n, n, n), got {volume.shape}")
    for size in (pixel_size_angstrom, new_pixel_size_angstrom):
        if not (np.isfinite(size) and size > 0):
            raise InputError(f"pixel size: expected more than 0 Å, got {size}")
    n = volume.shape[0]
    ratio = new_pixel_size_angstrom / pixel_size_angstrom
    # 1e-6: 100.00000001 pixels are 100 pixels.
    box = 2 * int(np.ceil(n / ratio / 2 - 1e-6)) if box_px is None else box_px
    matrix = interpolation_matrix(n, box, ratio=ratio)
    out = np.asarray(volume, dtype=np.float32)
    for axis in range(3):
        out = np.moveaxis(np.tensordot(matrix, out, axes=([1], [axis])), 0, axis)
    return np.ascontiguousarray(out)


def interpolation_matrix(n: int, box: int, *, ratio: float) -> NDArray[np.float32]:
    """Matrix ``(box, n)`` that evaluates a periodic band-limited row at ``(j - box//2) * ratio``."""
    position = (np.arange(box) - box // 2) * ratio
    offset = position[:, None] - (np.arange(n) - n // 2)[None, :]
    # Dirichlet kernel of the frequencies below both Nyquist limits; an even row's own Nyquist
    # frequency is left out, as its phase is not known.
    highest = int(min((n - 1) // 2, np.floor(n / (2 * max(ratio, 1e-9)) - 1e-9)))
    frequency = np.arange(1, highest + 1)
    table = np.cos(2 * np.pi / n * offset[..., None] * frequency).sum(axis=-1)
    matrix = (1 + 2 * table) / n
    matrix[np.abs(position) > n / 2] = 0
    return matrix.astype(np.float32)
