"""RELION 2D, two levels: a list of coordinate files, and one file per micrograph.

``autopick.star`` and ``manualpick.star`` hold a block ``data_coordinate_files`` with
``rlnMicrographName`` and ``rlnMicrographCoordinates``: paths from the project folder, which is
found by walking up from the list. Writing makes the list, and beside it one coordinate file
per micrograph in a folder named after the list; its paths are relative to that list's folder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images.name import referenced_name
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import groups_of
from cryopick.io.picks.relion import coordinate_columns, picks_of
from cryopick.io.picks.relion_output import full_names, unwritable_extras
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks, concatenate

_LIST = ("rlnMicrographName", "rlnMicrographCoordinates")
_XY = ("rlnCoordinateX", "rlnCoordinateY")


def project_file(name: str, beside: Path) -> Path:
    """A file that a STAR file names by its path in the project.

    Looked for in the folder of that STAR file, then in each folder above it.
    """
    for folder in beside.absolute().parents:
        try:
            if (folder / name).is_file():
                return folder / name
        except OSError:  # a name too long for the file system
            break
    raise MissingFileError(name, f"named in {beside}; run from the project, or correct the path")


def _sniff(path: Path, head: bytes) -> int:
    blocks, columns = head_of_star(path, head)
    return 3 if columns.issuperset(_LIST) and "coordinate_files" in blocks else 0


def _read(path: Path, frame: Frame) -> PickFile:
    star = read_star(path)
    table = star.block("coordinate_files")
    parts: list[Picks] = []
    missing: list[str] = []
    notes: dict[str, None] = {}
    warnings: dict[str, None] = {}
    pairs = zip(table.text(_LIST[0]).tolist(), table.text(_LIST[1]).tolist(), strict=True)
    for micrograph, name in pairs:
        try:
            part = project_file(name, path)
        except MissingFileError:
            missing.append(name)
            continue
        inner = read_star(part)
        block = inner.table_with(*_XY)
        if block is None or len(block) == 0:
            continue  # RELION writes an empty table for a micrograph without picks
        found = picks_of(inner, block, _named(frame, referenced_name(micrograph)), part)
        extra = {**found.picks.extra, _LIST[0]: np.full(len(found.picks), micrograph)}
        parts.append(replace(found.picks, extra=extra))
        notes |= dict.fromkeys(s for s in found.assumed if not s.startswith("micrograph:"))
        warnings |= dict.fromkeys(found.warnings)
    if missing and len(missing) == len(table):
        raise MissingFileError(missing[0], f"none of the files named in {path} is there")
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        warnings[f"coordinate file not there, left out: {missing[0]}{more}"] = None
    picks = concatenate(parts) if parts else Picks.empty(2)
    return PickFile(picks=picks, assumed=tuple(notes), warnings=tuple(warnings))


def _named(frame: Frame, name: str) -> Frame:
    return Frame(
        grids=frame.grids,
        default_grid=frame.default_grid,
        pixel_size_angstrom=frame.pixel_size_angstrom,
        image_name=name,
    )


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    folder = path.parent / path.name.split(".", 1)[0]
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, but coordinate files go into a folder of that name")
    if not path.parent.is_dir():
        raise MissingFileError(path.parent, "make the folder first")
    folder.mkdir(exist_ok=True)
    bad = next((name for name in picks.image.tolist() if "/" in name or not name), None)
    if bad is not None:
        raise InputError(f"{path}: image {bad!r}: not fit for the name of a coordinate file")
    micrographs = full_names(picks, _LIST[0], frame)
    rows_of = groups_of(picks.image)
    for image, rows in rows_of.items():
        columns = coordinate_columns(picks[rows], frame, path)
        columns.pop(_LIST[0], None)
        write_star(folder / f"{image}_autopick.star", [star_block("", columns)])
    table = {
        _LIST[0]: np.array([micrographs[rows[0]] for rows in rows_of.values()], dtype=np.str_),
        _LIST[1]: np.array([f"{folder.name}/{i}_autopick.star" for i in rows_of], dtype=np.str_),
    }
    write_star(path, [star_block("coordinate_files", table)])
    return (
        "positions: pixels of the micrograph, 0 at the centre of the first pixel",
        f"paths in the list start at {path.parent}",
        *unwritable_extras(picks),
    )


DIALECTS = (
    Dialect(
        name="relion-coordinates",
        title="RELION list of coordinate files (autopick.star, manualpick.star) with its files",
        suffixes=(".star",),
        dimensions=(2,),
        origin="centre of the first pixel",
        unit="pixels of the micrograph",
        euler="RELION psi (image -> template)",
        decimals=6,
        sniff=_sniff,
        read=_read,
        write=_write,
        keeps=EVERY_COLUMN,
    ),
)
