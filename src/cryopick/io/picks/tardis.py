"""TARDIS instance lists: ``IDs,X [A],Y [A],Z [A]``, points in Å with the instance they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, one_image, own_name, text_column
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import number_table, split_rows
from cryopick.model import Picks, active

_HEADER = ("IDs", "X [A]", "Y [A]", "Z [A]")


def read_tardis(path: Path, frame: Frame) -> PickFile:
    """Read the points of TARDIS instances; each instance becomes a group.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "TS_1.csv")
    ...     _ = file.write_text(chr(10).join(["IDs,X [A],Y [A],Z [A]", "2,10,20,30"]))
    ...     picks = read_tardis(file, Frame()).picks
    >>> picks.group.tolist(), picks.position_angstrom
    (['2'], array([[10., 20., 30.]]))
    """
    rows = split_rows(read_text(path), ",", path=path)
    if not rows or tuple(rows[0][1][:4]) != _HEADER:
        raise FormatError(path, "no header IDs,X [A],Y [A],Z [A]", "is it a TARDIS list?")
    rows = rows[1:]
    position = number_table(path, [(line, cells[1:]) for line, cells in rows], _HEADER[1:])
    if not np.all(np.abs(position) < 1e12):
        raise FormatError(path, "a position lies over 1e12 Å away", "correct the row")
    return PickFile(
        picks=Picks(
            position_angstrom=position,
            image=names_of(own_name(path, frame), len(rows)),
            group=text_column(path, [_id(cells[0]) for _, cells in rows], column="IDs"),
            source=names_of("tardis", len(rows)),
        ),
        assumed=("positions in Å from the centre of the first voxel",),
    )


def _id(text: str) -> str:
    """``3.0``, as pandas may write it, is the id 3; anything else stays as it is."""
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def write_tardis(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one tomogram with their groups; a pick without one is in group 0."""
    picks = active(picks)
    one_image(picks, path, frame)
    groups = [""] * len(picks) if picks.group is None else picks.group.tolist()
    bad = next((g for g in groups if "," in g or "\n" in g), None)
    if bad is not None:
        raise InputError(f"{path}: group {bad!r}: a comma or line break in an id; rename the group")
    lines = [
        f"{group or '0'},{x:.4f},{y:.4f},{z:.4f}\n"
        for group, (x, y, z) in zip(groups, picks.position_angstrom.tolist(), strict=True)
    ]
    write_text(path, ",".join(_HEADER) + "\n" + "".join(lines))
    return ("positions in Å from the centre of the first voxel",)


def _sniff(path: Path, head: bytes) -> int:
    return 3 if path.name and head.lstrip().startswith(b"IDs,X [A],Y [A],Z [A]") else 0


DIALECTS = (
    Dialect(
        name="tardis",
        title="TARDIS instance list (csv)",
        suffixes=(".csv",),
        dimensions=(3,),
        origin="centre of the first voxel",
        unit="Å",
        decimals=4,
        sniff=_sniff,
        read=read_tardis,
        write=write_tardis,
        keeps=frozenset({"group"}),
    ),
)
