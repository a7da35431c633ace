"""RELION 4 and 5: particles of tomograms.

RELION 5 (`relion5`) counts from the centre of the tomogram, in Å: ``rlnCenteredCoordinateXAngst``
is 0 at index ``N / 2`` of the unbinned tomogram. RELION 4 (`relion4`) counts unbinned pixels:
``rlnCoordinateX`` times ``rlnTomoTiltSeriesPixelSize`` is the position in Å.

Box and particle both have an orientation: ``A = A_subtomogram * A_particle`` takes the template to
the tomogram, and the refined shift acts in the frame of the box:
``position = coordinate - A_subtomogram * origin``. Both are applied on reading; what refers
to the box (the ``Subtomogram`` angles, the shifts, the angle priors) is then gone.

We write RELION 5 with the centred coordinates *and* ``rlnCoordinateX/Y/Z`` in pixels of the
image that was searched; RELION ignores the latter. A block ``data_cryopick_images`` keeps shape
and pixel size of these images, so that our own files can be read without them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.geometry.euler import relion_from_quaternion
from cryopick.geometry.rotation import multiply, rotate
from cryopick.io.images.name import referenced_names
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.placing import groups_of, pixel_sizes, to_px, to_specimen
from cryopick.io.picks.relion_columns import (
    Floats,
    Texts,
    extras,
    mismatches,
    orientations,
    per_row,
    score_of,
    shared_columns,
    tomogram_names,
    vectors,
)
from cryopick.io.picks.relion_output import (
    class_columns,
    extra_columns,
    full_names,
    optics_block,
    optics_groups,
    or_missing,
    unwritable_extras,
)
from cryopick.io.star import head_of_star, read_star
from cryopick.io.star_block import StarBlock, StarFile, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Grid, Picks

CENTRED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
XYZ = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
SHIFT_ANGSTROM = tuple(f"rlnOrigin{axis}Angst" for axis in "XYZ")
SHIFT_PX = tuple(f"rlnOrigin{axis}" for axis in "XYZ")
ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
BOX_ANGLES = ("rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi")
PRIORS = ("rlnAngleRotPrior", "rlnAngleTiltPrior", "rlnAnglePsiPrior")
SCORE = ("rlnLCCmax", "rlnAutopickFigureOfMerit")
IMAGES = "cryopick_images"
ORIENTED = "cryopickOriented"
_TILT_PIXEL = "rlnTomoTiltSeriesPixelSize"
_OF_BOXES = (*SHIFT_ANGSTROM, *SHIFT_PX, *BOX_ANGLES)


def tomogram_centre(names: Texts, frame: Frame, path: Path) -> Floats:
    """Centre ``N / 2`` of each pick's tomogram in the specimen frame: half its extent."""
    out = np.empty((len(names), 3))
    for name, rows in groups_of(names).items():
        grid = frame.grid(name, path)
        if grid.ndim != 3:
            raise InputError(f"{path}: image {name}: 3D picks, but the image is 2D")
        out[rows] = np.asarray(grid.extent_angstrom) / 2
    return out


def with_own_images(frame: Frame, star: StarFile) -> Frame:
    """The frame, completed by the images that a file of ours describes."""
    block = star.get(IMAGES)
    columns = ("cryopickImageName", "cryopickPixelSizeAngst")
    sizes = ("cryopickImageSizeX", "cryopickImageSizeY", "cryopickImageSizeZ")
    origins = ("cryopickOriginXAngst", "cryopickOriginYAngst", "cryopickOriginZAngst")
    if block is None or frame.default_grid or not block.has(*columns, *sizes, *origins):
        return frame
    size, origin = vectors(block, sizes), vectors(block, origins)
    pixel = vectors(block, (columns[1],))[:, 0]
    if np.any(np.abs(size) > 1e6):
        raise FormatError(star.path, f"block {IMAGES}: an image of more than a million pixels")
    grids: dict[str, Grid] = {}
    for i, name in enumerate(block.text(columns[0]).tolist()):
        try:
            grids[name] = Grid(
                shape=tuple(int(v) for v in size[i, ::-1]),
                pixel_size_angstrom=float(pixel[i]),
                origin_angstrom=tuple(origin[i].tolist()),
            )
        except InputError as error:
            raise FormatError(star.path, f"block {IMAGES}, row {i + 1}: {error}") from error
    return replace(frame, grids={**grids, **frame.grids})


def _unoriented(star: StarFile) -> bool:
    """Tell whether the angles are the zeros that stand for none in our own files."""
    block = star.get(IMAGES)
    return block is not None and ORIENTED in block and not block.number(ORIENTED).any()


def pose(
    block: StarBlock, star: StarFile, shift_pixel: Floats | None
) -> tuple[Floats | None, Floats, list[str]]:
    """Orientation and shift (Å) of particles that may sit in rotated boxes, and what was done."""
    assumed: list[str] = []
    orientation = None if _unoriented(star) else orientations(block, ANGLES)
    box = orientations(block, BOX_ANGLES)
    shift = np.zeros((len(block), 3))
    if block.has(*SHIFT_ANGSTROM):
        shift = vectors(block, SHIFT_ANGSTROM)
    elif block.has(*SHIFT_PX):
        size = per_row(star, block, "rlnImagePixelSize") if shift_pixel is None else shift_pixel
        if size is None:
            raise FormatError(block.path, "rlnOriginX is in pixels of unknown size", "remove it")
        shift = vectors(block, SHIFT_PX) * size[:, None]
    if np.any(shift):
        assumed.append("shifts applied: position = coordinate - origin")
    if box is not None:
        shift = rotate(box, shift)
        orientation = box if orientation is None else multiply(box, orientation)
        assumed.append("orientation = box (rlnTomoSubtomogramRot/Tilt/Psi) x particle")
    return orientation, shift, assumed


def tomo_picks(
    block: StarBlock, position: Floats, image: Texts, *, source: str, posed: tuple[Any, Any, Any]
) -> Picks:
    """Picks from a table whose positions (Å) and poses are known."""
    orientation, shift, _ = posed
    name, score = score_of(block, *SCORE)
    used = [*CENTRED, *XYZ, *ANGLES, *_OF_BOXES, name]
    if block.has(*BOX_ANGLES):
        used += PRIORS  # they refer to the box
    return Picks(
        position_angstrom=position - shift,
        image=image,
        orientation=orientation,
        score=score,
        source=np.full(len(block), source),
        **shared_columns(block),
        extra=extras(block, used),
    )


def tomo_columns(picks: Picks) -> dict[str, NDArray[Any]]:
    """Angles, score, class and the like of picks, as RELION names them."""
    columns: dict[str, NDArray[Any]] = {}
    if picks.orientation is not None:
        angles = relion_from_quaternion(picks.orientation)
        columns |= dict(zip(ANGLES, angles.T, strict=True))
    columns["rlnLCCmax"] = or_missing(picks.score, len(picks))
    return {**columns, **class_columns(picks)}


def tomo_names(picks: Picks) -> Texts:
    """``rlnTomoName`` of each pick: as it came where it fits the image, else without ``rec_``."""
    short = {name: name.removeprefix("rec_") or name for name in set(picks.image.tolist())}
    names = np.array([short[name] for name in picks.image.tolist()], dtype=np.str_)
    kept = picks.extra.get("rlnTomoName")
    if kept is None or kept.dtype.kind != "U":
        return names
    plain = referenced_names(kept)
    return np.where((plain == picks.image) | (plain == names), kept, names)


def _table(star: StarFile, path: Path) -> StarBlock:
    block = star.table_with("rlnTomoName", *CENTRED)
    if block is None:
        block = star.table_with("rlnTomoName", *XYZ)
    if block is None:
        raise FormatError(
            path, "no table with rlnTomoName and rlnCenteredCoordinateXAngst or rlnCoordinateX"
        )
    return block


def _from_pixels(
    star: StarFile, block: StarBlock, image: Texts, frame: Frame, path: Path
) -> tuple[Floats, str]:
    """Positions from ``rlnCoordinateX/Y/Z``: unbinned pixels, if the file or caller knows them."""
    position = vectors(block, XYZ)
    own = per_row(star, block, _TILT_PIXEL)
    if own is None and frame.tilt_series_pixel_angstrom is not None:
        own = np.full(len(block), frame.tilt_series_pixel_angstrom)
    if own is None:
        assumed = "positions: pixels of the tomogram, as the file has no tilt series pixel size"
        return to_specimen(position, image, path=path, frame=frame), assumed
    return position * own[:, None], "positions: unbinned pixels (rlnTomoTiltSeriesPixelSize)"


def _read_as(source: str) -> Any:
    def read(path: Path, frame: Frame) -> PickFile:
        star = read_star(path)
        block = _table(star, path)
        frame = with_own_images(frame, star)
        image = tomogram_names(block.text("rlnTomoName"), frame)
        own = per_row(star, block, _TILT_PIXEL)
        posed = pose(block, star, own)
        if block.has(*CENTRED):
            position = vectors(block, CENTRED) + tomogram_centre(image, frame, path)
            assumed = "positions: Å from the centre, index N / 2 of the tomogram"
        else:
            position, assumed = _from_pixels(star, block, image, frame, path)
        picks = tomo_picks(block, position, image, source=source, posed=posed)
        same = frame.tilt_series_pixel_angstrom
        tilt = Frame() if same is None else Frame(pixel_size_angstrom=same)
        warnings = mismatches(image, tilt, own, _TILT_PIXEL)
        return PickFile(picks=picks, assumed=(assumed, *posed[2]), warnings=tuple(warnings))

    return read


def _sniff5(path: Path, head: bytes) -> int:
    blocks, columns = head_of_star(path, head)
    if "rlnTomoName" not in columns or columns.issuperset(("rlnCutOff", "rlnSearchStd")):
        return 0
    if columns.issuperset(CENTRED):
        return 3
    if not columns.issuperset(XYZ):
        return 0
    return 1 if "optics" in blocks else 2


def _sniff4(path: Path, head: bytes) -> int:
    blocks, columns = head_of_star(path, head)
    if not columns.issuperset(("rlnTomoName", *XYZ)) or columns.issuperset(CENTRED):
        return 0
    return 3 if "optics" in blocks else 1


def _tilt_pixels(picks: Picks, frame: Frame, path: Path) -> tuple[Floats, str]:
    known = frame.tilt_series_pixels_angstrom
    if len(picks) and all(name in known for name in groups_of(picks.image)):
        size = np.array([known[str(name)] for name in picks.image])
        return size, "pixel size of the tilt series: as given for each tomogram"
    if frame.tilt_series_pixel_angstrom is not None:
        size = np.full(len(picks), frame.tilt_series_pixel_angstrom)
        return size, f"pixel size of the tilt series: {frame.tilt_series_pixel_angstrom:g} Å"
    return pixel_sizes(picks.image, path=path, frame=frame), (
        "pixel size of the tilt series: that of the tomogram, taken as unbinned"
    )


def _images_block(picks: Picks, frame: Frame, path: Path) -> StarBlock:
    names = [*groups_of(picks.image)]
    grids = [frame.grid(name, path) for name in names]
    columns: dict[str, Any] = {
        "cryopickImageName": np.array(names, dtype=np.str_),
        "cryopickPixelSizeAngst": np.array([g.pixel_size_angstrom for g in grids]),
    }
    for i, axis in enumerate("XYZ"):
        columns[f"cryopickImageSize{axis}"] = np.array([g.size_px[i] for g in grids], np.int64)
        columns[f"cryopickOrigin{axis}Angst"] = np.array([g.origin_angstrom[i] for g in grids])
    columns[ORIENTED] = np.full(len(grids), picks.orientation is not None, dtype=np.int64)
    return star_block(IMAGES, columns, comments=("images searched; centre at N / 2",))


def _blocks(picks: Picks, columns: dict[str, NDArray[Any]], tilt_pixel: Floats) -> list[StarBlock]:
    groups = optics_groups(picks)
    columns["rlnOpticsGroup"] = groups
    columns[_TILT_PIXEL] = tilt_pixel
    columns |= extra_columns(picks, columns, (*_OF_BOXES, *CENTRED, *XYZ))
    optics = optics_block(groups, {_TILT_PIXEL: tilt_pixel})
    return [optics, star_block("particles", columns)]


def _write5(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    centred = picks.position_angstrom - tomogram_centre(picks.image, frame, path)
    position = to_px(picks, path=path, frame=frame)
    tilt_pixel, note = _tilt_pixels(picks, frame, path)
    columns: dict[str, NDArray[Any]] = {
        "rlnTomoName": tomo_names(picks),
        **dict(zip(CENTRED, centred.T, strict=True)),
        **dict(zip(XYZ, position.T, strict=True)),
        # RELION's programs expect the angles; our own block says when they mean nothing.
        **dict.fromkeys(ANGLES, np.zeros(len(picks))),
        **tomo_columns(picks),
    }
    blocks = _blocks(picks, columns, tilt_pixel)
    write_star(path, [*blocks, _images_block(picks, frame, path)])
    return (
        "positions: Å from the centre, index N / 2 of the tomogram",
        note,
        *unwritable_extras(picks),
    )


def _write4(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    tilt_pixel, note = _tilt_pixels(picks, frame, path)
    position = picks.position_angstrom / tilt_pixel[:, None]
    columns: dict[str, NDArray[Any]] = {
        "rlnTomoName": full_names(picks, "rlnTomoName", suffix=""),
        **dict(zip(XYZ, position.T, strict=True)),
        **tomo_columns(picks),
    }
    write_star(path, _blocks(picks, columns, tilt_pixel))
    return (
        "positions: unbinned pixels, 0 at the centre of the first pixel",
        note,
        *unwritable_extras(picks),
    )


DIALECTS = (
    Dialect(
        name="relion5",
        title="RELION 5 particles of tomograms (STAR, centred Å)",
        suffixes=(".star", ".star.gz"),
        dimensions=(3,),
        origin="centre of the tomogram, N / 2 of the unbinned image",
        unit="Å",
        euler="RELION rot, tilt, psi (intrinsic ZYZ, image -> template)",
        decimals=6,
        sniff=_sniff5,
        read=_read_as("relion5"),
        write=_write5,
        keeps=EVERY_COLUMN,
    ),
    Dialect(
        name="relion4",
        title="RELION 4 particles of tomograms (STAR, unbinned pixels)",
        suffixes=(".star", ".star.gz"),
        dimensions=(3,),
        origin="centre of the first pixel of the unbinned tomogram",
        unit="unbinned pixels",
        euler="RELION rot, tilt, psi (intrinsic ZYZ, image -> template)",
        decimals=6,
        sniff=_sniff4,
        read=_read_as("relion4"),
        write=_write4,
        keeps=EVERY_COLUMN,
    ),
)
