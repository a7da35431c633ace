"""RELION 3 subtomograms, and what Warp exports in that shape.

``rlnMicrographName`` names the tomogram, ``rlnCoordinateX/Y/Z`` are pixels of the size that the
file states: ``rlnPixelSize``, ``rlnImagePixelSize`` of the optics group, or
``rlnDetectorPixelSize`` (µm) * 10000 / ``rlnMagnification``. That is *not* always the pixel size of
the tomogram (Warp scales to the pixel size of the exported boxes), so it comes first; a file that
states none counts pixels of the tomogram. Shifts are applied: ``position = coordinate - origin``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.images.name import referenced_names
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import groups_of, pixel_sizes, to_px, to_specimen
from cryopick.io.picks.relion_columns import Floats, Texts, magnified, per_row, vectors
from cryopick.io.picks.relion_output import extra_columns, full_names, unwritable_extras
from cryopick.io.picks.relion_tomo import (
    CENTRED,
    SHIFT_ANGSTROM,
    SHIFT_PX,
    XYZ,
    pose,
    tomo_columns,
    tomo_picks,
)
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import StarBlock, StarFile, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks

_NAMES = ("rlnMicrographName", "rlnTomoName")


def read_subtomograms(path: Path, frame: Frame, *, source: str) -> PickFile:
    """Read a table with ``rlnCoordinateX/Y/Z`` and the name of the tomogram, if any."""
    star = read_star(path)
    block = star.table_with(*XYZ)
    if block is None:
        raise FormatError(path, "no table with rlnCoordinateX, rlnCoordinateY and rlnCoordinateZ")
    assumed: list[str] = []
    name = block.first(*_NAMES)
    if name is None:
        file_name = frame.image_name or path.name.split(".", 1)[0]
        image = np.full(len(block), file_name)
        assumed.append(f"tomogram: {file_name}, as the file names none")
    else:
        image = referenced_names(block.text(name))
    size, column = stated_pixel(star, block)
    if size is None:
        position = to_specimen(vectors(block, XYZ), image, path=path, frame=frame)
        size = np.array([frame.pixel_size(n, path) for n in image.tolist()])
        assumed.append("positions: pixels of the tomogram, 0 at the centre of the first pixel")
    else:
        position = scaled(vectors(block, XYZ), size, image, frame)
        assumed.append(f"positions: pixels of the size in {column}, 0 at the first pixel's centre")
    posed = pose(block, star, size)
    picks = tomo_picks(block, position, image, source=source, posed=posed)
    return PickFile(picks=picks, assumed=(*assumed, *posed[2]))


def stated_pixel(star: StarFile, block: StarBlock) -> tuple[Floats | None, str]:
    """Pixel size that a file's coordinates count in, and the column that says so."""
    for column in ("rlnPixelSize", "rlnImagePixelSize"):
        size = per_row(star, block, column)
        if size is not None:
            return size, column
    return magnified(block), "rlnDetectorPixelSize / rlnMagnification"


def scaled(position: Floats, size: Floats, image: Texts, frame: Frame) -> Floats:
    """Pixels of a stated size in Å; pixels of the image itself where the size is the image's."""
    out = position * size[:, None]
    for name, rows in groups_of(image).items():
        grid = frame.known_grid(name)
        if grid is None or grid.ndim != 3:
            continue
        own = np.abs(size[rows] - grid.pixel_size_angstrom) < 1e-3 * grid.pixel_size_angstrom
        out[rows[own]] = grid.to_angstrom(position[rows[own]])
    return out


def subtomogram_columns(picks: Picks, frame: Frame, path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a RELION 3 table of subtomograms."""
    size = pixel_sizes(picks.image, path=path, frame=frame)
    columns: dict[str, NDArray[Any]] = {
        "rlnMicrographName": full_names(picks, "rlnMicrographName", frame),
        **dict(zip(XYZ, to_px(picks, path=path, frame=frame).T, strict=True)),
        **tomo_columns(picks),
        "rlnMagnification": np.full(len(picks), 10000.0),
        "rlnDetectorPixelSize": size,
        "rlnPixelSize": size,
    }
    dropped = (*SHIFT_ANGSTROM, *SHIFT_PX, *CENTRED, "rlnOpticsGroup")
    return {**columns, **extra_columns(picks, columns, dropped)}


def _sniff(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    if not columns.issuperset(XYZ) or columns.issuperset(("rlnCutOff", "rlnSearchStd")):
        return 0
    if "rlnTomoName" in columns and "rlnMicrographName" not in columns:
        return 2 if "rlnPixelSize" in columns else 0
    if "rlnMicrographName" not in columns or "rlnTomoName" in columns:
        return 1
    return 2 if b".tomostar" in head else 3


def _read(path: Path, frame: Frame) -> PickFile:
    return read_subtomograms(path, frame, source="relion3")


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    write_star(path, [star_block("", subtomogram_columns(picks, frame, path))])
    return (
        "positions: pixels of the tomogram, 0 at the centre of the first pixel",
        *unwritable_extras(picks),
    )


DIALECTS = (
    Dialect(
        name="relion3",
        title="RELION 3 subtomograms (STAR)",
        suffixes=(".star", ".star.gz"),
        dimensions=(3,),
        origin="centre of the first pixel",
        unit="pixels of the stated size",
        euler="RELION rot, tilt, psi (intrinsic ZYZ, image -> template)",
        decimals=6,
        sniff=_sniff,
        read=_read,
        write=_write,
        keeps=EVERY_COLUMN,
    ),
)
