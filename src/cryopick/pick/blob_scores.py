"""How much each pixel looks like the centre of a round thing, over a range of diameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Grid, Image
from cryopick.ops.blob_filter import (
    RadialProfile,
    disc_contrast_transform,
    dome_contrast_transform,
    inverse_inside,
    laplacian_transform,
    noise_gain,
    pad_mirrored,
    radial_frequency,
    tabulated,
    weighted,
)
from cryopick.ops.fourier import fourier_resample
from cryopick.ops.standardise import mean_and_spread, standardise, standardised

# Diameters between the smallest and the largest that the disc filter tries.
DISC_STEPS = 5
# Of the dome that tells where centres are, per mean diameter: particles are seldom as wide as said.
_DOME_PER_DIAMETER = 0.9

# The local spread counts pixels no farther from the median than this many of the bulk's standard
# deviations: a lump of ice would otherwise be most of the spread of all that is near it. Smaller:
# the lumps themselves score like particles.
_LIMIT_SD = 6.0
# Least deviation of the bulk, as a share of that of all pixels: particles without noise around
# them are no outliers.
_LEAST_BULK = 0.75
_BULK_PIXELS = 400_000
# Where the image hardly varies, its score would be the rounding's.
_LEAST_SPREAD = np.float32(1e-3)


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
    centring
        Same shape: highest where the centre of the particle nearby is; None: where the score is.
    """

    score: NDArray[np.float32]
    diameter_angstrom: NDArray[np.float32]
    step_px: float
    mean: float
    sd: float
    centring: NDArray[np.float32] | None = None


def disc_scores(
    image: Image, diameters_angstrom: tuple[float, float], *, resolution: float, sign: int
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
    """
    smallest, largest = diameters_angstrom
    step_px = working_step_px(image.grid, resolution)
    work = _working_pixels(image, step_px, sign=sign)
    pixel = step_px * image.grid.pixel_size_angstrom
    diameters = np.geomspace(smallest, largest, DISC_STEPS if largest > smallest else 1)
    middle = float(np.sqrt(smallest * largest))
    dome = partial(
        dome_contrast_transform, diameter_angstrom=_DOME_PER_DIAMETER * middle, ndim=image.ndim
    )
    discs = (
        (float(d), partial(disc_contrast_transform, diameter_angstrom=d, ndim=image.ndim))
        for d in diameters
    )
    spread = _local_spread(_limited(work), pixel, middle)
    answers = _answers(work, pixel, chain([(middle, dome)], discs), margin=largest, unit_noise=True)
    _, centring = next(answers)
    best, size = _best_answer(answers, work)
    quiet = ~(spread > _LEAST_SPREAD)
    best /= np.maximum(spread, _LEAST_SPREAD, out=spread)
    best[quiet] = 0
    mean, sd = mean_and_spread(best)
    return BlobScores(
        score=best,
        diameter_angstrom=size,
        step_px=step_px,
        mean=mean,
        sd=sd,
        centring=centring,
    )


def laplacian_scores(
    image: Image, diameters_angstrom: tuple[float, float], *, resolution: float, sign: int
) -> BlobScores:
    """RELION's Laplacian of Gaussian over 11 diameters (doi 10.7554/eLife.42166).

    Four diameters below the range and four above it are tried too; pixels that prefer one of
    these score 0 and do not enter the mean and standard deviation.
    """
    smallest, largest = diameters_angstrom
    step_px = working_step_px(image.grid, resolution)
    work = _working_pixels(image, step_px, sign=sign)
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
    mean, sd = mean_and_spread(best[fits])
    best[~fits] = 0
    return BlobScores(score=best, diameter_angstrom=size, step_px=step_px, mean=mean, sd=sd)


def working_step_px(grid: Grid, resolution: float) -> float:
    """Old pixels per working pixel, so that ``resolution`` becomes the Nyquist frequency."""
    return max(1.0, resolution / 2 / grid.pixel_size_angstrom)


def _working_pixels(image: Image, step_px: float, *, sign: int) -> NDArray[np.float32]:
    pixels = image.read()
    if step_px > 1:
        pixels = fourier_resample(standardised(pixels), step_px)
    work = standardise(pixels)
    return work if sign > 0 else np.negative(work, out=work)


def _limited(work: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pull extreme pixels in to `_LIMIT_SD`."""
    flat = work.ravel()
    # An odd stride does not run along the columns of most images.
    some = flat[:: len(flat) // _BULK_PIXELS | 1]
    low, middle, high = np.quantile(some, (0.1587, 0.5, 0.8413))
    reach = _LIMIT_SD * max(float(high - low) / 2, _LEAST_BULK)
    return work.clip(float(middle) - reach, float(middle) + reach)


def _answers(
    work: NDArray[np.float32],
    pixel_angstrom: float,
    filters: Iterator[tuple[float, RadialProfile]],
    *,
    margin: float,
    unit_noise: bool,
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Yield (diameter, answer) of each filter; the image is mirrored beyond its edges."""
    import scipy.fft

    padded, inside = pad_mirrored(work, int(np.ceil(margin / pixel_angstrom)))
    shape = padded.shape
    transform = scipy.fft.rfftn(padded, overwrite_x=True)
    del padded
    frequency = radial_frequency(shape, pixel_angstrom)
    for diameter, profile in filters:
        response = tabulated(profile, frequency)
        answer = inverse_inside(weighted(transform, response), shape, inside)
        if unit_noise:
            gain = noise_gain(response, shape, work.shape)
            answer /= np.float32(gain.inside)
            for axis, louder in enumerate(gain.near_edges):
                answer /= louder.astype(np.float32).reshape(-1, *(1,) * (work.ndim - 1 - axis))
        yield diameter, answer


def _best_answer(
    answers: Iterator[tuple[float, NDArray[np.float32]]], work: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    best = np.full_like(work, -np.inf)
    size = np.zeros_like(work)
    for diameter, answer in answers:
        size[answer > best] = diameter
        np.maximum(best, answer, out=best)
    return best, size


def _local_spread(
    work: NDArray[np.float32], pixel_angstrom: float, window_angstrom: float
) -> NDArray[np.float32]:
    """Standard deviation in a Gaussian window of this sigma around every pixel."""
    import scipy.fft

    padded, inside = pad_mirrored(work, int(np.ceil(2 * window_angstrom / pixel_angstrom)))
    shape = padded.shape
    window = np.square(radial_frequency(shape, pixel_angstrom))
    window *= np.float32(-2 * (np.pi * window_angstrom) ** 2)
    np.exp(window, out=window)

    def blurred(values: NDArray[np.float32]) -> NDArray[np.float32]:
        transform: Any = scipy.fft.rfftn(values)
        return inverse_inside(weighted(transform, window, out=transform), shape, inside)

    mean = blurred(padded)
    variance = blurred(np.square(padded, out=padded))
    variance -= np.square(mean, out=mean)
    return np.sqrt(variance.clip(0, out=variance), out=variance)
