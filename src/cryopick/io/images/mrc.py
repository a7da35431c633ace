"""MRC files: micrographs, tomograms, maps, tilt series and particle stacks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import FormatError
from cryopick.io.images.format import Content, ImageFormat, Kind, bare_suffix, usable_pixel_size
from cryopick.io.images.mrc_header import (
    DTYPES,
    HEADER_BYTES,
    MODE_NAMES,
    MrcHeader,
    looks_like_mrc,
    parse_header,
)
from cryopick.io.images.mrc_write import write_mrc
from cryopick.io.images.raw import array_in_file, compression, read_head, size_limit
from cryopick.io.images.views import Computed, Packed4Bit, Permuted, Reshaped, Section, amplitude
from cryopick.model import PixelSource

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali", ".ccp4")
_STACK_GROUP, _VOLUME_STACK_GROUP = 0, 401


def sniff(path: Path, head: bytes) -> int:
    """Certain with the stamp ``MAP``, likely with a suffix of ours and a sane header."""
    if not looks_like_mrc(head):
        return 1 if bare_suffix(path) in SUFFIXES and len(head) > 0 else 0
    if head[208:211] == b"MAP":
        return 3
    # Without the stamp, other headers can look like ours: the file must hold what they declare.
    nx, ny, nz = parse_header(head, path).size_px
    if bare_suffix(path) in SUFFIXES:
        return 2 if nx * ny * nz <= 2 * size_limit(path) else 1
    return 0


def read(path: Path) -> Content:
    """Read the header and map the pixels.

    Parameters
    ----------
    path
        An MRC file of mode 0, 1, 2, 3, 4, 6, 12 or 101 in either byte order, plain, gzipped or
        bzipped.
    """
    header = parse_header(read_head(path, HEADER_BYTES), path)
    if header.extended_bytes < 0:
        raise FormatError(path, f"nsymbt (extended header) is {header.extended_bytes} bytes")
    warnings: list[str] = []
    data = _pixels(path, header, warnings)
    kind = _kind(path, header)
    if kind == "volume" and header.space_group == _STACK_GROUP:
        warnings.append(
            f"space group 0 says a stack of {header.size_px[2]} images, but z is sampled as in a "
            "volume: read as a volume"
        )
    if kind == "stack":
        depth = header.sampling[2]
        if header.space_group == _VOLUME_STACK_GROUP and _is_volume_stack(header):
            data = Reshaped(data, depth)
    elif kind == "image":
        data = data[0] if isinstance(data, np.ndarray) else Section(data)
    else:
        data = _in_axis_order(data, header, warnings)
    size, trusted = _pixel_size(header, kind, warnings)
    return Content(
        format="MRC",
        kind=kind,
        data=data,
        pixel_size_angstrom=size,
        trusted=trusted,
        origin_angstrom=header.grid_origin_angstrom,
        facts=_facts(header),
        warnings=tuple(warnings),
    )


def _pixels(path: Path, header: MrcHeader, warnings: list[str]) -> PixelSource:
    nx, ny, nz = header.size_px
    offset = HEADER_BYTES + header.extended_bytes
    code = "u1" if header.unsigned_bytes else DTYPES[header.mode]
    if header.mode == 0 and header.unsigned_bytes and header.imod_flags is None:
        warnings.append(
            f"mode 0 with a maximum of {header.statistics[1]:g}: bytes read as unsigned, 0 to 255"
        )
    if header.mode == 101:
        dtype, shape = np.dtype(np.uint8), (nz, ny, (nx + 1) // 2)
    elif header.mode == 3:
        pair = np.dtype(header.byte_order + "i2")
        dtype, shape = np.dtype([("re", pair), ("im", pair)]), (nz, ny, nx)
    else:
        dtype, shape = np.dtype(header.byte_order + code), (nz, ny, nx)
    stored = array_in_file(path, offset=offset, shape=shape, dtype=dtype)
    if not compression(path):
        extra = path.stat().st_size - offset - math.prod(shape) * dtype.itemsize
        if extra > 0:
            warnings.append(f"file is {extra} bytes longer than its header declares; ignored")
    if header.mode == 101:
        return Packed4Bit(stored, nx)
    if header.mode in (3, 4):
        warnings.append("complex pixels (a Fourier transform): the amplitude is shown")
        return Computed(stored, amplitude, np.float32)
    return stored


def _kind(path: Path, header: MrcHeader) -> Kind:
    if bare_suffix(path) == ".mrcs":
        return "stack"
    if header.size_px[2] == 1:
        return "image"
    if header.space_group == _STACK_GROUP and not _is_old_volume(path, header):
        return "stack"
    return "stack" if _is_volume_stack(header) else "volume"


def _is_old_volume(path: Path, header: MrcHeader) -> bool:
    """Tell a map of space group 0, as older programs write: it samples z (mz = nz)."""
    return (
        bare_suffix(path) in (".mrc", ".map", ".rec", ".ccp4")
        and header.sampling[2] == header.size_px[2] > 1
    )


def _is_volume_stack(header: MrcHeader) -> bool:
    depth, sections = header.sampling[2], header.size_px[2]
    return (
        header.space_group == _VOLUME_STACK_GROUP and 0 < depth < sections and sections % depth == 0
    )


def _in_axis_order(data: PixelSource, header: MrcHeader, warnings: list[str]) -> PixelSource:
    """Turn columns, rows, sections into x, y, z as MAPC, MAPR, MAPS say."""
    order = header.axis_order
    if order in ((1, 2, 3), (0, 0, 0)):
        return data
    if sorted(order) != [1, 2, 3]:
        warnings.append(f"mapc mapr maps are {order}, not an order of axes: read as 1 2 3")
        return data
    # Stored array axes are (maps, mapr, mapc); ours are (z, y, x) = (3, 2, 1).
    stored = order[::-1]
    axes = tuple(stored.index(axis) for axis in (3, 2, 1))
    return Permuted(data, axes)


def _pixel_size(header: MrcHeader, kind: Kind, warnings: list[str]) -> tuple[float | None, bool]:
    x, y, z = header.voxel_size_angstrom
    if not usable_pixel_size(x):
        return None, False
    others = (y, z) if kind == "volume" else (y,)
    if any(usable_pixel_size(v) and abs(v - x) > 1e-3 * x for v in others):
        warnings.append(f"voxel is not cubic ({x:g} x {y:g} x {z:g} Å); {x:g} Å is used")
    # 1 is what programs write that do not know; our own files know.
    return x, x != 1.0 or bool(header.grid_origin_angstrom)


def _facts(header: MrcHeader) -> dict[str, Any]:
    low, high, mean, rms = (float(v) if math.isfinite(v) else None for v in header.statistics)
    facts: dict[str, Any] = {
        "mode": header.mode,
        "stored_as": "uint8" if header.unsigned_bytes else MODE_NAMES[header.mode],
        "byte_order": "little" if header.byte_order == "<" else "big",
        "header_pixel_size_angstrom": list(header.voxel_size_angstrom),
        "start_px": list(header.start_px),
        "header_origin": [v if math.isfinite(v) else None for v in header.origin_angstrom],
        "axis_order": list(header.axis_order),
        "space_group": header.space_group,
        "labels": list(header.labels),
    }
    if low is not None and high is not None and low < high:
        facts |= {"min": low, "max": high, "mean": mean, "rms": rms}
    if header.extended_bytes:
        facts["extended_header_bytes"] = header.extended_bytes
        facts["extended_header_type"] = header.extended_type or "unnamed"
    if header.imod_flags is not None:
        facts["imod_flags"] = header.imod_flags
    return facts


FORMAT = ImageFormat(
    name="mrc", title="MRC", suffixes=SUFFIXES, sniff=sniff, read=read, write=write_mrc
)
