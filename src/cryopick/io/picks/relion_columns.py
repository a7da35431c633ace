"""What the RELION-like dialects share when they read: names, pixel sizes, positions, scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.io.images.name import referenced_names
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.placing import groups_of
from cryopick.io.star_block import StarBlock, StarFile

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

# RELION's own sign for "no such value", in manual picks.
MISSING = -999.0

LABEL, GROUP, STATE, DIAMETER = (
    "cryopickLabel",
    "cryopickGroup",
    "cryopickState",
    "cryopickDiameterAngst",
)
_SHARED = ("rlnClassNumber", "rlnHelicalTubeID", LABEL, GROUP, STATE, DIAMETER)


def tomogram_names(texts: Texts, frame: Frame) -> Texts:
    """Names of tomograms: ``TS_01`` is ``rec_TS_01`` where the caller names an image so.

    RELION and pytom keep ``rec_`` in the file name of a tomogram, but not in ``rlnTomoName``.
    """
    names = referenced_names(texts)
    known = {
        name: f"rec_{name}" if f"rec_{name}" in frame.grids and name not in frame.grids else name
        for name in set(names.tolist())
    }
    return np.array([known[name] for name in names.tolist()], dtype=np.str_)


def vectors(block: StarBlock, columns: Collection[str]) -> Floats:
    """Columns side by side, ``(n, d)``; values that are not finite are a `FormatError`."""
    values = np.stack([block.number(name) for name in columns], axis=1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise FormatError(
            block.path,
            f"block {block.name!r}, row {bad[0] + 1}: {', '.join(columns)} are "
            f"{values[bad[0]].tolist()}",
            "remove the row",
        )
    return values


def mismatches(names: Texts, frame: Frame, own_angstrom: Floats | None, what: str) -> list[str]:
    """One sentence where the pixel size a file states is not the one of the image given."""
    if own_angstrom is None:
        return []
    wrong: list[str] = []
    for name, rows in groups_of(names).items():
        grid = frame.known_grid(name)
        size = grid.pixel_size_angstrom if grid else frame.pixel_size_angstrom
        stated = float(own_angstrom[rows[0]])
        if size is not None and abs(stated - size) > 1e-3 * size:
            wrong.append(f"image {name}: {what} is {stated:g} Å, but its pixel size is {size:g} Å")
    if len(wrong) > 1:
        wrong = [f"{wrong[0]} (and so for {len(wrong) - 1} more images)"]
    return wrong


def per_row(star: StarFile, block: StarBlock, *columns: str) -> Floats | None:
    """Positive numbers per row from the first column found: in the table or in its optics group.

    None where no such column is there, or where one of its values is not above 0.
    """
    name = block.first(*columns)
    if name is not None:
        values = block.number(name)
        return values if bool(np.all(values > 0)) else None
    optics = star.get("optics")
    name = optics.first(*columns) if optics is not None else None
    if optics is None or name is None or len(optics) == 0:
        return None
    values = optics.number(name)
    if not bool(np.all(values > 0)):
        return None
    if "rlnOpticsGroup" not in block or "rlnOpticsGroup" not in optics:
        return np.full(len(block), values[0]) if len(optics) == 1 else None
    table = dict(zip(optics.text("rlnOpticsGroup").tolist(), values.tolist(), strict=True))
    groups = block.text("rlnOpticsGroup").tolist()
    unknown = next((g for g in groups if g not in table), None)
    if unknown is not None:
        raise FormatError(block.path, f"optics group {unknown} is not in block data_optics")
    return np.array([table[g] for g in groups], dtype=np.float64)


def magnified(block: StarBlock) -> Floats | None:
    """Pixel size of RELION before 3.1: detector pixel (µm) over magnification."""
    if not block.has("rlnDetectorPixelSize", "rlnMagnification"):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        size = block.number("rlnDetectorPixelSize") * 1e4 / block.number("rlnMagnification")
    return size if bool(np.all(np.isfinite(size) & (size > 0))) else None


def orientations(block: StarBlock, columns: tuple[str, str, str]) -> Floats | None:
    """Quaternions from RELION's angles; a row without them (-999) gets the identity."""
    if not block.has(*columns):
        return None
    angles = np.stack([block.number(name) for name in columns], axis=1)
    known = np.all(np.isfinite(angles) & (angles != MISSING), axis=1)
    if not known.any() and len(known):
        return None
    return quaternion_from_relion(np.where(known[:, None], angles, 0.0))


def score_of(block: StarBlock, *columns: str) -> tuple[str | None, Floats | None]:
    """The first score column found and its values, NaN where missing; None where all are."""
    name = block.first(*columns)
    if name is None:
        return None, None
    score = block.number(name)
    score = np.where(score == MISSING, np.nan, score)
    return name, None if len(score) and np.isnan(score).all() else score


def shared_columns(block: StarBlock) -> dict[str, Any]:
    """Label, group, state and diameter as keywords of `Picks`."""
    found: dict[str, Any] = {}
    if LABEL in block:
        found["label"] = block.text(LABEL)
    elif "rlnClassNumber" in block:
        text = block.text("rlnClassNumber")
        # 0 and -999 are written by pickers that know no classes.
        label = np.where(np.isin(text, ["0", "-999", "-1", "nan", "<NA>"]), "", text)
        found["label"] = label if np.any(label != "") else None
    if GROUP in block:
        found["group"] = block.text(GROUP)
    elif "rlnHelicalTubeID" in block:
        found["group"] = block.text("rlnHelicalTubeID")
    if STATE in block:
        found["state"] = block.text(STATE)
    if DIAMETER in block:
        diameter = block.number(DIAMETER)
        found["diameter_angstrom"] = np.where(diameter == MISSING, np.nan, diameter)
    return found


def extras(block: StarBlock, used: Collection[str | None]) -> Mapping[str, Texts]:
    """The text of every column that has no place in `Picks`."""
    taken = {*used, *_SHARED}
    return {name: block.text(name) for name in block.columns if name not in taken}
