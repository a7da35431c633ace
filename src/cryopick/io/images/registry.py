"""All image formats by suffix and content; `open_image` and `describe_image` over them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images.format import Content, ImageFormat, bare_suffix
from cryopick.io.images.name import image_name
from cryopick.io.images.raw import compression, read_head
from cryopick.io.images.views import AddedAxis
from cryopick.model import Grid, Image, ImageStack

HEAD_BYTES = 2048
MODULES: tuple[str, ...] = ("mrc", "tiff", "raster", "hdf", "ome_zarr", "spider", "em")


@cache
def image_formats() -> dict[str, ImageFormat]:
    """Every image format by its name, in the order in which they are asked."""
    return {
        found.name: found
        for module in MODULES
        for found in [import_module(f"cryopick.io.images.{module}").FORMAT]
    }


def recognise_image(path: str | Path) -> ImageFormat | None:
    """The format that is surest of a file or folder; None where none is."""
    path = Path(path)
    if not path.exists():
        raise MissingFileError(path)
    try:
        head = b"" if path.is_dir() else read_head(path, HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    best, found = 0, None
    for entry in image_formats().values():
        sure = entry.sniff(path, head)
        if sure > best:
            best, found = sure, entry
    return found


def open_image(
    path: str | Path,
    *,
    pixel_size_angstrom: float | None = None,
    kind: Literal["volume", "stack"] | None = None,
) -> Image | ImageStack:
    """Open an image, a volume or a stack; pixels are read when sliced, where the format allows.

    Parameters
    ----------
    path
        MRC (also ``.gz``, ``.bz2``), TIFF, PNG, JPEG, EM, SPIDER, HDF or OME-Zarr.
    pixel_size_angstrom
        Overrides what the file says. Without it, a file that says nothing usable is opened with
        1 Å, a warning, and ``facts["pixel_size_known"]`` False.
    kind
        Overrides whether a file of many sections is a volume or a stack of images.

    Returns
    -------
    Image or ImageStack
        An `ImageStack` for particles, class averages and tilt images.

    Examples
    --------
    >>> import tempfile
    >>> from cryopick.io.images import write_mrc
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_mrc(f"{folder}/TS_007.mrc", np.zeros((3, 4, 5)), 10.0)
    ...     image = open_image(f"{folder}/TS_007.mrc")
    >>> image.name, image.grid.size_px, image.grid.pixel_size_angstrom
    ('TS_007', (5, 4, 3), 10.0)
    """
    path = Path(path)
    content = read_content(path, kind=kind)
    size, known, warnings = _chosen_size(content, pixel_size_angstrom)
    facts = {
        "format": content.format,
        "kind": content.kind,
        **content.facts,
        "pixel_size_known": known,
    }
    name = image_name(path)
    warnings = (*content.warnings, *warnings)
    if content.kind == "stack":
        return ImageStack(
            data=content.data,
            pixel_size_angstrom=size,
            name=name,
            path=path,
            facts=facts,
            warnings=warnings,
        )
    ndim = len(content.data.shape)
    origin = content.origin_angstrom[:ndim] if len(content.origin_angstrom) >= ndim else ()
    grid = Grid(shape=tuple(content.data.shape), pixel_size_angstrom=size, origin_angstrom=origin)
    return Image(data=content.data, grid=grid, name=name, path=path, facts=facts, warnings=warnings)


def read_content(path: Path, *, kind: Literal["volume", "stack"] | None = None) -> Content:
    """Read what a file holds, in the format that recognises it."""
    if kind not in (None, "volume", "stack"):
        raise InputError(f"{path}: kind {kind}: expected volume or stack")
    found = recognise_image(path)
    if found is None:
        raise FormatError(path, _unknown(path), "give an MRC, TIFF, PNG, JPEG, EM, SPIDER, HDF "
                          "or OME-Zarr image")  # fmt: skip
    try:
        content = found.read(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return content if kind is None else _as_kind(content, kind)


def describe_image(path: str | Path) -> dict[str, Any]:
    """Tell what an image file is, from its header alone, as JSON types.

    Returns
    -------
    dict
        ``kind``, ``format``, ``size_px`` (x, y and sections), ``dtype``, ``pixel_size_angstrom``
        (None: not said), ``pixel_size_known``, ``origin_angstrom`` of the Grid, the facts of the
        format (``mode``, ``labels``, ``min``...) and ``warnings``.
    """
    path = Path(path)
    content = read_content(path)
    _, known, warnings = _chosen_size(content, None)
    shape = [int(n) for n in content.data.shape]
    described: dict[str, Any] = {
        "kind": content.kind,
        "format": content.format,
        "name": image_name(path),
        "size_px": shape[::-1],
        "dtype": content.data.dtype.name,
        "pixel_size_angstrom": content.pixel_size_angstrom,
        "pixel_size_known": known,
        "origin_angstrom": list(content.origin_angstrom),
        **content.facts,
        "warnings": [*content.warnings, *warnings],
    }
    if compression_of(path):
        described["compression"] = compression_of(path)
    return described


def compression_of(path: Path) -> str:
    """``gz``, ``bz2`` or nothing; nothing for a folder."""
    return "" if path.is_dir() else compression(path)


def _chosen_size(content: Content, given: float | None) -> tuple[float, bool, tuple[str, ...]]:
    if given is not None:
        if not (np.isfinite(given) and given > 0):
            raise InputError(f"pixel size {given}: expected a length above 0 Å")
        return float(given), True, ()
    found = content.pixel_size_angstrom
    if found is None:
        return 1.0, False, ("no usable pixel size in the file: 1 Å taken; give --pixel-size",)
    if not content.trusted:
        return found, False, (
            f"pixel size of {found:g} Å in the header is often a default; give --pixel-size",
        )  # fmt: skip
    return found, True, ()


def _as_kind(content: Content, kind: Literal["volume", "stack"]) -> Content:
    from dataclasses import replace

    if content.kind == kind:
        return content
    if content.kind == "image":
        return replace(content, kind=kind, data=AddedAxis(content.data))
    if len(content.data.shape) != 3:
        raise InputError(f"a stack of volumes cannot be read as one {kind}")
    return replace(content, kind=kind)


def _unknown(path: Path) -> str:
    if path.is_dir():
        return "is a folder without OME-Zarr metadata"
    if path.stat().st_size == 0:
        return "is empty"
    suffix = bare_suffix(path)
    return f"not an image of a known format (suffix {suffix or 'none'})"
