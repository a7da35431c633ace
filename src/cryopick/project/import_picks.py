"""Import of picks from any dialect, matched by name with a set of images of the project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cryopick.errors import InputError
from cryopick.io.file_patterns import expand
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Picks, concatenate
from cryopick.model.sets import Dataset, SetKind
from cryopick.project.importing import Imported
from cryopick.project.matching import match_all, matched_name
from cryopick.project.pick_table import insert_picks
from cryopick.project.store import Project

_IMAGES = (SetKind.MICROGRAPHS, SetKind.TOMOGRAMS)


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    parts: list[Picks] = field(default_factory=list[Picks])
    boxes_px: set[float] = field(default_factory=set[float])
    assumed: dict[str, None] = field(default_factory=dict[str, None])
    warnings: dict[str, None] = field(default_factory=dict[str, None])


def import_picks(
    project: Project,
    patterns: Sequence[str | Path],
    *,
    images: str | None = None,
    name: str | None = None,
    dialect: str | None = None,
    pixel_size_angstrom: float | None = None,
    box_size_px: float | None = None,
    group: str | None = None,
    skip_unmatched: bool = False,
) -> Imported:
    """Import picks as one set.

    Parameters
    ----------
    project
        Open for writing.
    patterns
        Files, patterns or folders.
    images
        Set of micrographs or tomograms they were picked in; default: the only one there is.
    name
        Of the new set.
    dialect
        Of all files; default: each is recognised.
    pixel_size_angstrom
        Of the images they were picked in, where that is not the pixel size of the set: a binned
        or unbinned copy. Positions become Å either way, and so fit every binning.
    box_size_px
        Box in pixels of the picking images; default: what the files say.
    group
        Group id for picks that have none.
    skip_unmatched
        Leave out picks in images that the set does not hold, with a warning, instead of failing.
    """
    precedent = project.get(images) if images else only_images(project)
    known = [member.name for member in precedent.members]
    picking = _picking_grids(precedent, pixel_size_angstrom)
    reading = _Reading()
    for file in expand(patterns, suffixes=_suffixes()):
        _read(file.path, precedent, picking, dialect, pixel_size_angstrom, reading)
    picks = concatenate(reading.parts)
    if picks.ndim != precedent.ndim:
        raise InputError(
            f"{patterns[0]}: {picks.ndim}D picks do not fit the {precedent.kind} of set "
            f"{precedent.name}"
        )
    picks = _matched(picks, known, str(patterns[0]), reading, skip_unmatched=skip_unmatched)
    if group is not None:
        picks = _grouped(picks, group)
    ratio = _ratio(precedent, pixel_size_angstrom)
    box = box_size_px if box_size_px is not None else _one_box(reading)
    dataset = Dataset(
        name=name or project.fresh_name("picks"),
        kind=SetKind.PICKS,
        ndim=precedent.ndim,
        members=tuple(replace(m, path="", count=0, files={}) for m in precedent.members),
        pixel_size_angstrom=precedent.pixel_size_angstrom,
        box_size_px=None if box is None else round(box * ratio, 6),
        precedents=(precedent.name,),
        acquisition=precedent.acquisition,
    )
    if ratio != 1.0:
        reading.assumed[
            f"picked at {pixel_size_angstrom:g} Å/px; boxes are given at "
            f"{precedent.pixel_size_angstrom:g} Å/px"
        ] = None
    return Imported(
        datasets=(insert_picks(project, dataset, picks),),
        assumed=tuple(reading.assumed),
        warnings=tuple(reading.warnings),
    )


def only_images(project: Project) -> Dataset:
    """The one set of images of a project, or an error that asks which."""
    found = [name for kind in _IMAGES for name in project.names(kind)]
    if len(found) != 1:
        have = f"has {', '.join(found)}" if found else "has none; import images first"
        raise InputError(
            f"{project.folder}: --images: name the set that was picked in; the project {have}"
        )
    return project.get(found[0])


def _suffixes() -> tuple[str, ...]:
    from cryopick.io.picks.registry import dialects

    return tuple({suffix for entry in dialects().values() for suffix in entry.suffixes})


def _ratio(precedent: Dataset, picking_size_angstrom: float | None) -> float:
    """Pixels of the set's images per pixel of the images picked in."""
    size = precedent.pixel_size_angstrom
    return 1.0 if picking_size_angstrom is None or size is None else picking_size_angstrom / size


def _picking_grids(precedent: Dataset, size_angstrom: float | None) -> dict[str, Grid]:
    """Grids of the images as they were when picked: the set's, or a binning of them."""
    grids = precedent.grids()
    if size_angstrom is None:
        return grids
    if not 0.0 < size_angstrom < float("inf"):
        raise InputError(f"--pixel-size {size_angstrom}: expected a length above 0 Å")
    return {name: _binned(grid, size_angstrom) for name, grid in grids.items()}


def _binned(grid: Grid, size_angstrom: float) -> Grid:
    ratio = grid.pixel_size_angstrom / size_angstrom
    return grid.resampled(tuple(max(1, round(n * ratio)) for n in grid.shape), size_angstrom)


def _read(
    path: Path,
    precedent: Dataset,
    grids: dict[str, Grid],
    dialect: str | None,
    pixel_size_angstrom: float | None,
    reading: _Reading,
) -> None:
    name = image_name(path)
    known = [member.name for member in precedent.members]
    # ``mic1.star`` and ``mic1_autopick.star`` alike: the name of the image stands in the stem.
    own = matched_name(name, known) or matched_name(Path(name).stem, known)
    shapes = {grid.shape for grid in grids.values()}
    frame = Frame(
        grids=grids,
        default_grid=next(iter(grids.values())) if len(shapes) == 1 else None,
        pixel_size_angstrom=pixel_size_angstrom or precedent.pixel_size_angstrom,
        image_name=own,
    )
    found = read_picks(path, frame, name=dialect)
    reading.parts.append(found.picks)
    reading.assumed.update(dict.fromkeys(found.assumed))
    reading.warnings.update(dict.fromkeys(found.warnings))
    if found.box_size_px is not None:
        reading.boxes_px.add(found.box_size_px)


def _matched(
    picks: Picks, known: list[str], what: str, reading: _Reading, *, skip_unmatched: bool
) -> Picks:
    """Picks under the names of the set's images."""
    names, place = np.unique(picks.image, return_inverse=True)
    bare = {str(n): image_name(str(n)) for n in names}
    if skip_unmatched:
        kept = np.array([matched_name(bare[str(n)], known) is not None for n in names], dtype=bool)
        lost = ~kept[place] if len(picks) else np.zeros(0, dtype=bool)
        if lost.any():
            strange = ", ".join(str(n) for n in names[~kept][:3])
            reading.warnings[f"{int(lost.sum()):,} picks left out, no image called {strange}"] = (
                None
            )
            return _matched(picks[~lost], known, what, reading, skip_unmatched=False)
    matches = match_all(list(dict.fromkeys(bare.values())), known, what=what)
    loose = [(given, match) for given, match in matches.items() if given != match]
    if loose:
        given, match = loose[0]
        reading.assumed[f"picks of {given} belong to image {match}"] = None
    if not len(picks):
        return picks
    renamed = np.array([matches[bare[str(n)]] for n in names], dtype=np.str_)
    return replace(picks, image=renamed[place])


def _grouped(picks: Picks, group: str) -> Picks:
    if picks.group is None:
        return replace(picks, group=np.full(len(picks), group))
    return replace(picks, group=np.where(picks.group == "", group, picks.group))


def _one_box(reading: _Reading) -> float | None:
    if len(reading.boxes_px) > 1:
        sizes = ", ".join(f"{size:g}" for size in sorted(reading.boxes_px)[:4])
        reading.warnings[f"files have boxes of {sizes} px; the largest is taken"] = None
    return max(reading.boxes_px, default=None)
