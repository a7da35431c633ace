"""cryoSPARC ``.cs``: a numpy structured array with one row per particle.

``location/center_x_frac`` and ``center_y_frac`` are fractions of ``location/micrograph_shape``
(stored ``ny, nx``): the pixel is ``fraction * n``, 0 the first, without a half pixel. That is read
off genuine picks, whose fractions are whole multiples of the grid they were searched on
(``43 / 58``, ``44 / 150``), not of half its steps. The refined shift is taken off, as in RELION:
``centre = location - shift * psize``.

y grows along the rows of the micrograph that cryoSPARC itself wrote. Its motion correction writes
images upside down beside those of RELION and MotionCor3, so coordinates that go to the same
exposure corrected by another program have to be turned about: the dialect ``cryosparc-flipped``.

``alignments3D/pose`` (a rotation vector in radians) and ``alignments2D/pose`` are kept as further
columns: picks in 2D have no rotation but that about z. Files that cryoSPARC keeps in its own
compressed form (``CSDAT``) have to be exported first.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.atomic import atomic_open
from cryopick.io.images.name import image_name
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.npy_table import MAGIC, read_structured
from cryopick.io.picks.placing import groups_of, names_of, text_column, to_px
from cryopick.model import Picks, active

_PLACE = ("location/center_x_frac", "location/center_y_frac")
_PATH = "location/micrograph_path"
_SHAPE = "location/micrograph_shape"
_PSIZE = "location/micrograph_psize_A"
_SCORE = "pick_stats/ncc_score"
_SHIFTS = ("alignments3D", "alignments2D")
_POSE = "alignments3D/pose"
_KEPT = (
    "uid",
    "location/micrograph_uid",
    "pick_stats/power",
    "pick_stats/angle_rad",
    "alignments2D/pose",
)


def read_cryosparc(path: Path, frame: Frame, *, source: str = "cryosparc") -> PickFile:
    """Read particle locations; ``source`` ``cryosparc-flipped`` turns y about."""
    table = read_structured(path)
    names = table.dtype.names or ()
    missing = [name for name in (*_PLACE, _PATH) if name not in names]
    if missing:
        raise FormatError(
            path,
            f"no field {missing[0]}: particles without their places in micrographs",
            "give the passthrough .cs of the job, or that of the extraction",
        )
    n = len(table)
    image = text_column(path, [_name(path, v) for v in table[_PATH].tolist()], column=_PATH)
    fraction = np.stack([_numbers(path, table, name) for name in _PLACE], axis=1)
    size = _sizes(path, table, image, frame)
    if source == "cryosparc-flipped":
        fraction[:, 1] = 1 - (fraction[:, 1] + 1 / size[:, 1])
    position, warned = _to_specimen(path, table, fraction * size, image=image, frame=frame)
    shift, assumed = _shift_angstrom(path, table)
    if source == "cryosparc-flipped":
        shift[:, 1] *= -1
    score = _numbers(path, table, _SCORE, finite=False) if _SCORE in names else None
    return PickFile(
        picks=Picks(
            position_angstrom=position - shift,
            image=image,
            score=score,
            source=names_of(source, n),
            extra=_further(path, table),
        ),
        assumed=(*assumed, _direction(source)),
        warnings=warned,
    )


def _further(path: Path, table: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Ids and angles that have no place in 2D picks, by the names of their fields."""
    names = table.dtype.names or ()
    extra = {
        name: table[name]
        for name in _KEPT
        if name in names and table[name].ndim == 1 and table[name].dtype.kind in "fiu"
    }
    if _POSE in names:
        pose = _numbers(path, table, _POSE, width=3)
        extra |= {f"{_POSE}/{axis}": pose[:, i] for i, axis in enumerate("xyz")}
    return extra


def _direction(source: str) -> str:
    flipped = source == "cryosparc-flipped"
    return f"y counted from the {'last' if flipped else 'first'} row of the micrograph"


def _name(path: Path, value: Any) -> str:
    if not isinstance(value, (bytes, str)):
        raise FormatError(path, f"{_PATH}: is not text", "is it a cryoSPARC file?")
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    return image_name(text.lstrip(">").replace("\x00", ""))


def _numbers(
    path: Path, table: NDArray[Any], name: str, *, finite: bool = True, width: int = 1
) -> NDArray[np.float64]:
    """A field as ``(n,)`` or ``(n, width)`` float64."""
    column = table[name]
    if column.dtype.kind not in "fiub" or column[:1].size != min(len(table), 1) * width:
        raise FormatError(path, f"field {name}: {column.dtype} is no number", "check the file")
    values = column.astype(np.float64).reshape((len(table),) if width == 1 else (-1, width))
    if finite and not np.all(np.abs(values) < 1e12):
        row = int(np.argmin((np.abs(values) < 1e12).reshape(len(table), -1).all(axis=1)))
        raise FormatError(path, f"field {name}, row {row + 1}: {values[row]} cannot be used")
    return values


def _sizes(
    path: Path, table: NDArray[Any], image: NDArray[np.str_], frame: Frame
) -> NDArray[np.float64]:
    """Width and height in pixels of each row's micrograph, ``(n, 2)``."""
    if _SHAPE in (table.dtype.names or ()):
        size = _numbers(path, table, _SHAPE, width=2)[:, ::-1]
        if np.any(size < 1):
            raise FormatError(path, f"field {_SHAPE}: a micrograph without pixels")
        return size
    size = np.empty((len(table), 2))
    for name, rows in groups_of(image).items():
        size[rows] = frame.grid(name, path).size_px[:2]
    return size


def _to_specimen(
    path: Path,
    table: NDArray[Any],
    position_px: NDArray[np.float64],
    *,
    image: NDArray[np.str_],
    frame: Frame,
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Positions in Å, and a warning where the pixel size given is not that of the file.

    By the image's grid where it is the same image, else by the pixel size given, else by the file.
    """
    known = _PSIZE in (table.dtype.names or ())
    psize = _numbers(path, table, _PSIZE) if known else np.zeros(len(table))
    size = _sizes(path, table, image, frame)
    given = frame.pixel_size_angstrom
    position = np.empty_like(position_px)
    for name, rows in groups_of(image).items():
        grid = frame.known_grid(name)
        if grid is not None and grid.ndim == 2 and np.all(size[rows] == grid.size_px):
            position[rows] = grid.to_angstrom(position_px[rows])
        elif np.all(psize[rows] > 0) and (grid is not None or given is None):
            position[rows] = position_px[rows] * psize[rows, None]
        else:
            position[rows] = position_px[rows] * frame.pixel_size(name, path)
    if given is not None and np.any((psize > 0) & (np.abs(psize / given - 1) > 1e-3)):
        said = float(psize[psize > 0][0])
        return position, (f"{path}: pixel size {given:g} Å was given, the file says {said:g} Å",)
    return position, ()


def _shift_angstrom(path: Path, table: NDArray[Any]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Refined shift of each particle in Å, ``(n, 2)``, of the last alignment that has one."""
    names = table.dtype.names or ()
    for group in _SHIFTS:
        if f"{group}/shift" in names and f"{group}/psize_A" in names:
            shift = _numbers(path, table, f"{group}/shift", width=2)
            psize = _numbers(path, table, f"{group}/psize_A")
            return shift * psize[:, None], (f"shifts of {group} are taken off the locations",)
    return np.zeros((len(table), 2)), ()


def write_cryosparc(
    picks: Picks, path: Path, frame: Frame, *, source: str = "cryosparc"
) -> tuple[str, ...]:
    """Write picks as a ``.cs`` file of particle locations, with fresh ids."""
    picks = active(picks)
    position_px = to_px(picks, path=path, frame=frame)
    paths = [f"{name}.mrc".encode() for name in picks.image.tolist()]
    kinds: list[Any] = [
        ("uid", "<u8"),
        ("location/micrograph_uid", "<u8"),
        ("location/exp_group_id", "<u4"),
        (_PATH, f"S{max(map(len, paths), default=1)}"),
        (_SHAPE, "<u4", (2,)),
        (_PLACE[0], "<f4"),
        (_PLACE[1], "<f4"),
        (_PSIZE, "<f4"),
    ]
    if picks.score is not None:
        kinds.append((_SCORE, "<f4"))
    table = np.zeros(len(picks), dtype=kinds)
    table["uid"] = _uids(picks)
    table[_PATH] = paths
    for place, (name, rows) in enumerate(groups_of(picks.image).items()):
        grid = frame.grid(name, path)
        table["location/micrograph_uid"][rows] = place + 1
        table[_SHAPE][rows] = grid.shape
        table[_PSIZE][rows] = grid.pixel_size_angstrom
        y = position_px[rows, 1]
        if source == "cryosparc-flipped":
            y = grid.shape[0] - 1 - y
        table[_PLACE[0]][rows] = position_px[rows, 0] / grid.shape[1]
        table[_PLACE[1]][rows] = y / grid.shape[0]
    if picks.score is not None:
        table[_SCORE] = picks.score
    with atomic_open(path, "wb") as file:
        np.save(file, table, allow_pickle=False)
    return (
        "micrographs are named by file name only, with .mrc; link them to exposures by that name",
        _direction(source),
    )


def _uids(picks: Picks) -> NDArray[np.uint64]:
    """Ids that the picks came with where they are whole and unique, else 1, 2, ..."""
    old = picks.extra.get("uid")
    if old is not None and old.dtype.kind == "u" and len(np.unique(old)) == len(old):
        return old.astype(np.uint64)
    return np.arange(1, len(picks) + 1, dtype=np.uint64)


def _sniff(path: Path, head: bytes) -> int:
    if head.startswith(MAGIC):
        if b"location/center_x_frac" in head[:65536]:
            return 3
        return 2 if path.suffix.lower() == ".cs" else 0
    return 1 if path.suffix.lower() == ".cs" and head.startswith(b"\x94CSDAT") else 0


DIALECTS = (
    Dialect(
        name="cryosparc",
        title="cryoSPARC particles (.cs)",
        suffixes=(".cs",),
        dimensions=(2,),
        origin="centre of the first pixel; y along the rows of cryoSPARC's micrograph",
        unit="fraction of the micrograph's width and height",
        decimals=7,
        sniff=_sniff,
        read=partial(read_cryosparc, source="cryosparc"),
        write=partial(write_cryosparc, source="cryosparc"),
        keeps=frozenset({"score", "image"}),
    ),
    Dialect(
        name="cryosparc-flipped",
        title="cryoSPARC particles, for micrographs corrected by RELION or MotionCor3",
        suffixes=(".cs",),
        dimensions=(2,),
        origin="as cryosparc, y counted from the last row",
        unit="fraction of the micrograph's width and height",
        decimals=7,
        sniff=lambda path, head: min(_sniff(path, head), 1),
        read=partial(read_cryosparc, source="cryosparc-flipped"),
        write=partial(write_cryosparc, source="cryosparc-flipped"),
        keeps=frozenset({"score", "image"}),
    ),
)
