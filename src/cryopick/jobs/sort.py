"""``cryopick sort``: rank particles by how well they fit their references, or each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.reference_fit import fit_references
from cryopick.curate.sorting import common_ground, particle_features, reference_index
from cryopick.errors import InputError, MissingFileError
from cryopick.io.atomic import atomic_open
from cryopick.io.particles import read_particle_images, read_particles
from cryopick.jobs.class_images import read_class_images
from cryopick.jobs.sort_outputs import FEATURES, collect_ranking
from cryopick.jobs.sort_params import SortParams
from cryopick.model import Particles
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

# Measured on one core with 64 px, 50 references, CTF: per pixel of the images, and per item.
_SECONDS_PER_PIXEL = 1.5e-7
_SECONDS_PER_ITEM = 2.0
# Images of one item, and of the sample that tells what all share.
_ITEM_BYTES = 1 << 27
_SAMPLE_BYTES = 1 << 25
_MOST_ROWS, _MOST_SAMPLED = 10_000, 2_000
_FEWEST = 3


def plan(params: SortParams) -> list[Item]:
    """Some thousand particles an item; files and references are checked here."""
    particles = read_particles(params.particles)
    if len(particles) < _FEWEST:
        raise InputError(
            f"{params.particles}: {len(particles)} particles cannot be compared; expected "
            f"{_FEWEST} at least"
        )
    for name in dict.fromkeys(particles.file.tolist()):
        if not Path(name).is_file():
            raise MissingFileError(name, f"listed in {params.particles}; correct its path")
    settings = params.settings()
    radius_px = settings.radius_px(particles)
    if radius_px < 2:
        raise InputError(
            f"--particle-diameter: {2 * radius_px:g} px of the images are too few to look at"
        )
    references = load_references(params, particles)
    if references is not None:
        reference_index(particles, len(references))
    pixels = particles.box_px**2
    rows = max(64, min(_MOST_ROWS, _ITEM_BYTES // (4 * pixels)))
    starts = range(0, len(particles), rows)
    return [
        Item(
            id=f"particles_{number:05d}",
            inputs={
                "path": params.particles,
                "first": start,
                "stop": min(start + rows, len(particles)),
                "references": params.references,
            },
            cost=Cost(
                memory_bytes=350_000_000 + 6 * pixels * rows + 5 * _SAMPLE_BYTES,
                seconds=_SECONDS_PER_ITEM + rows * pixels * _SECONDS_PER_PIXEL,
            ),
        )
        for number, start in enumerate(starts, 1)
    ]


def work(item: Item, params: SortParams, worker: Worker) -> None:
    """Measure the particles of one item."""
    particles = read_particles(params.particles)
    settings = params.settings()
    worker.progress(0.0)
    sample = sample_rows(len(particles), particles.box_px)
    ground = common_ground(
        read_particle_images(particles, sample),
        particles[sample],
        settings,
        references=load_references(params, particles),
        device=worker.device,
    )
    worker.progress(0.2)
    rows = np.arange(item.inputs["first"], item.inputs["stop"])
    mine = particles[rows]
    found = particle_features(
        read_particle_images(mine), mine, ground, settings,
        device=worker.device, cores=worker.cores,
    )  # fmt: skip
    with atomic_open(worker.folder / FEATURES, "wb") as file:
        np.savez(
            file,
            first=rows[0],
            descriptors=found.descriptors,
            difference=found.difference,
            correlation=found.correlation,
            facts=json.dumps({"normalised_here": ground.normalise}),
        )


def collect(folder: Path, items: Sequence[Item], params: SortParams) -> Outcome:
    """Rank all particles, and write them in their new order."""
    return collect_ranking(folder, items, params)


def load_references(params: SortParams, particles: Particles) -> NDArray[np.float32] | None:
    """References on the pixels of the particles, bright; None where none are given."""
    if params.references is None:
        return None
    images, size = read_class_images(params.references, params.references_pixel_size_angstrom)
    return fit_references(
        images,
        size,
        to_pixel_size_angstrom=particles.pixel_size_angstrom,
        box_px=particles.box_px,
        contrast=params.references_contrast,
    )


def sample_rows(n: int, box_px: int) -> NDArray[np.int64]:
    """Evenly spaced rows of a set, the same ones for every item.

    Examples
    --------
    >>> sample_rows(5, 64)
    array([0, 1, 2, 3, 4])
    """
    wanted = max(64, min(_MOST_SAMPLED, _SAMPLE_BYTES // (4 * box_px**2)))
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).astype(np.int64))


JOB = Job(
    name="sort",
    title="Rank particles by how well they fit their references or each other",
    params=SortParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("particles",),
    example="cryopick sort classes/particles.star --references classes/class_averages.star -o sort",
    preload=("torch",),
)
