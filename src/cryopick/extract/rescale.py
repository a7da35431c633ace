"""Rescaling square images by cropping their Fourier transform, as two matrix products.

Cropping is linear and nearly separable, so each axis is one small matrix: for 256 to 64 pixels
that is several times less work than the transforms. For even sizes the result is that of
``irfft2(rfft2(image)[kept]) * (new / old)**2``; for all, grey values keep their scale and what lies
at pixel ``N // 2`` stays at pixel ``N // 2``.

An even new size has a Nyquist frequency of its own. As in RELION it is kept once, its positive side
along y: that frequency alone makes the crop not quite separable, by one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


def fourier_crop(images: NDArray[np.float32], *, size_px: int) -> NDArray[np.float32]:
    """Rescale images to a smaller edge.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    size_px
        New edge, at most ``b``.

    Returns
    -------
    ndarray
        ``(n, size_px, size_px)`` float32.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8).astype(np.float32) + 3
    >>> fourier_crop(np.tile(wave, (1, 8, 1)), size_px=4)[0, 0].round(3) + 0.0
    array([4., 3., 2., 3.], dtype=float32)
    """
    n = images.shape[-1]
    if not 1 <= size_px <= n:
        raise InputError(f"rescale: expected 1 to {n} px (the box), got {size_px}")
    if size_px == n:
        return images
    kernels = _kernels(n, size_px)
    # About a value near the mean, so that the rounding is that of the contrast, not of the mean.
    level = images[:, ::16, ::16].mean(axis=(1, 2), keepdims=True)
    down = np.matmul(kernels.down, images - level)
    new = down[:, :size_px] @ kernels.across
    if size_px % 2 == 0:
        lone = down[:, size_px] @ kernels.lone_across
        new += kernels.lone_down[:, np.newaxis] * lone[:, np.newaxis, :]
    return new + level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kernels:
    """Matrices from ``n`` to ``m`` pixels.

    Attributes
    ----------
    down
        ``(m, n)`` along y; one more row, the lone Nyquist wave, where ``m`` is even.
    across
        ``(n, m)`` along x.
    lone_down, lone_across
        ``(m,)`` and ``(n, m)``: what the lone wave adds.
    """

    down: NDArray[np.float32]
    across: NDArray[np.float32]
    lone_down: NDArray[np.float32]
    lone_across: NDArray[np.float32]


@lru_cache(maxsize=8)
def _kernels(n: int, m: int) -> _Kernels:
    new, old = np.arange(m) - m // 2, (np.arange(n) - n // 2) / n
    turn = 2 * np.pi * (new[:, np.newaxis] / m - old[np.newaxis, :])
    cosine = np.ones((m, n))
    sine = np.zeros((m, n))
    for wave in range(1, (m + 1) // 2):
        cosine += 2 * np.cos(wave * turn)
        sine += 2 * np.sin(wave * turn)
    down = cosine
    if m % 2 == 0:
        # exp(i m/2 turn) without its mirror image: a real part along each axis, and the product
        # of both imaginary parts.
        cosine = cosine + np.cos(m / 2 * turn)
        sine = sine + np.sin(m / 2 * turn)
        lone = np.sin(np.pi * m * old)
        down = np.concatenate([cosine, lone[np.newaxis]])
    signs = np.where(new % 2, -1.0, 1.0) / n
    scale = np.ones((len(down), 1))
    scale[:m] /= n
    return _Kernels(
        down=(down * scale).astype(np.float32),
        across=(cosine.T / n).astype(np.float32),
        lone_down=signs.astype(np.float32),
        lone_across=(sine.T / n).astype(np.float32),
    )
