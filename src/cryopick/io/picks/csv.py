"""Plain CSV with a header: ``image,x,y[,z][,score][,label][,rot,tilt,psi]``.

Pixels of the image, 0 at the centre of the first one; ``image`` is the file name. Read with any
of ``, ; tab |`` and with headers in upper or lower case, so that truth files of others (``X-Coordinate,
Y-Coordinate, Diameter``; ``x,y,radius``) are read as they are. Angles are RELION's; 2D files have
``psi`` only. Further columns survive as text. NaN and empty cells mean *not known*.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import (
    psi_deg_from_quaternion,
    quaternion_from_psi_deg,
    quaternion_from_relion,
    relion_from_quaternion,
)
from cryopick.io.atomic import atomic_open
from cryopick.io.images.name import referenced_names
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import own_name, pixel_sizes, to_px, to_specimen
from cryopick.io.star_block import is_number
from cryopick.io.text_file import read_text
from cryopick.model import Picks

_DELIMITERS = ",;\t|"
# What others call our columns, in lower case and without anything but letters and digits.
_SAME = {
    "x": "x", "xcoordinate": "x", "xpx": "x", "xcoord": "x", "coordx": "x", "xcenter": "x",
    "y": "y", "ycoordinate": "y", "ypx": "y", "ycoord": "y", "coordy": "y", "ycenter": "y",
    "z": "z", "zcoordinate": "z", "zpx": "z", "zcoord": "z", "coordz": "z", "zcenter": "z",
    "image": "image", "imagename": "image", "micrograph": "image", "micrographname": "image",
    "tomogram": "image", "tomoname": "image", "filename": "image",
    "score": "score", "confidence": "score", "label": "label", "class": "label",
    "rot": "rot", "tilt": "tilt", "psi": "psi", "group": "group", "state": "state",
    "diameter": "diameter", "radius": "radius",
}  # fmt: skip
_ANGLES = ("rot", "tilt", "psi")
_FIELDS = {"image", "x", "y", "z", "score", "label", "rot", "tilt", "psi", "group", "state"}

Table = dict[str, list[str]]


def _known(header: str) -> str:
    # A unit in brackets other than pixels makes it another column: X [A] is not x.
    plain = re.sub(r"[^a-z0-9]", "", header.lower())
    return _SAME.get(plain, header)


def _header(line: str) -> tuple[str, list[str]] | None:
    """Delimiter and column names, where a line is a header with x and y."""
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([line], delimiter=delimiter, strict=False), [])
        names = [_known(cell.strip().lstrip("#").strip()) for cell in cells]
        if "x" in names and "y" in names:
            return delimiter, names
    return None


def _sniff(path: Path, head: bytes) -> int:
    if b"\x00" in head or path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return 0
    first = head.split(b"\n", 1)[0][:4096].decode("utf-8-sig", errors="replace").strip("\r")
    try:
        found = _header(first)
    except csv.Error:
        return 0
    return (2 if path.suffix.lower() == ".txt" else 3) if found else 0


def _parse(path: Path) -> Table:
    text = read_text(path)
    first = text.split("\n", 1)[0]
    try:
        found = _header(first)
        if found is None:
            raise FormatError(
                path, f"line 1: {first[:60]!r} is not a header with x and y", "add image,x,y"
            )
        delimiter, names = found
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]
    except csv.Error as error:
        raise FormatError(path, f"not readable as CSV ({error})") from error
    if len(set(names)) < len(names):
        double = next(n for n in names if names.count(n) > 1)
        raise FormatError(path, f"column {double} is there twice", "rename one")
    kept: list[list[str]] = []
    for i, row in enumerate(rows):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise FormatError(path, f"row {i + 2}: {len(row)} values, but {len(names)} columns")
        kept.append([cell.strip() for cell in row])
    columns = list(zip(*kept, strict=True)) or [() for _ in names]
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _numbers(table: Table, name: str, path: Path, *, needed: bool) -> NDArray[np.float64]:
    values: list[float] = []
    for i, text in enumerate(table[name]):
        if not is_number(text or "nan") or (needed and not math.isfinite(float(text or "nan"))):
            raise FormatError(
                path, f"row {i + 2}, column {name}: {text[:60]!r} is not a number", "correct it"
            )
        values.append(float(text or "nan"))
    return np.array(values, dtype=np.float64)


def _orientation(table: Table, path: Path, ndim: int) -> NDArray[np.float64] | None:
    names = _ANGLES if all(name in table for name in _ANGLES) else ("psi",)
    if "psi" not in table or (ndim == 3 and len(names) == 1):
        return None
    angles = np.stack([_numbers(table, name, path, needed=False) for name in names], axis=1)
    known: NDArray[np.bool_] = np.all(np.isfinite(angles), axis=1)
    if len(angles) and not known.any():
        return None
    angles = np.where(known[:, None], angles, 0.0)
    # The first two angles have no meaning in a micrograph.
    return quaternion_from_relion(angles) if ndim == 3 else quaternion_from_psi_deg(angles[:, -1])


def _read(path: Path, frame: Frame) -> PickFile:
    table = _parse(path)
    axes = [axis for axis in ("x", "y", "z") if axis in table]
    position = np.stack([_numbers(table, axis, path, needed=True) for axis in axes], axis=1)
    n = len(position)
    assumed = ["positions: pixels of the image, 0 at the centre of the first one"]
    if "image" in table:
        image = referenced_names(np.array(table["image"], dtype=np.str_))
    else:
        name = own_name(path, frame, ending="_picks")
        image = np.full(n, name)
        assumed.append(f"image: {name}, as the file names none")
    columns: dict[str, Any] = {}
    if "score" in table:
        columns["score"] = _numbers(table, "score", path, needed=False)
    for name in ("label", "group", "state"):
        if name in table:
            columns[name] = np.array(table[name], dtype=np.str_)
    used = set(_FIELDS)
    for name, factor in (("diameter", 1.0), ("radius", 2.0)):
        if name in table and "diameter_angstrom" not in columns and n:
            size = _numbers(table, name, path, needed=False) * factor
            columns["diameter_angstrom"] = size * pixel_sizes(image, path=path, frame=frame)
            used.add(name)
            assumed.append(f"{name}: pixels of the image")
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=_orientation(table, path, len(axes)),
        source=np.full(n, "csv"),
        **columns,
        extra={k: np.array(v, dtype=np.str_) for k, v in table.items() if k not in used},
    )
    return PickFile(picks=picks, assumed=tuple(assumed))


def _cells(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind != "f":
        return [str(v) for v in values.tolist()]
    return ["" if v != v else f"{v:.9g}" for v in values.tolist()]  # noqa: PLR0124 (NaN)


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    position = to_px(picks, path=path, frame=frame)
    columns: dict[str, Sequence[str]] = {"image": picks.image.tolist()}
    for axis, values in zip("xyz", position.T, strict=False):
        columns[axis] = [f"{v:.6f}" for v in values.tolist()]
    for name in ("score", "label", "group", "state"):
        values = getattr(picks, name)
        if values is not None:
            columns[name] = _cells(values)
    if picks.diameter_angstrom is not None:
        columns["diameter"] = _cells(
            picks.diameter_angstrom / pixel_sizes(picks.image, path=path, frame=frame)
        )
    if picks.orientation is not None and picks.ndim == 3:
        angles = relion_from_quaternion(picks.orientation)
        columns |= {name: _cells(angles[:, i]) for i, name in enumerate(_ANGLES)}
    elif picks.orientation is not None:
        columns["psi"] = _cells(psi_deg_from_quaternion(picks.orientation))
    taken = {_known(name) for name in columns}
    for name, values in picks.extra.items():
        if _known(name) not in taken and values.ndim == 1:
            columns[name] = _cells(values)
    with atomic_open(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return ("positions: pixels of the image, 0 at the centre of the first one",)


DIALECTS = (
    Dialect(
        name="csv",
        title="plain CSV with a header (image, x, y, z, score, label, rot, tilt, psi)",
        suffixes=(".csv", ".tsv", ".txt"),
        dimensions=(2, 3),
        origin="centre of the first pixel",
        unit="pixels of the image",
        euler="RELION rot, tilt, psi; psi alone in 2D",
        decimals=6,
        sniff=_sniff,
        read=_read,
        write=_write,
        keeps=EVERY_COLUMN,
    ),
)
