"""Topaz coordinates: ``image_name x_coord y_coord [z_coord] [score]``, separated by tabs.

Positions are pixels of the image that was searched, 0 the first, y along the rows. ``topaz
preprocess --scale`` makes smaller images: a file of picks in those holds pixels of the *small*
image unless ``topaz extract --up-scale`` (or ``topaz scale_coordinates``) brought them back, and
nothing in the file tells which. Name the image that was searched.

Topaz itself writes whole pixels. Four decimals are written here, which Topaz reads and rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, text_column, to_px, to_specimen
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import number, split_rows
from cryopick.model import Picks, active

_PLACES = ("x_coord", "y_coord", "z_coord")


def read_topaz(path: Path, frame: Frame) -> PickFile:
    """Read a Topaz list; further columns are kept as text.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "picks.txt")
    ...     lines = ["image_name x_coord y_coord score", "007 10 20 1.5"]
    ...     _ = file.write_text(chr(10).join(lines).replace(" ", chr(9)))
    ...     picks = read_topaz(file, Frame(pixel_size_angstrom=2.0)).picks
    >>> picks.image.tolist(), picks.position_angstrom, picks.score
    (['007'], array([[20., 40.]]), array([1.5]))
    """
    rows = split_rows(read_text(path), "\t", path=path)
    if not rows:
        raise FormatError(path, "is empty", "expected the header image_name x_coord y_coord")
    header = rows[0][1]
    missing = [name for name in ("image_name", "x_coord", "y_coord") if name not in header]
    if missing:
        raise FormatError(
            path,
            f"line {rows[0][0]}: no column {missing[0]}",
            "a Topaz list begins with image_name, x_coord, y_coord, separated by tabs",
        )
    columns = _columns(path, header, rows[1:])
    places = [name for name in _PLACES if name in columns]
    lines = [line for line, _ in rows[1:]]
    table = np.stack([_numbers(path, lines, columns.pop(name), name) for name in places], axis=1)
    score = _numbers(path, lines, columns.pop("score"), "score") if "score" in columns else None
    names = [image_name(name) for name in columns.pop("image_name")]
    image = text_column(path, names, column="image_name")
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(table, image, path=path, frame=frame),
            image=image,
            score=score,
            source=names_of("topaz", len(names)),
            extra={name: text_column(path, texts, column=name) for name, texts in columns.items()},
        ),
        assumed=("positions in pixels of the searched image (Topaz can pick in reduced images)",),
    )


def _columns(
    path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> dict[str, list[str]]:
    for line, cells in rows:
        if len(cells) != len(header):
            raise FormatError(
                path,
                f"line {line}: {len(cells)} columns, the header has {len(header)}",
                "correct the row",
            )
    if len(set(header)) != len(header):
        raise FormatError(path, "two columns of one name in the header", "rename one")
    return {name: [cells[i] for _, cells in rows] for i, name in enumerate(header)}


def _numbers(
    path: Path, lines: Sequence[int], texts: Sequence[str], column: str
) -> NDArray[np.float64]:
    cells = zip(lines, texts, strict=True)
    return np.array(
        [number(path, text, line=line, column=column) for line, text in cells], dtype=np.float64
    )


def write_topaz(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write picks of any number of images as a Topaz list."""
    picks = active(picks)
    position_px = to_px(picks, path=path, frame=frame)
    header = ["image_name", *_PLACES[: picks.ndim]]
    cells: list[list[str]] = [
        [name, *(f"{v:.4f}" for v in row)]
        for name, row in zip(picks.image.tolist(), position_px.tolist(), strict=True)
    ]
    if picks.score is not None and np.all(np.isfinite(picks.score)):
        header.append("score")
        cells = [[*row, repr(s)] for row, s in zip(cells, picks.score.tolist(), strict=True)]
    bad = next((row[0] for row in cells if "\t" in row[0] or "\n" in row[0]), None)
    if bad is not None:
        raise InputError(f"{path}: image {bad!r}: a tab or line break in a name; rename the image")
    write_text(path, "".join("\t".join(row) + "\n" for row in [header, *cells]))
    return ("positions with 4 decimals in pixels of the image; Topaz rounds them to whole pixels",)


def _sniff(path: Path, head: bytes) -> int:
    first = head.split(b"\n", 1)[0].split(b"\t")
    columns = {cell.strip() for cell in first}
    if path.name and {b"image_name", b"x_coord", b"y_coord"} <= columns:
        return 3
    return 0


DIALECTS = (
    Dialect(
        name="topaz",
        title="Topaz coordinate list (tab-separated txt)",
        suffixes=(".txt", ".tsv"),
        dimensions=(2, 3),
        origin="centre of the first pixel of the searched (maybe reduced) image",
        unit="pixels of the searched image",
        decimals=4,
        sniff=_sniff,
        read=read_topaz,
        write=write_topaz,
        keeps=frozenset({"score", "image"}),
    ),
)
