"""RELION ``optimisation_set.star``: which particles belong to which tomograms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import FormatError
from cryopick.io.star import read_star
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star

_COLUMNS = {
    "particles": "rlnTomoParticlesFile",
    "tomograms": "rlnTomoTomogramsFile",
    "trajectories": "rlnTomoTrajectoriesFile",
    "manifolds": "rlnTomoManifoldsFile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimisationSet:
    """Paths from the project folder; empty where there is no such file."""

    particles: str = ""
    tomograms: str = ""
    trajectories: str = ""
    manifolds: str = ""


def read_optimisation_set(path: str | Path) -> OptimisationSet:
    """Read an optimisation set, as list of single values or as table of one row."""
    star = read_star(path)
    block = next((b for b in star.blocks if b.first(*_COLUMNS.values())), None)
    if block is None:
        raise FormatError(path, "no rlnTomoParticlesFile or rlnTomoTomogramsFile")
    found = {field: block.value(c) for field, c in _COLUMNS.items() if c in block}
    return OptimisationSet(**{field: "" if v == "None" else v for field, v in found.items()})


def write_optimisation_set(path: str | Path, files: OptimisationSet) -> None:
    """Write an optimisation set as RELION 5 does."""
    values = {c: getattr(files, f) for f, c in _COLUMNS.items() if getattr(files, f)}
    write_star(path, [star_block("", values, loop=False)])
