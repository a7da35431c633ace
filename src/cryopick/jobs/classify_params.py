"""Parameters of ``classify``, and what they mean for the particles at hand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cryopick.curate.classes.ranking import KEEP_ABOVE
from cryopick.curate.classes.settings import ClassifySettings, CtfModel, Precision
from cryopick.errors import InputError
from cryopick.model import Particles
from cryopick.run.job import Params, param

# Share of the box that a mask covers where none is given, and at most.
_USUAL_MASK, _WIDEST_MASK = 0.9, 1.0


class ClassifyParams(Params):
    """Parameters of ``classify``; the defaults are those of `ClassifySettings`."""

    particles: str = param(description="particles.star of `extract particles`, or of RELION")
    classes: int = param(
        ClassifySettings.classes, description="How many classes (RELION: 1)", ge=1, le=1000
    )
    mask_diameter_angstrom: float | None = param(
        ClassifySettings.mask_diameter_angstrom,
        description="Diameter of the soft disc that particles and averages are masked by, a fifth "
        "wider than the particle; 0.9 of the box where not given (RELION: 200)",
        unit="Å",
        gt=0,
    )
    iterations: int = param(ClassifySettings.iterations, description="Iterations", ge=1, le=1000)
    ctf: Literal["auto", "full", "phase-flipped", "premultiplied", "ignore"] = param(
        "auto",
        description="What is done about the CTF: full (images as recorded), phase-flipped, "
        "premultiplied, or ignore; auto: as the particles say",
    )
    regularisation: float = param(
        ClassifySettings.regularisation,
        description="How far averages are trusted beyond their signal-to-noise ratio: RELION's T",
        gt=0,
    )
    resolution_limit_angstrom: float | None = param(
        ClassifySettings.resolution_limit_angstrom,
        description="Finer detail is not used to align; 5 to 15 Å keeps classes from growing hair",
        unit="Å",
        gt=0,
    )
    psi_step_deg: float = param(
        ClassifySettings.psi_step_deg,
        description="In-plane step of the final grid",
        unit="deg",
        gt=0,
        le=45,
    )
    offset_range_angstrom: float | None = param(
        ClassifySettings.offset_range_angstrom,
        description="Furthest that a particle is moved; 5 px where not given",
        unit="Å",
        ge=0,
    )
    offset_step_angstrom: float | None = param(
        ClassifySettings.offset_step_angstrom,
        description="Step of the final grid of shifts; 1 px where not given",
        unit="Å",
        gt=0,
    )
    batch_size: int | None = param(
        ClassifySettings.batch_size,
        description="Particles of one iteration, drawn anew each time (the last takes all): for "
        "large sets, 200 per class; all where not given",
        ge=1,
    )
    zero_mask: bool = param(
        ClassifySettings.zero_mask,
        description="Set what surrounds each particle to 0, so that neighbours do not count",
    )
    min_class_score: float = param(
        KEEP_ABOVE, description="Classes that score lower are proposed for rejection", ge=0, le=1
    )
    # Advanced.
    start_resolution_angstrom: float | None = param(
        ClassifySettings.start_resolution_angstrom,
        description="Detail used in the first iteration; a fifth of the mask where not given",
        unit="Å",
        gt=0,
        advanced=True,
    )
    temperature: float = param(
        ClassifySettings.temperature,
        description="Likelihoods are flattened by this factor at first, and by none from half-way "
        "on (RELION: 1)",
        ge=1,
        le=1000,
        advanced=True,
    )
    recentre: bool = param(
        ClassifySettings.recentre,
        description="Keep the mass of each average in its centre (RELION: no)",
        advanced=True,
    )
    split: bool = param(
        ClassifySettings.split,
        description="Give an empty class one half of the largest (RELION: no)",
        advanced=True,
    )
    precision: Precision = param(
        ClassifySettings.precision,
        description="Of the products of the search; auto: the fastest on this machine",
        advanced=True,
    )
    pictures_every: int = param(
        1, description="Iterations between pictures of the classes", ge=1, advanced=True
    )


def settings_of(params: ClassifyParams, particles: Particles, *, seed: int) -> ClassifySettings:
    """The settings of the search, checked against the particles.

    Raises
    ------
    InputError
        Where they do not fit each other.
    """
    _check(params, particles)
    names = ClassifySettings.__dataclass_fields__
    given = {name: value for name, value in params.model_dump().items() if name in names}
    settings: dict[str, Any] = {**given, "ctf": ctf_model(params, particles), "seed": seed}
    return ClassifySettings(**settings)


def ctf_model(params: ClassifyParams, particles: Particles) -> CtfModel:
    """How the CTF enters: as asked for, or as the particles say."""
    known = particles.defocus is not None and bool(np.isfinite(particles.defocus).all())
    said: CtfModel = "phase-flipped" if particles.phase_flipped else "full"
    if particles.ctf_premultiplied:
        said = "premultiplied"
    if params.ctf != "auto":
        if params.ctf != "ignore" and not known:
            raise InputError(
                f"--ctf {params.ctf}: {params.particles} does not give every particle's defocus; "
                "extract with --ctf, or give --ctf ignore"
            )
        if said != "full" and params.ctf not in (said, "ignore"):
            raise InputError(
                f"--ctf {params.ctf}: {params.particles} says that its images are {said}; leave "
                "--ctf out"
            )
        return params.ctf
    return said if known else "ignore"


def mask_diameter_angstrom(params: ClassifyParams, particles: Particles) -> float:
    """Diameter of the mask, given or usual."""
    box = particles.box_px * particles.pixel_size_angstrom
    return params.mask_diameter_angstrom or _USUAL_MASK * box


def _check(params: ClassifyParams, particles: Particles) -> None:
    pixel = particles.pixel_size_angstrom
    box = particles.box_px * pixel
    mask = params.mask_diameter_angstrom
    if mask is not None and mask > _WIDEST_MASK * box:
        raise InputError(
            f"--mask-diameter {mask:g}: the box is {box:g} Å wide ({particles.box_px} px of "
            f"{pixel:g} Å); give less, or extract larger boxes"
        )
    if params.classes > len(particles):
        raise InputError(
            f"--classes {params.classes}: {params.particles} holds {len(particles)} particles; "
            "give fewer classes"
        )
    limit = params.resolution_limit_angstrom
    if limit is not None and limit < 2 * pixel:
        raise InputError(
            f"--resolution-limit {limit:g}: pixels of {pixel:g} Å show nothing finer than "
            f"{2 * pixel:g} Å; give that or more"
        )
    reach = params.offset_range_angstrom
    if reach is not None and reach > box / 2:
        raise InputError(f"--offset-range {reach:g}: half the box is {box / 2:g} Å; give less")
