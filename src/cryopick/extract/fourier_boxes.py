"""The CTF and shifts, applied to boxes and micrographs in Fourier space."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image

Correction = Literal["phase-flip", "premultiply"]


def ctf_multiplier(
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    *,
    kind: Correction,
    optics: Optics,
    defocus: Defocus,
) -> NDArray[np.float32]:
    """What spectra are multiplied by to correct for the CTF; low frequencies keep their sign.

    A recorded image has matter dark, as the CTF starts below zero. Its negative is used here, so
    that what was dark stays dark and inverting is a step of its own.

    Parameters
    ----------
    shape
        ``(y, x)`` of the image.
    pixel_size_angstrom
        Of the image.
    kind
        ``phase-flip``: the sign; ``premultiply``: the CTF itself.
    optics, defocus
        Of the image.

    Returns
    -------
    ndarray
        ``(y, x // 2 + 1)`` float32, zero frequency first.

    Examples
    --------
    >>> ctf_multiplier((8, 8), 2.0, kind="premultiply", optics=Optics(amplitude_contrast=0.1),
    ...                defocus=Defocus(u_um=1.0, v_um=1.0))[0, 0].round(3)
    np.float32(0.1)
    """
    ctf = -ctf_image(shape, pixel_size_angstrom, optics=optics, defocus=defocus)
    return ctf if kind == "premultiply" else np.where(ctf < 0, -1, 1).astype(np.float32)


def filter_boxes(
    boxes: NDArray[np.float32],
    *,
    multiplier: NDArray[np.float32] | None = None,
    shift_px: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Multiply the spectra of images, and shift the images, with one transform each way.

    Parameters
    ----------
    boxes
        ``(n, y, x)``; treated as periodic.
    multiplier
        ``(y, x // 2 + 1)`` for all, or ``(n, y, x // 2 + 1)``.
    shift_px
        ``(n, 2)``: ``x, y`` by which each image is moved.

    Returns
    -------
    ndarray
        ``(n, y, x)`` float32.

    Examples
    --------
    >>> spot = np.zeros((1, 4, 4), dtype=np.float32)
    >>> spot[0, 1, 1] = 1
    >>> moved = filter_boxes(spot, shift_px=np.array([[1.0, 0.0]]))
    >>> np.unravel_index(moved[0].argmax(), (4, 4))
    (np.int64(1), np.int64(2))
    """
    from scipy import fft

    spectra: Any = fft.rfft2(boxes)
    if multiplier is not None:
        spectra *= multiplier
    if shift_px is not None:
        spectra *= _phases(boxes.shape[1:], shift_px)
    return np.asarray(fft.irfft2(spectra, s=boxes.shape[1:]), dtype=np.float32)


def _phases(shape: tuple[int, ...], shift_px: NDArray[np.float64]) -> NDArray[np.complex64]:
    ky, kx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    x: NDArray[np.complex128] = np.exp(-2j * np.pi * shift_px[:, :1] * kx)
    y: NDArray[np.complex128] = np.exp(-2j * np.pi * shift_px[:, 1:] * ky)
    # A shifted Nyquist wave is no longer one: its cosine part is what can be sampled.
    if shape[1] % 2 == 0:
        x[:, -1] = np.real(x[:, -1])
    if shape[0] % 2 == 0:
        y[:, shape[0] // 2] = np.real(y[:, shape[0] // 2])
    return (y[:, :, np.newaxis] * x[:, np.newaxis, :]).astype(np.complex64)
