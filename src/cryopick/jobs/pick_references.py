"""The references of ``pick template``: a stack, RELION's class averages, or a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.file_patterns import located
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.star import read_star
from cryopick.model import Image, ImageStack
from cryopick.pick.merit.reference_set import References, gaussian_reference

GAUSS = "gauss"
_FLAG = "--pixel-size-references"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PickReferences:
    """References, and what they are called.

    Attributes
    ----------
    references
        ``K`` images.
    names
        ``K`` labels of the picks: the number of the image in its stack, from 1.
    warnings
        What was left out, one sentence each.
    """

    references: References
    names: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def load_references(
    source: str, pixel_size_angstrom: float | None, *, angstrom_per_px: float
) -> PickReferences:
    """Load references; flat images, as RELION leaves for empty classes, are left out.

    Parameters
    ----------
    source
        A stack of images; ``model.star`` or ``class_averages.star``.
    pixel_size_angstrom
        Of the references; None: as the files say.
    angstrom_per_px
        Pixel size to assume where neither says it: that of the micrographs, as RELION does. It is
        taken with a warning.
    """
    path = Path(source)
    if not path.is_file():
        raise MissingFileError(path, "give a stack of references, a model.star, or gauss")
    if path.name.lower().endswith((".star", ".star.gz")):
        images, names, said = _of_star(path)
    else:
        images, names, said = _of_stack(path)
    warnings: list[str] = []
    pixel = pixel_size_angstrom or said
    if pixel is None:
        pixel = angstrom_per_px
        warnings.append(
            f"{path}: the pixel size of the references is not known; {pixel:g} Å taken, that of "
            f"the micrographs: give {_FLAG}"
        )
    shown = np.ptp(images, axis=(1, 2)) > 0
    if not shown.any():
        raise InputError(f"{path}: all references are flat; give images that show particles")
    if not shown.all():
        empty = [name for name, ok in zip(names, shown, strict=True) if not ok]
        warnings.append(f"{path}: references {', '.join(empty[:8])} are flat and left out")
    return PickReferences(
        references=References(images=images[shown], pixel_size_angstrom=pixel),
        names=tuple(name for name, ok in zip(names, shown, strict=True) if ok),
        warnings=tuple(warnings),
    )


def gaussian_references(
    particle_diameter_angstrom: float | None, pixel_size_angstrom: float, *, peak: float
) -> PickReferences:
    """One Gaussian blob, with pixels of the micrographs: its peak is in units of their noise."""
    if particle_diameter_angstrom is None:
        raise InputError("--particle-diameter: is missing; a Gaussian reference needs it")
    blob = gaussian_reference(particle_diameter_angstrom, pixel_size_angstrom, peak=peak)
    return PickReferences(references=blob, names=("1",))


def cached_references(
    source: str,
    pixel_size_angstrom: float | None,
    particle_diameter_angstrom: float | None,
    gauss_peak: float,
    *,
    angstrom_per_px: float,
) -> PickReferences:
    """References of a job, loaded once per process and again when their file has changed."""
    path = Path(source)
    version = path.stat().st_mtime_ns if path.is_file() else 0
    return _cached(
        source, pixel_size_angstrom, particle_diameter_angstrom, gauss_peak, angstrom_per_px,
        version=version,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _cached(
    source: str,
    pixel_size_angstrom: float | None,
    particle_diameter_angstrom: float | None,
    gauss_peak: float,
    angstrom_per_px: float,
    *,
    version: int,  # noqa: ARG001 (part of the key of the cache)
) -> PickReferences:
    if source == GAUSS:
        return gaussian_references(particle_diameter_angstrom, angstrom_per_px, peak=gauss_peak)
    return load_references(source, pixel_size_angstrom, angstrom_per_px=angstrom_per_px)


def _of_stack(path: Path) -> tuple[NDArray[np.float32], list[str], float | None]:
    image = open_image(path)
    shape = tuple(int(n) for n in image.data.shape)
    if len(shape) == 3 and isinstance(image, Image) and len(set(shape)) == 1:
        raise InputError(
            f"{path}: is a volume; make references of it: cryopick template --map {path} --project"
        )
    if len(shape) not in (2, 3):
        raise InputError(f"{path}: expected a stack of images, got an array of shape {shape}")
    pixels = np.asarray(image.data[...], dtype=np.float32)
    if pixels.ndim == 2:
        pixels = pixels[None]
    names = [str(number + 1) for number in range(len(pixels))]
    return pixels, names, _pixel_of(image)


def _of_star(path: Path) -> tuple[NDArray[np.float32], list[str], float | None]:
    entries = [entry for entry in read_classes(path) if entry.keep is not False]
    if not entries:
        raise FormatError(path, "no class is selected (rlnSelected)", "select some, or all")
    images: list[NDArray[np.float32]] = []
    names: list[str] = []
    pixel = _pixel_of_model(path)
    stacks: dict[str, Image | ImageStack] = {}
    for entry in entries:
        number, _, name = entry.image.rpartition("@")
        if name not in stacks:
            stacks[name] = open_image(located(name, path))
        stack = stacks[name]
        pixel = pixel or _pixel_of(stack)
        images.append(_section(stack, number, path))
        names.append(str(entry.number))
    if len({image.shape for image in images}) > 1:
        raise FormatError(path, "references of different sizes", "give those of one size")
    if len(set(names)) < len(names):
        names = [str(row + 1) for row in range(len(names))]
    return np.stack(images), names, pixel


def _section(stack: Image | ImageStack, number: str, path: Path) -> NDArray[np.float32]:
    """One image of a stack, by its number from 1; an image that is no stack has none."""
    if len(stack.data.shape) == 2:
        return np.asarray(stack.data[...], dtype=np.float32)
    row = int(number) - 1 if number.isdecimal() else -1
    if not 0 <= row < stack.data.shape[0]:
        raise FormatError(
            path,
            f"rlnReferenceImage: image {number or '(none)'} of {stack.path}, which has "
            f"{stack.data.shape[0]}",
        )
    return np.asarray(stack.data[row], dtype=np.float32)


def _pixel_of(image: Image | ImageStack) -> float | None:
    if not image.facts["pixel_size_known"]:
        return None
    return (
        image.pixel_size_angstrom
        if isinstance(image, ImageStack)
        else image.grid.pixel_size_angstrom
    )


def _pixel_of_model(path: Path) -> float | None:
    """``rlnPixelSize`` of a model file."""
    block = read_star(path).get("model_general")
    if block is None or "rlnPixelSize" not in block:
        return None
    size = float(block.number("rlnPixelSize")[0])
    return size if np.isfinite(size) and size > 0 else None
