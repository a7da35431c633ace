"""pytom-match-pick candidates, in its own form and in the one for RELION 5.

Plain (`pytom`): ``rlnCoordinateX/Y/Z`` are voxels of the searched volume, 0 at the centre of the
first one; ``rlnDetectorPixelSize`` is its voxel size in Å (without a magnification).

For RELION 5 (`pytom-relion5`): Å from the centre, but from which? With RELION metadata at hand
pytom subtracts ``N / 2 - 1`` *unbinned* pixels, without them ``N / 2`` voxels of the searched
volume. The file does not say. The searched positions were whole voxels, so the fractions left
over do: 0 for the second, one unbinned pixel for the first. Files whose fractions are mixed
(edited, refined) are read as the pixel size of the tilt series suggests: given, the first; not
given, the second.

``rlnTomoTiltSeriesPixelSize`` holds the *searched* (binned) voxel size in these files, against its
name; it is compared with the image and never used to scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import groups_of, pixel_sizes, to_px, to_specimen
from cryopick.io.picks.relion_columns import (
    Floats,
    Texts,
    mismatches,
    per_row,
    tomogram_names,
    vectors,
)
from cryopick.io.picks.relion_output import extra_columns, or_missing, unwritable_extras
from cryopick.io.picks.relion_tomo import (
    CENTRED,
    SHIFT_ANGSTROM,
    SHIFT_PX,
    XYZ,
    pose,
    tomo_columns,
    tomo_names,
    tomo_picks,
    tomogram_centre,
)
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks

_VOXEL = ("rlnTomoTiltSeriesPixelSize", "rlnDetectorPixelSize")
_NAMES = ("rlnTomoName", "rlnMicrographName")
_OWN = ("rlnLCCmax", "rlnCutOff", "rlnSearchStd")
_WHOLE = 0.02  # of a voxel: six decimals in Å leave far less


def _read(path: Path, frame: Frame) -> PickFile:
    star = read_star(path)
    block = star.table_with(*CENTRED)
    if block is None:
        block = star.table_with(*XYZ)
    name = block.first(*_NAMES) if block is not None else None
    if block is None or name is None:
        raise FormatError(
            path, "no table with coordinates and rlnTomoName or rlnMicrographName of pytom"
        )
    image = tomogram_names(block.text(name), frame)
    voxel = per_row(star, block, *_VOXEL)
    warnings = mismatches(image, frame, voxel, str(block.first(*_VOXEL)))
    if block.has(*CENTRED):
        position, notes = _decentred(block, image, frame, path)
    else:
        position = to_specimen(
            vectors(block, XYZ), image, path=path, frame=frame, own_angstrom=voxel
        )
        notes = ["positions: voxels of the searched volume, 0 at the centre of the first one"]
    posed = pose(block, star, voxel)
    picks = tomo_picks(block, position, image, source="pytom", posed=posed)
    return PickFile(picks=picks, assumed=(*notes, *posed[2]), warnings=tuple(warnings))


def _decentred(
    block: StarBlock, image: Texts, frame: Frame, path: Path
) -> tuple[Floats, list[str]]:
    """Positions in the specimen frame, with the centre that fits whole voxels."""
    centred = vectors(block, CENTRED)
    position = centred + tomogram_centre(image, frame, path)
    notes: dict[str, None] = {}
    for name, rows in groups_of(image).items():
        grid = frame.grid(name, path)
        step = _metadata_step(grid.to_px(position[rows]), grid.pixel_size_angstrom, frame)
        position[rows] -= step
        note = "index N / 2 of the searched volume"
        if step:
            note = f"index N / 2 - 1 of the unbinned tomogram ({step:g} Å per pixel)"
        notes[f"positions: Å from the centre, {note}"] = None
    return position, [*notes]


def _metadata_step(index: Floats, voxel_angstrom: float, frame: Frame) -> float:
    """The unbinned pixel in Å where the file was written with RELION metadata, else 0."""
    given = frame.tilt_series_pixel_angstrom
    fraction = index - np.floor(index)
    if len(index) == 0 or np.any(np.ptp(_turned(fraction), axis=0) > _WHOLE):
        return given or 0.0
    middle = float(np.median(_turned(fraction)))
    if abs(middle) > _WHOLE:
        found = middle % 1.0 * voxel_angstrom
        # Six decimals of the file make the pixel found inexact; the one given is not.
        return given if given and abs(given - found) < _WHOLE * voxel_angstrom else found
    # Whole voxels: written without metadata, or with a tomogram that is not binned.
    unbinned = given is not None and abs(given - voxel_angstrom) < _WHOLE * voxel_angstrom
    return voxel_angstrom if unbinned else 0.0


def _turned(fraction: Floats) -> Floats:
    """Fractions of a voxel with those just below 1 as just below 0."""
    return np.where(fraction > 1 - _WHOLE, fraction - 1, fraction)


def _statistics(picks: Picks) -> dict[str, NDArray[Any]]:
    """Cut-off and noise level of the search; -999 for picks of another origin.

    Always written, as these columns tell pytom's files from RELION's.
    """
    unknown = or_missing(None, len(picks))
    return {name: np.asarray(picks.extra.get(name, unknown)) for name in _OWN[1:]}


def _columns(picks: Picks, position: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    columns = {**position, **tomo_columns(picks), **_statistics(picks)}
    return {**columns, **extra_columns(picks, columns, (*SHIFT_ANGSTROM, *SHIFT_PX, *_VOXEL))}


def _write_plain(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    position = dict(zip(XYZ, to_px(picks, path=path, frame=frame).T, strict=True))
    columns = _columns(picks, position)
    columns["rlnDetectorPixelSize"] = pixel_sizes(picks.image, path=path, frame=frame)
    columns["rlnMicrographName"] = picks.image
    columns.pop("rlnTomoName", None)
    write_star(path, [star_block("", columns, comments=())])
    return (
        "positions: voxels of the searched volume, 0 at the centre of the first one",
        *unwritable_extras(picks),
    )


def _write_centred(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    centred = picks.position_angstrom - tomogram_centre(picks.image, frame, path)
    step = frame.tilt_series_pixel_angstrom
    note = "positions: Å from the centre, index N / 2 of the searched volume"
    if step is not None:
        centred = centred + step
        note = f"positions: Å from the centre, index N / 2 - 1 of the unbinned tomogram ({step:g})"
    columns = _columns(picks, dict(zip(CENTRED, centred.T, strict=True)))
    columns["rlnTomoTiltSeriesPixelSize"] = pixel_sizes(picks.image, path=path, frame=frame)
    columns["rlnTomoName"] = tomo_names(picks)
    columns.pop("rlnMicrographName", None)
    write_star(path, [star_block("particles", columns, comments=())])
    return (note, *unwritable_extras(picks))


def _sniff_plain(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    return 3 if columns.issuperset((*XYZ, *_OWN)) and not columns.issuperset(CENTRED) else 0


def _sniff_centred(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    return 3 if columns.issuperset((*CENTRED, *_OWN)) else 0


_EULER = "RELION rot, tilt, psi (intrinsic ZYZ, image -> template)"

DIALECTS = (
    Dialect(
        name="pytom",
        title="pytom-match-pick candidates (STAR)",
        suffixes=(".star",),
        dimensions=(3,),
        origin="centre of the first voxel of the searched volume",
        unit="voxels",
        euler=_EULER,
        decimals=6,
        sniff=_sniff_plain,
        read=_read,
        write=_write_plain,
        keeps=EVERY_COLUMN,
    ),
    Dialect(
        name="pytom-relion5",
        title="pytom-match-pick candidates for RELION 5 (STAR, centred Å)",
        suffixes=(".star",),
        dimensions=(3,),
        origin="centre of the tomogram: N / 2 - 1 unbinned with RELION metadata, else N / 2",
        unit="Å",
        euler=_EULER,
        decimals=6,
        sniff=_sniff_centred,
        read=_read,
        write=_write_centred,
        keeps=EVERY_COLUMN,
    ),
)
