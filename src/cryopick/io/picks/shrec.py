"""SHREC challenge lists: ``class x y z rotation rotation rotation``, one particle per line.

Positions are voxels, 0 the first. The three rotations are ``Z1 X Z2`` in degrees: about z, then x,
then z (PyTom's phi, the, psi). The 2020 and 2021 sets store ``x y z`` (dialect ``shrec``); the 2019
set stores ``z y x`` (dialect ``shrec-zyx``), which shows in its first coordinate never leaving
the 200 slices of those tomograms.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.geometry.euler import pytom_from_quaternion, quaternion_from_pytom
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    names_of,
    one_image,
    own_name,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import as_number, number_table, split_rows
from cryopick.model import Picks, active

_COLUMNS = {"shrec": "xyz", "shrec-zyx": "zyx"}
# PyTom's order is phi, psi, the; the file's is phi, the, psi. The swap is its own inverse.
_SWAP = (0, 2, 1)


def read_shrec(path: Path, frame: Frame, *, source: str = "shrec") -> PickFile:
    """Read a SHREC list; ``source`` ``shrec-zyx`` has its coordinates the other way round.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "m.txt").write_text("1bxn 1 2 3 0 0 0")
    ...     picks = read_shrec(Path(folder, "m.txt"), Frame(pixel_size_angstrom=10.0)).picks
    >>> picks.label.tolist(), picks.position_angstrom
    (['1bxn'], array([[10., 20., 30.]]))
    """
    rows = split_rows(read_text(path), path=path)
    wrong = next((line for line, cells in rows if len(cells) not in (4, 7)), None)
    if wrong is not None:
        raise FormatError(
            path, f"line {wrong}: not 4 or 7 columns", "expected class x y z and three rotations"
        )
    axes = _COLUMNS[source]
    numbered = [(line, cells[1:]) for line, cells in rows]
    oriented = bool(rows) and all(len(cells) == 7 for _, cells in rows)
    table = number_table(path, numbered, (*axes, *(("Z1", "X", "Z2") if oriented else ())))
    position_px = table[:, :3] if axes == "xyz" else table[:, 2::-1]
    image = names_of(own_name(path, frame), len(rows))
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            orientation=quaternion_from_pytom(np.remainder(table[:, 3:], 360.0)[:, _SWAP])
            if oriented
            else None,
            label=text_column(path, [cells[0] for _, cells in rows], column="class"),
            source=names_of(source, len(rows)),
        ),
        assumed=(
            f"coordinates in the order {' '.join(axes)}, voxels, 0 the first",
            "angles Z1 X Z2",
        ),
    )


def write_shrec(
    picks: Picks, path: Path, frame: Frame, *, source: str = "shrec"
) -> tuple[str, ...]:
    """Write the picks of one tomogram; a pick without a class is of class 1."""
    picks = active(picks)
    one_image(picks, path, frame)
    axes = _COLUMNS[source]
    position_px = to_px(picks, path=path, frame=frame)
    places = position_px if axes == "xyz" else position_px[:, ::-1]
    labels = [""] * len(picks) if picks.label is None else picks.label.tolist()
    bad = next((label for label in labels if any(c.isspace() for c in label)), None)
    if bad is not None:
        raise InputError(f"{path}: class {bad!r}: a space in a name; rename the class")
    angles = np.zeros((len(picks), 3))
    if picks.orientation is not None:
        angles = pytom_from_quaternion(picks.orientation)[:, _SWAP]
    lines = [
        f"{label or '1'} "
        + " ".join(f"{v:.4f}" for v in place)
        + " "
        + " ".join(f"{v:.5f}" for v in turn)
        + "\n"
        for label, place, turn in zip(labels, places.tolist(), angles.tolist(), strict=True)
    ]
    write_text(path, "".join(lines))
    said = (f"coordinates in the order {' '.join(axes)}, voxels, 0 the first", "angles Z1 X Z2")
    return said if picks.orientation is not None else (*said, "no orientations: written as 0 0 0")


def _thin_axis_first(head: bytes) -> bool | None:
    """Whether the first coordinate spans much less than the others; None for another file."""
    if b"\x00" in head:
        return None
    whole = head[: head.rfind(b"\n") + 1] or head
    rows = split_rows(whole.decode("utf-8", errors="replace"))
    if not rows or any(len(cells) != 7 for _, cells in rows):
        return None
    if all(as_number(cells[0]) is not None for _, cells in rows):
        return None  # classes have names (1bxn, vesicle); seven numbers are CTF values
    values = [[as_number(cell) for cell in cells[1:]] for _, cells in rows]
    if any(v is None for row in values for v in row):
        return None
    span = np.array(values, dtype=np.float64)[:, :3].max(axis=0)
    return bool(span[0] < 0.7 * span[1:].min() and len(rows) > 20)


def _sniff(path: Path, head: bytes, *, source: str) -> int:
    thin = _thin_axis_first(head)
    if thin is None or path.suffix.lower() not in (".txt", ".csv", ".tsv", ""):
        return 0
    return 2 if thin == (source == "shrec-zyx") else 1


DIALECTS = tuple(
    Dialect(
        name=name,
        title=title,
        suffixes=(".txt",),
        dimensions=(3,),
        origin=f"centre of the first voxel; columns in the order {' '.join(axes)}",
        unit="voxels",
        euler="Z1, X, Z2 in degrees: PyTom's phi, the, psi",
        decimals=4,
        sniff=partial(_sniff, source=name),
        read=partial(read_shrec, source=name),
        write=partial(write_shrec, source=name),
        keeps=frozenset({"orientation", "label"}),
    )
    for (name, axes), title in zip(
        _COLUMNS.items(), ("SHREC 2020/2021 list", "SHREC 2019 list (z y x)"), strict=True
    )
)
