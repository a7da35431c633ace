"""Point lists of IMOD's ``model2point`` and ``point2model``: ``[[object] contour] x y z``.

Coordinates are those of the model: the centre of the first voxel is (0.5, 0.5, 0); see
`cryopick.io.picks.imod_model`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryopick.errors import FormatError
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.imod_model import FIRST_VOXEL
from cryopick.io.picks.numbered_lists import numbered, whole_numbers
from cryopick.io.picks.placing import names_of, one_image, own_name, to_px, to_specimen
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import looks_numeric, number_table, split_rows
from cryopick.model import Picks, active

_COLUMNS = ("object", "contour", "x", "y", "z")
_ASSUMED = "the centre of the first voxel is (0.5, 0.5, 0)"


def read_points(path: Path, frame: Frame) -> PickFile:
    """Read x y z, with a contour (the group) and an object (the label) before it if there."""
    rows = split_rows(read_text(path))
    if not rows:
        return PickFile(picks=Picks.empty(3), assumed=(_ASSUMED,))
    width = len(rows[0][1])
    if width not in (3, 4, 5):
        raise FormatError(path, f"{width} columns: expected [[object] contour] x y z")
    for line, cells in rows:
        if len(cells) != width:
            raise FormatError(path, f"line {line}: expected {width} numbers, got {len(cells)}")
    table = number_table(path, rows, _COLUMNS[5 - width :])
    image = names_of(own_name(path, frame), len(table))
    position = to_specimen(table[:, -3:] - FIRST_VOXEL, image, path=path, frame=frame)
    picks = Picks(
        position_angstrom=position,
        image=image,
        label=whole_numbers(table[:, 0], column="object", path=path) if width == 5 else None,
        group=whole_numbers(table[:, -4], column="contour", path=path) if width > 3 else None,
        source=names_of("imod-text", len(table)),
    )
    return PickFile(picks=picks, assumed=(_ASSUMED,))


def write_points(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write ``object contour x y z`` for ``point2model``."""
    kept = active(picks)
    one_image(kept, path, frame)
    n = len(kept)
    point = to_px(kept, path=path, frame=frame) + FIRST_VOXEL
    objects, said = numbered(kept.label, n=n, what="objects")
    contours, more = numbered(kept.group, n=n, what="contours")
    # point2model counts objects and contours from 1
    objects, contours = np.maximum(objects, 1), np.maximum(contours, 1)
    rows = zip(objects.tolist(), contours.tolist(), point.tolist(), strict=True)
    write_text(path, "".join(f"{o} {c} {x:.4f} {y:.4f} {z:.4f}\n" for o, c, (x, y, z) in rows))
    return (_ASSUMED, *said, *more)


def _sniff(path: Path, head: bytes) -> int:
    if not looks_numeric(head, at_least=5, at_most=5):
        return 0
    return 1 if path.suffix.lower() in (".txt", ".pt", ".pts", ".point", ".points") else 0


DIALECTS = (
    Dialect(
        name="imod-text",
        title="IMOD point list (model2point, point2model)",
        suffixes=(".txt", ".pt", ".point"),
        dimensions=(3,),
        origin="centre of the first voxel is (0.5, 0.5, 0)",
        unit="pixels of the tomogram",
        decimals=4,
        sniff=_sniff,
        read=read_points,
        write=write_points,
        keeps=frozenset(),
    ),
)
