"""Parameters of ``select``."""

from __future__ import annotations

from typing import Literal

from cryopick.errors import InputError
from cryopick.run.job import Params, param

SplitOrder = Literal["random", "as-is"]


class SelectParams(Params):
    """Parameters of ``select``."""

    input: str = param(
        description="What to choose from: particles.star, picks (any dialect), a STAR file of "
        "micrographs, or class_averages.star / model.star"
    )
    where: list[str] = param(
        [],
        description="COLUMN:MIN:MAX, one end may be empty: keep rows with a value from MIN to MAX. "
        "Columns as in the file (rlnCtfMaxResolution::6); of other picks score, x, y, z, diameter",
    )
    classes: str | None = param(None, description="Keep these classes, by number: 1,3,5-8")
    reject_classes: str | None = param(None, description="Reject these classes, by number")
    class_averages: str | None = param(
        None,
        description="class_averages.star or model.star that ranks the classes of the particles",
    )
    min_class_score: float | None = param(
        None,
        description="Keep classes that score at least so much (rlnClassScore); where neither this "
        "nor classes are given, those that --class-averages marks as selected",
        ge=0,
        le=1,
    )
    particles: str | None = param(
        None, description="Where the input is class averages: their particles, chosen along"
    )
    max_image_deviation_sd: float | None = param(
        None,
        description="Reject images whose mean or standard deviation is farther than this from "
        "those of the others (RELION: 4)",
        unit="sd",
        gt=0,
        flag="--max-image-deviation",
    )
    min_distance_angstrom: float | None = param(
        None,
        description="Remove duplicates: of particles nearer than this in one image only the best "
        "stays (RELION: 30)",
        unit="Å",
        gt=0,
    )
    better: str | None = param(
        None,
        description="Column that tells which of two duplicates is better (higher); the score "
        "where not given",
    )
    keep: str | None = param(
        None, description="Keep only what this list names: a STAR file, picks, or a name per line"
    )
    reject: str | None = param(None, description="Reject what this list names")
    recentre: bool = param(
        False,
        description="Centre the chosen class averages on their mass, and shift their particles "
        "along",
    )
    regroup: int | None = param(
        None,
        description="Join micrographs of like intensity into so many groups (rlnGroupName)",
        ge=1,
    )
    split_parts: int | None = param(
        None, description="Write what is kept in so many parts as well", ge=1, le=10_000
    )
    split_size: int | None = param(
        None, description="Write what is kept in parts of this size as well", ge=1
    )
    split_order: SplitOrder = param(
        "random", description="Draw the parts at random, or cut them in the order of the file"
    )
    pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the micrographs, where picks do not tell it",
        unit="Å",
        gt=0,
        advanced=True,
    )
    image: list[str] = param(
        [], description="The picked images, for picks that need their sizes", advanced=True
    )
    seed: int = param(0, description="Seed of random parts", ge=0, advanced=True)
    shown: int = param(
        50, description="Images in each picture of the report", ge=1, le=500, advanced=True
    )


def check(params: SelectParams) -> None:
    """Refuse what asks for nothing, or for two things at once."""
    asked = (
        *params.where, params.classes, params.reject_classes, params.class_averages,
        params.min_class_score, params.max_image_deviation_sd, params.min_distance_angstrom,
        params.keep, params.reject, params.regroup, params.split_parts, params.split_size,
        params.recentre or None,
    )  # fmt: skip
    if all(value is None for value in asked):
        raise InputError(
            "select: nothing was asked for; give --where, --classes, --min-class-score, "
            "--max-image-deviation, --min-distance, --keep, --reject, --recentre, --regroup or "
            "--split-parts"
        )
    if params.split_parts is not None and params.split_size is not None:
        raise InputError("--split-size: give it or --split-parts, not both")
    if params.classes is not None and params.reject_classes is not None:
        raise InputError("--reject-classes: give it or --classes, not both")
    if params.better is not None and params.min_distance_angstrom is None:
        raise InputError("--better: is about duplicates; give --min-distance too")
