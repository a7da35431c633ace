"""Correlate a block of a volume with small kernels by FFT, without wrap-around where it counts.

A block ``B`` of shape ``F`` and a kernel ``t`` with edge ``n`` give::

    c(j) = Σ_i B(j + i) t(i)        i from 0 to n - 1 along each axis

free of wrap-around for ``j <= F - n``. A block that starts ``n // 2`` before a voxel has
that voxel's score, of the template centred there, at ``j = 0``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]


def block_spectrum(block: torch.Tensor) -> torch.Tensor:
    """Real transform of a block ``(..., z, y, x)``."""
    import torch

    return torch.fft.rfftn(block, dim=(-3, -2, -1))


def kernel_spectrum(kernels: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Transform of kernels ``(..., n, n, n)``, turned back to front and padded to ``shape``.

    Axis after axis is padded just before it is transformed, so that lines of zeros never are.
    """
    import torch

    # Back to front the product needs no conjugate, which would be one more pass over the block.
    lines = torch.fft.rfft(kernels.flip((-3, -2, -1)), n=shape[2], dim=-1)
    planes = torch.fft.fft(lines, n=shape[1], dim=-2)
    return torch.fft.fft(planes, n=shape[0], dim=-3)


def correlate(
    block: torch.Tensor, kernels: torch.Tensor, shape: Shape, *, edge: int
) -> torch.Tensor:
    """Correlate by the two spectra; that of the kernels is overwritten.

    Parameters
    ----------
    block, kernels
        From `block_spectrum` and `kernel_spectrum`.
    shape
        Of the block.
    edge
        ``n`` of the kernels.

    Returns
    -------
    Tensor
        ``(..., z - n + 1, y - n + 1, x - n + 1)``: the places free of wrap-around.

    Examples
    --------
    >>> import torch
    >>> block, kernel = torch.arange(64.0).reshape(4, 4, 4), torch.ones(2, 2, 2)
    >>> spectra = block_spectrum(block), kernel_spectrum(kernel, (4, 4, 4))
    >>> correlate(*spectra, (4, 4, 4), edge=2)[0, 0].round()  # 0+1+4+5+16+17+20+21, ...
    tensor([ 84.,  92., 100.])
    """
    import torch

    # What wraps around is dropped after each axis, so that the next ones need not transform it.
    planes = torch.fft.ifft(kernels.mul_(block), dim=-3)[..., edge - 1 :, :, :]
    lines = torch.fft.ifft(planes, dim=-2)[..., edge - 1 :, :]
    return torch.fft.irfft(lines, n=shape[2], dim=-1)[..., edge - 1 :]


def fast_length(at_least: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(at_least, real=True))
