"""Resample images in memory: mean-binning and Fourier cropping, each with its new Grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.fourier import fourier_resample, plan_axis

Method = Literal["mean", "fourier"]


def mean_bin(values: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Average blocks of ``factor`` pixels along every axis; a last partial block is dropped.

    Examples
    --------
    >>> mean_bin(np.arange(12.0).reshape(2, 6), 2)
    array([[3.5, 5.5, 7.5]], dtype=float32)
    """
    shape = tuple(n // max(factor, 1) for n in values.shape)
    if factor < 1 or min(shape) < 1:
        raise InputError(f"mean-bin: a factor of {factor} leaves no pixel of {values.shape}")
    blocks = values[tuple(slice(0, n * factor) for n in shape)]
    # One axis at a time: half the memory traffic, and float64 sums keep large integers exact.
    for axis, n in enumerate(shape):
        split = (*blocks.shape[:axis], n, factor, *blocks.shape[axis + 1 :])
        blocks = blocks.reshape(split).mean(axis=axis + 1, dtype=np.float64)
    return blocks.astype(np.float32)


def resampled_grid(grid: Grid, *, method: Method, ratio: float) -> Grid:
    """The Grid after resampling to pixels ``ratio`` times as wide.

    Examples
    --------
    >>> grid = Grid(shape=(100, 101), pixel_size_angstrom=2.0)
    >>> resampled_grid(grid, method="mean", ratio=2).origin_angstrom
    (1.0, 1.0)
    >>> resampled_grid(grid, method="fourier", ratio=2)
    Grid(shape=(50, 50), pixel_size_angstrom=4.0, origin_angstrom=(0.0, 0.0))
    """
    if method == "mean":
        factor = whole_factor(ratio)
        if min(grid.shape) < factor:
            raise InputError(f"mean-bin: a factor of {factor} leaves no pixel of {grid.shape}")
        return grid.binned_by_mean(factor)
    if method != "fourier":
        raise InputError(f"resample: method {method}: expected mean or fourier")
    shape = tuple(plan_axis(n, ratio).new_px for n in grid.shape)
    return grid.resampled(shape, grid.pixel_size_angstrom * ratio)


def whole_factor(ratio: float) -> int:
    """A ratio as the whole number that averaging blocks needs."""
    factor = round(ratio)
    if abs(ratio - factor) > 1e-4 * ratio or factor < 1:
        raise InputError(
            f"mean-bin: the factor must be a whole number, got {ratio:g}; use the method fourier"
        )
    return factor


def resample_image(
    image: Image,
    *,
    method: Method = "fourier",
    factor: float | None = None,
    pixel_size_angstrom: float | None = None,
    device: str = "cpu",
) -> Image:
    """Resample an image or volume in memory, by a factor or to a pixel size.

    Parameters
    ----------
    image
        2D or 3D.
    method
        ``mean`` averages blocks (whole factors; the Grid origin moves), ``fourier`` crops or pads
        the transform (any factor; the origin stays).
    factor, pixel_size_angstrom
        Exactly one of them: new over old pixel size, or the new pixel size.

    Examples
    --------
    >>> grid = Grid(shape=(8, 8), pixel_size_angstrom=1.5)
    >>> small = resample_image(
    ...     Image(data=np.ones((8, 8)), grid=grid, name="a"), pixel_size_angstrom=3.0
    ... )
    >>> small.grid.shape, float(small.data[0, 0])
    ((4, 4), 1.0)
    """
    ratio = chosen_ratio(
        image.grid.pixel_size_angstrom, factor=factor, pixel_size_angstrom=pixel_size_angstrom
    )
    grid = resampled_grid(image.grid, method=method, ratio=ratio)
    if method == "mean":
        data = mean_bin(np.asarray(image.data[...]), whole_factor(ratio))
    else:
        data = fourier_resample(image.read(), ratio, device=device)
    return replace(image, data=data, grid=grid)


def chosen_ratio(
    old_angstrom: float, *, factor: float | None, pixel_size_angstrom: float | None
) -> float:
    """New over old pixel size, from whichever of the two is given."""
    if (factor is None) == (pixel_size_angstrom is None):
        raise InputError("resample: give either a factor or a pixel size, not both or neither")
    ratio = factor if factor is not None else (pixel_size_angstrom or 0.0) / old_angstrom
    if not (np.isfinite(ratio) and ratio > 0):
        raise InputError(f"resample: expected a factor above 0, got {ratio}")
    return float(ratio)
