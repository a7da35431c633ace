"""Correlations of a filtered micrograph with many small images, two per Fourier transform."""

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
    import torch

    for axis, n in enumerate(spectrum.shape):
        index = torch.arange(n, device=spectrum.device)
        # Whole multiples of a turn are taken off before the sine: exact for long images.
        phase = 2 * torch.pi * ((index * shift_px) % n) / n
        ramp = torch.polar(torch.ones_like(phase, dtype=torch.float32), phase.float())
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


def correlate(
    spectrum: torch.Tensor,
    boxes: torch.Tensor,
    *,
    kept: tuple[int, int],
    oversampling: int = 1,
    cores: int = 1,
) -> torch.Tensor:
    """Convolve with every box ``(m, b, b)``: the first rows and columns, ``(m, *kept)`` float32."""
    import torch

    out = torch.empty((len(boxes), *kept), dtype=torch.float32, device=spectrum.device)

    def work(first: int) -> None:
        pair = correlated_pair(spectrum, boxes[first : first + 2], oversampling=oversampling)
        for place, values in enumerate((pair.real, pair.imag)):
            if first + place < len(boxes):
                out[first + place] = values[: kept[0], : kept[1]]

    in_threads(work, range(0, len(boxes), 2), cores=cores)
    return out
