"""What a user may give as images: files, globs, folders and STAR sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryopick.errors import InputError, MissingFileError
from cryopick.io.file_patterns import expand, located
from cryopick.io.images import image_name, open_image, recognise_image
from cryopick.io.star import read_star
from cryopick.model import Grid, Image, ImageStack

# Of a folder only what is usually one image: beside TS_1.rec lie its TS_1.st and TS_1.ali.
_IMAGE_SUFFIXES = (
    ".mrc", ".map", ".rec", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".em", ".spi", ".hdf",
    ".zarr",
)  # fmt: skip

_STAR_COLUMNS = (
    "rlnMicrographName",
    "rlnTomoReconstructedTomogramDenoised",
    "rlnTomoReconstructedTomogram",
)


def image_paths(inputs: Sequence[str]) -> dict[str, Path]:
    """Resolve inputs to image files, by name, in the order given.

    Parameters
    ----------
    inputs
        Files, glob patterns, folders (their images, sorted), and STAR files of micrographs or
        tomograms.

    Raises
    ------
    InputError
        Where nothing is found, or two images have the same name.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        for path in _expand(given):
            name = image_name(path)
            if name in found and found[name].resolve() != path.resolve():
                raise InputError(
                    f"{path}: another image is called {name} too ({found[name]}); "
                    "picks are matched by name, so rename one"
                )
            found.setdefault(name, path)
    if not found:
        raise InputError("no images given; name files, folders or a STAR file")
    return found


def _expand(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file() and path.name.lower().endswith((".star", ".star.gz")):
        return _star_members(path)
    if path.is_dir() and recognise_image(path) is not None:
        return [path]
    return [file.path for file in expand([given], suffixes=_IMAGE_SUFFIXES)]


def _star_members(path: Path) -> list[Path]:
    """Image files listed in a STAR file."""
    star = read_star(path)
    for column in _STAR_COLUMNS:
        table = star.table_with(column)
        if table is not None:
            return [_member(name, path) for name in dict.fromkeys(table.text(column).tolist())]
    raise InputError(f"{path}: no column of images; expected one of {', '.join(_STAR_COLUMNS)}")


def _member(name: str, star: Path) -> Path:
    path = located(name, star)
    if not path.exists():
        raise MissingFileError(
            name, f"listed in {star}; run where its paths begin, or correct them"
        )
    return path


def item_id(name: str) -> str:
    """Turn an image name into one fit for a folder; two names never share an id."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name):
        return name
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).strip("._")[:80]
    return f"{plain or 'image'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def open_single(path: str | Path, pixel_size_angstrom: float | None) -> Image:
    """Open one image or volume: no stack, and of a pixel size that is known.

    Parameters
    ----------
    path
        The file.
    pixel_size_angstrom
        Overrides the header; where neither says it, it is refused, not guessed.
    """
    image = open_image(path, pixel_size_angstrom=pixel_size_angstrom)
    if not isinstance(image, Image):
        raise InputError(f"{path}: is a stack of images; name single images")
    check_pixel_size(image)
    return image


def check_pixel_size(image: Image | ImageStack) -> None:
    """Refuse an image whose pixel size is not known: a guess would scale all that follows."""
    if not image.facts["pixel_size_known"]:
        raise InputError(f"{image.path}: its pixel size is not known; give --pixel-size")


def image_grids(inputs: Sequence[str], pixel_size_angstrom: float | None) -> dict[str, Grid]:
    """Grids of single images, by name; an unknown pixel size is refused, not guessed."""
    paths = image_paths(inputs) if inputs else {}
    return {name: open_single(path, pixel_size_angstrom).grid for name, path in paths.items()}


def only_grid(grids: Mapping[str, Grid]) -> Grid | None:
    """The grid of the only image there is: the one of pick files that do not name theirs."""
    return next(iter(grids.values())) if len(grids) == 1 else None
