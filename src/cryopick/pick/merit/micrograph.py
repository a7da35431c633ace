"""The Fourier transforms of a micrograph and of its square, up to the working frequency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Image
from cryopick.ops.nearest import on_grid
from cryopick.ops.standardise import Standardised, standardised
from cryopick.ops.threads import in_threads
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import WorkingGrid

if TYPE_CHECKING:
    import torch

# So many rows and columns at a time stay in the cache of a core, through all that is done to them.
_ROWS, _COLUMNS = 64, 64
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
    padded = _Padded(image, grid, settings, mask=mask, device=device)
    if settings.high_pass_angstrom is None:
        spectrum, squares = _cropped_transforms(padded.rows, grid, powers=(1, 2), cores=cores)
    else:
        (whole,) = _cropped_transforms(padded.rows, grid, powers=(1,), cores=cores)
        keep = high_pass_weight(grid, settings.high_pass_angstrom).to(device)
        spectrum = whole * keep
        without = _without(padded.rows, whole * (1 - keep), grid)
        (squares,) = _cropped_transforms(without, grid, powers=(2,), cores=cores)
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


class _Padded:
    """The standardised and padded micrograph, made where its rows are asked for."""

    def __init__(
        self,
        image: Image,
        grid: WorkingGrid,
        settings: MeritSettings,
        *,
        mask: Image | None,
        device: str,
    ) -> None:
        rng = np.random.default_rng(settings.seed)
        pixels = image.read()
        self._left_out: NDArray[np.bool_] | None = None
        if mask is not None:
            self._left_out = ~on_grid(mask.read() > 0, mask.grid, image.grid)
            pixels = np.where(self._left_out, np.float32(np.nan), pixels)
        self._pixels: Standardised = standardised(pixels, outlier_sigma=settings.outlier_sd)
        y, x = grid.shape
        self._width, self._device = grid.padded[1], device
        self._below = _noise(rng, grid.padded[0] - y, grid.padded[1])
        self._beside = _noise(rng, y, grid.padded[1] - x)
        if self._left_out is not None:
            # Where in the noise each row's begins.
            self._begins = np.concatenate([[0], np.cumsum(self._left_out.sum(axis=1))])
            self._instead = _noise(rng, int(self._begins[-1]))

    def rows(self, first: int, last: int) -> torch.Tensor:
        """Rows from the first to before the last, ``(rows, padded x)``."""
        import torch

        y, x = self._pixels.shape
        end = min(last, y)
        # Memory of torch lies on lines of the cache, which its transforms round by.
        padded = torch.empty((last - first, self._width), dtype=torch.float32)
        out = padded.numpy()
        if first < y:
            inside = out[: end - first]
            inside[:, :x] = self._pixels[first:end]
            inside[:, x:] = self._beside[first:end]
            if self._left_out is not None:
                noise = self._instead[self._begins[first] : self._begins[end]]
                inside[:, :x][self._left_out[first:end]] = noise
        if last > y:
            out[max(y - first, 0) :] = self._below[max(first - y, 0) : last - y]
        return padded.to(self._device)


def _noise(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def _cropped_transforms(
    rows: Callable[[int, int], torch.Tensor],
    grid: WorkingGrid,
    *,
    powers: tuple[int, ...],
    cores: int,
) -> list[torch.Tensor]:
    """Transform powers of an image axis by axis, dropping high frequencies as soon as one is done.

    Parameters
    ----------
    rows
        Gives the rows from the first to before the last.
    powers
        Of each power of the pixels, 1 or 2, there is a transform.
    """
    import torch

    height, width = grid.padded[0], grid.working[1] // 2 + 1

    def along_x(first: int) -> list[torch.Tensor]:
        part = rows(first, min(first + _ROWS, height))
        values = (part if power == 1 else part.square() for power in powers)
        return [torch.fft.rfft(one)[:, :width].clone() for one in values]

    parts = in_threads(along_x, range(0, height, _ROWS), cores=cores)
    return [_along_y(torch.cat(lines), grid, cores=cores) for lines in zip(*parts, strict=True)]


def _along_y(lines: torch.Tensor, grid: WorkingGrid, *, cores: int) -> torch.Tensor:
    """Transform ``(padded y, x // 2 + 1)`` along y; the frequencies of the working grid."""
    import torch

    if grid.working[0] == lines.shape[0]:
        return torch.fft.fft(lines, dim=0)
    half = grid.working[0] // 2

    def of_columns(first: int) -> torch.Tensor:
        full = torch.fft.fft(lines[:, first : first + _COLUMNS], dim=0)
        # The frequency shared by both ends belongs to neither: it is left out.
        kept = torch.cat([full[: half + 1], full[full.shape[0] - half + 1 :]])
        kept[half] = 0
        return kept

    starts = range(0, lines.shape[1], _COLUMNS)
    out = torch.cat(in_threads(of_columns, starts, cores=cores), dim=1)
    out[:, -1] = 0
    return out


def _without(
    rows: Callable[[int, int], torch.Tensor], part: torch.Tensor, grid: WorkingGrid
) -> Callable[[int, int], torch.Tensor]:
    """Rows without what a few low frequencies make."""
    import torch

    columns = int(torch.nonzero(part.abs().amax(0) > 0).max()) + 1 if part.any() else 1
    half = grid.working[0] // 2
    lines = torch.zeros((grid.padded[0], columns), dtype=part.dtype, device=part.device)
    lines[:half] = part[:half, :columns]
    lines[lines.shape[0] - half :] = part[part.shape[0] - half :, :columns]
    lines = torch.fft.ifft(lines, dim=0)

    def left(first: int, last: int) -> torch.Tensor:
        return rows(first, last) - torch.fft.irfft(lines[first:last], n=grid.padded[1])

    return left
