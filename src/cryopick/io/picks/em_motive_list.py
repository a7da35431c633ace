"""Motive lists of the TOM toolbox, AV3 and Artiatomi: an EM file of 20 rows per particle.

Rows, counted from 1: 1 score, 4 particle, 5 tomogram, 6 object, 8-10 x y z, 11-13 shifts,
17 phi, 18 psi, 19 theta, 20 class. These are MATLAB lists: the first voxel is 1, our position is
``xyz + shift - 1``. The other rows are used differently by each program and are carried along.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.euler import motive_list_from_quaternion, quaternion_from_motive_list
from cryopick.io.atomic import write_bytes
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.numbered_lists import (
    FIRST_VOXEL,
    as_numbers,
    finite_scores,
    image_names,
    image_numbers,
    numbered,
    whole_numbers,
)
from cryopick.io.picks.placing import names_of, to_px, to_specimen
from cryopick.model import Picks, active

ROWS = 20
HEADER_BYTES = 512
_BIG_ENDIAN_MACHINES = (0, 3, 4, 5)  # OS-9, SGI, Sun, Mac; 6 is a PC
_PC = 6
_KINDS = {2: "i2", 4: "i4", 5: "f4", 9: "f8"}
# Rows counted from 0.
_SCORE, _PARTICLE, _TOMOGRAM, _OBJECT, _POSITION, _SHIFT, _EULER, _CLASS = 0, 3, 4, 5, 7, 10, 16, 19
_CARRIED = (1, 2, 6, 13, 14, 15)
_MAX_FLOAT32_WHOLE = 2**24


def read_em_list(path: Path, frame: Frame) -> PickFile:
    """Read a motive list in an EM file of any byte order."""
    table = _table(path)
    needed = [*range(_POSITION, _SHIFT + 3), *range(_EULER, _EULER + 3)]
    bad = np.argwhere(~np.isfinite(table[:, needed]))
    if bad.size:
        raise FormatError(
            path,
            f"particle {bad[0, 0] + 1}, row {needed[int(bad[0, 1])] + 1}: not a finite number",
        )
    position = table[:, _POSITION : _POSITION + 3] + table[:, _SHIFT : _SHIFT + 3] - FIRST_VOXEL
    number = whole_numbers(table[:, _TOMOGRAM], column="row 5 (tomogram)", path=path)
    image, assumed = image_names(number, path=path, frame=frame)
    extra: dict[str, NDArray[Any]] = {f"motl_row_{row + 1}": table[:, row] for row in _CARRIED}
    extra["particle"] = whole_numbers(table[:, _PARTICLE], column="row 4 (particle)", path=path)
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=quaternion_from_motive_list(table[:, _EULER : _EULER + 3]),
        score=table[:, _SCORE],
        label=whole_numbers(table[:, _CLASS], column="row 20 (class)", path=path),
        group=whole_numbers(table[:, _OBJECT], column="row 6 (object)", path=path),
        source=names_of("em-motive-list", len(table)),
        extra=extra,
    )
    return PickFile(
        picks=picks,
        assumed=(
            "the first voxel is 1; shifts were added to the positions",
            "phi, psi, theta: ZXZ",
            *assumed,
        ),
    )


def _table(path: Path) -> NDArray[np.float64]:
    """All particles, ``(n, 20)``."""
    if not path.is_file():
        raise MissingFileError(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        kind, n = _shape(head, size, path)
        data = file.read(n * ROWS * kind.itemsize)
    with np.errstate(invalid="ignore"):  # a signalling NaN; the caller looks for NaN
        return np.frombuffer(data, dtype=kind).reshape(n, ROWS).astype(np.float64)


def _shape(head: bytes, size: int, path: Path) -> tuple[np.dtype[Any], int]:
    """Type of the numbers and number of particles, checked against the size of the file."""
    if len(head) < HEADER_BYTES:
        raise FormatError(path, f"{size} bytes: an EM file has a header of {HEADER_BYTES}")
    machine, code = head[0], head[3]
    if machine not in (*_BIG_ENDIAN_MACHINES, _PC) or code not in _KINDS:
        raise FormatError(path, f"EM header: machine {machine}, type {code}: not a motive list")
    order = "<" if machine == _PC else ">"
    columns, rows, sections = struct.unpack(f"{order}3i", head[4:16])
    # a list is 20 x n x 1; some programs write 1 x 20 x n
    shape = [n for n in (columns, rows, sections) if n != 1] or [1]
    if shape[0] != ROWS or len(shape) > 2 or min(columns, rows, sections) < 0:
        raise FormatError(
            path, f"EM file of {columns} x {rows} x {sections}: a motive list is {ROWS} x n x 1"
        )
    n = shape[1] if len(shape) == 2 else 1
    kind = np.dtype(order + _KINDS[code])
    if HEADER_BYTES + n * ROWS * kind.itemsize != size:
        raise FormatError(
            path,
            f"the header says {n} particles, {HEADER_BYTES + n * ROWS * kind.itemsize} bytes, "
            f"the file has {size}",
            "copy it again",
        )
    return kind, n


def write_em_list(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write a motive list of 32-bit floats: whole voxels in 8-10, the rest in the shifts."""
    kept = active(picks)
    n = len(kept)
    if n == 0:
        raise InputError(f"{path}: an EM file cannot hold an empty list; write another dialect")
    table = np.zeros((n, ROWS))
    table[:, _PARTICLE] = np.arange(1, n + 1)
    for name, row in [("particle", _PARTICLE), *((f"motl_row_{r + 1}", r) for r in _CARRIED)]:
        column = as_numbers(kept.extra[name]) if name in kept.extra else None
        if column is not None:
            table[:, row] = column
    table[:, _TOMOGRAM], assumed = image_numbers(kept.image, path=path)
    table[:, _OBJECT], said = numbered(kept.group, n=n, what="objects")
    assumed += said
    table[:, _CLASS], said = numbered(kept.label, n=n, what="classes")
    assumed += said
    position = to_px(kept, path=path, frame=frame) + FIRST_VOXEL
    voxel = np.round(position)
    table[:, _POSITION : _POSITION + 3] = voxel
    table[:, _SHIFT : _SHIFT + 3] = position - voxel
    table[:, _SCORE] = finite_scores(kept.score, n=n)
    if kept.orientation is None:
        assumed.append("no orientations: angles are 0")
    else:
        table[:, _EULER : _EULER + 3] = motive_list_from_quaternion(kept.orientation)
    if np.abs(table[:, [_PARTICLE, _TOMOGRAM, _OBJECT, _CLASS]]).max() > _MAX_FLOAT32_WHOLE:
        raise InputError(f"{path}: numbers above {_MAX_FLOAT32_WHOLE} do not fit an EM motive list")
    head = bytes([_PC, 0, 0, 5]) + struct.pack("<3i", ROWS, n, 1)
    write_bytes(path, head.ljust(HEADER_BYTES, b"\0") + table.astype("<f4").tobytes())
    return ("the first voxel is 1; shifts hold what is no whole voxel", *assumed)


def _sniff(path: Path, head: bytes) -> int:
    if len(head) < HEADER_BYTES:
        return 0
    try:
        _shape(head[:HEADER_BYTES], path.stat().st_size, path)
    except FormatError:
        return 0
    return 3


DIALECTS = (
    Dialect(
        name="em-motive-list",
        title="EM motive list (TOM toolbox, AV3, Artiatomi, cryoCAT; opened by ArtiaX too)",
        suffixes=(".em",),
        dimensions=(3,),
        origin="first voxel is 1; position = rows 8-10 + rows 11-13 - 1",
        unit="pixels of the tomogram",
        euler="rows 17-19: phi, psi, theta in degrees: ZXZ",
        decimals=None,
        sniff=_sniff,
        read=read_em_list,
        write=write_em_list,
        keeps=frozenset({"orientation", "score", "image"}),
    ),
)
