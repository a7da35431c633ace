"""`SpeciesMap`: the density of one kind of particle at the pixel size of a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import image_name, open_image
from cryopick.model import ImageStack
from cryopick.simulate.rescale import rescale_volume
from cryopick.simulate.shapes import NATIVE_PIXEL_ANGSTROM, SHAPES, shape_volume

# How much more mean inner potential protein has than ice: what a density of 1 stands for.
PROTEIN_CONTRAST_V = 2.3
# A particle ends where its density falls below this share of its plateau.
_EDGE = 0.15
_MAX_BOX_PX = 640


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesMap:
    """Density of one species.

    Attributes
    ----------
    name
        Of the built-in shape, or the map's file name.
    density
        ``(n, n, n)`` float32; 1 is the plateau of protein, 0 is ice.
    pixel_size_angstrom
        Of ``density``.
    diameter_angstrom
        Of the smallest ball about the centre ``n // 2`` that holds the particle.
    height_angstrom
        From the centre to the lowest density along z: how far from its base the particle is held.
    rise_angstrom
        Length of a filament's segment; 0 for particles.
    """

    name: str
    density: NDArray[np.float32]
    pixel_size_angstrom: float
    diameter_angstrom: float
    height_angstrom: float
    rise_angstrom: float = 0.0


def load_map(
    source: str | Path,
    pixel_size_angstrom: float,
    *,
    map_pixel_size_angstrom: float | None = None,
    rise_angstrom: float | None = None,
) -> SpeciesMap:
    """Load a built-in shape or a map from a file, at a pixel size.

    The last few are kept, as every image of a set needs the same ones, until their files change;
    their densities cannot be written to.

    Parameters
    ----------
    source
        A name in `cryopick.simulate.shapes.SHAPES`, or a volume that `open_image` reads. The box
        centre of a file stays the particle's centre. Its background (median of the faces) is
        subtracted.
    pixel_size_angstrom
        Of the result.
    map_pixel_size_angstrom
        Overrides the pixel size in the file's header.
    rise_angstrom
        Makes a map the segment of a filament of this length; default: that of the built-in shape.

    Examples
    --------
    >>> species = load_map("apoferritin", 4.0)
    >>> species.density.ndim, 110 < species.diameter_angstrom < 150
    (3, True)
    """
    try:
        facts = None if str(source) in SHAPES else Path(source).stat()
    except OSError as error:
        raise MissingFileError(Path(source), f"give a map or one of {', '.join(SHAPES)}") from error
    version = None if facts is None else (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return _loaded(
        source, pixel_size_angstrom, map_pixel_size_angstrom, rise_angstrom, version=version
    )


@lru_cache(maxsize=8)
def _loaded(
    source: str | Path,
    pixel_size_angstrom: float,
    map_pixel_size_angstrom: float | None,
    rise_angstrom: float | None,
    *,
    version: tuple[int, int, int] | None,  # noqa: ARG001 (part of the key of the cache)
) -> SpeciesMap:
    """Load a map; ``version`` tells one content of a file from the next."""
    if str(source) in SHAPES:
        shape = SHAPES[str(source)]
        volume, native, rise = shape_volume(shape.name), NATIVE_PIXEL_ANGSTROM, shape.rise_angstrom
        name = shape.name
    else:
        volume, native = _read_map(Path(source), map_pixel_size_angstrom)
        name, rise = image_name(source), 0.0
    rise = rise if rise_angstrom is None else rise_angstrom
    density = normalise_density(volume, name)
    diameter, _ = _extent(density, native)
    edge = min(len(density), int(np.ceil((diameter + 20.0) / native / 2)) * 2 + 2)
    density = _cropped(density, edge)
    new_edge = int(np.ceil(edge * native / pixel_size_angstrom / 2)) * 2
    if new_edge > _MAX_BOX_PX:
        raise InputError(
            f"map {source}: {new_edge} pixels wide at {pixel_size_angstrom} Å, "
            f"more than {_MAX_BOX_PX}; use larger pixels or a smaller map"
        )
    density = rescale_volume(
        density,
        pixel_size_angstrom=native,
        new_pixel_size_angstrom=pixel_size_angstrom,
        box_px=max(new_edge, 4),
    )
    density.setflags(write=False)
    diameter, height = _extent(density, pixel_size_angstrom)
    return SpeciesMap(
        name=name,
        density=density,
        pixel_size_angstrom=pixel_size_angstrom,
        diameter_angstrom=diameter,
        height_angstrom=height,
        rise_angstrom=rise,
    )


def normalise_density(volume: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Scale a map so that ice is 0 and the plateau of protein is about 1.

    The plateau is the density-weighted mean ``Σ ρ² / Σ ρ`` of the positive part: exactly the value
    of a solid of one density, whatever the box around it.
    """
    volume = np.asarray(volume, dtype=np.float32)
    if not np.isfinite(volume).all():
        raise InputError(f"map {name}: holds values that are not finite; repair it first")
    faces = [volume.take(i, axis=a).ravel() for a in range(3) for i in (0, -1)]
    volume = volume - np.float32(np.median(np.concatenate(faces)))
    positive = np.maximum(volume, 0).astype(np.float64)
    total = positive.sum()
    if total <= 0 or positive.max() == 0:
        raise InputError(f"map {name}: expected density above its background, found none")
    return (volume / np.float32((positive**2).sum() / total)).astype(np.float32)


def _read_map(path: Path, pixel_size: float | None) -> tuple[NDArray[np.float32], float]:
    image = open_image(path, pixel_size_angstrom=pixel_size)
    shape = image.data.shape
    # Many programs write a map as a stack of its sections; a cube of sections is a map.
    if len(shape) != 3 or (isinstance(image, ImageStack) and len(set(shape)) > 1):
        raise InputError(f"{path}: expected a volume, got {'x'.join(map(str, shape))}")
    if max(shape) > 2 * _MAX_BOX_PX:
        raise InputError(f"{path}: {max(shape)} voxels wide; crop or bin it first")
    if not image.facts.get("pixel_size_known", True) and pixel_size is None:
        raise InputError(f"{path}: its pixel size is not known; give --map-pixel-size")
    stack = isinstance(image, ImageStack)
    native = image.pixel_size_angstrom if stack else image.grid.pixel_size_angstrom
    volume = np.asarray(image.data[...], dtype=np.float32)
    edge = max(volume.shape)
    if len(set(volume.shape)) > 1:
        cube = np.full((edge,) * 3, np.float32(np.median(volume)))
        place = tuple(slice(edge // 2 - n // 2, edge // 2 - n // 2 + n) for n in volume.shape)
        cube[place] = volume
        volume = cube
    return volume, native


def _extent(density: NDArray[np.float32], pixel_size: float) -> tuple[float, float]:
    """Diameter about the centre, and depth below it along z, of the dense part."""
    centre = len(density) // 2
    # 99.5 % of the dense voxels: a speck of noise in a corner of a map is no particle.
    z, y, x = (index - centre for index in np.nonzero(density > _EDGE))
    if not len(z):
        return pixel_size, pixel_size
    radius = np.sqrt(z**2.0 + y**2.0 + x**2.0)
    return (
        float(2 * np.quantile(radius, 0.995) + 1) * pixel_size,
        float(max(-np.quantile(z, 0.005), 0.5)) * pixel_size,
    )


def _cropped(volume: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    start = len(volume) // 2 - edge // 2
    return volume[(slice(start, start + edge),) * 3]
