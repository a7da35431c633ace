"""What both simulation jobs share: maps to load, images to hand out, truth to write, a picture."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.euler import quaternion_from_psi_deg, relion_from_quaternion
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.plots.picture import rings, view_of, view_part
from cryopick.jobs.plots.svg import SERIES, Key, drawing, keys_row
from cryopick.model import Grid, Picks, concatenate
from cryopick.run.job import Item, Plot
from cryopick.simulate.shapes import SHAPES

TRUTH = "truth.npz"
FACTS = "facts.json"
_KEYS_PX = 28


def map_names(maps: Sequence[str]) -> list[str]:
    """Labels of the particles: names of built-in shapes, file names without suffix."""
    return [source if source in SHAPES else image_name(source) for source in maps]


def check_maps(maps: Sequence[str], *, field: str) -> None:
    """Tell at once when a map is not there, or when two would carry the same label."""
    for source in maps:
        if source not in SHAPES and not Path(source).is_file():
            raise MissingFileError(source, f"{field}: give a file or one of {', '.join(SHAPES)}")
    names = map_names(maps)
    for name, source in zip(names, maps, strict=True):
        if names.count(name) > 1:
            raise InputError(
                f"{field}: {source}: more than one map would be called {name}; rename one"
            )


def numbered(prefix: str, count: int) -> list[str]:
    """Names of the images: ``mic_01`` and so on, all of one length.

    Examples
    --------
    >>> numbered("mic", 2)
    ['mic_01', 'mic_02']
    """
    width = max(2, len(str(count)))
    return [f"{prefix}_{i:0{width}d}" for i in range(1, count + 1)]


def done_items(folder: Path, items: Sequence[Item]) -> list[Item]:
    """Items whose truth is there."""
    return [item for item in items if (folder / "items" / item.id / TRUTH).is_file()]


def hand_out(
    folder: Path, items: Sequence[Item], *, into: str, files: Sequence[str], out_of: str = ""
) -> None:
    """Give files of all items a place in one folder, as links where the disk allows.

    ``files`` are names with ``{id}`` for the item's id; they lie in ``out_of`` of the item.
    """
    target = folder / into
    target.mkdir(exist_ok=True)
    for item in items:
        for pattern in files:
            name = pattern.format(id=item.id)
            source, place = folder / "items" / item.id / out_of / name, target / name
            place.unlink(missing_ok=True)
            try:
                os.link(source, place)
            except OSError:  # a file system without hard links
                shutil.copyfile(source, place)


def joined_truth(folder: Path, items: Sequence[Item], *, ndim: int, file: str = TRUTH) -> Picks:
    """Join the picks that the items left."""
    parts = [load_picks(folder / "items" / item.id / file) for item in items]
    return concatenate(parts) if parts else Picks.empty(ndim)


def joined_facts(folder: Path, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """What each item says of its image, by the image's name."""
    return {
        item.inputs["name"]: json.loads((folder / "items" / item.id / FACTS).read_text("utf-8"))
        for item in items
    }


def write_truth(picks: Picks, folder: Path, *, stem: str, grid: Grid) -> dict[str, str]:
    """Write picks as plain CSV and as STAR; returns the files by what they are.

    Picks in micrographs have only an in-plane angle of their own, so the full pose of a projected
    particle goes into further columns.
    """
    frame = Frame(default_grid=grid)
    plain, star, dialect = picks, picks, "relion5"
    if picks.ndim == 2:
        dialect = "relion"
        plain = _with_pose(picks, ("rot", "tilt"))
        star = _with_pose(picks, ("rlnAngleRot", "rlnAngleTilt"))
    write_picks(plain, folder / f"{stem}.csv", frame, name="csv")
    write_picks(star, folder / f"{stem}.star", frame, name=dialect)
    return {stem: f"{stem}.csv", f"{stem}_star": f"{stem}.star"}


def _with_pose(picks: Picks, names: tuple[str, str]) -> Picks:
    """Leave psi to the orientation, and give RELION's first two angles as columns."""
    if picks.orientation is None:
        return picks
    angles = relion_from_quaternion(picks.orientation)
    return replace(
        picks,
        orientation=quaternion_from_psi_deg(angles[:, 2]),
        extra={**picks.extra, **{name: angles[:, i] for i, name in enumerate(names)}},
    )


def counts_by_label(picks: Picks) -> dict[str, int]:
    """How many picks there are of each label."""
    if picks.label is None:
        return {}
    labels, counts = np.unique(picks.label, return_counts=True)
    return {str(label): int(n) for label, n in zip(labels, counts, strict=True)}


def shortfall(asked: Mapping[str, int], placed: Mapping[str, int]) -> list[str]:
    """One warning per species of which fewer were placed than asked: there was no room."""
    return [
        f"{name}: only {placed.get(name, 0):,} of {n:,} found room; "
        "ask for fewer, a larger image or a smaller --gap"
        for name, n in asked.items()
        if placed.get(name, 0) < n
    ]


def picture(
    plane: NDArray[np.float32], truth: Picks, *, grid: Grid, title: str, caption: str
) -> Plot:
    """A picture of an image with circles around its particles, one colour per species."""
    view = view_of(plane, longest_px=500, cut_percent=0.5)
    height_px, marks, keys = view.height_px, "", list[Key]()
    if truth.label is not None and truth.diameter_angstrom is not None:
        place = grid.to_px(truth.position_angstrom)
        size = truth.diameter_angstrom / grid.pixel_size_angstrom
        for label, colour in zip(sorted(set(truth.label.tolist())), cycle(SERIES), strict=False):
            mine = truth.label == label
            marks += rings(view, place[mine], size[mine], colour=colour)
            keys.append(("line", colour, label))
        height_px += _KEYS_PX
    parts = [
        view_part(view, marks),
        keys_row(keys, left_px=0, middle_px=height_px - _KEYS_PX / 2),
    ]
    svg = drawing(parts, width_px=view.width_px, height_px=height_px)
    return Plot(title=title, caption=caption, svg=svg)
