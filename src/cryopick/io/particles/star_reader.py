"""Read ``particles.star`` of RELION 3.0 to 5, of cryopick, and of programs that write the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.io.file_patterns import located
from cryopick.io.images import open_image
from cryopick.io.images.name import referenced_names
from cryopick.io.metadata.relion_micrographs import defocus_columns
from cryopick.io.metadata.relion_optics import optics_rows, read_optics
from cryopick.io.particles.columns import (
    DARK,
    DEFOCUS,
    GROUP,
    HALF,
    IMAGE,
    INLINE,
    MICROGRAPH_PIXEL,
    PHASE_FLIPPED,
    PREMULTIPLIED,
    SHIFT_ANGSTROM,
    SHIFT_PX,
)
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.relion import picks_of
from cryopick.io.picks.relion_columns import (
    extras,
    magnified,
    per_row,
    score_of,
    shared_columns,
    vectors,
)
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, StarFile
from cryopick.model import ImageStack, Optics, Particles, Picks

_PLACE = re.compile(r"0*([1-9]\d*)@(.+)")
_COORDINATES = ("rlnCoordinateX", "rlnCoordinateY")
_TRUE = ("1", "true", "True")
_OWN = frozenset(
    {IMAGE, HALF, GROUP, PHASE_FLIPPED, PREMULTIPLIED, DARK, "rlnImagePixelSize", "rlnPixelSize"}
    | {*SHIFT_ANGSTROM, *SHIFT_PX, *DEFOCUS, *INLINE, *MICROGRAPH_PIXEL}
)


def read_particles(path: str | Path, frame: Frame | None = None) -> Particles:
    """Read a table of particles.

    Parameters
    ----------
    path
        STAR file with ``rlnImageName``.
    frame
        Grids of the micrographs; where not given, coordinates count pixels of the size that the
        file states, from the first one. Where nobody states it, positions are NaN, and the
        coordinates remain columns.

    Raises
    ------
    FormatError
        Where it lists no images, where they differ in size, or where a size is not known.
    """
    star = read_star(path)
    block = star.table_with(IMAGE)
    if block is None:
        raise FormatError(path, f"no table with {IMAGE}", "give the particles.star of extraction")
    if len(block) == 0:
        raise FormatError(path, f"block {block.name!r}: lists no particles")
    file, index = _places(block, Path(path))
    optics, group = _optics(star, block)
    micrograph_pixel = _stated(star, block, *MICROGRAPH_PIXEL)
    if micrograph_pixel is None:
        micrograph_pixel = magnified(block)
    pixel, box = _sizes(star, block, Path(path), str(file[0]))
    return Particles(
        picks=_picks(star, block, Path(path), frame, micrograph_pixel),
        file=file,
        index=index,
        pixel_size_angstrom=pixel,
        box_px=box,
        optics=optics,
        optics_group=group,
        defocus=defocus_columns(block),
        shift_angstrom=_shift(block, pixel),
        half=block.number(HALF).astype(np.int64) if HALF in block else None,
        micrograph_pixel_angstrom=micrograph_pixel,
        phase_flipped=_flag(star, block, PHASE_FLIPPED),
        ctf_premultiplied=_flag(star, block, PREMULTIPLIED),
        dark=_flag(star, block, DARK),
    )


def _places(block: StarBlock, path: Path) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Stack and place in it of ``000012@Extract/mic1.mrcs``; a bare name is a file of one image."""
    files: list[str] = []
    index = np.zeros(len(block), np.int64)
    known: dict[str, str] = {}
    for row, text in enumerate(block.text(IMAGE).tolist()):
        match = _PLACE.fullmatch(text)
        if match is None and "@" in text:
            raise FormatError(
                path, f"row {row + 1}: {IMAGE} is {text[:60]!r}", "expected NUMBER@STACK, from 1"
            )
        name = match[2] if match else text
        index[row] = int(match[1]) - 1 if match else 0
        if name not in known:
            # A name that works as it is stays as it is: the table remains one of its project.
            known[name] = name if Path(name).exists() else str(located(name, path))
        files.append(known[name])
    return np.array(files, dtype=np.str_), index


def _optics(star: StarFile, block: StarBlock) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    groups = read_optics(star)
    n = len(block)
    if not groups:
        rows = optics_rows(block)
        order = {optics: i for i, optics in enumerate(dict.fromkeys(rows))}
        return tuple(order), np.array([order[optics] for optics in rows], np.int64)
    order = {number: i for i, number in enumerate(groups)}
    numbers = block.text(GROUP).tolist() if GROUP in block else [next(iter(groups))] * n
    unknown = next((number for number in numbers if number not in order), None)
    if unknown is not None:
        raise FormatError(block.path, f"optics group {unknown} is not in block data_optics")
    return tuple(g.optics for g in groups.values()), np.array([order[i] for i in numbers], np.int64)


def _sizes(star: StarFile, block: StarBlock, path: Path, first: str) -> tuple[float, int]:
    """Pixel size and box of the images: one of each; what is not said is asked of the stack."""
    size = _stated(star, block, "rlnImagePixelSize", "rlnPixelSize")
    if size is None:
        size = magnified(block)
    box = _stated(star, block, "rlnImageSize")
    if size is None:
        size = np.array([_pixel_of_stack(first, path)])
    if box is None:
        box = np.array([open_image(first).data.shape[-1]], np.float64)
    for values, what in ((size, "rlnImagePixelSize"), (box, "rlnImageSize")):
        if np.ptp(values) > 1e-3 * values[0]:
            raise FormatError(
                path,
                f"{what} is {values.min():g} and {values.max():g}",
                "extract all particles with one pixel size and one box, or split the file",
            )
    return float(size[0]), int(box[0])


def _pixel_of_stack(name: str, path: Path) -> float:
    stack = open_image(name)
    if not stack.facts["pixel_size_known"]:
        raise FormatError(
            path, "states no pixel size of its images", "add rlnImagePixelSize to data_optics"
        )
    if isinstance(stack, ImageStack):
        return stack.pixel_size_angstrom
    return stack.grid.pixel_size_angstrom


def _picks(
    star: StarFile,
    block: StarBlock,
    path: Path,
    frame: Frame | None,
    micrograph_pixel: NDArray[np.float64] | None,
) -> Picks:
    # Shifts stay shifts: the position is that of the box.
    kept = {name: values for name, values in block.columns.items() if name not in _OWN}
    given = frame and (frame.grids or frame.default_grid or frame.pixel_size_angstrom)
    if not block.has(*_COORDINATES) or (micrograph_pixel is None and not given):
        return _unplaced(StarBlock(name=block.name, columns=kept, path=block.path), len(block))
    if micrograph_pixel is not None:
        kept["rlnMicrographPixelSize"] = micrograph_pixel
    rest = StarBlock(name=block.name, columns=kept, path=block.path)
    picks = picks_of(star, rest, frame or Frame(), path).picks
    extra = {k: v for k, v in picks.extra.items() if k != "rlnMicrographPixelSize"}
    return replace(picks, extra=extra)


def _unplaced(block: StarBlock, n: int) -> Picks:
    """Picks of which nobody knows where they were: their columns are carried, not understood."""
    image = np.full(n, "unknown")
    if "rlnMicrographName" in block:
        image = referenced_names(block.text("rlnMicrographName"))
    psi = block.number("rlnAnglePsi") if "rlnAnglePsi" in block else None
    _, score = score_of(block, "rlnAutopickFigureOfMerit")
    return Picks(
        position_angstrom=np.full((n, 2), np.nan),
        image=image,
        orientation=None if psi is None else quaternion_from_psi_deg(psi),
        score=score,
        source=np.full(n, "relion"),
        **shared_columns(block),
        extra=extras(block, ("rlnAnglePsi", "rlnAutopickFigureOfMerit")),
    )


def _shift(block: StarBlock, pixel_size_angstrom: float) -> NDArray[np.float64] | None:
    if block.has(*SHIFT_ANGSTROM):
        return vectors(block, SHIFT_ANGSTROM)
    return vectors(block, SHIFT_PX) * pixel_size_angstrom if block.has(*SHIFT_PX) else None


def _stated(star: StarFile, block: StarBlock, *columns: str) -> NDArray[np.float64] | None:
    """The first of these columns that is given for every row."""
    for column in columns:
        values = per_row(star, block, column)
        if values is not None:
            return values
    return None


def _flag(star: StarFile, block: StarBlock, column: str) -> bool:
    """Whether any optics group (or row) says so: images of both kinds are not mixed."""
    for table in (block, star.get("optics")):
        if table is not None and column in table:
            said = set(table.text(column).tolist())
            if len(said) > 1:
                raise FormatError(
                    block.path, f"{column} differs between particles", "split the file"
                )
            return bool(said & set(_TRUE))
    return False
