"""`write_image`: write pixels in the format that the suffix names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryopick.errors import InputError
from cryopick.io.images.registry import image_formats
from cryopick.model import Image, ImageStack, PixelSource


def write_image(
    path: str | Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write an image, a volume or a stack in the format of the suffix.

    Parameters
    ----------
    path
        ``.mrc .mrcs .map .tif .png .em .spi .stk .vol .hdf .zarr`` and their like. The file
        (for OME-Zarr the folder) appears whole or not at all.
    data
        ``(y, x)``, ``(z, y, x)``, or with ``stack`` ``(n, y, x)`` or ``(n, z, y, x)``; read
        section by section.
    pixel_size_angstrom, origin_angstrom
        Place of the pixels; MRC, HDF and OME-Zarr keep both, SPIDER the pixel size, the others
        neither.
    dtype
        Type to store; an `InputError` where the format or the values do not allow it.
    stack
        Whether the first axis counts images.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    for found in image_formats().values():
        if suffix in found.suffixes:
            found.write(
                path,
                data,
                pixel_size_angstrom,
                origin_angstrom=origin_angstrom,
                dtype=dtype,
                stack=stack,
            )
            return
    known = " ".join(s for f in image_formats().values() for s in f.suffixes)
    raise InputError(f"{path}: suffix {suffix or 'none'}: no image format is written under it; "
                     f"use one of {known}")  # fmt: skip


def write_opened(path: str | Path, image: Image | ImageStack, *, dtype: str = "float32") -> None:
    """Write an opened image or stack with its own pixel size and Grid origin."""
    if isinstance(image, ImageStack):
        write_image(path, image.data, image.pixel_size_angstrom, dtype=dtype, stack=True)
        return
    write_image(
        path,
        image.data,
        image.grid.pixel_size_angstrom,
        origin_angstrom=image.grid.origin_angstrom,
        dtype=dtype,
    )
