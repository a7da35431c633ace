"""EMAN ``.box``: corners of boxes in a micrograph, with the y axis up or down.

A row is ``x y width height [score]``: the corner of the box nearest to pixel 0, in pixels. EMAN
cuts ``width`` pixels from there and rotates about pixel ``width // 2`` of the box, so the centre
of the particle is ``corner + width // 2`` (``+ floor(width / 2)`` for a width that is no whole
number), for even and odd boxes alike. A fifth column of ``-3`` (or the helix marks ``-1``,
``-2``) is EMAN's tag, not a score.

The same file counts y from the last row where the program that wrote it had flipped the image
while reading it (old EMAN on TIFF, crYOLO, tools that go through JPEG or PNG): that is the
dialect ``eman-box-flipped``, which needs the height of the image.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    box_to_write,
    names_of,
    one_image,
    own_name,
    to_px,
    to_specimen,
)
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import looks_numeric, number_table, split_rows
from cryopick.model import Picks, active

_TAGS = (-3.0, -2.0, -1.0)


def read_box(path: Path, frame: Frame, *, source: str = "eman-box") -> PickFile:
    """Read EMAN boxes as centres; ``source`` ``eman-box-flipped`` turns y about.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mic1.box").write_text("10 20 5 5")
    ...     found = read_box(Path(folder, "mic1.box"), Frame(pixel_size_angstrom=1.0))
    >>> found.picks.position_angstrom, found.box_size_px
    (array([[12., 22.]]), 5.0)
    """
    rows = split_rows(read_text(path), path=path)
    table = number_table(path, rows, ("x", "y", "width", "height"))
    name = own_name(path, frame)
    centre_px = table[:, :2] + np.floor(table[:, 2:] / 2)
    assumed: tuple[str, ...] = ("corner + box // 2 is the centre of a box",)
    if source == "eman-box-flipped":
        height = frame.grid(name, path).shape[-2]
        centre_px[:, 1] = height - 1 - centre_px[:, 1]
        assumed += (f"y counted from the last of {height} rows",)
    else:
        assumed += ("y counted from the first row",)
    image = names_of(name, len(rows))
    edges = np.unique(table[:, 2:])
    edge = float(edges[0]) if len(edges) == 1 and edges[0] > 0 else None
    score, tag = _fifth_column(path, rows)
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(centre_px, image, path=path, frame=frame),
            image=image,
            score=score,
            source=names_of(source, len(rows)),
            extra={} if tag is None else {"emanTag": tag},
        ),
        box_size_px=edge,
        assumed=assumed,
        warnings=() if len(edges) < 2 else (f"{path}: boxes of different sizes; centres are kept",),
    )


def _fifth_column(
    path: Path, rows: list[tuple[int, list[str]]]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Score and tag; at most one of them is there."""
    if not rows or any(len(cells) < 5 for _, cells in rows):
        return None, None
    fifth = number_table(path, rows, ("x", "y", "width", "height", "score"))[:, 4]
    return (None, fifth) if np.all(np.isin(fifth, _TAGS)) else (fifth, None)


def write_box(
    picks: Picks, path: Path, frame: Frame, *, source: str = "eman-box"
) -> tuple[str, ...]:
    """Write centres as EMAN boxes of one image; see `read_box`."""
    picks = active(picks)
    name = one_image(picks, path, frame)
    box, assumed = box_to_write(picks, path, frame)
    centre_px = to_px(picks, path=path, frame=frame)
    if source == "eman-box-flipped":
        height = frame.grid(name, path).shape[-2]
        centre_px[:, 1] = height - 1 - centre_px[:, 1]
        assumed += (f"y counted from the last of {height} rows",)
    corner = centre_px - box // 2
    lines = [f"{x:.4f}\t{y:.4f}\t{box}\t{box}" for x, y in corner]
    if picks.score is not None and np.all(np.isfinite(picks.score)):
        lines = [f"{line}\t{s!r}" for line, s in zip(lines, picks.score.tolist(), strict=True)]
    write_text(path, "".join(f"{line}\n" for line in lines))
    return (*assumed, "corners with 4 decimals; programs that need whole pixels round them")


def _sniff(path: Path, head: bytes) -> int:
    if not looks_numeric(head, at_least=4, at_most=6):
        return 0
    return 2 if path.suffix.lower() == ".box" else 0


def _sniff_flipped(path: Path, head: bytes) -> int:
    return min(_sniff(path, head), 1)  # nothing in the file tells; the plain form goes first


DIALECTS = (
    Dialect(
        name="eman-box",
        title="EMAN box file (also crYOLO, Topaz, REPIC)",
        suffixes=(".box",),
        dimensions=(2,),
        origin="corner of the box nearest to pixel 0; centre = corner + box // 2",
        unit="pixels",
        decimals=4,
        sniff=_sniff,
        read=partial(read_box, source="eman-box"),
        write=partial(write_box, source="eman-box"),
        keeps=frozenset({"score"}),
    ),
    Dialect(
        name="eman-box-flipped",
        title="EMAN box file whose y axis runs against the rows of the image",
        suffixes=(".box",),
        dimensions=(2,),
        origin="as eman-box, y counted from the last row: row = height - 1 - (y + box // 2)",
        unit="pixels",
        decimals=4,
        sniff=_sniff_flipped,
        read=partial(read_box, source="eman-box-flipped"),
        write=partial(write_box, source="eman-box-flipped"),
        keeps=frozenset({"score"}),
    ),
)
