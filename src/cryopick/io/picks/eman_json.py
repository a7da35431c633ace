"""EMAN2 ``info/NAME_info.json``: centres in a micrograph, or in a tomogram from its centre.

``boxes`` (2D) holds ``[x, y, type, score?]``: the pixel of the particle's centre, 0 the first
pixel, y along the rows. ``boxes_3d`` holds ``[x, y, z, type, score?, class?]``:

- with ``apix_unbin`` (every tomogram that EMAN2 reconstructed) in pixels of ``apix_unbin`` Å
  counted from the middle of the tomogram, ``N / 2`` voxels along each axis, so that they hold in
  every binning;
- without it (older versions, imported tomograms) in voxels of the tomogram, 0 the first.

``class_list`` names the classes: ``{"0": {"name": "ribosome", "boxsize": 32}}``, boxes in pixels of
``apix_unbin``. The type is ``manual`` for clicked particles, else the name of the tool (``tm`` for
template matching). Everything else in an info file (alignment, CTF) belongs to other programs: an
existing file keeps it when picks are written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.atomic import write_text
from cryopick.io.json_text import as_float, as_list, as_object, read_json_object
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    names_of,
    one_image,
    own_name,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.model import Picks, active

_MANUAL = ("manual", "edited")


def read_eman_json(path: Path, frame: Frame) -> PickFile:
    """Read the boxes of an EMAN2 info file: ``boxes_3d`` where it has some, else ``boxes``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "mic1_info.json")
    ...     _ = file.write_text('{"boxes": [[10, 20, "manual"]]}')
    ...     found = read_eman_json(file, Frame(pixel_size_angstrom=2.0))
    >>> found.picks.position_angstrom, found.picks.image.tolist()
    (array([[20., 40.]]), ['mic1'])
    """
    info = read_json_object(path)
    if not ("boxes" in info or "boxes_3d" in info):
        raise FormatError(path, "neither boxes nor boxes_3d in it", "is it an EMAN2 info file?")
    flat = as_list(path, info.get("boxes", []), "boxes")
    solid = as_list(path, info.get("boxes_3d", []), "boxes_3d")
    if not solid and ("boxes" in info or not _expects_3d(frame)):
        return _read_2d(path, frame, flat)
    found = _read_3d(path, frame, solid, info)
    if not flat:
        return found
    left = f"{path}: {len(flat)} boxes in 2D are left out beside {len(solid)} in 3D"
    return PickFile(
        picks=found.picks, box_size_px=found.box_size_px, assumed=found.assumed, warnings=(left,)
    )


def _expects_3d(frame: Frame) -> bool:
    return frame.default_grid is None or frame.default_grid.ndim == 3


def _read_2d(path: Path, frame: Frame, rows: Sequence[Any]) -> PickFile:
    boxes = [_entry(path, row, f"boxes[{i}]", ndim=2) for i, row in enumerate(rows)]
    image = names_of(own_name(path, frame, ending="_info"), len(boxes))
    position_px = np.array([b[:2] for b in boxes], dtype=np.float64).reshape(-1, 2)
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            score=_scores(path, [b[3] if len(b) > 3 else None for b in boxes]),
            source=_sources(path, boxes, column=2),
            state=_states(path, boxes, column=2),
        ),
        assumed=("boxes are centres in pixels, y counted from the first row",),
    )


def _read_3d(path: Path, frame: Frame, rows: Sequence[Any], info: Mapping[str, Any]) -> PickFile:
    if not rows:  # no need to ask for the tomogram
        return PickFile(picks=Picks.empty(3))
    boxes = [_entry(path, row, f"boxes_3d[{i}]", ndim=3) for i, row in enumerate(rows)]
    name = own_name(path, frame, ending="_info")
    image = names_of(name, len(boxes))
    numbers = np.array([b[:3] for b in boxes], dtype=np.float64).reshape(-1, 3)
    box_scale = 1.0
    if "apix_unbin" in info:
        unbinned = _pixel_size(path, info["apix_unbin"])
        grid = frame.grid(name, path)
        if grid.ndim != 3:
            raise FormatError(path, f"boxes_3d, but image {name} is 2D", "name the tomogram")
        position = numbers * unbinned + np.asarray(grid.extent_angstrom) / 2
        box_scale = unbinned / grid.pixel_size_angstrom
        assumed = (f"boxes_3d from the tomogram's centre N / 2, in pixels of {unbinned:g} Å",)
    else:
        position = to_specimen(numbers, image, path=path, frame=frame)
        assumed = ("no apix_unbin: boxes_3d in voxels of the tomogram, 0 the first",)
    labels, box = _classes(path, boxes, info)
    return PickFile(
        picks=Picks(
            position_angstrom=position,
            image=image,
            score=_scores(path, [b[4] if len(b) > 4 else None for b in boxes]),
            label=None if labels is None else text_column(path, labels, column="class_list"),
            source=_sources(path, boxes, column=3),
            state=_states(path, boxes, column=3),
        ),
        box_size_px=None if box is None else box * box_scale,
        assumed=assumed,
    )


def _entry(path: Path, row: Any, what: str, *, ndim: int) -> list[Any]:
    entry = as_list(path, row, what)
    if len(entry) < ndim:
        raise FormatError(path, f"{what}: expected {ndim} numbers, got {len(entry)} values")
    return [*(as_float(path, v, what) for v in entry[:ndim]), *entry[ndim:]]


def _pixel_size(path: Path, value: Any) -> float:
    size = as_float(path, value, "apix_unbin")
    if not 1e-3 < size < 1e4:
        raise FormatError(path, f"apix_unbin: {size:g} Å is no pixel size", "correct it")
    return size


def _sources(path: Path, boxes: Sequence[list[Any]], *, column: int) -> NDArray[np.str_]:
    kinds = [str(b[column]) if len(b) > column else "manual" for b in boxes]
    return text_column(path, kinds, column="type")


def _states(path: Path, boxes: Sequence[list[Any]], *, column: int) -> NDArray[np.str_]:
    kinds = _sources(path, boxes, column=column).tolist()
    return text_column(path, ["manual" if k == "manual" else "auto" for k in kinds], column="state")


def _scores(path: Path, values: Sequence[Any]) -> NDArray[np.float64] | None:
    if not values or all(v is None for v in values):
        return None
    return np.array([np.nan if v is None else as_float(path, v, "score") for v in values])


def _classes(
    path: Path, boxes: Sequence[list[Any]], info: Mapping[str, Any]
) -> tuple[list[str] | None, float | None]:
    """Label of each box and the box size of the first class in use."""
    ids = [_class_id(path, b[5]) if len(b) > 5 else "" for b in boxes]
    listed = as_object(path, info.get("class_list", {}), "class_list")
    named: dict[str, str] = {}
    sizes: dict[str, float] = {}
    for key, value in listed.items():
        entry = as_object(path, value, f"class_list[{key}]")
        named[key] = str(entry.get("name", key))
        if "boxsize" in entry:
            sizes[key] = as_float(path, entry["boxsize"], f"class_list[{key}].boxsize")
    size = next((sizes[i] for i in (*ids, *named) if sizes.get(i, 0) > 0), None)
    return ([named.get(i, i) for i in ids] if any(ids) else None), size


def _class_id(path: Path, value: Any) -> str:
    number = as_float(path, value, "boxes_3d class")
    return str(int(number)) if number.is_integer() else str(number)


def write_eman_json(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one image; other entries of an existing info file are kept."""
    picks = active(picks)
    name = one_image(picks, path, frame)
    info = read_json_object(path) if path.is_file() else {}
    if picks.ndim == 2:
        info["boxes"] = _rows_2d(picks, to_px(picks, path=path, frame=frame))
        assumed: tuple[str, ...] = ("boxes are centres in pixels, y counted from the first row",)
    else:
        grid = frame.grid(name, path)
        unbinned = (
            _pixel_size(path, info["apix_unbin"])
            if "apix_unbin" in info
            else frame.tilt_series_pixel_angstrom or grid.pixel_size_angstrom
        )
        centred = (picks.position_angstrom - np.asarray(grid.extent_angstrom) / 2) / unbinned
        box = (frame.box_size_px or 64) * grid.pixel_size_angstrom / unbinned
        info["apix_unbin"] = unbinned
        info["class_list"], ids = _class_list(picks, box=max(round(box), 1))
        info["boxes_3d"] = _rows_3d(picks, centred, ids)
        assumed = (f"boxes_3d from the tomogram's centre N / 2, in pixels of {unbinned:g} Å",)
    write_text(path, json.dumps(info, indent=1) + "\n")
    return assumed


def _kinds(picks: Picks) -> list[str]:
    state = ["auto"] * len(picks) if picks.state is None else picks.state.tolist()
    source = [""] * len(picks) if picks.source is None else picks.source.tolist()
    return [
        "manual" if s in _MANUAL else (made or "auto")
        for s, made in zip(state, source, strict=True)
    ]


def _numbers(values: NDArray[np.float64]) -> list[list[float]]:
    return np.round(values, 5).tolist()


def _rows_2d(picks: Picks, position_px: NDArray[np.float64]) -> list[list[Any]]:
    rows: list[list[Any]] = [
        [*xy, kind] for xy, kind in zip(_numbers(position_px), _kinds(picks), strict=True)
    ]
    if picks.score is not None and np.all(np.isfinite(picks.score)):
        rows = [[*row, s] for row, s in zip(rows, picks.score.tolist(), strict=True)]
    return rows


def _rows_3d(picks: Picks, centred: NDArray[np.float64], ids: Sequence[int]) -> list[list[Any]]:
    # The class follows the score in a row, so a row without a score carries 0.
    score = np.zeros(len(picks)) if picks.score is None else np.nan_to_num(picks.score)
    columns = zip(_numbers(centred), _kinds(picks), score.tolist(), ids, strict=True)
    return [[*xyz, kind, s, i] for xyz, kind, s, i in columns]


def _class_list(picks: Picks, *, box: int) -> tuple[dict[str, Any], list[int]]:
    labels = np.full(len(picks), "particles_00") if picks.label is None else picks.label
    names, ids = np.unique(labels, return_inverse=True)
    listed = {str(i): {"name": str(n), "boxsize": box} for i, n in enumerate(names.tolist())}
    return listed, ids.tolist()


def _sniff(path: Path, head: bytes) -> int:
    if not head.lstrip().startswith(b"{") or b"pickable_object_name" in head:
        return 0
    if b'"boxes_3d"' in head or b'"boxes"' in head:
        return 3 if path.stem.endswith("_info") else 2
    return 1 if path.stem.endswith("_info") else 0


DIALECTS = (
    Dialect(
        name="eman-json",
        title="EMAN2 info file (info/NAME_info.json)",
        suffixes=(".json",),
        dimensions=(2, 3),
        origin="2D: centre of the first pixel; 3D: centre of the tomogram, N / 2 voxels",
        unit="2D: pixels; 3D: pixels of apix_unbin Å",
        decimals=5,
        sniff=_sniff,
        read=read_eman_json,
        write=write_eman_json,
        keeps=frozenset({"score"}),  # in 3D the label too; of the states manual and auto
    ),
)
