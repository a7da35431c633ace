"""TIFF files: micrographs, and stacks of pages as volumes (also ImageJ's)."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import CryopickError, FormatError, InputError
from cryopick.io.atomic import atomic_path
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat, Kind
from cryopick.io.images.views import ReadOnce, luminance
from cryopick.model import PixelSource

SUFFIXES = (".tif", ".tiff")
_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# No compression of TIFF does better; a header that promises more lies.
_RATIO = 2000
_MOST_BYTES = 1 << 36


def sniff(path: Path, head: bytes) -> int:
    """Certain from the first four bytes."""
    return 3 if head[:4] in _MAGIC else int(path.suffix.lower() in SUFFIXES)


def read(path: Path) -> Content:
    """Read the directory of pages; pixels are mapped where they lie uncompressed."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it logs, we raise or warn of
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            shape = tuple(int(n) for n in series.shape)
            axes, dtype = str(series.axes), np.dtype(series.dtype)
            facts = _facts(file)
            n_series, contiguous = len(file.series), series.dataoffset is not None
    except CryopickError:
        raise
    except Exception as error:
        raise FormatError(path, f"not a TIFF file that can be read ({error})") from error
    if dtype.name not in _DTYPES:
        raise FormatError(path, f"pixels of type {dtype.name} are not grey values")
    n_bytes = math.prod(shape) * dtype.itemsize
    if not 0 < n_bytes <= min(path.stat().st_size * _RATIO, _MOST_BYTES):
        raise FormatError(
            path,
            f"header declares {n_bytes} bytes of pixels, the file has {path.stat().st_size}",
            "copy or write the file again",
        )
    warnings = [f"{n_series} series of pages: the first is shown"] if n_series > 1 else []
    data = _pixels(path, shape, dtype, contiguous)
    data, shape = _grey(path, data, shape, axes, warnings)
    kind: Kind = "image" if len(shape) == 2 else "volume"
    return Content(format="TIFF", kind=kind, data=data, facts=facts, warnings=tuple(warnings))


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write one page per section. The format keeps neither pixel size nor Grid origin."""
    import tifffile

    del pixel_size_angstrom, origin_angstrom
    if dtype not in _DTYPES:
        raise InputError(f"{path}: dtype {dtype}: TIFF holds {', '.join(_DTYPES)}")
    shape = tuple(data.shape)
    if len(shape) not in (2, 3):
        raise InputError(f"{path}: cannot write an array of shape {shape} as TIFF")
    axes = "YX" if len(shape) == 2 else ("IYX" if stack else "ZYX")
    sections = iter([data[...]]) if len(shape) == 2 else (data[i] for i in range(shape[0]))
    pixels = (
        np.ascontiguousarray(check_cast(np.asarray(s), np.dtype(dtype), path)) for s in sections
    )
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    with atomic_path(path) as part:
        tifffile.imwrite(
            part,
            pixels,
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            metadata={"axes": axes},
            bigtiff=n_bytes > 2**31,
        )


def _pixels(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    contiguous: bool,  # noqa: FBT001 - what the file is, not a switch
) -> PixelSource:
    import tifffile

    if contiguous:
        try:
            return tifffile.memmap(path, mode="r", series=0)
        except ValueError:
            pass  # not mappable after all (byte swapped or packed): decoded instead

    def decode() -> NDArray[Any]:
        try:
            pixels = np.asarray(tifffile.imread(path, series=0))
        except Exception as error:
            raise FormatError(path, f"pixels cannot be decoded ({error})") from error
        if pixels.shape != shape:
            raise FormatError(path, f"expected pixels {shape}, got {pixels.shape}")
        return pixels

    return ReadOnce(shape, dtype, decode)


def _grey(
    path: Path, data: PixelSource, shape: tuple[int, ...], axes: str, warnings: list[str]
) -> tuple[PixelSource, tuple[int, ...]]:
    """Turn colours into luminance and drop axes of length 1."""
    if "S" in axes and shape[axes.index("S")] in (3, 4):
        if axes[-1] != "S":
            raise FormatError(path, f"colours in separate planes (axes {axes}) are not read")
        warnings.append("colour image: its luminance is used")
        colour, shape = data, shape[:-1]
        data = ReadOnce(shape, np.dtype(np.float32), lambda: luminance(np.asarray(colour[...])))
    kept = tuple(n for n in shape if n > 1) if len(shape) > 3 else shape
    if len(kept) not in (2, 3):
        raise FormatError(path, f"expected an image or a volume, got axes {axes} {shape}")
    if kept != shape:
        source = data
        data = ReadOnce(kept, data.dtype, lambda: np.asarray(source[...]).reshape(kept))
    return data, kept


def _facts(file: Any) -> dict[str, Any]:
    page = file.pages[0]
    facts: dict[str, Any] = {
        "pages": len(file.pages),
        "byte_order": "little" if file.byteorder == "<" else "big",
        "compression_code": int(page.compression),
    }
    resolution = tuple(float(v) for v in page.resolution)
    if all(math.isfinite(v) and v > 0 for v in resolution):
        facts["resolution"] = list(resolution)
        facts["resolution_unit"] = str(getattr(page.resolutionunit, "name", page.resolutionunit))
    imagej: dict[str, Any] = file.imagej_metadata or {}
    for key in ("unit", "spacing"):
        value = imagej.get(key)
        if isinstance(value, str) or (isinstance(value, float) and math.isfinite(value)):
            facts[f"imagej_{key}"] = value
    return facts


FORMAT = ImageFormat(
    name="tiff", title="TIFF", suffixes=SUFFIXES, sniff=sniff, read=read, write=write
)
