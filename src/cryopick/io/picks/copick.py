"""copick picks: one JSON file per run, user, session and object, points in Å.

A point is ``{"location": {"x", "y", "z"}, "transformation_": 4 x 4, "instance_id", "score"}``. Its
place is ``location`` plus the translation of the transformation, in Å from the centre of the first
voxel, the same at every voxel spacing; the rotation turns the object into the tomogram.
``trust_orientation: false`` says that the rotations mean nothing.

The dialect ``copick-project`` is the folder around such files, see
`cryopick.io.picks.copick_project`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.geometry.rotation import to_matrix
from cryopick.io.atomic import write_text
from cryopick.io.json_text import (
    as_float,
    as_list,
    as_matrix,
    as_object,
    read_json_object,
)
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, one_image, own_name, text_column
from cryopick.io.picks.rotation_matrix import quaternions_of
from cryopick.model import Picks, active

DEFAULT_USER = "cryopick"
DEFAULT_SESSION = "0"
DEFAULT_OBJECT = "particle"

_FORBIDDEN = re.compile(r"[<>:\"/\\|?*_\s\x00-\x1f\x7f]")


def read_copick(path: Path, frame: Frame) -> PickFile:
    """Read one copick picks file."""
    return PickFile(
        picks=read_points(path, image=_run_of(path, frame)),
        assumed=("positions in Å from the centre of the first voxel",),
    )


def _run_of(path: Path, frame: Frame) -> str | None:
    """Run by the given name, or by the folder where the file lies in a project."""
    if frame.image_name is None and path.parent.name == "Picks":
        return path.parent.parent.name or None
    return frame.image_name


def read_points(path: Path, *, image: str | None = None) -> Picks:
    """Read the points of one file; ``image`` overrides the run's name in it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "a_1_ribosome.json")
    ...     text = {"pickable_object_name": "ribosome", "run_name": "007", "unit": "angstrom",
    ...             "points": [{"location": {"x": 1, "y": 2, "z": 3}}]}
    ...     _ = file.write_text(json.dumps(text))
    ...     picks = read_points(file)
    >>> picks.image.tolist(), picks.label.tolist(), picks.position_angstrom
    (['007'], ['ribosome'], array([[1., 2., 3.]]))
    """
    data = read_json_object(path)
    if not ("pickable_object_name" in data and "points" in data):
        raise FormatError(path, "no pickable_object_name or points", "is it a copick picks file?")
    unit = data.get("unit", "angstrom")
    if unit != "angstrom":
        raise FormatError(path, f"unit: {str(unit)[:40]!r}", "copick picks are in angstrom")
    points = as_list(path, data["points"] or [], "points")
    n = len(points)
    entries = [as_object(path, point, f"points[{i}]") for i, point in enumerate(points)]
    places = np.array([_place(path, e, f"points[{i}]") for i, e in enumerate(entries)])
    transforms = _transforms(path, entries)
    orientation = None
    if transforms is not None:
        places = places + transforms[:, :3, 3]
        if data.get("trust_orientation", True) is not False:
            orientation = quaternions_of(transforms[:, :3, :3], path=path, what="transformation_")
    name = image or str(data.get("run_name") or "") or own_name(path, Frame())
    groups = [str(e["instance_id"]) if e.get("instance_id") is not None else "" for e in entries]
    scores = [e.get("score") for e in entries]
    return Picks(
        position_angstrom=places.reshape(-1, 3),
        image=names_of(name, n),
        orientation=orientation,
        score=_scores(path, scores),
        label=names_of(str(data["pickable_object_name"]), n),
        source=names_of("copick", n),
        group=text_column(path, groups, column="instance_id") if any(groups) else None,
        extra={
            "copickUser": names_of(str(data.get("user_id") or DEFAULT_USER), n),
            "copickSession": names_of(str(data.get("session_id") or DEFAULT_SESSION), n),
        },
    )


def _place(path: Path, entry: Mapping[str, Any], what: str) -> list[float]:
    location = as_object(path, entry.get("location"), f"{what}.location")
    place = [as_float(path, location.get(axis), f"{what}.location.{axis}") for axis in "xyz"]
    if max(map(abs, place)) > 1e12:
        raise FormatError(path, f"{what}.location: lies over 1e12 Å away", "correct the point")
    return place


def _transforms(path: Path, entries: Sequence[Mapping[str, Any]]) -> NDArray[np.float64] | None:
    """``(n, 4, 4)`` transformations; None where no point has one."""
    given = [e.get("transformation_", e.get("transformation")) for e in entries]
    if all(g is None for g in given):
        return None
    return np.array(
        [
            np.eye(4) if g is None else as_matrix(path, g, f"points[{i}].transformation_", size=4)
            for i, g in enumerate(given)
        ]
    )


def _scores(path: Path, values: Sequence[Any]) -> NDArray[np.float64] | None:
    if all(v is None for v in values):
        return None
    return np.array([np.nan if v is None else as_float(path, v, "score") for v in values])


def write_copick(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one run and one object as a copick picks file."""
    picks = active(picks)
    run = one_image(picks, path, frame)
    labels = [DEFAULT_OBJECT] if picks.label is None else np.unique(picks.label).tolist()
    if len(labels) > 1:
        raise InputError(
            f"{path}: a copick file holds one object, got {', '.join(labels[:5])}; "
            "write a copick-project"
        )
    write_points(
        picks,
        path,
        run=run,
        user=_only(picks, "copickUser", DEFAULT_USER),
        session=_only(picks, "copickSession", DEFAULT_SESSION),
        label=labels[0] if labels and labels[0] else DEFAULT_OBJECT,
    )
    return written(picks)


def written(picks: Picks) -> tuple[str, ...]:
    """What a reader of the written files has to know."""
    said: tuple[str, ...] = ("positions in Å from the centre of the first voxel",)
    if picks.group is not None and not all(g == str(int(g)) for g in picks.group if g.isdecimal()):
        said += ("instance ids are whole numbers: leading zeros of groups are lost",)
    if picks.group is not None and not all(g.isdecimal() for g in picks.group.tolist()):
        said += ("groups that are no whole numbers become instance 0",)
    return said


def _only(picks: Picks, column: str, default: str) -> str:
    values = {str(v) for v in picks.extra.get(column, np.zeros(0)).tolist()}
    return values.pop() or default if len(values) == 1 else default


def checked_name(name: str, what: str) -> str:
    """A user, session or object name that copick can put into a file name.

    Examples
    --------
    >>> checked_name("80S-ribosome", "object")
    '80S-ribosome'
    """
    if not name or _FORBIDDEN.search(name):
        raise InputError(
            f"copick: {what} name {name!r}: empty, or holds an underscore, a space or one of "
            '<>:"/\\|?*; copick separates names by underscores, so use dashes'
        )
    return name


def write_points(
    picks: Picks, path: Path, *, run: str, user: str, session: str, label: str
) -> None:
    """Write picks of one run, user, session and object to one file."""
    transforms = np.tile(np.eye(4), (len(picks), 1, 1))
    if picks.orientation is not None:
        transforms[:, :3, :3] = to_matrix(picks.orientation)
    score = np.ones(len(picks)) if picks.score is None else picks.score
    groups = [""] * len(picks) if picks.group is None else picks.group.tolist()
    points = [
        {
            "location": dict(zip("xyz", place, strict=True)),
            "transformation_": matrix,
            "instance_id": int(group) if group.isdecimal() else 0,
            "score": value,
        }
        for place, matrix, group, value in zip(
            np.round(picks.position_angstrom, 5).tolist(),
            transforms.tolist(),
            groups,
            np.nan_to_num(score).tolist(),
            strict=True,
        )
    ]
    data = {
        "pickable_object_name": checked_name(label, "object"),
        "user_id": checked_name(user, "user"),
        "session_id": checked_name(session, "session"),
        "run_name": run,
        "voxel_spacing": None,
        "unit": "angstrom",
        "points": points,
        "trust_orientation": picks.orientation is not None,
    }
    write_text(path, json.dumps(data, indent=1) + "\n")


def _sniff(path: Path, head: bytes) -> int:
    if path.name and head.lstrip().startswith(b"{") and b'"pickable_object_name"' in head:
        return 3 if b'"points"' in head else 1
    return 0


DIALECTS = (
    Dialect(
        name="copick",
        title="copick picks file (USER_SESSION_OBJECT.json)",
        suffixes=(".json",),
        dimensions=(3,),
        origin="centre of the first voxel, the same at every voxel spacing",
        unit="Å",
        euler="4 x 4 matrix, template -> tomogram, x y z; its translation is added",
        decimals=5,
        sniff=_sniff,
        read=read_copick,
        write=write_copick,
        keeps=frozenset({"orientation", "score", "label", "group", "image"}),
    ),
)
