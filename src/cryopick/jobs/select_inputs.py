"""`Subject`: what ``select`` chooses from, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.neighbours import pairs_within
from cryopick.io.file_patterns import located
from cryopick.io.images import image_name
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.io.particles import read_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, StarFile
from cryopick.jobs.image_inputs import image_grids, only_grid
from cryopick.jobs.select_params import SelectParams
from cryopick.model import Particles, Picks

Kind = Literal["particles", "picks", "micrographs", "classes"]

_IMAGE, _CLASS = "rlnImageName", "rlnReferenceImage"
_MICROGRAPHS = ("rlnMicrographName", "rlnTomoName")
_COORDINATES = ("rlnCoordinateX", "rlnCenteredCoordinateXAngst")
_STAR = (".star", ".star.gz")
# Picks of two files are the same where they are no farther apart than rounding in them.
_SAME_ANGSTROM = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """``n`` rows of one kind, with their columns.

    Attributes
    ----------
    kind
        What the rows are.
    path
        The file.
    star, table
        The whole file and its table of rows; None for picks of other dialects.
    particles
        Of kind ``particles``.
    entries
        Of kind ``classes``.
    read
        Gives the picks of kind ``picks`` or ``particles``, when they are needed.
    """

    kind: Kind
    path: Path
    read: Callable[[], Picks]
    star: StarFile | None = None
    table: StarBlock | None = None
    particles: Particles | None = None
    entries: tuple[ClassEntry, ...] = ()

    def __len__(self) -> int:
        return len(self.table) if self.table is not None else len(self.read())

    def numbers(self, column: str) -> NDArray[np.float64]:
        """One column ``(n,)`` as numbers: of the file, else of picks."""
        if self.table is not None and column in self.table:
            return self.table.number(column)
        if self.kind in ("picks", "particles"):
            known = _pick_columns(self.read())
            if column in known:
                return known[column]
            names = [*(self.table.columns if self.table is not None else ()), *known]
        else:
            names = list(self.table.columns) if self.table is not None else []
        raise InputError(f"{self.path}: no column {column}; it has {', '.join(names)}")

    def labels(self) -> list[str]:
        """Class of each row, empty where it has none."""
        if self.kind == "classes":
            return [str(entry.number) for entry in self.entries]
        if self.kind == "micrographs":
            raise InputError(f"{self.path}: holds micrographs, and these have no classes")
        label = self.read().label
        if label is None:
            raise InputError(f"{self.path}: names no classes (rlnClassNumber)")
        return label.tolist()

    def micrograph_paths(self) -> list[Path]:
        """Files of the micrographs of kind ``micrographs``."""
        if self.table is None or _MICROGRAPHS[0] not in self.table:
            raise InputError(f"{self.path}: no column {_MICROGRAPHS[0]}, so no images to read")
        return [_found(name, self.path) for name in self.table.text(_MICROGRAPHS[0]).tolist()]

    def listed(self, path: str, frame: Frame) -> NDArray[np.bool_]:
        """Which rows a list names."""
        if self.kind == "picks":
            mine, others = self.read(), read_picks(path, frame).picks
            found = np.zeros(len(mine), dtype=bool)
            pairs = pairs_within(
                mine.position_angstrom,
                others.position_angstrom,
                _SAME_ANGSTROM,
                first_image=mine.image,
                second_image=others.image,
            )
            found[pairs.first] = True
            return found
        names = set(_names_in(Path(path), self.kind))
        mine_names = _particle_names(self.particles) if self.particles else self._row_names()
        unknown = names - set(mine_names)
        if names and unknown == names:
            raise InputError(
                f"{path}: names nothing of {self.path} (its first is {min(names)}); give a list "
                f"of {self.kind}"
            )
        return np.array([name in names for name in mine_names], dtype=bool)

    def _row_names(self) -> list[str]:
        if self.kind == "classes":
            return self.labels()
        assert self.table is not None  # micrographs are always of a STAR file
        column = self.table.first(*_MICROGRAPHS)
        assert column is not None  # it made this a file of micrographs
        return [image_name(name) for name in self.table.text(column).tolist()]


def frame_of(params: SelectParams) -> Frame:
    """Where pixels of picks lie, as far as the user says."""
    grids = image_grids(params.image, params.pixel_size_angstrom)
    return Frame(
        grids=grids,
        default_grid=only_grid(grids),
        pixel_size_angstrom=params.pixel_size_angstrom,
    )


def open_subject(path: str, frame: Frame) -> Subject:
    """Open what is to be chosen from, and tell what it is by its columns."""
    where = Path(path)
    if not where.exists():
        raise MissingFileError(where)
    if not path.lower().endswith(_STAR):
        return Subject(kind="picks", path=where, read=_once(lambda: read_picks(where, frame).picks))
    star = read_star(where)
    classes = star.get("model_classes") or star.table_with(_CLASS)
    if classes is not None:
        return Subject(
            kind="classes",
            path=where,
            star=star,
            table=classes,
            entries=read_classes(where),
            read=_no_picks(where),
        )
    table = star.table_with(_IMAGE)
    if table is not None:
        particles = read_particles(where)
        return Subject(
            kind="particles",
            path=where,
            star=star,
            table=table,
            particles=particles,
            read=lambda: particles.picks,
        )
    for column in _COORDINATES:
        table = star.table_with(column)
        if table is not None:
            read = _once(lambda: read_picks(where, frame).picks)
            return Subject(kind="picks", path=where, star=star, table=table, read=read)
    for column in _MICROGRAPHS:
        table = star.table_with(column)
        if table is not None:
            return Subject(
                kind="micrographs", path=where, star=star, table=table, read=_no_picks(where)
            )
    raise FormatError(
        where,
        "holds neither particles, picks, micrographs nor classes",
        f"expected a column {_IMAGE}, {_COORDINATES[0]}, {_MICROGRAPHS[0]} or {_CLASS}",
    )


def _pick_columns(picks: Picks) -> dict[str, NDArray[np.float64]]:
    columns = {
        axis: picks.position_angstrom[:, i] for i, axis in enumerate(("x", "y", "z")[: picks.ndim])
    }
    if picks.score is not None:
        columns["score"] = picks.score
    if picks.diameter_angstrom is not None:
        columns["diameter"] = picks.diameter_angstrom
    for name, values in picks.extra.items():
        if values.dtype.kind in "fiub":
            columns.setdefault(name, values.astype(np.float64))
    return columns


def _names_in(path: Path, kind: Kind) -> list[str]:
    """Names that a list holds: of a STAR file's column, or one per line."""
    if not path.is_file():
        raise MissingFileError(path)
    if not str(path).lower().endswith(_STAR):
        lines = [line.strip() for line in path.read_text("utf-8", errors="replace").splitlines()]
        words = [line for line in lines if line and not line.startswith("#")]
        if kind == "particles":
            return [_particle_name(word, path) for word in words]
        return words if kind == "classes" else [image_name(word) for word in words]
    if kind == "particles":
        return _particle_names(read_particles(path))
    if kind == "classes":
        return [str(entry.number) for entry in read_classes(path)]
    star = read_star(path)
    for column in _MICROGRAPHS:
        table = star.table_with(column)
        if table is not None:
            return [image_name(name) for name in table.text(column).tolist()]
    raise FormatError(path, f"no table with {_MICROGRAPHS[0]}", f"give a list of {kind}")


def _particle_names(particles: Particles) -> list[str]:
    """Place and absolute stack of each particle: the same particle has the same name anywhere."""
    full = {name: str(Path(name).resolve()) for name in set(particles.file.tolist())}
    pairs = zip(particles.index.tolist(), particles.file.tolist(), strict=True)
    return [f"{index + 1}@{full[file]}" for index, file in pairs]


def _particle_name(text: str, path: Path) -> str:
    number, at, file = text.partition("@")
    if not at or not number.isdecimal():
        raise InputError(f"{path}: {text[:60]!r}: expected NUMBER@STACK, as in rlnImageName")
    return f"{int(number)}@{_found(file, path).resolve()}"


def _found(name: str, beside: Path) -> Path:
    return Path(name) if Path(name).exists() else located(name, beside)


def _no_picks(path: Path) -> Callable[[], Picks]:
    def read() -> Picks:
        raise InputError(f"{path}: holds no coordinates")

    return read


def _once(read: Callable[[], Picks]) -> Callable[[], Picks]:
    kept: list[Picks] = []

    def again() -> Picks:
        if not kept:
            kept.append(read())
        return kept[0]

    return again
