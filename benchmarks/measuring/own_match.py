"""``cryopick match`` as a user runs it: the whole command, its picks, its forecast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Picks
from measuring.command import Measured, cryopick
from measuring.species import Scene

# Every local maximum that the search kept is listed, so that average precisions are of whole lists.
KEEP_ALL = ("--cutoff", -1)


def words_for(
    tomogram: Path, template: Path, mask: Path, *options: object, step_deg: float
) -> list[object]:
    """The command line of a search, without its folder.

    Examples
    --------
    >>> words_for(Path("t.mrc"), Path("r.mrc"), Path("m.mrc"), "--engine", "bank", step_deg=14)[-3:]
    [14, '--engine', 'bank']
    """
    return [
        "match", tomogram, "--template", template, "--mask", mask, "--angular-step", step_deg,
        *options,
    ]  # fmt: skip


def match(words: list[object], out: Path) -> Measured:
    """Search; whatever lies in ``out`` is replaced."""
    return cryopick(*words, "-o", out, "--overwrite")


def forecast(words: list[object], out: Path) -> dict[str, Any]:
    """What ``--dry-run`` says that a search takes: ``seconds`` and ``memory_bytes`` in all."""
    return json.loads(cryopick(*words, "-o", out, "--dry-run", "--json").stdout)


def candidates(job: Path, out: Path, *options: object) -> Measured:
    """Threshold the saved score maps of a search again."""
    return cryopick("candidates", job, *options, "-o", out, "--overwrite")


def picks_in(out: Path, tomogram: Path) -> Picks:
    """The picks of a job in one tomogram."""
    grid = grid_of(tomogram)
    return read_picks(out / "picks.star", Frame(default_grid=grid)).picks


def grid_of(tomogram: Path) -> Grid:
    """The grid of a tomogram."""
    return open_image(tomogram).grid  # type: ignore[union-attr]


def summary(out: Path) -> dict[str, Any]:
    """What the job says of itself."""
    return json.loads((out / "summary.json").read_text("utf-8"))


def scene_words(scene: Scene, engine: str, *, step_deg: float) -> list[object]:
    """The command line for a simulated tomogram, with all that a user knows of its tilts."""
    return words_for(
        scene.tomogram, scene.dark_template, scene.mask, "--tilts", scene.tilts, "--dose",
        scene.exposure, "--defocus", scene.defocus, "--tomogram-ctf-model", "phase-flip",
        "--engine", engine, step_deg=step_deg,
    )  # fmt: skip


def long_list(job: Path, tomogram: Path, *, n: int, diameter_angstrom: float) -> Picks:
    """The best ``n`` candidates of a search whatever their scores, from its saved maps."""
    out = job.with_name(f"{job.name}_all")
    options = ("--particle-diameter", diameter_angstrom, "--max-picks", n, *KEEP_ALL)
    candidates(job, out, *options)
    return picks_in(out, tomogram)
