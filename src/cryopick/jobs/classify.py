"""``cryopick classify``: 2D classification of particles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryopick.curate.classes.classify import ParticleCtf, classify
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.state import ClassState
from cryopick.errors import InputError
from cryopick.io.metadata.relion_optics import usual_optics_words
from cryopick.io.particles import read_particles
from cryopick.io.star import read_star
from cryopick.jobs.classify_cost import classify_cost
from cryopick.jobs.classify_images import ParticleImages
from cryopick.jobs.classify_outputs import collect_classes
from cryopick.jobs.classify_params import (
    ClassifyParams,
    mask_diameter_angstrom,
    settings_of,
)
from cryopick.jobs.classify_state import Journal
from cryopick.model import Particles
from cryopick.run.job import Item, Job, Outcome, Worker

ITEM = "classes"


def plan(params: ClassifyParams) -> list[Item]:
    """One item: every iteration needs all particles."""
    particles = read_particles(params.particles)
    settings = settings_of(params, particles, seed=0)
    inputs = {
        "particles": len(particles),
        "box_px": particles.box_px,
        "pixel_size_angstrom": particles.pixel_size_angstrom,
        "ctf": settings.ctf,
        "mask_diameter_angstrom": mask_diameter_angstrom(params, particles),
    }
    if settings.ctf != "ignore":
        _warn_of_usual_optics(params)
    missing = sorted({name for name in particles.file.tolist() if not Path(name).is_file()})
    if missing:
        raise InputError(f"{params.particles}: names {missing[0]}, which is not there")
    return [Item(id=ITEM, inputs=inputs, cost=classify_cost(particles, settings))]


def _warn_of_usual_optics(params: ClassifyParams) -> None:
    star = read_star(params.particles)
    table = star.table_with("rlnImageName")
    words = None if table is None else usual_optics_words(star, table)
    if words is not None:
        warnings.warn(words, stacklevel=2)


def work(item: Item, params: ClassifyParams, worker: Worker) -> None:
    """Classify, from where an earlier try stopped."""
    particles = read_particles(params.particles)
    settings = settings_of(params, particles, seed=worker.seed)
    if settings.ctf == "ignore" and params.ctf == "auto":
        warnings.warn(
            "the defocus of the particles is not known: the CTF was ignored, classes stay blurred",
            stacklevel=2,
        )
    images = ParticleImages(
        particles,
        mask_diameter_angstrom=item.inputs["mask_diameter_angstrom"],
        memory_bytes=worker.memory_bytes,
    )
    for line in images.warnings:
        warnings.warn(line, stacklevel=2)
    journal = Journal(
        worker.checkpoints, iterations=params.iterations, pictures_every=params.pictures_every
    )
    start = journal.last()
    worker.progress(0.0 if start is None else start.iteration / params.iterations)

    def done(state: ClassState) -> None:
        journal.add(state)
        worker.progress(state.iteration / params.iterations)

    if start is None or start.iteration < params.iterations:
        classify(
            images,
            pixel_size_angstrom=particles.pixel_size_angstrom,
            settings=settings,
            ctf=_ctf(particles, settings),
            half=particles.half,
            start=start,
            on_iteration=done,
            device=worker.device,
            cores=worker.cores,
        )
    journal.move(worker.folder)


def collect(folder: Path, items: Sequence[Item], params: ClassifyParams) -> Outcome:
    """Write class averages, models and particles as RELION reads them."""
    return collect_classes(folder, items[0], params)


def _ctf(particles: Particles, settings: ClassifySettings) -> ParticleCtf | None:
    if settings.ctf == "ignore" or particles.defocus is None:
        return None
    group = particles.optics_group
    return ParticleCtf(
        defocus=particles.defocus,
        optics=particles.optics,
        optics_group=np.zeros(len(particles), np.int64) if group is None else group,
    )


JOB = Job(
    name="classify",
    title="Sort particles into 2D classes, and average and rank these",
    params=ClassifyParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("particles",),
    example="cryopick classify extract/particles.star --classes 50 --mask-diameter 200 -o classes",
    preload=("torch", "scipy.fft"),
)
