"""Every job: the words of its command, the module that declares it, its title.

The table is all that ``cryopick --help`` reads: a job's module (and with it pydantic, numpy and
torch) is imported only when the job is wanted. A test holds each title against the job's own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cryopick.errors import InputError

if TYPE_CHECKING:  # pydantic would cost `cryopick --help` a third of its time
    from cryopick.run.job import Job

JOBS: dict[str, tuple[str, str]] = {
    "pick log": (
        "cryopick.jobs.pick_log",
        "Pick round particles without a template (2D and 3D)",
    ),
    "pick template": (
        "cryopick.jobs.pick_template",
        "Pick particles in micrographs by references (2D)",
    ),
    "candidates": (
        "cryopick.jobs.candidates",
        "Choose the picks of a finished search again, without searching again",
    ),
    "compare": ("cryopick.jobs.compare", "Score picks against the truth"),
    "match": (
        "cryopick.jobs.match",
        "Find a known particle in tomograms, with its orientations",
    ),
    "resample": (
        "cryopick.jobs.resample",
        "Bin or Fourier-crop images and volumes to another pixel size",
    ),
    "filter": ("cryopick.jobs.filter", "Band-pass, blur or locally normalise images and volumes"),
    "template": (
        "cryopick.jobs.template",
        "Make templates from maps, or from an average of own picks",
    ),
    "mask sphere": ("cryopick.jobs.mask_sphere", "Make a spherical mask with a soft edge"),
    "mask ellipsoid": (
        "cryopick.jobs.mask_ellipsoid",
        "Make an ellipsoidal mask with a soft edge",
    ),
    "mask cylinder": (
        "cryopick.jobs.mask_cylinder",
        "Make a cylindrical mask along z with a soft edge",
    ),
    "mask tight": ("cryopick.jobs.mask_tight", "Make a soft mask that follows a map"),
    "mask slab": (
        "cryopick.jobs.mask_slab",
        "Find top and bottom of the ice in tomograms, and mask what lies between",
    ),
    "simulate micrographs": (
        "cryopick.jobs.simulate_micrographs",
        "Make realistic micrographs with known truth",
    ),
    "simulate tomogram": (
        "cryopick.jobs.simulate_tomogram",
        "Make a realistic tomogram with known truth",
    ),
    "sort": (
        "cryopick.jobs.sort",
        "Rank particles by how well they fit their references or each other",
    ),
    "select": (
        "cryopick.jobs.select",
        "Choose particles, picks, micrographs or classes by any measure",
    ),
    "extract particles": (
        "cryopick.jobs.extract_particles",
        "Cut out particles, rescaled and normalised, ready for 2D classes",
    ),
    "classify": (
        "cryopick.jobs.classify",
        "Sort particles into 2D classes, and average and rank these",
    ),
    "pairs fit": (
        "cryopick.jobs.pairs_fit",
        "Link the picks of tilt pairs, and find tilt and axis",
    ),
    "extract pairs": (
        "cryopick.jobs.extract_pairs",
        "Cut out both views of every particle of tilt pairs, row by row",
    ),
}
"""Words: module (its ``JOB`` is the declaration), title."""


def load_job(words: str) -> Job[Any]:
    """Import a job by the words of its command.

    Examples
    --------
    >>> load_job("pick log").name
    'pick log'
    """
    if words not in JOBS:
        raise InputError(
            f"{words!r} is not a job of this version of cryopick; known: {', '.join(sorted(JOBS))}"
        )
    return importlib.import_module(JOBS[words][0]).JOB
