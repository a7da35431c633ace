"""Dynamo's particle tables ``.tbl``.

A table has 26 to 42 columns (https://wiki.dynamo.biozentrum.unibas.ch, "Table convention"):
4-6 shift, 7-9 tdrot tilt narot, 10 cc, 20 tomogram, 21 region, 22 class, 24-26 position. Dynamo
calls the first voxel 1 (same wiki, "Volume center"), so that our position is
``x + dx - 1``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import dynamo_from_quaternion, quaternion_from_dynamo
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.numbered_lists import (
    FIRST_VOXEL,
    as_numbers,
    finite_scores,
    image_names,
    image_numbers,
    numbered,
    whole_numbers,
)
from cryopick.io.picks.placing import names_of, to_px, to_specimen
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import looks_numeric, split_rows
from cryopick.model import Picks, active

MIN_COLUMNS, MAX_COLUMNS = 26, 42

# Counted from 0. Columns 33 and 38 to 40 have no name in Dynamo's table convention.
_SHIFT, _EULER, _SCORE, _TOMOGRAM, _REGION, _CLASS, _POSITION = 3, 6, 9, 19, 20, 21, 23
_EXTRA: dict[int, str] = {
    0: "tag",
    1: "aligned",
    2: "averaged",
    10: "cc2",
    11: "cpu",
    12: "ftype",
    13: "ymintilt",
    14: "ymaxtilt",
    15: "xmintilt",
    16: "xmaxtilt",
    17: "fs1",
    18: "fs2",
    22: "annotation",
    26: "dshift",
    27: "daxis",
    28: "dnarot",
    29: "dcc",
    30: "otag",
    31: "npar",
    33: "ref",
    34: "sref",
    35: "apix",
    36: "def",
    40: "eig1",
    41: "eig2",
}
_WRITTEN_COLUMNS = 35
# MATLAB writes complex numbers where a correlation went wrong: 0+1.2074e-06i
_IMAGINARY = re.compile(r"(?<=[0-9.])[+-][0-9.]+(?:[eE][+-]?\d+)?i(?=\s|$)")


def read_table(path: Path, frame: Frame) -> PickFile:
    """Read a ``.tbl``; of complex numbers the real part."""
    text = read_text(path)
    plain, n_complex = _IMAGINARY.subn("", text)
    table = _numbers(plain, path)
    position = table[:, _POSITION : _POSITION + 3] + table[:, _SHIFT : _SHIFT + 3] - FIRST_VOXEL
    number = whole_numbers(table[:, _TOMOGRAM], column="column 20 (tomogram)", path=path)
    image, assumed = image_names(number, path=path, frame=frame)
    extra: dict[str, NDArray[Any]] = {
        name: table[:, place] for place, name in _EXTRA.items() if place < table.shape[1]
    }
    extra["tag"] = whole_numbers(table[:, 0], column="column 1 (tag)", path=path)
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=quaternion_from_dynamo(table[:, _EULER : _EULER + 3]),
        score=table[:, _SCORE],
        label=whole_numbers(table[:, _CLASS], column="column 22 (class)", path=path),
        group=whole_numbers(table[:, _REGION], column="column 21 (region)", path=path),
        source=names_of("dynamo-table", len(table)),
        extra=extra,
    )
    return PickFile(
        picks=picks,
        assumed=(
            "the first voxel is 1; shifts were added to the positions",
            "tdrot, tilt, narot: ZXZ",
            *assumed,
        ),
        warnings=(f"{n_complex} complex numbers; their real part was taken",) if n_complex else (),
    )


def _numbers(text: str, path: Path) -> NDArray[np.float64]:
    """The whole table; only columns that decide where a pick is must be finite."""
    rows = split_rows(text)
    if not rows:
        return np.zeros((0, _WRITTEN_COLUMNS))
    width = len(rows[0][1])
    if not MIN_COLUMNS <= width <= MAX_COLUMNS:
        raise FormatError(
            path, f"{width} columns: a Dynamo table has {MIN_COLUMNS} to {MAX_COLUMNS}"
        )
    table = np.empty((len(rows), width))
    for place, (line, cells) in enumerate(rows):
        if len(cells) != width:
            raise FormatError(path, f"line {line}: expected {width} columns, got {len(cells)}")
        try:
            table[place] = [float(cell) for cell in cells]
        except ValueError as error:
            raise FormatError(path, f"line {line}: {error}", "correct the row") from None
    needed = [*range(_SHIFT, _SHIFT + 6), _TOMOGRAM, *range(_POSITION, _POSITION + 3)]
    bad = np.argwhere(~np.isfinite(table[:, needed]))
    if bad.size:
        raise FormatError(
            path,
            f"line {rows[int(bad[0, 0])][0]}, column {needed[int(bad[0, 1])] + 1}: not a finite "
            "number",
            "correct the row",
        )
    return table


def write_table(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write 35 columns: shifts 0, positions whole, what a table once carried written back."""
    kept = active(picks)
    n = len(kept)
    table = np.zeros((n, _WRITTEN_COLUMNS))
    table[:, 0] = np.arange(1, n + 1)
    table[:, 1] = 1
    table[:, 12] = 1
    for place, name in _EXTRA.items():
        if name in kept.extra and place < _WRITTEN_COLUMNS:
            column = as_numbers(kept.extra[name])
            table[:, place] = table[:, place] if column is None else column
    numbers, assumed = image_numbers(kept.image, path=path)
    table[:, _TOMOGRAM] = numbers
    table[:, _REGION], said = numbered(kept.group, n=n, what="regions")
    assumed += said
    table[:, _CLASS], said = numbered(kept.label, n=n, what="classes")
    assumed += said
    table[:, _POSITION : _POSITION + 3] = to_px(kept, path=path, frame=frame) + FIRST_VOXEL
    table[:, _SCORE] = finite_scores(kept.score, n=n)
    if kept.orientation is None:
        assumed.append("no orientations: angles are 0")
    else:
        table[:, _EULER : _EULER + 3] = dynamo_from_quaternion(kept.orientation)
    write_text(path, "".join(" ".join(map(_text, row)) + "\n" for row in table.tolist()))
    return ("the first voxel is 1; shifts are 0", *assumed)


def _text(value: float) -> str:
    return f"{value:.0f}" if value == round(value, 9) == round(value) else f"{value:.9g}"


def _sniff(path: Path, head: bytes) -> int:
    head = _IMAGINARY.sub("", head.decode("latin-1")).encode("latin-1")
    if not looks_numeric(head.replace(b"NaN", b"0"), at_least=MIN_COLUMNS, at_most=MAX_COLUMNS):
        return 0
    return 3 if path.suffix.lower() == ".tbl" else 1


DIALECTS = (
    Dialect(
        name="dynamo-table",
        title="Dynamo particle table (opened by ArtiaX too)",
        suffixes=(".tbl",),
        dimensions=(3,),
        origin="first voxel is 1; position = (x, y, z) + (dx, dy, dz) - 1",
        unit="pixels of the tomogram",
        euler="tdrot, tilt, narot in degrees: ZXZ",
        decimals=4,
        sniff=_sniff,
        read=read_table,
        write=write_table,
        keeps=frozenset({"orientation", "score", "image"}),
    ),
)
