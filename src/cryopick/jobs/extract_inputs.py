"""What ``extract particles`` reads: picks or particles, their micrographs, the CTF."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.file_patterns import expand, located
from cryopick.io.images import open_image
from cryopick.io.images.name import referenced_name
from cryopick.io.metadata.relion_micrographs import Micrograph, read_micrographs
from cryopick.io.particles import read_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise
from cryopick.io.picks.relion import picks_of
from cryopick.io.star import read_star
from cryopick.io.star_block import StarFile
from cryopick.jobs.extract_params import ExtractParams
from cryopick.jobs.image_inputs import image_paths, open_single
from cryopick.jobs.micrograph_ctf import MicrographCtf, micrograph_ctfs
from cryopick.model import Grid, Image, Optics, Particles, Picks, concatenate, delete

_STAR = (".star", ".star.gz")
_STATED = ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize")
_COORDINATES = ("rlnCoordinateX", "rlnCoordinateY")
_TOMOGRAPHY = ("rlnCoordinateZ", "rlnTomoName")
# Of a folder of picks: what pickers leave, one file per micrograph.
_PICK_SUFFIXES = (".star", ".box", ".csv", ".txt", ".cbox", ".json", ".pos", ".xmd", ".npz")


@dataclass(frozen=True, slots=True, kw_only=True)
class PickSet:
    """Picks to extract, and their micrographs.

    Attributes
    ----------
    picks
        All that were read; what is left out already is deleted, with its reason.
    files, grids
        Of the micrographs to cut from, by name.
    particles
        What they were read from, row by row, where that was a set of particles.
    warnings
        One sentence each.
    """

    picks: Picks
    files: Mapping[str, Path]
    grids: Mapping[str, Grid]
    particles: Particles | None = None
    warnings: tuple[str, ...] = ()

    @property
    def diameter_angstrom(self) -> float | None:
        """Largest diameter of the picks; None where nobody knows."""
        known = self.picks.diameter_angstrom
        if known is None or not np.isfinite(known).any():
            return None
        return float(np.nanmax(known))


def micrograph_files(params: ExtractParams) -> dict[str, Path]:
    """Files of the micrographs by name: those given, else those that the picks name."""
    if params.micrographs:
        return image_paths(params.micrographs)
    if params.picks.lower().endswith(_STAR):
        return image_paths([params.picks])
    raise InputError("--micrographs: is missing; name the micrographs that the picks are in")


def read_pick_set(params: ExtractParams) -> PickSet:
    """Read the picks and the headers of their micrographs, once per process for the same files."""
    files = micrograph_files(params)
    found = _read(
        tuple((str(path), *_stamp(path)) for path in _pick_paths(params)),
        tuple((name, str(path), *_stamp(path)) for name, path in files.items()),
        params.from_dialect,
        params.picks_pixel_size_angstrom,
        params.pixel_size_angstrom,
    )
    return replace(found, picks=_chosen(found.picks, params))


def ctf_of_micrographs(
    params: ExtractParams, names: list[str], found: PickSet
) -> dict[str, MicrographCtf]:
    """The CTF of micrographs by name; empty where it is not known, or where particles have it."""
    entries = _listed(params)
    if params.ctf is not None:
        optics = {entry.optics for entry in entries if entry.optics is not None}
        return micrograph_ctfs(params.ctf, names, optics=optics.pop() if len(optics) == 1 else None)
    if found.particles is not None and found.particles.defocus is not None:
        return {}
    known = {entry.name for entry in entries if entry.defocus is not None}
    return micrograph_ctfs(params.micrographs[0], names) if known.issuperset(names) else {}


def optics_of_micrographs(params: ExtractParams) -> dict[str, Optics]:
    """Microscope settings by name, as far as a STAR file of the micrographs tells them."""
    return {entry.name: entry.optics for entry in _listed(params) if entry.optics is not None}


def _listed(params: ExtractParams) -> tuple[Micrograph, ...]:
    """What a STAR file says of the micrographs, where they were given as one."""
    if len(params.micrographs) != 1 or not params.micrographs[0].lower().endswith(_STAR):
        return ()
    return read_micrographs(params.micrographs[0])


def _pick_paths(params: ExtractParams) -> list[Path]:
    """The file of picks, or the files of a folder or pattern."""
    path = Path(params.picks)
    if path.is_file() or (path.is_dir() and (params.from_dialect or recognise(path) is not None)):
        return [path]
    return [each.path for each in expand([params.picks], suffixes=_PICK_SUFFIXES)]


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written anew."""
    facts = os.stat(path)  # noqa: PTH116 - one call for both
    return facts.st_mtime_ns, facts.st_size


class _Read(NamedTuple):
    """What one file held."""

    picks: Picks
    particles: Particles | None
    warnings: tuple[str, ...]


@lru_cache(maxsize=1)
def _read(
    paths: tuple[tuple[str, int, int], ...],
    micrographs: tuple[tuple[str, str, int, int], ...],
    dialect: str | None,
    picks_pixel_angstrom: float | None,
    pixel_angstrom: float | None,
) -> PickSet:
    files = {name: Path(path) for name, path, *_ in micrographs}
    grids = {name: _micrograph_grid(path, pixel_angstrom) for name, path in files.items()}
    parts = [_read_one(Path(p), files, grids, dialect, picks_pixel_angstrom) for p, *_ in paths]
    if len(parts) > 1 and any(part.particles is not None for part in parts):
        raise InputError(f"{paths[0][0]}: holds particles; give one particles.star at a time")
    return PickSet(
        picks=concatenate([part.picks for part in parts]),
        files=files,
        grids=grids,
        particles=parts[0].particles,
        warnings=tuple(dict.fromkeys(line for part in parts for line in part.warnings)),
    )


def _micrograph_grid(path: Path, pixel_angstrom: float | None) -> Grid:
    grid = open_single(path, pixel_angstrom).grid
    if grid.ndim != 2:
        raise InputError(f"{path}: is a volume; extract particles takes micrographs")
    return grid


def _read_one(
    path: Path,
    files: dict[str, Path],
    grids: dict[str, Grid],
    dialect: str | None,
    picks_pixel_angstrom: float | None,
) -> _Read:
    star = read_star(path) if path.name.lower().endswith(_STAR) else None
    frame = _frame(path, star, files, grids, picks_pixel_angstrom)
    if dialect is None and star is not None and star.table_with("rlnImageName") is not None:
        particles = read_particles(path, frame)
        if np.isnan(particles.picks.position_angstrom).any():
            raise FormatError(path, "holds no coordinates", "extraction needs rlnCoordinateX and Y")
        return _Read(particles.picks, particles, ())
    table = None if star is None or dialect is not None else star.table_with(*_COORDINATES)
    if star is not None and table is not None and not {*_TOMOGRAPHY} & {*table.columns}:
        # What most picks are: read as it lies parsed, without asking every dialect.
        found = picks_of(star, table, frame, path)
    else:
        found = read_picks(path, frame, name=dialect)
    if found.picks.ndim != 2:
        raise InputError(f"{path}: holds 3D picks; extract particles takes those of micrographs")
    return _Read(found.picks, None, found.warnings)


def _frame(
    path: Path,
    star: StarFile | None,
    files: dict[str, Path],
    grids: dict[str, Grid],
    picks_pixel_angstrom: float | None,
) -> Frame:
    """The images that the picks count pixels of: those picked, else those given."""
    stated = False
    if picks_pixel_angstrom is not None:
        grids = {name: _at(grid, picks_pixel_angstrom) for name, grid in grids.items()}
    elif star is not None:
        stated = _states_pixel_size(star)
        grids = _picked_grids(path, star, files, grids, stated=stated)
    # Picks of micrographs that were not given are read, too, to be counted.
    default = None if stated else next(iter(grids.values()), None)
    return Frame(
        grids=grids,
        default_grid=default,
        # Files that do not name their micrograph are of the only one there is.
        image_name=next(iter(files)) if len(files) == 1 else None,
    )


def _at(grid: Grid, pixel_angstrom: float) -> Grid:
    """The same field of view in other pixels."""
    scale = grid.pixel_size_angstrom / pixel_angstrom
    shape = tuple(max(1, round(n * scale)) for n in grid.shape)
    return Grid(shape=shape, pixel_size_angstrom=pixel_angstrom)


def _states_pixel_size(star: StarFile) -> bool:
    """Whether a table says of what size the pixels are that its coordinates count."""
    tables = (star.table_with("rlnMicrographName"), star.get("optics"))
    return any(table is not None and table.first(*_STATED) is not None for table in tables)


def _picked_grids(
    path: Path,
    star: StarFile,
    files: dict[str, Path],
    given: dict[str, Grid],
    *,
    stated: bool,
) -> dict[str, Grid]:
    """Grids of the micrographs that a STAR file names.

    A file that it names and that is there tells its own; else what the table states counts; else
    it is taken for the micrograph given.
    """
    table = star.table_with("rlnMicrographName")
    texts = [] if table is None else list(dict.fromkeys(table.text("rlnMicrographName").tolist()))
    picked = {referenced_name(text): located(text, path) for text in texts}
    grids: dict[str, Grid] = {}
    for name, grid in given.items():
        other = picked.get(name)
        there = other is not None and other.is_file()
        if other is not None and there and other.resolve() != files[name].resolve():
            grids[name] = _grid_of(other, otherwise=grid)
        elif there or not stated:
            grids[name] = grid
    return grids


def _grid_of(path: Path, *, otherwise: Grid) -> Grid:
    image = open_image(path)
    if not isinstance(image, Image) or image.ndim != 2 or not image.facts["pixel_size_known"]:
        return otherwise
    return image.grid


def _chosen(picks: Picks, params: ExtractParams) -> Picks:
    if params.min_score is None:
        return picks
    if picks.score is None:
        raise InputError(f"--min-score {params.min_score:g}: {params.picks} holds no scores")
    return delete(picks, picks.score < params.min_score, reason="below threshold")
