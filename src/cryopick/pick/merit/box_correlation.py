"""Correlations of a filtered micrograph with many small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch


def full_plane(half: torch.Tensor, width: int) -> torch.Tensor:
    """All frequencies ``(y, width)`` of a real image from those of ``rfft2``."""
    import torch

    height = half.shape[0]
    out = torch.empty((height, width), dtype=half.dtype, device=half.device)
    out[:, : half.shape[1]] = half
    rest = width - half.shape[1]
    mirrored = half[:, 1 : rest + 1].conj().flip(1)
    rows = (-torch.arange(height, device=half.device)) % height
    out[:, half.shape[1] :] = mirrored[rows]
    return out


def centred(spectrum: torch.Tensor, shift_px: int) -> torch.Tensor:
    """Spectrum ``(y, x)`` of an image moved by ``-shift_px`` along both axes, circularly."""
    for axis, n in enumerate(spectrum.shape):
        ramp = _ramp(n, shift_px, spectrum.device)
        spectrum = spectrum * ramp.reshape((-1, 1) if axis == 0 else (1, -1))
    return spectrum


def correlated_pair(
    spectrum: torch.Tensor, boxes: torch.Tensor, *, oversampling: int = 1
) -> torch.Tensor:
    """Convolve the image behind a full spectrum with one or two real boxes ``(1 or 2, b, b)``.

    Parameters
    ----------
    oversampling
        Pixels of the boxes per pixel of the image; frequencies beyond the image's are left out.

    Returns
    -------
    Tensor
        ``(y, x)`` complex: the first result is its real part, the second its imaginary part.
    """
    import torch

    second = boxes[1] if len(boxes) == 2 else torch.zeros_like(boxes[0])
    values = torch.complex(boxes[0], second)
    for axis in (1, 0):
        # Along x first, where lines of zeros need not be transformed.
        n = spectrum.shape[axis]
        values = torch.fft.fft(values, n=n * oversampling, dim=axis)
        if oversampling > 1:
            low, high = (
                values.narrow(axis, 0, n // 2),
                values.narrow(axis, -(n - n // 2), n - n // 2),
            )
            values = torch.cat([low, high], dim=axis)
    return torch.fft.ifft2(values.mul_(spectrum))


def centred_transform(
    box: torch.Tensor, shape: tuple[int, int], *, oversampling: int = 1
) -> torch.Tensor:
    """Transform ``(y, x // 2 + 1)`` of a small image whose centre is put on pixel 0 of a large one.

    Of a box that is even around its centre it is real, of an odd one imaginary.

    Parameters
    ----------
    box
        ``(b, b)``, its centre at ``b // 2``.
    shape
        Of the large image, both lengths even.
    oversampling
        Pixels of the box per pixel of the image; frequencies beyond the image's are left out.
    """
    import torch

    height, width = shape
    lines = torch.fft.rfft(box, n=width * oversampling, dim=1)[:, : width // 2 + 1]
    full = torch.fft.fft(lines, n=height * oversampling, dim=0)
    if oversampling > 1:
        full = torch.cat([full[: height // 2], full[full.shape[0] - height // 2 :]])
    reach = box.shape[0] // 2 // oversampling
    for axis, n in ((0, height), (1, width)):
        ramp = _ramp(n, reach, box.device)[: full.shape[axis]]
        full = full * ramp.reshape((-1, 1) if axis == 0 else (1, -1))
    return full


def correlate(
    spectrum: torch.Tensor, transforms: torch.Tensor, *, out: torch.Tensor, cores: int = 1
) -> None:
    """Multiply a spectrum with each of many real factors, and transform back.

    Parameters
    ----------
    spectrum
        ``(y, x // 2 + 1)``; both lengths of the image are even.
    transforms
        ``(m, y, x // 2 + 1)`` float32.
    out
        ``(m, rows, columns)`` float32: receives the first rows and columns of the results.
    """
    import torch

    rows, columns = out.shape[1:]
    shape = spectrum.shape[0], 2 * (spectrum.shape[1] - 1)

    def work(number: int) -> None:
        values = torch.fft.irfft2(transforms[number] * spectrum, s=shape)
        out[number] = values[:rows, :columns]

    in_threads(work, range(len(transforms)), cores=cores)


def _ramp(n: int, shift_px: int, device: torch.device) -> torch.Tensor:
    """Phases ``(n,)`` that move an image by ``-shift_px``, circularly."""
    import torch

    index = torch.arange(n, device=device)
    # Whole multiples of a turn are taken off before the sine: exact for long images.
    phase = 2 * torch.pi * ((index * shift_px) % n) / n
    return torch.polar(torch.ones_like(phase, dtype=torch.float32), phase.float())
