"""PNG and JPEG files: micrographs as pictures, with 8 or 16 bits."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import atomic_path
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat
from cryopick.io.images.views import ReadOnce, luminance
from cryopick.model import PixelSource

SUFFIXES = (".png", ".jpg", ".jpeg")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MOST_PX = 178_000_000
_PNG_RATIO = 1100
_GREY = {"1": "uint8", "L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16",
         "I": "int32", "F": "float32"}  # fmt: skip


def sniff(path: Path, head: bytes) -> int:
    """Certain from the first bytes."""
    if head.startswith((_PNG, _JPEG)):
        return 3
    return int(path.suffix.lower() in SUFFIXES)


def read(path: Path) -> Content:
    """Read the size and mode; pixels are decoded when first asked for."""
    mode, width, height, title = _header(path)
    warnings: list[str] = []
    dtype = np.dtype(_GREY.get(mode, "float32"))
    if mode not in _GREY:
        warnings.append(f"colour image ({mode}): its luminance is used")
    return Content(
        format=title,
        kind="image",
        data=ReadOnce((height, width), dtype, lambda: _decode(path, (height, width), dtype)),
        facts={"mode": mode},
        warnings=tuple(warnings),
    )


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "uint8",
    stack: bool = False,
) -> None:
    """Write a grey PNG of 8 or 16 bits; values are taken as they are, never stretched.

    The format keeps neither pixel size nor Grid origin.
    """
    from PIL import Image as Picture

    del pixel_size_angstrom, origin_angstrom
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: JPEG changes pixels and is not written; use .png")
    if dtype not in ("uint8", "uint16"):
        raise InputError(f"{path}: dtype {dtype}: PNG holds uint8, uint16; scale the image first")
    if stack or len(data.shape) != 2:
        raise InputError(f"{path}: PNG holds one image, got an array of shape {data.shape}")
    pixels = check_cast(np.asarray(data[...]), np.dtype(dtype), path)
    with atomic_path(path) as part:
        Picture.fromarray(np.ascontiguousarray(pixels)).save(part, format="PNG")


def _header(path: Path) -> tuple[str, int, int, str]:
    with _opened(path) as picture:
        mode, (width, height), title = picture.mode, picture.size, str(picture.format)
    size = path.stat().st_size
    if width * height > _MOST_PX:
        raise FormatError(
            path, f"{width} x {height} pixels are more than a picture may have ({_MOST_PX})",
            "convert it to MRC",
        )  # fmt: skip
    if title == "PNG" and width * height > 8 * _PNG_RATIO * size:
        raise FormatError(path, f"header declares {width} x {height} pixels in {size} bytes")
    return mode, width, height, title


def _decode(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    with _opened(path) as picture:
        try:
            if picture.mode in _GREY:
                pixels = np.asarray(picture).astype(dtype)
            else:
                pixels = luminance(np.asarray(picture.convert("RGB")))
        except Exception as error:
            raise FormatError(
                path, f"pixels cannot be decoded ({error})", "copy it again"
            ) from error
    if pixels.shape != shape:
        raise FormatError(
            path, f"expected {shape[1]} x {shape[0]} pixels, got {pixels.shape[::-1]}"
        )
    return pixels


def _opened(path: Path) -> Any:
    from PIL import Image as Picture

    try:
        with python_warnings.catch_warnings():
            # Our own bound on the number of pixels follows; micrographs exceed the library's.
            python_warnings.simplefilter("ignore")
            return Picture.open(path, formats=("PNG", "JPEG"))
    except Exception as error:
        raise FormatError(path, f"not a PNG or JPEG that can be read ({error})") from error


FORMAT = ImageFormat(
    name="raster", title="PNG or JPEG", suffixes=SUFFIXES, sniff=sniff, read=read, write=write
)
