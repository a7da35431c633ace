"""OME-Zarr folders (NGFF 0.4 on zarr 2, 0.5 on zarr 3): tomograms in chunks."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import sync_folder
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat, Kind, usable_pixel_size
from cryopick.io.images.views import Permuted, Section
from cryopick.model import PixelSource

SUFFIXES = (".zarr",)
_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_UNITS = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 0.01}
_MOST_CHUNK_BYTES, _MOST_CHUNKS, _MOST_METADATA = 1 << 30, 10_000_000, 64 << 20


class ZarrPixels:
    """An array of a zarr folder; its errors name the folder."""

    def __init__(self, path: Path, array: Any) -> None:
        self._path, self._array = path, array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        try:
            return np.asarray(self._array[index])
        except Exception as error:
            raise FormatError(
                self._path, f"pixels cannot be read ({error})", "copy it again"
            ) from error


def sniff(path: Path, head: bytes) -> int:
    """Certain for a folder with zarr metadata."""
    del head
    return 3 if path.is_dir() and any((path / mark).is_file() for mark in _MARKS) else 0


def read(path: Path) -> Content:
    """Open the finest resolution; shape, scale and translation come from the metadata."""
    for mark in _MARKS:
        file = path / mark
        if file.is_file() and file.stat().st_size > _MOST_METADATA:
            raise FormatError(file, f"{file.stat().st_size} bytes are too many for metadata")
    try:
        scales = _multiscales(path)
        if scales is None:
            return _bare(path)
        return _finest(path, scales)
    except (FormatError, InputError):
        raise
    except Exception as error:
        raise FormatError(path, f"OME-Zarr metadata cannot be used ({error!r})") from error


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write one resolution as NGFF 0.5, in chunks of 64 voxels, into a folder that appears whole.

    A folder of that name that is an OME-Zarr image is replaced; any other is an `InputError`.
    """
    shape = tuple(data.shape)
    if stack or len(shape) not in (2, 3):
        raise InputError(f"{path}: OME-Zarr holds an image or a volume, got shape {shape}")
    if path.exists() and not sniff(path, b""):
        raise InputError(f"{path}: exists and is not an OME-Zarr image; remove it first")
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        _fill(part, path, data, dtype)
        metadata = _metadata(path, shape, pixel_size_angstrom, origin_angstrom)
        (part / "zarr.json").write_text(json.dumps(metadata, indent=2), encoding="utf-8")
        part.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        part.replace(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _fill(part: Path, path: Path, data: PixelSource, dtype: str) -> None:
    shape, kind = tuple(data.shape), np.dtype(dtype)
    chunks = tuple(min(64 if len(shape) == 3 else 512, n) for n in shape)
    array = _library().create_array(part / "0", shape=shape, dtype=kind, chunks=chunks)
    for start in range(0, shape[0], chunks[0]):
        slab = slice(start, min(start + chunks[0], shape[0]))
        array[slab] = check_cast(np.asarray(data[slab]), kind, path)


def _metadata(
    path: Path, shape: tuple[int, ...], pixel_size_angstrom: float, origin: Sequence[float]
) -> dict[str, Any]:
    names = "zyx"[-len(shape) :]
    where = list(origin)[: len(shape)][::-1] or [0.0] * len(shape)
    transforms = [
        {"type": "scale", "scale": [float(pixel_size_angstrom)] * len(shape)},
        {"type": "translation", "translation": [float(v) for v in where]},
    ]
    image = {
        "name": path.name,
        "axes": [{"name": n, "type": "space", "unit": "angstrom"} for n in names],
        "datasets": [{"path": "0", "coordinateTransformations": transforms}],
    }
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ome": {"version": "0.5", "multiscales": [image]}},
    }


def _multiscales(path: Path) -> Mapping[str, Any] | None:
    for mark in ("zarr.json", ".zattrs"):
        if (path / mark).is_file():
            held = json.loads((path / mark).read_text(encoding="utf-8"))
            attributes = held.get("attributes", {}) if mark == "zarr.json" else held
            found = attributes.get("ome", attributes).get("multiscales")
            if found:
                return found[0]
    return None


def _bare(path: Path) -> Content:
    if not (path / ".zarray").is_file() and not (path / "zarr.json").is_file():
        raise FormatError(path, "holds no multiscales metadata and is not an array itself")
    array = _opened(path, path)
    if len(array.shape) not in (2, 3):
        raise FormatError(path, f"expected an image or a volume, got shape {array.shape}")
    kind: Kind = "image" if len(array.shape) == 2 else "volume"
    return Content(format="Zarr", kind=kind, data=array)


def _finest(path: Path, scales: Mapping[str, Any]) -> Content:
    levels = scales["datasets"]
    finest = min(levels, key=lambda level: math.prod(_transform(scales, level, "scale") or [1.0]))
    inside = Path(str(finest["path"]))
    if inside.is_absolute() or ".." in inside.parts:
        raise FormatError(path, f"dataset path {inside} points outside of the folder")
    array = _opened(path, path / inside)
    axes = _axes(scales, len(array.shape))
    warnings: list[str] = []
    data, kept = _spatial(path, array, [a["name"] for a in axes], warnings)
    size, origin = _placed(scales, finest, axes, kept, warnings)
    kind: Kind = "image" if len(kept) == 2 else "volume"
    return Content(
        format="OME-Zarr",
        kind=kind,
        data=data,
        pixel_size_angstrom=size,
        trusted=size is not None,
        origin_angstrom=origin,
        facts={
            "levels": len(levels),
            "level": str(finest["path"]),
            "version": str(scales.get("version", "0.5")),
            "axes": [str(a["name"]) for a in axes],
        },
        warnings=tuple(warnings),
    )


def _axes(scales: Mapping[str, Any], ndim: int) -> list[dict[str, Any]]:
    """Axes as dicts; NGFF 0.3 and older give bare names, 0.2 and older none."""
    given: list[Any] = scales.get("axes") or list("tczyx"[-ndim:])
    axes: list[dict[str, Any]] = [a if isinstance(a, dict) else {"name": a} for a in given]
    if len(axes) != ndim:
        raise ValueError(f"{len(axes)} axes named for an array of {ndim}")
    return axes


def _transform(
    scales: Mapping[str, Any], level: Mapping[str, Any], kind: str
) -> list[float] | None:
    """Scale (multiplied) or translation of a level, with the one of the whole image."""
    total: list[float] | None = None
    for part in (level, scales):
        for transform in part.get("coordinateTransformations", []):
            if transform.get("type") != kind:
                continue
            values = [float(v) for v in transform[kind]]
            if total is None:
                total = values
            elif kind == "scale":
                total = [a * b for a, b in zip(total, values, strict=True)]
            else:
                total = [a + b for a, b in zip(total, values, strict=True)]
    return total


def _spatial(
    path: Path, array: ZarrPixels, names: list[Any], warnings: list[str]
) -> tuple[PixelSource, list[int]]:
    """Take the first time and channel, and bring the rest into the order z, y, x."""
    data: PixelSource = array
    kept = list(range(len(names)))
    while len(kept) > 1 and names[kept[0]] not in ("z", "y", "x"):
        if array.shape[kept[0]] > 1:
            warnings.append(
                f"{array.shape[kept[0]]} along axis {names[kept[0]]}: the first is shown"
            )
        data = Section(data)
        kept = kept[1:]
    wanted = [n for n in "zyx" if n in [names[k] for k in kept]]
    if len(kept) not in (2, 3) or sorted(wanted) != sorted(str(names[k]) for k in kept):
        raise FormatError(path, f"axes {names} are not those of an image or a volume")
    places = [[names[k] for k in kept].index(n) for n in wanted]
    if places != sorted(places):
        data = Permuted(data, tuple(places))
    return data, [kept[p] for p in places]


def _placed(
    scales: Mapping[str, Any],
    level: Mapping[str, Any],
    axes: list[dict[str, Any]],
    kept: list[int],
    warnings: list[str],
) -> tuple[float | None, tuple[float, ...]]:
    """Pixel size and Grid origin in Å."""
    scale = _transform(scales, level, "scale")
    if scale is None:
        return None, ()
    units = {axes[k].get("unit") for k in kept}
    unit = units.pop() if len(units) == 1 else None
    if unit is None:
        warnings.append("the unit of the pixel size is not named: taken as Å")
    elif unit not in _UNITS:
        return None, ()
    factor = _UNITS.get(str(unit), 1.0)
    sizes = [scale[k] * factor for k in kept]
    size = float(f"{sizes[-1]:.12g}")
    if not usable_pixel_size(size):
        return None, ()
    if any(abs(s - size) > 1e-3 * size for s in sizes):
        warnings.append(f"voxel is not cubic ({sizes} Å along z, y, x); {size:g} Å is used")
    shift = _transform(scales, level, "translation") or [0.0] * len(axes)
    origin = tuple(float(shift[k] * factor) for k in kept)[::-1]
    return size, origin if all(math.isfinite(v) for v in origin) else ()


def _opened(path: Path, folder: Path) -> ZarrPixels:
    array = _library().open_array(folder, mode="r")
    shape, chunks = tuple(array.shape), tuple(array.chunks)
    dtype = np.dtype(array.dtype)
    if not shape or min(shape) < 1 or dtype.kind not in "iuf" or min(chunks) < 1:
        raise FormatError(path, f"{dtype} array of shape {shape} is not an image")
    n_chunks = math.prod(-(-n // c) for n, c in zip(shape, chunks, strict=True))
    if math.prod(chunks) * dtype.itemsize > _MOST_CHUNK_BYTES or n_chunks > _MOST_CHUNKS:
        raise FormatError(path, f"shape {shape} in chunks of {chunks} is too large to be real")
    return ZarrPixels(path, array)


def _library() -> ModuleType:
    try:
        import zarr
    except ImportError as error:
        raise InputError(
            "OME-Zarr images need the package zarr; install it with: pip install 'cryopick[zarr]'"
        ) from error
    return zarr


FORMAT = ImageFormat(
    name="ome_zarr", title="OME-Zarr", suffixes=SUFFIXES, sniff=sniff, read=read, write=write
)
