"""RELION 2D: particles and coordinates of micrographs in one STAR file.

Two shapes, both read and told apart by their columns:

- particles or coordinates of many micrographs with ``rlnMicrographName``, as written by
  ``Extract``, by pickers, and by us; RELION 3.0 with the optics in every row, 3.1 and later with a
  block ``data_optics``;
- coordinates of one micrograph (``NAME_autopick.star``, ``NAME_manualpick.star``) without a name.

Coordinates are pixels of the micrograph, 0 at the centre of the first pixel: extraction takes the
box whose pixel ``N // 2`` is the (rounded) coordinate. Refined shifts are applied:
``position = coordinate - origin``, as RELION does when it re-extracts with re-centring; the shift
columns are then gone. Angles: ``rlnAnglePsi``; the two others stay as they are in a file of
refined particles. Missing values are -999.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import psi_deg_from_quaternion, quaternion_from_psi_deg
from cryopick.io.images.name import referenced_name, referenced_names
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import to_px, to_specimen
from cryopick.io.picks.relion_columns import (
    MISSING,
    Floats,
    extras,
    magnified,
    mismatches,
    per_row,
    score_of,
    shared_columns,
    vectors,
)
from cryopick.io.picks.relion_output import (
    class_columns,
    extra_columns,
    full_names,
    or_missing,
    unwritable_extras,
)
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import StarBlock, StarFile, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks

_XY = ("rlnCoordinateX", "rlnCoordinateY")
_SHIFT_PX = ("rlnOriginX", "rlnOriginY")
_SHIFT_ANGSTROM = ("rlnOriginXAngst", "rlnOriginYAngst")
_SCORE = ("rlnAutopickFigureOfMerit", "rlnLCCmax")
_TAILS = re.compile(r"_(autopick|manualpick|topazpicks|extract|pick|picks|coords)$")


def coordinate_columns(picks: Picks, frame: Frame, path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a coordinate file: those that ``Extract`` asks for, and what else we know."""
    position = to_px(picks, path=path, frame=frame)
    psi = None if picks.orientation is None else psi_deg_from_quaternion(picks.orientation)
    columns: dict[str, NDArray[Any]] = {
        "rlnCoordinateX": position[:, 0],
        "rlnCoordinateY": position[:, 1],
        "rlnAutopickFigureOfMerit": or_missing(picks.score, len(picks)),
        "rlnAnglePsi": or_missing(psi, len(picks)),
        **class_columns(picks),
    }
    return {**columns, **extra_columns(picks, columns, (*_SHIFT_PX, *_SHIFT_ANGSTROM))}


def picks_of(star: StarFile, block: StarBlock, frame: Frame, path: Path) -> PickFile:
    """Picks from a table with ``rlnCoordinateX`` and ``rlnCoordinateY``."""
    assumed = ["positions: pixels of the micrograph, 0 at the centre of the first pixel"]
    n = len(block)
    if "rlnMicrographName" in block:
        image = referenced_names(block.text("rlnMicrographName"))
    else:
        name = frame.image_name or _TAILS.sub("", path.name.removesuffix(".gz").rsplit(".", 1)[0])
        image = np.full(n, referenced_name(name))
        assumed.append(f"micrograph: {referenced_name(name)}, as the file names none")
    own, column = _pixel_sizes(star, block)
    known = frame.grids or frame.default_grid or frame.pixel_size_angstrom
    if own is not None and not known:
        assumed.append(f"pixel size of the micrograph: {column}")
    position = to_specimen(vectors(block, _XY), image, path=path, frame=frame, own_angstrom=own)
    shift, used = _shift(star, block, image, frame, path)
    if used:
        assumed.append("shifts applied: position = coordinate - origin")
    score_name, score = score_of(block, *_SCORE)
    orientation = _psi(block)
    skip = (*_XY, *used, score_name, "rlnAnglePsi", *_SHIFT_PX, *_SHIFT_ANGSTROM)
    picks = Picks(
        position_angstrom=position - shift,
        image=image,
        orientation=orientation,
        score=score,
        source=np.full(n, "relion"),
        **shared_columns(block),
        extra=extras(block, skip),
    )
    check = own if column == "rlnMicrographPixelSize" else None
    warnings = mismatches(image, frame, check, "rlnMicrographPixelSize")
    return PickFile(picks=picks, assumed=tuple(assumed), warnings=tuple(warnings))


def _pixel_sizes(star: StarFile, block: StarBlock) -> tuple[Floats | None, str]:
    """Pixel size of the micrographs as far as a file tells, and where it says so."""
    for column in ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize"):
        size = per_row(star, block, column)
        if size is not None:
            return size, column
    return magnified(block), "rlnDetectorPixelSize / rlnMagnification"


def _shift(
    star: StarFile, block: StarBlock, image: NDArray[np.str_], frame: Frame, path: Path
) -> tuple[Floats, tuple[str, ...]]:
    """Refined shifts in Å, and the columns they came from."""
    if block.has(*_SHIFT_ANGSTROM):
        return vectors(block, _SHIFT_ANGSTROM), _SHIFT_ANGSTROM
    if not block.has(*_SHIFT_PX):
        return np.zeros((len(block), 2)), ()
    # Before 3.1 these count pixels of the particle, whose size follows from the magnification.
    shift = vectors(block, _SHIFT_PX)
    size = magnified(block)
    if size is None:
        size = per_row(star, block, "rlnImagePixelSize", "rlnPixelSize")
    if size is None:
        size = np.array([frame.pixel_size(name, path) for name in image.tolist()])
    return shift * size[:, None], _SHIFT_PX


def _psi(block: StarBlock) -> Floats | None:
    if "rlnAnglePsi" not in block:
        return None
    psi = block.number("rlnAnglePsi")
    known = np.isfinite(psi) & (psi != MISSING)
    if len(psi) and not known.any():
        return None
    return quaternion_from_psi_deg(np.where(known, psi, 0.0))


def _sniff(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    if not columns.issuperset(_XY) or any("Coordinate" in c and "Z" in c for c in columns):
        return 0
    return 2 if "rlnTomoName" in columns else 3


def _read(path: Path, frame: Frame) -> PickFile:
    star = read_star(path)
    block = star.table_with(*_XY)
    if block is None:
        raise FormatError(path, "no table with rlnCoordinateX and rlnCoordinateY")
    if "rlnCoordinateZ" in block:
        raise FormatError(path, "holds rlnCoordinateZ: picks of a tomogram", "use --from relion5")
    return picks_of(star, block, frame, path)


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    columns = {
        "rlnMicrographName": full_names(picks, "rlnMicrographName", frame),
        **coordinate_columns(picks, frame, path),
    }
    write_star(path, [star_block("", columns)])
    return (
        "positions: pixels of the micrograph, 0 at the centre of the first pixel",
        *unwritable_extras(picks),
    )


DIALECTS = (
    Dialect(
        name="relion",
        title="RELION coordinates or particles of micrographs (STAR, 3.0 to 5)",
        suffixes=(".star", ".star.gz"),
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
