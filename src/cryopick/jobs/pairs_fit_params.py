"""Parameters of ``pairs fit``, and what follows from them for one pair."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cryopick.combine.pair_seeds import TiltLimits
from cryopick.errors import InputError
from cryopick.model import Picks
from cryopick.run.job import Params, param

Predict = Literal["none", "untilted", "tilted", "both"]

# Of the particle's diameter: a pick of the right particle is nearer to where it should be.
_TOLERANCE_SHARE = 1 / 3


class PairsFitParams(Params):
    """Parameters of ``pairs fit``."""

    picks_untilted: str = param(
        description="Picks of the untilted micrographs, in any dialect: a file, or a folder or "
        "pattern of one file per micrograph"
    )
    picks_tilted: str = param(description="Picks of the tilted micrographs; may be the same folder")
    untilted: list[str] = param(
        [], description="Untilted micrographs: files, globs, folders, STAR; not needed with --pairs"
    )
    tilted: list[str] = param([], description="Tilted micrographs, in the same order")
    pairs: str | None = param(
        None,
        description="Which micrographs belong together: Xmipp's tilted_pairs.xmd, or STAR or CSV "
        "with columns untilted and tilted. By order where neither this nor patterns are given",
    )
    untilted_pattern: str | None = param(
        None, description="Names of untilted micrographs, * for what both of a pair share: *_00"
    )
    tilted_pattern: str | None = param(None, description="The same for tilted micrographs: *_45")
    auto: bool = param(
        False,
        description="Find out which picks are the same particle. Otherwise row i of one side is "
        "row i of the other",
    )
    particle_diameter_angstrom: float | None = param(
        None,
        description="Diameter of the particle; taken from the picks where they tell it",
        unit="Å",
        gt=0,
    )
    tolerance_angstrom: float | None = param(
        None,
        description="Largest distance between a tilted pick and where the fit puts it; a third of "
        "the diameter where not given",
        unit="Å",
        gt=0,
    )
    tilt_min_deg: float = param(
        TiltLimits.tilt_min_deg, description="--auto: smallest tilt", unit="deg", ge=0, lt=90
    )
    tilt_max_deg: float = param(
        TiltLimits.tilt_max_deg, description="--auto: largest tilt", unit="deg", gt=0, lt=90
    )
    predict: Predict = param(
        "none",
        description="Side on which a pick without a partner gets one where the fit puts it. Without "
        "--auto: for the rows that this side has less",
    )
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the micrographs; overrides their headers", unit="Å", gt=0
    )
    drop_outliers: bool = param(
        False,
        description="Leave out given pairs that are farther from the fit than the tolerance",
        advanced=True,
    )
    scale_tolerance: float = param(
        0.08,
        description="--auto: largest difference in magnification between the two views, as a share",
        gt=0,
        lt=0.5,
        advanced=True,
    )
    from_dialect: str | None = param(
        None, description="Dialect of the picks; recognised where not given", advanced=True
    )


def limits_of(params: PairsFitParams) -> TiltLimits:
    """Tilts to look for."""
    if params.tilt_min_deg >= params.tilt_max_deg:
        raise InputError(
            f"--tilt-min {params.tilt_min_deg:g}: expected less than --tilt-max, "
            f"{params.tilt_max_deg:g}"
        )
    return TiltLimits(
        tilt_min_deg=params.tilt_min_deg,
        tilt_max_deg=params.tilt_max_deg,
        scale_min=1 - params.scale_tolerance,
        scale_max=1 + params.scale_tolerance,
    )


def diameter_of(params: PairsFitParams, *sides: Picks) -> float | None:
    """Diameter of the particle: as given, else the median of the picks; None: not known."""
    if params.particle_diameter_angstrom is not None:
        return params.particle_diameter_angstrom
    known = [p.diameter_angstrom for p in sides if p.diameter_angstrom is not None]
    values = np.concatenate(known) if known else np.zeros(0)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else None


def tolerance_of(params: PairsFitParams, diameter_angstrom: float | None) -> float | None:
    """Largest distance of a right pair; None where nothing tells it and nothing needs it."""
    if params.tolerance_angstrom is not None:
        return params.tolerance_angstrom
    if diameter_angstrom is not None:
        return diameter_angstrom * _TOLERANCE_SHARE
    for flag, asked in (("--auto", params.auto), ("--drop-outliers", params.drop_outliers)):
        if asked:
            raise InputError(
                f"{flag}: needs the particle's diameter, and the picks tell none; give "
                "--particle-diameter or --tolerance"
            )
    return None
