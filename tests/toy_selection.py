"""Files to select from: particles with classes and their averages, micrographs, picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_classes import ClassEntry
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.metadata.relion_model_write import write_class_averages
from cryopick.model import Defocus
from toy_particles import PIXEL, references, toy_particles, write_toy

N = 30
SCORES = (0.9, 0.2)


def write_particle_set(folder: Path):
    """``particles.star``, ``class_averages.star`` (class 1 good, class 2 bad) and their stacks."""
    images, particles = toy_particles(N, noise=0.5, ctf=True, seed=4)
    placed = write_toy(folder, images, particles)
    write_mrc(folder / "refs.mrcs", references(), PIXEL, stack=True)
    entries = [
        ClassEntry(
            number=i + 1,
            image=f"{i + 1:06d}@{folder / 'refs.mrcs'}",
            fraction=0.5,
            score=score,
            keep=score > 0.5,
        )
        for i, score in enumerate(SCORES)
    ]
    write_class_averages(folder / "class_averages.star", entries)
    return images, placed


def write_micrograph_set(folder: Path, n=5):
    """``micrographs.star`` with images; the last one is much brighter than the others."""
    rng = np.random.default_rng(0)
    names = [f"mic{i}" for i in range(n)]
    for i, name in enumerate(names):
        pixels = rng.normal(10.0, 1.0, (24, 20)).astype(np.float32)
        write_mrc(folder / f"{name}.mrc", pixels + (50 if i == n - 1 else 0), 2.0)
    write_micrographs(
        folder / "micrographs.star",
        [
            Micrograph(
                path=str(folder / f"{name}.mrc"),
                name=name,
                defocus=Defocus(u_um=1.0 + 0.5 * i, v_um=1.0 + 0.5 * i),
                pixel_size_angstrom=2.0,
            )
            for i, name in enumerate(names)
        ],
    )
    return names


def write_pick_star(folder: Path):
    """``picks.star`` of two micrographs, with a duplicate of the first pick and a score."""
    text = """data_
loop_
_rlnMicrographName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnAutopickFigureOfMerit #4
_rlnClassNumber #5
_myOwnColumn #6
a.mrc 100 100 0.5 1 007
a.mrc 103 100 0.9 2 008
a.mrc 300 300 0.2 1 009
b.mrc 100 100 0.7 2 010
"""
    (folder / "picks.star").write_text(text)
    return folder / "picks.star"
