"""CryoET Data Portal annotations: one JSON object per line, points in voxels of the tomogram.

``{"type": "point", "location": {"x", "y", "z"}}``; ``orientedPoint`` adds
``xyz_rotation_matrix``, the 3 x 3 rotation that turns the particle's reference into the tomogram
(acting on ``x, y, z``); ``instancePoint`` adds ``instance_id``. Voxel 0 is the first, at the voxel
size of the tomogram that was annotated: name that tomogram, or its pixel size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import FormatError
from cryopick.geometry.rotation import to_matrix
from cryopick.io.atomic import write_text
from cryopick.io.json_text import as_float, as_matrix, as_object, parse_json
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    names_of,
    one_image,
    own_name,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.io.picks.rotation_matrix import quaternions_of
from cryopick.io.text_file import read_text
from cryopick.model import Picks, active

_TYPES = ("point", "orientedPoint", "instancePoint")


def read_ndjson(path: Path, frame: Frame) -> PickFile:
    """Read the points of a portal annotation.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "TS_1.ndjson")
    ...     _ = file.write_text('{"type": "point", "location": {"x": 1, "y": 2, "z": 3}}')
    ...     read_ndjson(file, Frame(pixel_size_angstrom=10.0)).picks.position_angstrom
    array([[10., 20., 30.]])
    """
    points = [
        _point(path, line, text)
        for line, text in enumerate(read_text(path).splitlines(), start=1)
        if text.strip()
    ]
    image = names_of(own_name(path, frame), len(points))
    position_px = np.array([p[0] for p in points], dtype=np.float64).reshape(-1, 3)
    matrices = [p[1] for p in points]
    orientation = None
    if any(m is not None for m in matrices):
        stack = np.array([np.eye(3) if m is None else m for m in matrices])
        orientation = quaternions_of(stack, path=path, what="xyz_rotation_matrix")
    groups = [p[2] for p in points]
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            orientation=orientation,
            group=text_column(path, groups, column="instance_id") if any(groups) else None,
            source=names_of("portal-ndjson", len(points)),
        ),
        assumed=("points in voxels of the annotated tomogram, 0 the first",),
    )


def _point(path: Path, line: int, text: str) -> tuple[list[float], Any, str]:
    what = f"line {line}"
    entry = as_object(path, parse_json(path, text, line=line), what)
    kind = entry.get("type", "point")
    if kind not in _TYPES:
        raise FormatError(
            path, f"{what}: type {str(kind)[:40]!r} is no point", f"use {', '.join(_TYPES)}"
        )
    location = as_object(path, entry.get("location"), f"{what}, location")
    place = [as_float(path, location.get(axis), f"{what}, location.{axis}") for axis in "xyz"]
    rotation = entry.get("xyz_rotation_matrix")
    matrix = (
        None
        if rotation is None
        else as_matrix(path, rotation, f"{what}, xyz_rotation_matrix", size=3)
    )
    instance = entry.get("instance_id")
    return place, matrix, "" if instance is None else str(instance)


def write_ndjson(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one tomogram as portal points."""
    picks = active(picks)
    one_image(picks, path, frame)
    position_px = np.round(to_px(picks, path=path, frame=frame), 5).tolist()
    matrices = None if picks.orientation is None else to_matrix(picks.orientation).tolist()
    groups = None if picks.group is None else picks.group.tolist()
    kind = "point" if groups is None else "instancePoint"
    lines: list[str] = []
    for i, (x, y, z) in enumerate(position_px):
        entry: dict[str, Any] = {
            "type": kind if matrices is None else "orientedPoint",
            "location": {"x": x, "y": y, "z": z},
        }
        if matrices is not None:
            entry["xyz_rotation_matrix"] = matrices[i]
        if groups is not None and groups[i]:
            entry["instance_id"] = int(groups[i]) if groups[i].isdecimal() else groups[i]
        lines.append(json.dumps(entry) + "\n")
    write_text(path, "".join(lines))
    return ("points in voxels of the tomogram, 0 the first",)


def _sniff(path: Path, head: bytes) -> int:
    first = head.lstrip().split(b"\n", 1)[0]
    if not (first.startswith(b"{") and b'"location"' in first):
        return 0
    return 3 if path.suffix.lower() in (".ndjson", ".jsonl") else 2


DIALECTS = (
    Dialect(
        name="portal-ndjson",
        title="CryoET Data Portal annotation (ndjson)",
        suffixes=(".ndjson", ".jsonl"),
        dimensions=(3,),
        origin="centre of the first voxel of the annotated tomogram",
        unit="voxels of the annotated tomogram",
        euler="3 x 3 matrix, template -> tomogram, x y z",
        decimals=5,
        sniff=_sniff,
        read=read_ndjson,
        write=write_ndjson,
        keeps=frozenset({"orientation", "group"}),
    ),
)
