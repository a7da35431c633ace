"""Coordinate lists of PyTom, ``coords_*.txt``: x y z in voxels of a binned tomogram, from 0."""

from __future__ import annotations

import re
from pathlib import Path

from cryopick.errors import FormatError
from cryopick.io.atomic import write_text
from cryopick.io.images.name import referenced_name
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, one_image, own_name, to_px, to_specimen
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import looks_numeric, number_table, split_rows
from cryopick.model import Picks, active

_HEADER = re.compile(r"^#\s*(TOMONAME|MARKERINDEX|BINNINGFACTOR)\s+(\S.*?)\s*$", re.MULTILINE)
_ASSUMED = "the first voxel is 0, in voxels of the tomogram that was picked"


def read_coordinates(path: Path, frame: Frame) -> PickFile:
    """Read x y z; the tomogram's name is in the comment ``#TOMONAME``, else the file's own."""
    text = read_text(path)
    header = dict(_HEADER.findall(text))
    name = frame.image_name or referenced_name(header.get("TOMONAME", ""))
    rows = split_rows(text)
    for line, cells in rows:
        if len(cells) != 3:
            raise FormatError(path, f"line {line}: expected x y z, got {len(cells)} values")
    table = number_table(path, rows, ("x", "y", "z"))
    image = names_of(name or own_name(path, frame), len(table))
    picks = Picks(
        position_angstrom=to_specimen(table, image, path=path, frame=frame),
        image=image,
        source=names_of("pytom-coordinates", len(table)),
    )
    said = (f"BINNINGFACTOR {header['BINNINGFACTOR']}",) if "BINNINGFACTOR" in header else ()
    return PickFile(picks=picks, assumed=(_ASSUMED, *said))


def write_coordinates(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write x y z of one tomogram with PyTom's heading."""
    kept = active(picks)
    name = one_image(kept, path, frame)
    if "\n" in name:
        raise FormatError(path, "the tomogram's name has a line break", "rename it")
    position = to_px(kept, path=path, frame=frame).tolist()
    head = f"#\n#TOMONAME \t{name}\n#BINNINGFACTOR \t1\n#\n"
    write_text(path, head + "".join(f"{x:.4f} {y:.4f} {z:.4f}\n" for x, y, z in position))
    return (_ASSUMED,)


def _sniff(path: Path, head: bytes) -> int:
    if b"#TOMONAME" in head:
        return 3
    if path.name.lower().startswith("coords_") and looks_numeric(head, at_least=3, at_most=3):
        return 2
    return 0


DIALECTS = (
    Dialect(
        name="pytom-coordinates",
        title="PyTom coordinate list",
        suffixes=(".txt",),
        dimensions=(3,),
        origin="first voxel is 0",
        unit="pixels of the tomogram",
        decimals=4,
        sniff=_sniff,
        read=read_coordinates,
        write=write_coordinates,
        keeps=frozenset({"image"}),
    ),
)
