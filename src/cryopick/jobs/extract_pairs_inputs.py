"""What ``extract pairs`` reads: linked picks and geometry of ``pairs fit``, and the micrographs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.combine.pair_affine import PairAffine
from cryopick.combine.tilt_geometry import common_axis_deg, oriented_near, tilt_geometry
from cryopick.errors import InputError
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.extract_pairs_params import ExtractPairsParams
from cryopick.jobs.image_inputs import image_paths
from cryopick.jobs.pairs_fit_outputs import SIDES, STARS, pairs_frame, read_pairs
from cryopick.jobs.pairs_linked import PAIR_ID
from cryopick.model import Picks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedPairs:
    """What a ``pairs fit`` job left.

    Attributes
    ----------
    facts
        Of each pair of micrographs, by the name of the untilted one.
    untilted, tilted
        All linked picks.
    """

    facts: Mapping[str, Mapping[str, Any]]
    untilted: Picks
    tilted: Picks


def fitted_pairs(path: str) -> FittedPairs:
    """Read a finished ``pairs fit``, once per process as long as its files stay as they are."""
    folder, facts = read_pairs(path)
    stars = tuple(folder / STARS[side] for side in SIDES)
    stamps = tuple((str(star), star.stat().st_mtime_ns) for star in stars if star.is_file())
    if len(stamps) < len(SIDES):
        raise InputError(f"{folder}: no {' and '.join(STARS.values())} in it; run pairs fit again")
    return _read(stamps, json.dumps(facts))


@lru_cache(maxsize=2)
def _read(stars: tuple[tuple[str, int], ...], facts: str) -> FittedPairs:
    pairs: list[dict[str, Any]] = json.loads(facts)
    frame = pairs_frame(pairs)
    untilted, tilted = (read_picks(star, frame, name="relion").picks for star, _ in stars)
    for side, (star, _) in zip((untilted, tilted), stars, strict=True):
        if PAIR_ID not in side.extra and len(side):
            raise InputError(f"{star}: column {PAIR_ID} is missing; run pairs fit again")
    return FittedPairs(
        facts={each["untilted"]["name"]: each for each in pairs}, untilted=untilted, tilted=tilted
    )


def pair_files(params: ExtractPairsParams, fitted: FittedPairs) -> dict[str, tuple[Path, Path]]:
    """Files of both sides by the name of the untilted micrograph; those that have both."""
    sources = {
        side: image_paths(given) if given else None
        for side, given in zip(SIDES, (params.untilted, params.tilted), strict=True)
    }
    found: dict[str, tuple[Path, Path]] = {}
    missing: list[str] = []
    for name, facts in fitted.facts.items():
        paths: list[Path] = []
        for side in SIDES:
            source, own = sources[side], facts[side]["name"]
            if source is None:
                paths.append(Path(facts[side]["path"]))
            elif own in source:
                paths.append(source[own])
            else:
                missing.append(f"{own} (--{side})")
        if len(paths) == len(SIDES):
            found[name] = (paths[0], paths[1])
    if not found:
        raise InputError(
            f"--untilted, --tilted: no pair of micrographs has the names of the picked ones; missing "
            f"are {', '.join(missing[:4])}. Micrographs are matched by file name without suffix"
        )
    return found


def shared_axis_deg(facts: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Direction of the tilt axis that the tilted micrographs share; None: no tilt is known."""
    axes = [each["fit"]["axis_tilted_deg"] for each in facts.values() if each["fit"] is not None]
    return common_axis_deg(axes) if axes else None


def geometry_of(facts: Mapping[str, Any], axis_deg: float | None) -> dict[str, Any] | None:
    """Tilt and axes, the axis pointing the way it does in the other pairs."""
    if facts["fit"] is None or axis_deg is None:
        return None
    affine = PairAffine(
        matrix=np.asarray(facts["fit"]["matrix"], dtype=np.float64),
        shift_angstrom=np.asarray(facts["fit"]["shift_angstrom"], dtype=np.float64),
    )
    return asdict(oriented_near(tilt_geometry(affine), axis_deg))
