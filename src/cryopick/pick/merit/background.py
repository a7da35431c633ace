"""Mean and standard deviation of a micrograph in a ring around every place.

The ring is the box of the references without the circle of the particle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.pick.merit.micrograph import Micrograph
from cryopick.pick.merit.working_grid import WorkingGrid

if TYPE_CHECKING:
    import torch

# Below this variance a background counts as flat, and nothing is divided by it.
# RELION says 1e-10 in double precision; here the difference of two means in single precision is
# uncertain by some 1e-6 times the square of the mean.
_FLAT_VARIANCE = 1e-4


def disc(box_px: int, radius_px: float) -> NDArray[np.bool_]:
    """Pixels of a box nearer than the radius to its centre ``box_px // 2``.

    Examples
    --------
    >>> disc(6, 1.5).sum(0).tolist()
    [0, 0, 3, 3, 3, 0]
    """
    line = np.arange(box_px) - box_px // 2
    return line[:, None] ** 2 + line[None] ** 2 < radius_px**2


def ring(box_px: int, radius_px: float) -> NDArray[np.bool_]:
    """The rest of the box."""
    found = ~disc(box_px, radius_px)
    if not found.any():
        raise InputError(
            f"particle circle: its radius of {radius_px:g} px fills the box of {box_px} px, so no "
            "background is left; give a smaller diameter or references in a larger box"
        )
    return found


def local_background(
    micrograph: Micrograph, grid: WorkingGrid, background: NDArray[np.bool_]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation under a mask centred on every working pixel.

    Parameters
    ----------
    micrograph
        From `prepare_micrograph`.
    background
        ``(n, n)``: which micrograph pixels around the centre ``n // 2`` count.

    Returns
    -------
    mean, sd
        Working shape, float32; the deviation of a flat background is 1.
    """
    import torch

    device = micrograph.spectrum.device
    window = _transform_of_mask(background, grid).to(device).conj() / float(background.sum())

    def averaged(spectrum: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft2(window * spectrum, s=grid.working) * grid.density

    mean = averaged(micrograph.spectrum)
    variance = averaged(micrograph.square_spectrum) - mean.square()
    flat = variance <= _FLAT_VARIANCE
    return mean, variance.masked_fill_(flat, 1.0).sqrt_()


def _transform_of_mask(mask: NDArray[np.bool_], grid: WorkingGrid) -> torch.Tensor:
    """Fourier sums over a small mask, at the frequencies of the working grid."""
    import torch

    n = mask.shape[0]
    position = np.arange(n) - n // 2
    frequency = (
        np.fft.fftfreq(grid.working[0], grid.step_px),
        np.fft.rfftfreq(grid.working[1], grid.step_px),
    )
    rows, columns = (
        torch.tensor(np.exp(-2j * np.pi * np.outer(k, position)).astype(np.complex64))
        for k in frequency
    )
    values = torch.tensor(mask.astype(np.complex64))
    return rows @ values @ columns.T
