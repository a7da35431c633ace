"""RELION's own Laplacian-of-Gaussian picker, run as its authors' program.

Needs ``relion_autopick`` on the path (the Debian package ``relion`` has it).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Image, Picks, concatenate
from measuring.command import Measured, measure

PROGRAM = "relion_autopick"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelionProject:
    """A folder with micrographs as RELION wants them: MRC files and a STAR that lists them."""

    folder: Path
    grids: Mapping[str, Grid]


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def version() -> str:
    """What the program calls itself."""
    said = measure([PROGRAM, "--version"]).stdout
    lines = [line.split(":", 1)[1].strip() for line in said.splitlines() if "version:" in line]
    return lines[0] if lines else "unknown"


def prepare(images: Mapping[str, Path], pixel_angstrom: float, folder: Path) -> RelionProject:
    """Write every micrograph as float32 MRC, the same pixels in the same order."""
    (folder / "mics").mkdir(parents=True)
    grids: dict[str, Grid] = {}
    for name, path in images.items():
        image = open_image(path, pixel_size_angstrom=pixel_angstrom)
        if not isinstance(image, Image):
            raise TypeError(f"{path}: a stack")
        grids[name] = image.grid
        write_mrc(folder / "mics" / f"{name}.mrc", np.asarray(image.read()), pixel_angstrom)
    names = [f"mics/{name}.mrc" for name in images]
    (folder / "mics.star").write_text(micrographs_star(names, pixel_angstrom))
    return RelionProject(folder=folder, grids=grids)


def micrographs_star(names: list[str], pixel_angstrom: float) -> str:
    """A list of micrographs for ``--i``; the microscope plays no part without ``--ctf``.

    Examples
    --------
    >>> print(micrographs_star(["mics/a.mrc"], 1.5).splitlines()[-1])
    mics/a.mrc 1
    """
    optics = {
        "rlnOpticsGroupName": "opticsGroup1",
        "rlnOpticsGroup": 1,
        "rlnMicrographPixelSize": pixel_angstrom,
        "rlnVoltage": 300,
        "rlnSphericalAberration": 2.7,
        "rlnAmplitudeContrast": 0.1,
    }
    lines = ["# version 30001", "", "data_optics", "", "loop_"]
    lines += [f"_{name} #{i}" for i, name in enumerate(optics, 1)]
    lines += [" ".join(map(str, optics.values())), "", "# version 30001", ""]
    lines += ["data_micrographs", "", "loop_", "_rlnMicrographName #1", "_rlnOpticsGroup #2"]
    lines += [f"{name} 1" for name in names]
    return "\n".join(lines) + "\n"


def pick(
    project: RelionProject, diameters_angstrom: tuple[float, float], pixel_angstrom: float
) -> Measured:
    """Pick all micrographs in one process, with the options of RELION's own interface."""
    smallest, largest = diameters_angstrom
    shutil.rmtree(project.folder / "LoG", ignore_errors=True)
    words = [
        PROGRAM, "--i", "mics.star", "--odir", "LoG/", "--pickname", "autopick", "--LoG",
        "--LoG_diam_min", smallest, "--LoG_diam_max", largest, "--shrink", 0, "--lowpass", 20,
        "--LoG_adjust_threshold", 0, "--angpix", pixel_angstrom,
    ]  # fmt: skip
    return measure(words, cwd=project.folder)


def read(project: RelionProject) -> Picks:
    """All that it picked, in Å; a micrograph without a file has no picks."""
    found: list[Picks] = []
    for name, grid in project.grids.items():
        path = project.folder / "LoG" / "mics" / f"{name}_autopick.star"
        if path.is_file():
            picks = read_picks(path, Frame(default_grid=grid)).picks
            found.append(replace(picks, image=np.full(len(picks), name)))
    return concatenate(found) if found else Picks.empty(2)
