"""crYOLO ``.cbox``: boxes in a micrograph, a tomogram, or along filaments (STAR syntax).

``_CoordinateX _CoordinateY`` are the corner of a box nearest to pixel 0 and its middle is
``corner + width / 2``, without rounding (unlike EMAN's ``width // 2``). ``_CoordinateZ`` is the
*middle* along z: the files carry it next to a ``_Depth`` without half of it taken off, and the slices
in ``data_cryolo_include`` are the same numbers. y runs along the rows of the image: crYOLO
turns MRC images upside down while reading, and back when it writes. ``<NA>`` stands for *not known*.

A file is of a tomogram where its boxes have z other than 0 (or the image given is one).
``_filamentid`` becomes the group, ``_Confidence`` the score; ``_EstWidth`` and ``_EstHeight`` (2D) the
diameter. ``_NumBoxes`` and ``_Angle`` are kept as further columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    box_to_write,
    names_of,
    one_image,
    own_name,
    pixel_sizes,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.io.star import StarBlock, head_of_star, parse_star
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import number
from cryopick.model import Picks, active

_MISSING = ("<NA>", "nan", "NaN", "None", "")
_COLUMNS = (
    "CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth", "EstWidth",
    "EstHeight", "Confidence", "NumBoxes", "Angle",
)  # fmt: skip
_KEPT = ("NumBoxes", "Angle")


def read_cbox(path: Path, frame: Frame) -> PickFile:
    """Read the boxes of a CBOX file as centres.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> lines = ["data_cryolo", "loop_", "_CoordinateX", "_CoordinateY", "_Width", "_Height",
    ...          "10 20 5 5"]
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mic1.cbox").write_text(chr(10).join(lines))
    ...     found = read_cbox(Path(folder, "mic1.cbox"), Frame(pixel_size_angstrom=1.0))
    >>> found.picks.position_angstrom, found.box_size_px
    (array([[12.5, 22.5]]), 5.0)
    """
    block = parse_star(read_text(path), path).get("cryolo")
    if block is None:
        raise FormatError(path, "no block data_cryolo", "is it a CBOX file of crYOLO 1.8 or later?")
    name = own_name(path, frame)
    corner = np.stack([_known(path, block, axis) for axis in _COLUMNS[:2]], axis=1)
    size = np.stack([_known(path, block, edge) for edge in ("Width", "Height")], axis=1)
    centre_px = corner + size / 2
    z = _optional(path, block, "CoordinateZ")
    solid = _is_3d(frame, name, z)
    if solid:
        if z is None or not np.all(np.isfinite(z)):
            raise FormatError(path, "column CoordinateZ: values are missing", "name a micrograph")
        centre_px = np.column_stack([centre_px, z])
    n = len(centre_px)
    image = names_of(name, n)
    edges = np.unique(size)
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(centre_px, image, path=path, frame=frame),
            image=image,
            score=_optional(path, block, "Confidence"),
            source=names_of("cryolo-cbox", n),
            group=_groups(path, block),
            diameter_angstrom=None if solid else _diameter(path, block, image, frame),
            extra={
                name: column
                for name in _KEPT
                if (column := _optional(path, block, name)) is not None
            },
        ),
        box_size_px=float(edges[0]) if len(edges) == 1 and edges[0] > 0 else None,
        assumed=(
            "corner + width / 2 is the centre of a box; y counted from the first row",
            *(("z is the centre of a box",) if solid else ()),
        ),
    )


def _is_3d(frame: Frame, name: str, z: NDArray[np.float64] | None) -> bool:
    grid = frame.known_grid(name)
    if grid is not None:
        return grid.ndim == 3
    return z is not None and bool(np.any(np.nan_to_num(z) != 0))


def _known(path: Path, block: StarBlock, column: str) -> NDArray[np.float64]:
    texts = block.text(column).tolist()
    rows = enumerate(texts, start=1)
    return np.array([number(path, text, line=row, column=column) for row, text in rows])


def _optional(path: Path, block: StarBlock, column: str) -> NDArray[np.float64] | None:
    """A column with NaN where a value is missing; None where all are."""
    if column not in block:
        return None
    texts = block.text(column).tolist()
    if texts and all(text in _MISSING for text in texts):
        return None
    return np.array(
        [
            np.nan if text in _MISSING else number(path, text, line=row, column=column)
            for row, text in enumerate(texts, start=1)
        ]
    )


def _groups(path: Path, block: StarBlock) -> NDArray[np.str_] | None:
    if "filamentid" not in block:
        return None
    texts = [
        "" if t in _MISSING else t.removesuffix(".0") for t in block.text("filamentid").tolist()
    ]
    return text_column(path, texts, column="filamentid") if any(texts) else None


def _diameter(
    path: Path, block: StarBlock, image: NDArray[np.str_], frame: Frame
) -> NDArray[np.float64] | None:
    sizes = [_optional(path, block, name) for name in ("EstWidth", "EstHeight")]
    known = [size for size in sizes if size is not None]
    if not known:
        return None
    return np.mean(known, axis=0) * pixel_sizes(image, path=path, frame=frame)


def write_cbox(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one image as CBOX; groups become filaments."""
    picks = active(picks)
    one_image(picks, path, frame)
    box, assumed = box_to_write(picks, path, frame)
    centre_px = to_px(picks, path=path, frame=frame)
    n = len(picks)
    solid = picks.ndim == 3
    diameter: list[str] = ["<NA>"] * n
    if picks.diameter_angstrom is not None and not solid:
        sizes = picks.diameter_angstrom / pixel_sizes(picks.image, path=path, frame=frame)
        diameter = _cells(sizes)
    columns: dict[str, list[str]] = {
        "CoordinateX": _cells(centre_px[:, 0] - box / 2),
        "CoordinateY": _cells(centre_px[:, 1] - box / 2),
        "CoordinateZ": _cells(centre_px[:, 2]) if solid else ["<NA>"] * n,
        "Width": [f"{box}.0"] * n,
        "Height": [f"{box}.0"] * n,
        "Depth": [f"{box}.0" if solid else "1.0"] * n,
        "EstWidth": diameter,
        "EstHeight": diameter,
        "Confidence": ["<NA>"] * n if picks.score is None else _cells(picks.score, exact=True),
    }
    for name in _KEPT:
        kept = picks.extra.get(name)
        usable = kept is not None and kept.dtype.kind in "fiu"
        columns[name] = _cells(np.asarray(kept, np.float64)) if usable else ["<NA>"] * n
    if picks.group is not None:
        columns["filamentid"], renamed = _filament_ids(picks.group.tolist())
        assumed += renamed
    slices = sorted({round(z) for z in centre_px[:, 2].tolist()}) if solid else []
    write_text(path, _text(columns, slices))
    return (*assumed, "corner + width / 2 is the centre of a box")


def _cells(values: NDArray[np.float64], *, exact: bool = False) -> list[str]:
    return [
        "<NA>" if not np.isfinite(v) else (repr(v) if exact else f"{v:.5f}")
        for v in values.tolist()
    ]


def _filament_ids(groups: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Ids as they are where they are numbers, else counted in order of their names."""
    if all(group.isdecimal() or not group for group in groups):
        return [group or "<NA>" for group in groups], ()
    order = {group: str(i) for i, group in enumerate(sorted({g for g in groups if g}))}
    return [order.get(g, "<NA>") for g in groups], ("groups are numbered in order of their names",)


def _text(columns: dict[str, list[str]], slices: list[int]) -> str:
    lines = ["", "data_global", "", "_cbox_format_version 1.0", "", "data_cryolo", "", "loop_"]
    lines += [f"_{name} #{i}" for i, name in enumerate(columns, start=1)]
    lines += [" ".join(row) for row in zip(*columns.values(), strict=True)]
    lines += ["", "data_cryolo_include", "", "loop_", "_slice_index #1"]
    return "\n".join([*lines, *(str(place) for place in slices), ""])


def _sniff(path: Path, head: bytes) -> int:
    blocks, columns = head_of_star(path, head)
    return 3 if "cryolo" in blocks and {"CoordinateX", "Width"} & columns else 0


DIALECTS = (
    Dialect(
        name="cryolo-cbox",
        title="crYOLO boxes of a micrograph, a tomogram or filaments (.cbox)",
        suffixes=(".cbox",),
        dimensions=(2, 3),
        origin="corner of the box nearest to pixel 0 in x and y, its middle in z",
        unit="pixels",
        decimals=5,
        sniff=_sniff,
        read=read_cbox,
        write=write_cbox,
        keeps=frozenset({"score", "group"}),  # in 2D the diameter too
    ),
)
