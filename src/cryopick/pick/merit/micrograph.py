"""The Fourier transforms of a micrograph and of its square, up to the working frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cryopick.model import Image
from cryopick.ops.nearest import on_grid
from cryopick.ops.standardise import standardise
from cryopick.ops.threads import in_threads
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import WorkingGrid

if TYPE_CHECKING:
    import torch

_ROWS = 512
# Width of the high-pass edge in Fourier pixels of the longer side, as RELION has it.
_EDGE_FOURIER_PX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Micrograph:
    """What the search needs of one micrograph.

    Attributes
    ----------
    spectrum, square_spectrum
        ``(y, x // 2 + 1)`` complex64 on the working grid: sums over all padded micrograph pixels
        of the standardised image and of its square.
    """

    spectrum: torch.Tensor
    square_spectrum: torch.Tensor


def prepare_micrograph(
    image: Image,
    grid: WorkingGrid,
    settings: MeritSettings,
    *,
    mask: Image | None = None,
    device: str = "cpu",
    cores: int = 1,
) -> Micrograph:
    """Standardise, pad with noise, and transform a micrograph.

    The noise is that of ``numpy.random.default_rng(seed)``: first the rows below the image over the
    whole padded width, then the columns on its right; last, raster order, what the mask leaves out.

    Parameters
    ----------
    mask
        Where it is 0 or less, pixels do not enter mean and standard deviation and are replaced by
        noise. May have any binning.
    """
    import torch

    rng = np.random.default_rng(settings.seed)
    pixels = torch.as_tensor(np.require(image.read(), requirements="W"), device=device)
    left_out = None
    if mask is not None:
        allowed = on_grid(mask.read() > 0, mask.grid, image.grid)
        left_out = torch.from_numpy(~allowed).to(device)
    if left_out is not None:
        pixels = pixels.masked_fill(left_out, torch.nan)
    y, x = grid.shape
    padded = torch.empty(grid.padded, dtype=torch.float32, device=device)
    padded[:y, :x] = standardise(pixels, outlier_sigma=settings.outlier_sd)
    del pixels
    padded[y:] = _noise(rng, grid.padded[0] - y, grid.padded[1]).to(device)
    padded[:y, x:] = _noise(rng, y, grid.padded[1] - x).to(device)
    if left_out is not None:
        count = int(left_out.sum())
        padded[:y, :x][left_out] = _noise(rng, count).to(device)
    spectrum = _cropped_transform(padded, grid, power=1, cores=cores)
    if settings.high_pass_angstrom is not None:
        keep = high_pass_weight(grid, settings.high_pass_angstrom).to(device)
        _subtract(padded, spectrum * (1 - keep), grid)
        spectrum = spectrum * keep
    squares = _cropped_transform(padded, grid, power=2, cores=cores)
    return Micrograph(spectrum=spectrum, square_spectrum=squares)


def high_pass_weight(grid: WorkingGrid, high_pass_angstrom: float) -> torch.Tensor:
    """Weight ``(y, x // 2 + 1)`` of working frequencies, rising around the limit as a cosine."""
    import torch

    ky = np.fft.fftfreq(grid.working[0], grid.step_px)[:, None]
    kx = np.fft.rfftfreq(grid.working[1], grid.step_px)[None]
    longest = max(grid.padded)
    radius = np.hypot(ky, kx) * longest
    limit = longest * grid.pixel_size_angstrom / high_pass_angstrom
    rise = np.clip((radius - limit) / _EDGE_FOURIER_PX + 0.5, 0, 1)
    return torch.from_numpy((0.5 - 0.5 * np.cos(np.pi * rise)).astype(np.float32))


def _noise(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    import torch

    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _cropped_transform(
    padded: torch.Tensor, grid: WorkingGrid, *, power: int, cores: int
) -> torch.Tensor:
    """Transform axis by axis, dropping high frequencies as soon as an axis is done."""
    import torch

    width, height = grid.working[1] // 2 + 1, grid.working[0]

    def along_x(first: int) -> torch.Tensor:
        rows = padded[first : first + _ROWS]
        return torch.fft.rfft(rows if power == 1 else rows.square())[:, :width].clone()

    lines = torch.cat(in_threads(along_x, range(0, padded.shape[0], _ROWS), cores=cores))
    if height == padded.shape[0]:
        return torch.fft.fft(lines, dim=0)

    def along_y(first: int) -> torch.Tensor:
        full = torch.fft.fft(lines[:, first : first + 64], dim=0)
        half = height // 2
        # The frequency shared by both ends belongs to neither: it is left out.
        kept = torch.cat([full[: half + 1], full[full.shape[0] - half + 1 :]])
        kept[half] = 0
        return kept

    out = torch.cat(in_threads(along_y, range(0, width, 64), cores=cores), dim=1)
    out[:, -1] = 0
    return out


def _subtract(padded: torch.Tensor, part: torch.Tensor, grid: WorkingGrid) -> None:
    """Subtract from the padded image, in place, what a few low frequencies make."""
    import torch

    columns = int(torch.nonzero(part.abs().amax(0) > 0).max()) + 1 if part.any() else 1
    half = grid.working[0] // 2
    lines = torch.zeros((grid.padded[0], columns), dtype=part.dtype, device=part.device)
    lines[:half] = part[:half, :columns]
    lines[lines.shape[0] - half :] = part[part.shape[0] - half :, :columns]
    lines = torch.fft.ifft(lines, dim=0)
    for first in range(0, padded.shape[0], _ROWS):
        rows = slice(first, first + _ROWS)
        padded[rows] -= torch.fft.irfft(lines[rows], n=padded.shape[1])
