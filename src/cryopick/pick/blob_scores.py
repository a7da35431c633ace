"""How much each pixel looks like the centre of a round thing, over a range of diameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Grid, Image
from cryopick.ops.blob_filter import (
    RadialProfile,
    disc_contrast_transform,
    laplacian_transform,
    mirror_noise_gain,
    pad_mirrored,
    radial_frequency,
    tabulated,
    white_noise_gain,
)
from cryopick.ops.fourier import fourier_resample
from cryopick.ops.standardise import standardise

if TYPE_CHECKING:
    import torch

# Diameters between the smallest and the largest that the disc filter tries.
DISC_STEPS = 5

# The local spread counts pixels no farther from the median than this many of the bulk's standard
# deviations: a lump of ice would otherwise be most of the spread of all that is near it. Smaller:
# the lumps themselves score like particles.
_LIMIT_SD = 6.0
# Least deviation of the bulk, as a share of that of all pixels: particles without noise around
# them are no outliers.
_LEAST_BULK = 0.75
_BULK_PIXELS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlobScores:
    """Score and best diameter at every pixel of the working image.

    Attributes
    ----------
    score
        ``(y, x)`` or ``(z, y, x)``; 0 where the best diameter is outside the range.
    diameter_angstrom
        Same shape: the diameter with the highest score.
    step_px
        Pixels of the original image per working pixel.
    mean, sd
        Of the scores inside the range.
    """

    score: NDArray[np.float32]
    diameter_angstrom: NDArray[np.float32]
    step_px: float
    mean: float
    sd: float


def disc_scores(
    image: Image,
    diameters_angstrom: tuple[float, float],
    *,
    resolution: float,
    sign: int,
    device: str,
) -> BlobScores:
    """Contrast between a disc and the ring around it, in standard deviations of local noise.

    The best of `DISC_STEPS` diameters counts. Dividing by the local standard deviation keeps
    carbon, ice and thick regions from winning by their roughness alone; extreme
    pixels count less in it, so that particles beside a lump of ice keep their scores.

    Parameters
    ----------
    image
        Micrograph or tomogram.
    diameters_angstrom
        Smallest and largest.
    resolution
        The image is reduced so that its Nyquist frequency is at this resolution, in Å.
    sign
        -1 for dark particles, +1 for bright ones.
    device
        ``cpu`` or ``cuda:N``.
    """
    import torch

    smallest, largest = diameters_angstrom
    step_px = working_step_px(image.grid, resolution)
    work = _working_pixels(image, step_px, sign=sign, device=device)
    pixel = step_px * image.grid.pixel_size_angstrom
    diameters = np.geomspace(smallest, largest, DISC_STEPS if largest > smallest else 1)
    filters = (
        (float(d), partial(disc_contrast_transform, diameter_angstrom=d, ndim=image.ndim))
        for d in diameters
    )
    spread = _local_spread(_limited(work), pixel, float(np.sqrt(smallest * largest)))
    best, size = _best_answer(_answers(work, pixel, filters, margin=largest, unit_noise=True), work)
    best = torch.where(spread > 1e-3, best / spread.clamp_min(1e-3), torch.zeros_like(best))
    return BlobScores(
        score=best.cpu().numpy(),
        diameter_angstrom=size.cpu().numpy(),
        step_px=step_px,
        mean=float(best.mean()),
        sd=float(best.std()),
    )


def laplacian_scores(
    image: Image,
    diameters_angstrom: tuple[float, float],
    *,
    resolution: float,
    sign: int,
    device: str,
) -> BlobScores:
    """RELION's Laplacian of Gaussian over 11 diameters (doi 10.7554/eLife.42166).

    Four diameters below the range and four above it are tried too; pixels that prefer one of
    these score 0 and do not enter the mean and standard deviation.
    """
    import torch

    smallest, largest = diameters_angstrom
    step_px = working_step_px(image.grid, resolution)
    work = _working_pixels(image, step_px, sign=sign, device=device)
    pixel = step_px * image.grid.pixel_size_angstrom
    below = [smallest / n for n in (5, 4, 3, 2)]
    above = [largest * n for n in (2, 3, 4, 5)]
    inside = [smallest, (smallest + largest) / 2, largest]
    filters = (
        (d, partial(laplacian_transform, diameter_angstrom=d)) for d in (*below, *inside, *above)
    )
    best, size = _best_answer(
        _answers(work, pixel, filters, margin=2 * largest, unit_noise=False), work
    )
    fits = (size >= smallest * 0.999) & (size <= largest * 1.001)
    values = best[fits]
    best = torch.where(fits, best, torch.zeros_like(best))
    return BlobScores(
        score=best.cpu().numpy(),
        diameter_angstrom=size.cpu().numpy(),
        step_px=step_px,
        mean=float(values.mean()) if len(values) else 0.0,
        sd=float(values.std(correction=0)) if len(values) else 0.0,
    )


def working_step_px(grid: Grid, resolution: float) -> float:
    """Old pixels per working pixel, so that ``resolution`` becomes the Nyquist frequency."""
    return max(1.0, resolution / 2 / grid.pixel_size_angstrom)


def _working_pixels(image: Image, step_px: float, *, sign: int, device: str) -> torch.Tensor:
    import torch

    # torch wants to be allowed to write, and a memory map does not let it.
    pixels = np.require(image.read(), requirements="W")
    clean = standardise(torch.as_tensor(pixels, device=device))
    del pixels  # a tomogram of several GB is needed once
    if step_px > 1:
        reduced = fourier_resample(clean.cpu().numpy(), step_px, device=device)
        clean = standardise(torch.as_tensor(reduced, device=device))
    return sign * clean


def _limited(work: torch.Tensor) -> torch.Tensor:
    """Pull extreme pixels in to `_LIMIT_SD`."""
    flat = work.flatten()
    # An odd stride does not run along the columns of most images.
    some = flat[:: len(flat) // _BULK_PIXELS | 1].cpu().numpy()
    low, middle, high = np.quantile(some, (0.1587, 0.5, 0.8413))
    reach = _LIMIT_SD * max(float(high - low) / 2, _LEAST_BULK)
    return work.clamp(float(middle) - reach, float(middle) + reach)


def _answers(
    work: torch.Tensor,
    pixel_angstrom: float,
    filters: Iterator[tuple[float, RadialProfile]],
    *,
    margin: float,
    unit_noise: bool,
) -> Iterator[tuple[float, torch.Tensor]]:
    """Yield (diameter, answer) of each filter; the image is mirrored beyond its edges."""
    import torch

    padded, inside = pad_mirrored(work, int(np.ceil(margin / pixel_angstrom)))
    shape = tuple(padded.shape)
    transform = torch.fft.rfftn(padded)
    frequency = torch.as_tensor(radial_frequency(shape, pixel_angstrom), device=work.device)
    del padded
    for diameter, profile in filters:
        response = tabulated(profile, frequency)
        if unit_noise:
            response /= white_noise_gain(response, shape)
        answer = torch.fft.irfftn(transform * response, s=shape)[inside]
        if unit_noise:
            for axis, gain in enumerate(mirror_noise_gain(response, shape, tuple(work.shape))):
                line = gain.reshape(-1, *(1,) * (work.ndim - 1 - axis))
                answer = answer / torch.as_tensor(line, dtype=torch.float32, device=work.device)
        yield diameter, answer


def _best_answer(
    answers: Iterator[tuple[float, torch.Tensor]], work: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    best = torch.full_like(work, -torch.inf)
    size = torch.zeros_like(work)
    for diameter, answer in answers:
        better = answer > best
        best = torch.where(better, answer, best)
        size = torch.where(better, torch.full_like(size, diameter), size)
    return best, size


def _local_spread(
    work: torch.Tensor, pixel_angstrom: float, window_angstrom: float
) -> torch.Tensor:
    """Standard deviation in a Gaussian window of this sigma around every pixel."""
    import torch

    padded, inside = pad_mirrored(work, int(np.ceil(2 * window_angstrom / pixel_angstrom)))
    frequency = radial_frequency(tuple(padded.shape), pixel_angstrom)
    window = torch.exp(
        torch.as_tensor(frequency, device=work.device).square_()
        * (-2 * (np.pi * window_angstrom) ** 2)
    )

    def blurred(values: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfftn(torch.fft.rfftn(values) * window, s=values.shape)[inside]

    variance = blurred(padded**2) - blurred(padded) ** 2
    return torch.sqrt(variance.clamp_min(0))
