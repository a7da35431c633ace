"""Bare points: two or three numbers per line and nothing else, pixels from the first one.

Separated by spaces, tabs, commas, semicolons or bars; a header of ``x y [z]`` may stand above.
ArtiaX coordinate lists, portal point lists and what people type are of this form.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, one_image, own_name, to_px, to_specimen
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import looks_numeric, number_table, split_rows
from cryopick.model import Picks, active

_SEPARATORS = re.compile(r"[,;|\t]")
_AXES = ("x", "y", "z")
_SUFFIXES = (".txt", ".coords", ".csv", ".tsv", ".xyz", ".pts", "")


def read_points_file(path: Path, frame: Frame) -> PickFile:
    """Read bare points of one image.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "TS_1.txt").write_text("1,2,3")
    ...     found = read_points_file(Path(folder, "TS_1.txt"), Frame(pixel_size_angstrom=2.0))
    >>> found.picks.position_angstrom
    array([[2., 4., 6.]])
    """
    rows = split_rows(_SEPARATORS.sub(" ", read_text(path)), path=path)
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    named = header in (list(_AXES), list(_AXES[:2]))
    rows = rows[1:] if named else rows
    if not rows and not named:
        raise FormatError(path, "is empty", "expected two or three numbers per line")
    width = len(header)
    for line, cells in rows:
        if len(cells) != width or width not in (2, 3):
            raise FormatError(
                path,
                f"line {line}: {len(cells)} columns",
                "bare points have two or three numbers on every line; name the format",
            )
    position_px = number_table(path, rows, _AXES[:width])
    image = names_of(own_name(path, frame), len(rows))
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            source=names_of("points", len(rows)),
        ),
        assumed=("x, y(, z) in pixels, 0 the first pixel",),
    )


def write_points_file(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one image as bare points, separated by spaces."""
    picks = active(picks)
    one_image(picks, path, frame)
    position_px = to_px(picks, path=path, frame=frame)
    # An empty file would not tell 2D from 3D: the header stands above no points only.
    header = "" if len(picks) else " ".join(_AXES[: picks.ndim]) + "\n"
    lines = [" ".join(f"{v:.4f}" for v in row) + "\n" for row in position_px.tolist()]
    write_text(path, header + "".join(lines))
    return ("x, y(, z) in pixels, 0 the first pixel",)


def _sniff(path: Path, head: bytes) -> int:
    plain = re.sub(rb"[,;|\t]", b" ", head)
    first, _, rest = plain.partition(b"\n")
    if first.lower().split() in ([b"x", b"y", b"z"], [b"x", b"y"]):
        return 1 if not rest.strip() or looks_numeric(rest, at_least=2, at_most=3) else 0
    if not looks_numeric(plain, at_least=2, at_most=3):
        return 0
    widths = np.unique([len(row.split()) for row in plain.splitlines()[:10] if row.strip()])
    if path.suffix.lower() not in _SUFFIXES:
        return 0  # tilt angles and shifts are numbers in columns, too
    return 2 if len(widths) == 1 and widths[0] == 3 else 1


DIALECTS = (
    Dialect(
        name="points",
        title="bare points, x y [z] per line (ArtiaX coords, portal lists)",
        suffixes=(".txt", ".coords", ".csv", ".xyz"),
        dimensions=(2, 3),
        origin="centre of the first pixel",
        unit="pixels",
        decimals=4,
        sniff=_sniff,
        read=read_points_file,
        write=write_points_file,
        keeps=frozenset(),
    ),
)
