"""Masks of tomograms: where to search, and where to keep what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.images import image_name, open_image
from cryopick.model import Grid, Image


def read_tomogram_mask(path: Path, tomogram: Image) -> Image:
    """Read the mask of a tomogram, of its shape or of another binning of it.

    Returns
    -------
    Image
        Placed in the tomogram's specimen: 1 where to search, else 0.
    """
    grid = mask_grid(path, tomogram)
    inside = inside_mask(np.asarray(_volume(path).data[...]))
    return Image(data=inside.view(np.int8), grid=grid, name=image_name(path))


def mask_grid(path: Path, tomogram: Image) -> Grid:
    """Where the voxels of a tomogram's mask lie; its pixels are not read."""
    opened = _volume(path)
    if opened.grid.shape == tomogram.grid.shape:
        return tomogram.grid
    ratio = np.divide(tomogram.grid.shape, opened.grid.shape)
    if np.ptp(ratio) > 0.05 * ratio.mean():
        sizes = (" x ".join(map(str, grid.size_px)) for grid in (opened.grid, tomogram.grid))
        raise InputError(
            f"{path}: has {next(sizes)} voxels, its tomogram {next(sizes)}; make a mask of the "
            "same field"
        )
    pixel = tomogram.grid.pixel_size_angstrom * float(ratio.mean())
    return replace(opened.grid, pixel_size_angstrom=pixel)


def inside_mask(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a mask is above 0.

    Masks of bytes are often written with the wrong sign: 255 reads as -1; or 128 was taken off, so
    that 0 and 1 read as -128 and -127.

    Examples
    --------
    >>> inside_mask(np.int8([0, -1])), inside_mask(np.int8([-128, -127]))
    (array([False,  True]), array([False,  True]))
    """
    if values.dtype == np.int8 and values.size and values.min() < 0:
        if values.max() <= -127:
            values = values.astype(np.int16) + 128
        elif values.max() <= 0:
            values = values.view(np.uint8)
    return values > 0


def _volume(path: Path) -> Image:
    opened = open_image(path)
    if not isinstance(opened, Image) or opened.ndim != 3:
        raise InputError(f"{path}: is not a volume, as a tomogram mask must be")
    return opened
