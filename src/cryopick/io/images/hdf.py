"""HDF5 files: EMAN2's images (MDF layout), and files that hold one array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import atomic_path
from cryopick.io.images.cast import check_cast
from cryopick.io.images.format import Content, ImageFormat, Kind, usable_pixel_size
from cryopick.io.images.views import full_index
from cryopick.model import PixelSource

SUFFIXES = (".hdf", ".hdf5", ".h5")
_MAGIC = b"\x89HDF\r\n\x1a\n"
_IMAGES = "MDF/images"
_RATIO = 1100  # what the filters of HDF5 reach at best
_FREE_BYTES = 64 << 20  # an array this small may be all fill value


class HdfArrays:
    """One dataset, or several of one shape as a stack; the file is open only while it is read."""

    def __init__(
        self, path: Path, datasets: Sequence[str], shape: tuple[int, ...], dtype: Any
    ) -> None:
        self._path, self._datasets = path, tuple(datasets)
        self._stacked = len(shape) > 0 and len(datasets) > 1
        self.shape = (len(datasets), *shape) if self._stacked else shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        first, *rest = full_index(index, len(self.shape))
        try:
            with _library().File(self._path, "r") as file:
                if not self._stacked:
                    return np.asarray(file[self._datasets[0]][(first, *rest)])
                chosen = np.arange(len(self._datasets))[first]
                # One image at least is read: it tells the shape of an empty slice, too.
                names = [self._datasets[int(i)] for i in np.atleast_1d(chosen)]
                images = [file[name][tuple(rest)] for name in names or self._datasets[:1]]
                if chosen.ndim == 0:
                    return np.asarray(images[0])
                return np.stack(images)[: len(names)]
        except Exception as error:
            raise FormatError(
                self._path, f"pixels cannot be read ({error})", "copy it again"
            ) from error


def sniff(path: Path, head: bytes) -> int:
    """Certain from the first bytes."""
    return 3 if head.startswith(_MAGIC) else int(path.suffix.lower() in SUFFIXES)


def read(path: Path) -> Content:
    """Find EMAN2's images, or the one 2D or 3D array of the file."""
    try:
        with _library().File(path, "r") as file:
            if _IMAGES in file:
                return _mdf(path, file)
            return _single(path, file)
    except (FormatError, InputError):
        raise
    except Exception as error:
        raise FormatError(path, f"not an HDF5 file that can be read ({error})") from error


def write(
    path: Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
) -> None:
    """Write EMAN2's layout: one group per image, pixel size and Grid origin as attributes."""
    if np.dtype(dtype).kind not in "iuf":
        raise InputError(f"{path}: dtype {dtype}: HDF holds integers and floats")
    shape = tuple(data.shape)
    if len(shape) not in ((3, 4) if stack else (2, 3)):
        raise InputError(f"{path}: cannot write an array of shape {shape} as HDF")
    one = shape[1:] if stack else shape
    images = (data[i] for i in range(shape[0])) if stack else iter([data])
    with atomic_path(path) as part, _library().File(part, "w") as file:
        root = file.create_group(_IMAGES)
        root.attrs["imageid_max"] = np.int32((shape[0] if stack else 1) - 1)
        for i, image in enumerate(images):
            group = root.create_group(str(i))
            stored = group.create_dataset("image", shape=one, dtype=dtype)
            for section in range(one[0]):
                stored[section] = check_cast(np.asarray(image[section]), np.dtype(dtype), path)
            for axis, length in zip("xyz", (*one[::-1], 1), strict=False):
                group.attrs[f"EMAN.n{axis}"] = np.int32(length)
                group.attrs[f"EMAN.apix_{axis}"] = np.float64(pixel_size_angstrom)
            if any(origin_angstrom):
                group.attrs["cryopick.grid_origin"] = np.asarray(origin_angstrom, dtype=np.float64)


def _mdf(path: Path, file: Any) -> Content:
    root = file[_IMAGES]
    ids = sorted((name for name in root if str(name).isdigit()), key=int)
    if not ids:
        raise FormatError(path, f"{_IMAGES} holds no images")
    found = [f"{_IMAGES}/{i}/image" for i in ids if "image" in root[i]]
    if not found:
        raise FormatError(path, f"{_IMAGES}/{ids[0]} holds no image")
    first = _checked(path, file[found[0]])
    same = [name for name in found if file[name].shape == first.shape]
    for name in same:
        _checked(path, file[name])
    warnings: list[str] = []
    if len(same) < len(found):
        warnings.append(f"{len(found) - len(same)} images of another size are left out")
    attributes = root[ids[0]].attrs
    size = float(attributes.get("EMAN.apix_x", 0.0))
    kind: Kind = "stack" if len(same) > 1 else ("image" if len(first.shape) == 2 else "volume")
    return Content(
        format="HDF (EMAN2)",
        kind=kind,
        data=HdfArrays(path, same, first.shape, first.dtype),
        pixel_size_angstrom=size if usable_pixel_size(size) else None,
        trusted=size != 1.0,
        origin_angstrom=tuple(float(v) for v in attributes.get("cryopick.grid_origin", ())),
        facts={"images": len(same)},
        warnings=tuple(warnings),
    )


def _single(path: Path, file: Any) -> Content:
    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        if hasattr(node, "dtype") and len(node.shape) in (2, 3) and node.dtype.kind in "iuf":
            found.append(name)

    file.visititems(visit)
    if len(found) != 1:
        raise FormatError(
            path,
            f"holds {len(found)} arrays of 2 or 3 dimensions, and no {_IMAGES}",
            "write the wanted array as MRC",
        )
    stored = _checked(path, file[found[0]])
    return Content(
        format="HDF",
        kind="image" if len(stored.shape) == 2 else "volume",
        data=HdfArrays(path, found, stored.shape, stored.dtype),
        facts={"dataset": found[0]},
    )


def _checked(path: Path, dataset: Any) -> Any:
    """Refuse what is not an image, and sizes that the stored bytes cannot hold."""
    shape, dtype = tuple(dataset.shape), dataset.dtype
    if len(shape) not in (2, 3) or min(shape) < 1 or dtype.kind not in "iuf":
        raise FormatError(path, f"{dataset.name}: {dtype} array of shape {shape} is not an image")
    n_bytes = math.prod(shape) * dtype.itemsize
    stored = min(int(dataset.id.get_storage_size()), path.stat().st_size)
    chunk = math.prod(dataset.chunks or (1,)) * dtype.itemsize
    if n_bytes > max(_FREE_BYTES, stored * _RATIO) or chunk > 1 << 30:
        raise FormatError(path, f"{dataset.name}: {shape} pixels declared, {stored} bytes stored")
    return dataset


def _library() -> ModuleType:
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as error:
        raise InputError(
            "HDF images need the package h5py; install it with: pip install 'cryopick[hdf]'"
        ) from error
    return h5py


FORMAT = ImageFormat(
    name="hdf", title="HDF5", suffixes=SUFFIXES, sniff=sniff, read=read, write=write
)
