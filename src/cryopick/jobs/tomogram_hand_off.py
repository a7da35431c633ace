"""Picks of tomograms as files for other programs, beside ``picks.star`` in a job folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.json_text import as_list, read_json_object
from cryopick.io.picks.chimerax_script import ShownList, write_chimerax_script, write_shown_list
from cryopick.io.picks.copick import DEFAULT_SESSION, DEFAULT_USER
from cryopick.io.picks.copick_project import RUNS
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.io.picks.relion_import_list import write_import_list, write_import_particles
from cryopick.io.picks.relion_tomo import tomo_names
from cryopick.model import Grid, Picks, active

MANIFEST = "hand_off.json"
IMPORT_LIST = "import_list.star"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """How picks are shown: surfaces by label, and the size of spheres."""

    surfaces: Mapping[str, tuple[Path, float | None]]
    fallback: tuple[Path | None, float | None]
    diameter_angstrom: float | None


@dataclass(slots=True, kw_only=True)
class _Folder:
    """The folder that is written to, and the files written so far."""

    root: Path
    written: list[str] = field(default_factory=list[str])

    def file(self, relative: str) -> Path:
        """A file below the folder; its own folder is made."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        self.written.append(relative)
        return path


def write_hand_off(
    folder: str | Path,
    picks: Picks,
    *,
    tomograms: Mapping[str, tuple[Path, Grid]],
    tilt_series_pixel_angstrom: Mapping[str, float] | None = None,
    template_path: str | Path | None = None,
    template_level: float | None = None,
    templates: Mapping[str, tuple[Path, float | None]] | None = None,
    diameter_angstrom: float | None = None,
    label: str = "",
) -> dict[str, str]:
    """Write the active picks for RELION, IMOD, Dynamo, copick and ChimeraX with ArtiaX.

    Parameters
    ----------
    folder
        The job folder. Written are ``import_list.star`` with ``particles/NAME.star`` (RELION 5),
        ``imod/NAME.mod``, ``dynamo/NAME.tbl``, ``copick/`` (a copick project) and
        ``chimerax/NAME.cxc``. Files of an earlier call that are not written again are removed.
    picks
        In any number of tomograms; those without picks get no files.
    tomograms
        Volume and Grid of each, by the name that the picks have.
    tilt_series_pixel_angstrom
        Pixel size of the unbinned tilt images, by the same names, where known.
    template_path, template_level
        Surface to show at the picks, and its level.
    templates
        Surface and level by label, where several species were searched for.
    diameter_angstrom
        Of the particle: spheres in IMOD and ChimeraX.
    label
        Name of the species, for picks without a label of their own.

    Returns
    -------
    dict
        What was written, relative to ``folder``: empty where there are no picks.
    """
    folder = Path(folder)
    kept = _labelled(active(picks), label)
    if kept.ndim != 3:
        raise InputError(f"{folder}: hand-off of tomograms: expected 3D picks, got {kept.ndim}D")
    names = list(dict.fromkeys(kept.image.tolist()))
    strange = [name for name in names if name not in tomograms]
    if strange:
        raise InputError(f"{folder}: picks in {strange[0]}, which is none of the tomograms")
    out = _Folder(root=folder)
    shown = _Shown(
        surfaces=templates or {},
        fallback=(None if template_path is None else Path(template_path), template_level),
        diameter_angstrom=diameter_angstrom,
    )
    stems = file_stems(names)
    particle_files: list[tuple[str, str | Path]] = []
    for name in names:
        path, grid = tomograms[name]
        frame = Frame(
            grids={name: grid},
            files={name: str(path)},
            tilt_series_pixel_angstrom=(tilt_series_pixel_angstrom or {}).get(name),
        )
        own = kept[kept.image == name]
        particles = out.file(f"particles/{stems[name]}.star")
        write_import_particles(own, particles, frame)
        particle_files.append((str(tomo_names(own)[0]), particles))
        _write_points(out, own, frame, stems[name], diameter_angstrom)
        _write_copick(out, own, frame, stems[name])
        _write_view(out, own, frame, stems[name], shown)
    if names:
        write_import_list(out.file(IMPORT_LIST), particle_files)
    _forget_older(out)
    return _overview(out)


def file_stems(names: Iterable[str], *, joint: Literal["_", "-"] = "_") -> dict[str, str]:
    """A file name without suffix for each name, safe for every program and all different.

    ``joint`` stands for what a file name should not hold; with ``-`` (copick) that is ``_`` too.

    >>> file_stems(["TS_1", "TS 1", "ts 1", "007"])
    {'TS_1': 'TS_1', 'TS 1': 'TS_1-2', 'ts 1': 'ts_1-3', '007': '007'}
    """
    unsafe = re.compile(r"[^\w.+-]" if joint == "_" else r"[^\w.+-]|_", re.ASCII)
    stems: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        stem = first = unsafe.sub(joint, name).lstrip(".") or "particle"
        number = 2
        while stem.lower() in used:
            stem = f"{first}-{number}"
            number += 1
        used.add(stem.lower())
        stems[name] = stem
    return stems


def _labelled(picks: Picks, label: str) -> Picks:
    if not label or not len(picks):
        return picks
    own = picks.label
    if own is None:
        return replace(picks, label=np.full(len(picks), label))
    return replace(picks, label=np.where(own == "", label, own))


def _write_points(
    out: _Folder, picks: Picks, frame: Frame, stem: str, diameter_angstrom: float | None
) -> None:
    """IMOD and Dynamo."""
    sized = picks
    if diameter_angstrom is not None:
        sized = replace(picks, diameter_angstrom=np.full(len(picks), float(diameter_angstrom)))
    if picks.label is not None:
        short = [text.encode()[:63].decode(errors="ignore") for text in picks.label.tolist()]
        sized = replace(sized, label=np.array(short))
    write_picks(sized, out.file(f"imod/{stem}.mod"), frame, name="imod-model")
    table = out.file(f"dynamo/{stem}.tbl")
    table.with_suffix(".doc").unlink(missing_ok=True)  # or it would be taken for a map to follow
    write_picks(picks, table, frame, name="dynamo-table")
    if table.with_suffix(".doc").is_file():
        out.written.append(f"dynamo/{stem}.doc")


def _write_view(out: _Folder, picks: Picks, frame: Frame, stem: str, shown: _Shown) -> None:
    """ChimeraX: one particle list per label, each with its surface."""
    (name,) = frame.grids
    labels = [""] if picks.label is None else list(dict.fromkeys(picks.label.tolist()))
    suffixes = {"": ""}
    if len(labels) > 1:
        suffixes = {each: f"_{text}" for each, text in file_stems(labels).items()}
    lists: list[ShownList] = []
    for label in labels:
        own = picks if picks.label is None else picks[picks.label == label]
        file = out.file(f"chimerax/{stem}{suffixes.get(label, '')}.star")
        write_shown_list(file, own, frame)
        surface, level = shown.surfaces.get(label, shown.fallback)
        lists.append(
            ShownList(
                file=file,
                surface=surface,
                level=level,
                diameter_angstrom=shown.diameter_angstrom,
            )
        )
    pixel = frame.grids[name].pixel_size_angstrom
    species = ", ".join(label for label in labels if label)
    write_chimerax_script(
        out.file(f"chimerax/{stem}.cxc"),
        tomogram=frame.files[name],
        pixel_size_angstrom=pixel,
        lists=lists,
        title=f"{len(picks)} picks{f' of {species}' if species else ''} in {name}, "
        f"{pixel:g} Å per voxel",
    )


def _write_copick(out: _Folder, picks: Picks, frame: Frame, stem: str) -> None:
    """A copick project: one file per label, with names that copick can hold."""
    labels = np.full(len(picks), "") if picks.label is None else picks.label
    objects = file_stems(dict.fromkeys(labels.tolist()), joint="-")
    picks = replace(picks, image=np.full(len(picks), stem), extra={})
    for label, name in objects.items():
        own = picks[labels == label]
        file = f"{DEFAULT_USER}_{DEFAULT_SESSION}_{name}.json"
        write_picks(
            replace(own, label=np.full(len(own), name)),
            out.file(f"copick/{RUNS}/{stem}/Picks/{file}"),
            frame,
            name="copick",
        )


def _forget_older(out: _Folder) -> None:
    """Remove what an earlier call wrote and this one did not; nobody else's files."""
    manifest = out.root / MANIFEST
    if manifest.is_file():
        try:
            older = as_list(manifest, read_json_object(manifest).get("files"), "files")
        except FormatError:
            older = []
        for name in {text for text in older if isinstance(text, str)} - set(out.written):
            path = out.root / name
            if path.is_file() and path.resolve().is_relative_to(out.root.resolve()):
                path.unlink()
    if out.written or manifest.is_file():
        out.root.mkdir(parents=True, exist_ok=True)
        write_text(manifest, json.dumps({"files": sorted(out.written)}, indent=1) + "\n")


def _overview(out: _Folder) -> dict[str, str]:
    parts = dict.fromkeys(name.split("/")[0] for name in out.written)
    known = {
        "import_list": IMPORT_LIST,
        "particles_per_tomogram": "particles",
        "imod": "imod",
        "dynamo": "dynamo",
        "copick": "copick",
        "chimerax": "chimerax",
    }
    return {key: value for key, value in known.items() if value in parts}
