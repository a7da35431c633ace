"""Class averages as references: a stack, or a STAR file that lists where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.file_patterns import located
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.model import ImageStack

_STAR = (".star", ".star.gz")


def read_class_images(
    path: str, pixel_size_angstrom: float | None
) -> tuple[NDArray[np.float32], float]:
    """Load class averages in the order of their numbers.

    Parameters
    ----------
    path
        A stack or a single image; or ``model.star`` or ``class_averages.star``.
    pixel_size_angstrom
        Overrides the header; a header that is not trusted is an `InputError`.

    Returns
    -------
    images, pixel_size_angstrom
        ``(k, n, n)``: row ``i`` is class ``i + 1``. Numbers that a STAR file leaves out are empty
        images (0).
    """
    if not Path(path).exists():
        raise MissingFileError(path)
    if not path.lower().endswith(_STAR):
        images, size = _stack(path, pixel_size_angstrom)
        return images, size
    return class_images(read_classes(path), Path(path), pixel_size_angstrom)


def class_images(
    entries: tuple[ClassEntry, ...], star: Path, pixel_size_angstrom: float | None
) -> tuple[NDArray[np.float32], float]:
    """Load the images that the entries of a STAR file name."""
    stacks: dict[str, tuple[NDArray[np.float32], float]] = {}
    found: dict[int, NDArray[np.float32]] = {}
    size = 0.0
    for entry in entries:
        place, at, file = entry.image.rpartition("@")
        if file not in stacks:
            where = Path(file) if Path(file).exists() else located(file, star)
            if not where.exists():
                raise MissingFileError(file, f"listed in {star}; correct its path")
            stacks[file] = _stack(str(where), pixel_size_angstrom)
        images, size = stacks[file]
        row = int(place) - 1 if at and place.isdecimal() else 0
        if not 0 <= row < len(images):
            raise FormatError(star, f"names image {entry.image}, but the stack holds {len(images)}")
        found[entry.number] = images[row]
    if not found:
        raise FormatError(star, "lists no classes")
    if len({image.shape for image in found.values()}) > 1:
        raise FormatError(star, "its class averages differ in size")
    whole = np.zeros((max(found), *next(iter(found.values())).shape), dtype=np.float32)
    for number, image in found.items():
        whole[number - 1] = image
    return whole, size


def _stack(path: str, pixel_size_angstrom: float | None) -> tuple[NDArray[np.float32], float]:
    stack = open_image(path, pixel_size_angstrom=pixel_size_angstrom, kind="stack")
    if not stack.facts["pixel_size_known"]:
        raise InputError(f"{path}: its pixel size is not known; give --pixel-size-references")
    pixels = np.asarray(stack.data[...], dtype=np.float32)
    images = pixels[None] if pixels.ndim == 2 else pixels
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise FormatError(path, f"images of {images.shape[1:]} px are not square")
    if isinstance(stack, ImageStack):
        return images, stack.pixel_size_angstrom
    return images, stack.grid.pixel_size_angstrom
