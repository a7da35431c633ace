"""Micrographs of ../shared/tools/synthetic/gen2d.py: made by other code than the project's own.

Every micrograph is 4096 x 4096 at 1 Å per pixel: 300 blob-shaped particles of 150 Å in random
poses, dark, at least 165 Å apart; the CTF of its own defocus; structural and shot noise; five dark
lumps and a slow background. With them come eight clean projections. The generator makes four; more
are made by the same code with further seeds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import from_matrix
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.model import Defocus, Grid, Optics, Picks, concatenate
from measuring.command import measure
from measuring.result_file import BENCHMARKS
from measuring.synthetic_tomograms import matrices

GENERATOR = BENCHMARKS.parents[1] / "shared" / "tools" / "synthetic" / "gen2d.py"
PIXEL_ANGSTROM = 1.0
SHAPE = (4096, 4096)
PARTICLES = 300  # in each
DIAMETER_ANGSTROM = 150.0
OPTICS = Optics(voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=0.1)
DEFOCUS_UM = (1.0, 1.3, 1.6, 2.0, 1.1, 1.45, 1.8)
GENERATED = 4  # by the generator as it is


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicrographSet:
    """Micrographs with their truth.

    Attributes
    ----------
    folder
        Where they lie; RELION runs in here.
    images
        By name.
    star
        They, with optics and defocus, as RELION lists them.
    references
        Stack of eight projections, bright.
    truth
        True particles; orientations are template -> image, ``zyz_deg`` the same as angles.
    """

    folder: Path
    images: dict[str, Path]
    star: Path
    references: Path
    truth: Picks
    zyz_deg: NDArray[np.float64]

    @property
    def grid(self) -> Grid:
        return Grid(shape=SHAPE, pixel_size_angstrom=PIXEL_ANGSTROM)


def make(
    folder: Path, *, n: int = GENERATED, generator: Path = GENERATOR, reuse: bool = False
) -> MicrographSet:
    """Run the generator in a folder, if need be for more micrographs, and read what it made."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for first, last in ((0, GENERATED), (GENERATED, n)):
        complete = folder / f"complete_{last}"
        if first < last and not (reuse and complete.is_file()):
            complete.unlink(missing_ok=True)
            script = folder / "generate.py"
            script.write_text(adapted(generator.read_text("utf-8"), first, last), "utf-8")
            measure(
                [sys.executable, script],
                cwd=folder,
                environment={"PYTHONPATH": str(generator.parent)},
            )
            complete.touch()
    return read(data, n)


def adapted(script: str, first: int, last: int) -> str:
    """The generator's text, for other micrographs than its own four.

    Examples
    --------
    >>> text = "for mi in range(4):\\n    df=[10000.,13000.,16000.,20000.][mi]"
    >>> print(adapted(text, 4, 6))
    for mi in range(4, 6):
        df=[10000.0, 13000.0, 16000.0, 20000.0, 11000.0, 14500.0, 18000.0][mi]
    """
    changes = {
        "for mi in range(4):": f"for mi in range({first}, {last}):",
        "df=[10000.,13000.,16000.,20000.][mi]": f"df={[d * 1e4 for d in DEFOCUS_UM]}[mi]",
    }
    for old, new in changes.items():
        if script.count(old) != 1:
            raise RuntimeError(f"generator: expected the line {old} once; it has changed")
        script = script.replace(old, new)
    return script


def read(data: Path, n: int = GENERATED) -> MicrographSet:
    """The micrographs of a folder."""
    names = [f"mic{i}" for i in range(n)]
    star = data / "micrographs_ctf.star"
    write_micrographs(
        star,
        [
            Micrograph(
                path=f"{name}.mrc",
                name=name,
                optics=OPTICS,
                defocus=Defocus(u_um=um, v_um=um),
                pixel_size_angstrom=PIXEL_ANGSTROM,
            )
            for name, um in zip(names, DEFOCUS_UM, strict=False)
        ],
    )
    rows = [np.loadtxt(data / f"{name}_truth.txt", ndmin=2) for name in names]
    parts = [truth_of(table, name) for name, table in zip(names, rows, strict=True)]
    return MicrographSet(
        folder=data,
        images={name: data / f"{name}.mrc" for name in names},
        star=star,
        references=data / "refs.mrcs",
        truth=concatenate(parts),
        zyz_deg=np.concatenate([table[is_particle(table), 2:5] for table in rows]),
    )


def is_particle(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Lumps stand in the same table, with a negative radius for an angle.

    Examples
    --------
    >>> is_particle(np.array([[9.0, 9, -1, 30, 2], [9, 9, -1, -1, -240]]))
    array([ True, False])
    """
    return ~((rows[:, 2] == -1) & (rows[:, 3] == -1))


def truth_of(rows: NDArray[np.float64], name: str) -> Picks:
    """Particles from rows of ``x y`` (pixels) and the angles of ``Rz(a) Ry(b) Rz(c)``."""
    rows = rows[is_particle(rows)]
    return Picks.of(
        rows[:, :2] * PIXEL_ANGSTROM,
        image=name,
        orientation=from_matrix(matrices(rows[:, 2:5])),
    )
