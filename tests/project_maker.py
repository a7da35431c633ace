"""A small project for tests: five micrographs, and picks in four of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryopick.model import Picks
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.pick_table import insert_picks
from cryopick.project.store import JournalChoice, Project, create_project

IMAGES = ("007", "1e5", "mic_a", "mic_b", "mic_c")
JOURNALS: tuple[JournalChoice, ...] = ("local", "network")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def micrographs(name: str = "micrographs") -> Dataset:
    members = tuple(Member(name=n, path=f"/data/{n}.mrc", size_px=(400, 300)) for n in IMAGES)
    return Dataset(name=name, kind=SetKind.MICROGRAPHS, members=members, pixel_size_angstrom=1.5)


def pick_set(name: str = "picks") -> Dataset:
    return Dataset(
        name=name,
        kind=SetKind.PICKS,
        members=tuple(Member(name=n, count=0) for n in IMAGES),
        pixel_size_angstrom=1.5,
        box_size_px=180,
        precedents=("micrographs",),
    )


def some_picks(n: int = 12, seed: int = 1) -> Picks:
    rng = np.random.default_rng(seed)
    return Picks(
        position_angstrom=rng.uniform(0, 400, (n, 2)),
        image=np.array([IMAGES[i % 4] for i in range(n)]),
        score=np.linspace(0, 1, n),
        group=np.array([f"{i % 3:03d}" for i in range(n)]),
    )


def project_with_picks(
    folder: Path, *, journal: JournalChoice = "local", clock: Clock | None = None, n: int = 12
) -> Project:
    project = create_project(folder, journal=journal, clock=clock or Clock())
    project.put(micrographs())
    insert_picks(project, pick_set(), some_picks(n))
    return project


def forget_writer(path: Path) -> None:
    """Take the labels out of an MRC header: a pixel size of 1 is then no more than a default."""
    data = bytearray(path.read_bytes())
    data[220:1024] = bytes(804)
    path.write_bytes(data)
