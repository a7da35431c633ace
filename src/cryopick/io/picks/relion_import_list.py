"""RELION's import of coordinates: a list of two columns, and one particle file per tomogram.

``relion_tomo_import_coordinates`` reads ``rlnTomoName`` and ``rlnTomoImportParticleFile``. It takes
the *first* table of each particle file, so that the particles stand before everything else there.
Paths start where RELION runs, at its project folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.io.picks.relion_tomo import IMAGES, XYZ
from cryopick.io.star import read_star
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks

COLUMNS = ("rlnTomoName", "rlnTomoImportParticleFile")
# RELION's graphical interface leaves these in the folder of a project.
_MARKS = (".gui_projectdir", "default_pipeline.star")


def relion_project(path: str | Path) -> Path | None:
    """The RELION project that holds a file; None where it lies in none."""
    for folder in Path(path).absolute().parents:
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
    return None


def write_import_list(path: str | Path, files: Iterable[tuple[str, str | Path]]) -> None:
    """Write the list of two columns.

    Parameters
    ----------
    path
        The list.
    files
        ``rlnTomoName`` and particle file; a name may come more than once. Within a RELION project
        they are written as paths from its folder, elsewhere as absolute paths.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "default_pipeline.star").touch()
    >>> write_import_list(folder / "list.star", [("007", folder / "picks" / "007.star")])
    >>> read_star(folder / "list.star").blocks[0].text("rlnTomoImportParticleFile").tolist()
    ['picks/007.star']
    """
    project = relion_project(path)
    names: list[str] = []
    texts: list[str] = []
    for name, file in files:
        absolute = Path(file).absolute()
        if project is not None and absolute.is_relative_to(project):
            absolute = absolute.relative_to(project)
        names.append(name)
        texts.append(absolute.as_posix())
    write_star(path, [star_block("particles", {COLUMNS[0]: names, COLUMNS[1]: texts})])


def write_import_particles(picks: Picks, path: str | Path, frame: Frame) -> tuple[str, ...]:
    """Write picks as RELION 5 particles whose table is the first; returns what was assumed.

    Positions are centred Å alone: pixels of the image searched would be taken for unbinned ones.
    """
    path = Path(path)
    said = write_picks(picks, path, frame, name="relion5")
    star = read_star(path)
    particles = star.block("particles")
    columns = {name: values for name, values in particles.columns.items() if name not in XYZ}
    write_star(path, [replace(particles, columns=columns), star.block(IMAGES)])
    return said
