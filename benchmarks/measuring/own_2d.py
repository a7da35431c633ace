"""cryopick's commands for micrographs as a user runs them, and what they leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.ranking import KEEP_ABOVE
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Picks, active
from measuring.command import Measured, cryopick
from measuring.particle_stack import BLUR_ANGSTROM, particle
from measuring.synthetic_micrographs import GENERATOR

# Every peak that the maps hold: for curves over the whole list.
LOWEST_THRESHOLD = -9


def pick_log(
    images: Iterable[Path],
    out: Path,
    *,
    diameters_angstrom: tuple[float, float],
    pixel_angstrom: float,
    options: Sequence[object] = (),
) -> Measured:
    """Pick blobs; whatever lies in ``out`` is replaced."""
    smallest, largest = diameters_angstrom
    return cryopick(
        "pick", "log", *images, "--pixel-size", pixel_angstrom, "--diameter-min", smallest,
        "--diameter-max", largest, *options, "-o", out, "--overwrite",
    )  # fmt: skip


def pick_template(
    images: Iterable[Path],
    out: Path,
    *,
    references: Path,
    pixel_angstrom: float,
    references_pixel_angstrom: float | None = None,
    particle_diameter_angstrom: float,
    ctf: Path | None = None,
    options: Sequence[object] = (),
) -> Measured:
    """Pick with references every 5 degrees up to 20 Å."""
    words: list[object] = [
        "pick", "template", *images, "--references", references, "--pixel-size", pixel_angstrom,
        "--particle-diameter", particle_diameter_angstrom, "--angular-step", 5, "--low-pass", 20,
        *options,
    ]  # fmt: skip
    if references_pixel_angstrom is not None:
        words += ["--pixel-size-references", references_pixel_angstrom]
    if ctf is not None:
        words += ["--ctf", ctf]
    return cryopick(*words, "-o", out, "--overwrite")


def long_list(job: Path, grids: Mapping[str, Grid], *options: object) -> Picks:
    """All candidates of a template search, from its saved maps."""
    out = job.with_name(f"{job.name}_all")
    cryopick(
        "candidates", job, "--threshold", LOWEST_THRESHOLD, *options, "-o", out, "--overwrite"
    )  # fmt: skip
    return picks_in(out, grids)


def picks_in(out: Path, grids: Mapping[str, Grid]) -> Picks:
    """The picks of a job, those that were dropped left out."""
    return active(read_picks(out / "picks.star", Frame(grids=dict(grids))).picks)


def write_map(path: Path, *, pixel_angstrom: float = 2.0, generator: Path = GENERATOR) -> None:
    """The particle of the synthetic micrographs as a map, its centre at voxel ``N // 2``."""
    points, weights = particle(generator)
    write_mrc(path, density(points, weights, pixel_angstrom), pixel_angstrom)


def density(
    points: NDArray[np.float64], weights: NDArray[np.float64], pixel_angstrom: float
) -> NDArray[np.float32]:
    """Gaussian points in a cube of 256 Å, ``(z, y, x)``.

    Examples
    --------
    >>> cube = density(np.array([[8.0, 0.0, 0.0]]), np.ones(1), 4.0)
    >>> np.unravel_index(cube.argmax(), cube.shape) == (32, 32, 34)
    True
    """
    edge = round(256 / pixel_angstrom)
    line = (np.arange(edge) - edge // 2) * pixel_angstrom
    x, y, z = (
        np.exp(-0.5 * ((line - points[:, axis, None]) / BLUR_ANGSTROM) ** 2).astype(np.float32)
        for axis in range(3)
    )
    return np.einsum("mz,my,mx->zyx", z * weights[:, None], y, x, optimize=True).astype(np.float32)


def project(
    map_path: Path, out: Path, *, views: int, box_px: int, pixel_angstrom: float
) -> Measured:
    """References from a map, by ``template --project``."""
    return cryopick(
        "template", "--map", map_path, "--project", "--views", views, "--pixel-size",
        pixel_angstrom, "--box", box_px, "-o", out, "--overwrite",
    )  # fmt: skip


def extract(
    picks: Path,
    images: Iterable[Path],
    out: Path,
    *,
    box_px: int,
    rescaled_px: int,
    options: Sequence[object] = (),
) -> Measured:
    """Cut particles, in RELION's order of steps."""
    return cryopick(
        "extract", "particles", picks, "--micrographs", *images, "--box", box_px, "--rescale",
        rescaled_px, *options, "-o", out, "--overwrite",
    )  # fmt: skip


def classify(
    particles: Path,
    out: Path,
    *,
    classes: int,
    iterations: int,
    mask_diameter_angstrom: float,
    options: Sequence[object] = (),
) -> Measured:
    """2D classes."""
    return cryopick(
        "classify", particles, "--classes", classes, "--iterations", iterations,
        "--mask-diameter", mask_diameter_angstrom, *options, "-o", out, "--overwrite",
    )  # fmt: skip


def chosen_references(class_averages: Path, out: Path) -> Path:
    """Class averages that the ranking proposes, each with its mass in its centre; their stack."""
    cryopick(
        "select", class_averages, "--min-class-score", KEEP_ABOVE, "--recentre", "-o", out,
        "--overwrite",
    )  # fmt: skip
    return out / "class_averages.mrcs"
