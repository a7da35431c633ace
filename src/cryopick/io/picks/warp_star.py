"""Warp and M: particles of tomograms in STAR files.

Three shapes:

- M species (``wrpCoordinateX1`` ..., ``wrpAngleRot1`` ...): Å, 0 at the centre of the first
  pixel; the names are in ``wrpSourceName``. A particle that moves has one set of columns per time
  point; the first is read, the others stay as extra columns;
- the same with ``wrpCoordinateX`` without a number: Å too;
- ``rlnCoordinateX/Y/Z`` with ``.tomostar`` names: pixels of the size that the file states, or of the
  tomogram (see `cryopick.io.picks.relion_subtomo`), as ``ts_export_particles`` reads and writes.

Files of the third shape whose coordinates all lie between 0 and 1 are relative to the
tomogram (``ts_template_match`` writes those) and need the image.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_warp
from cryopick.io.images.name import referenced_names
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import groups_of
from cryopick.io.picks.relion_columns import extras, vectors
from cryopick.io.picks.relion_output import unwritable_extras
from cryopick.io.picks.relion_subtomo import read_subtomograms, subtomogram_columns
from cryopick.io.picks.relion_tomo import XYZ
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks

_TOMOSTAR = ".tomostar"


def _own_columns(block: StarBlock) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Coordinate and angle columns of M, numbered or not."""
    for number in ("1", ""):
        xyz = tuple(f"wrpCoordinate{axis}{number}" for axis in "XYZ")
        if block.has(*xyz):
            return xyz, tuple(f"wrpAngle{angle}{number}" for angle in ("Rot", "Tilt", "Psi"))
    return None


def _read(path: Path, frame: Frame) -> PickFile:
    star = read_star(path)
    for block in star.blocks:
        found = _own_columns(block)
        if found is not None:
            return _species(block, *found, frame=frame)
    table = star.table_with(*XYZ)
    if table is None:
        raise FormatError(path, "no table with wrpCoordinateX1 or rlnCoordinateX, Y and Z")
    position = vectors(table, XYZ)
    relative = len(position) > 1 and float(position.min()) >= 0 and float(position.max()) <= 1
    if not relative:
        return read_subtomograms(path, frame, source="warp")
    read = read_subtomograms(path, replace(frame, pixel_size_angstrom=1.0), source="warp")
    out = np.empty_like(position)
    for name, rows in groups_of(read.picks.image).items():
        grid = frame.grid(name, path)
        out[rows] = position[rows] * np.asarray(grid.extent_angstrom)
    note = "positions: fractions of the tomogram's edges (all lie between 0 and 1)"
    return PickFile(picks=replace(read.picks, position_angstrom=out), assumed=(note,))


def _species(
    block: StarBlock, xyz: tuple[str, ...], angles: tuple[str, ...], *, frame: Frame
) -> PickFile:
    name = block.first("wrpSourceName", "rlnMicrographName", "rlnTomoName")
    notes = ["positions: Å, 0 at the centre of the first pixel"]
    if name is None:
        image = np.full(len(block), frame.image_name or block.path.name.split(".", 1)[0])
        notes.append(f"tomogram: {frame.image_name or block.path.name.split('.', 1)[0]}")
    else:
        image = referenced_names(block.text(name))
    orientation = quaternion_from_warp(vectors(block, angles)) if block.has(*angles) else None
    picks = Picks(
        position_angstrom=vectors(block, xyz),
        image=image,
        orientation=orientation,
        source=np.full(len(block), "warp"),
        extra=extras(block, (*xyz, *(angles if orientation is not None else ()), name)),
    )
    return PickFile(picks=picks, assumed=tuple(notes))


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    columns = subtomogram_columns(picks, frame, path)
    columns["rlnMicrographName"] = np.array(
        [f"{name}{_TOMOSTAR}" for name in picks.image.tolist()], dtype=np.str_
    )
    write_star(path, [star_block("", columns, comments=())])
    return (
        "positions: pixels of the tomogram (give its pixel size as --coords_angpix)",
        *unwritable_extras(picks),
    )


def _sniff(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    if any(name.startswith("wrpCoordinateX") for name in columns):
        return 3
    named = "rlnMicrographName" in columns and "rlnTomoName" not in columns
    return 3 if named and columns.issuperset(XYZ) and _TOMOSTAR.encode() in head else 0


DIALECTS = (
    Dialect(
        name="warp",
        title="Warp and M particles of tomograms (STAR)",
        suffixes=(".star",),
        dimensions=(3,),
        origin="centre of the first pixel",
        unit="pixels of the stated size, or Å (wrp columns)",
        euler="RELION rot, tilt, psi (intrinsic ZYZ, image -> template)",
        decimals=6,
        sniff=_sniff,
        read=_read,
        write=_write,
        keeps=EVERY_COLUMN,
    ),
)
