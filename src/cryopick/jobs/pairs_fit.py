"""``cryopick pairs fit``: link the picks of untilted and tilted micrographs, and find the tilt."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.combine.pair_affine import PairFit
from cryopick.combine.tilt_geometry import tilt_error_deg, tilt_geometry
from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.picks.npz import save_picks
from cryopick.jobs.image_inputs import item_id, open_single
from cryopick.jobs.pairs_fit_outputs import FACTS, LEFT, LINKED, collect_pairs
from cryopick.jobs.pairs_fit_params import (
    PairsFitParams,
    diameter_of,
    limits_of,
    tolerance_of,
)
from cryopick.jobs.pairs_linked import LinkedPair, link, sized, with_columns
from cryopick.jobs.tilt_pair_names import MicrographPair, micrograph_pairs
from cryopick.jobs.tilt_pair_picks import SidePicks, side_picks
from cryopick.model import Grid
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

# Measured on one core, for pairs of 200 and of 500 picks.
_SECONDS_GIVEN = 0.05
_SECONDS_AUTO = 2.0
_SECONDS_PER_SQUARED_PICK = 1e-5
_BYTES = 300_000_000
# Share of the magnification, and degrees.
_SCALE_OFF = 0.05
_LEAST_TILT_DEG = 10.0


def plan(params: PairsFitParams) -> list[Item]:
    """One item per pair of micrographs that has picks on both sides; these are read here."""
    limits_of(params)
    couples = _couples(params)
    picks = _read(params, couples)
    items: list[Item] = []
    for couple in _with_picks(couples, picks):
        sides = [picks[0].picks[couple.untilted], picks[1].picks[couple.tilted]]
        diameter = diameter_of(params, *sides)
        n = max(len(side) for side in sides)
        seconds = _SECONDS_GIVEN
        if params.auto:
            seconds = _SECONDS_AUTO + n**2 * _SECONDS_PER_SQUARED_PICK
        items.append(
            Item(
                id=item_id(couple.untilted),
                inputs={
                    "untilted": couple.untilted,
                    "tilted": couple.tilted,
                    "path": str(couple.untilted_path),
                    "tilted_path": str(couple.tilted_path),
                    "diameter_angstrom": diameter,
                    "tolerance_angstrom": tolerance_of(params, diameter),
                },
                cost=Cost(memory_bytes=_BYTES, seconds=seconds),
            )
        )
    if not items:
        raise InputError(
            f"{params.picks_untilted}, {params.picks_tilted}: no pair of micrographs has picks on "
            "both sides; check which micrographs belong together"
        )
    return items


def work(item: Item, params: PairsFitParams, worker: Worker) -> None:
    """Link the picks of one pair of micrographs."""
    couples = _couples(params)
    sides = _read(params, couples)
    untilted = sides[0].picks[item.inputs["untilted"]]
    tilted = sides[1].picks[item.inputs["tilted"]]
    grids = (
        _grid(item.inputs["path"], params.pixel_size_angstrom),
        _grid(item.inputs["tilted_path"], params.pixel_size_angstrom),
    )
    found = link(
        untilted,
        tilted,
        params,
        tolerance_angstrom=item.inputs["tolerance_angstrom"],
        grids=grids,
        rng=np.random.default_rng(worker.seed),
    )
    diameter = item.inputs["diameter_angstrom"]
    pairs = with_columns(found, stem=item.inputs["untilted"], diameter_angstrom=diameter)
    save_picks(pairs.untilted, worker.folder / LINKED["untilted"])
    save_picks(pairs.tilted, worker.folder / LINKED["tilted"])
    save_picks(sized(found.untilted_left, diameter), worker.folder / LEFT["untilted"])
    save_picks(sized(found.tilted_left, diameter), worker.folder / LEFT["tilted"])
    write_text(worker.folder / FACTS, json.dumps(_facts(item, found, grids), allow_nan=False))


def collect(folder: Path, items: Sequence[Item], params: PairsFitParams) -> Outcome:
    """Join the pairs of all micrographs."""
    couples = _couples(params)
    picks = _read(params, couples)
    warnings = [line for side in picks for line in side.warnings]
    known = {couple.untilted for couple in _with_picks(couples, picks)}
    warnings += [
        f"{couple.untilted} and {couple.tilted} left out: one of them has no picks"
        for couple in couples
        if couple.untilted not in known
    ]
    return collect_pairs(
        folder,
        items,
        pixel_size_angstrom=params.pixel_size_angstrom,
        warnings=list(dict.fromkeys(warnings)),
    )


def _couples(params: PairsFitParams) -> list[MicrographPair]:
    return micrograph_pairs(
        params.untilted,
        params.tilted,
        listed=params.pairs,
        untilted_pattern=params.untilted_pattern,
        tilted_pattern=params.tilted_pattern,
    )


def _with_picks(
    couples: Sequence[MicrographPair], picks: tuple[SidePicks, SidePicks]
) -> list[MicrographPair]:
    untilted, tilted = picks
    return [c for c in couples if c.untilted in untilted.picks and c.tilted in tilted.picks]


def _read(params: PairsFitParams, couples: Sequence[MicrographPair]) -> tuple[SidePicks, SidePicks]:
    size = params.pixel_size_angstrom
    untilted = {couple.untilted: _grid(couple.untilted_path, size) for couple in couples}
    tilted = {couple.tilted: _grid(couple.tilted_path, size) for couple in couples}
    return (
        side_picks(params.picks_untilted, untilted, others=tilted, dialect=params.from_dialect),
        side_picks(params.picks_tilted, tilted, others=untilted, dialect=params.from_dialect),
    )


def _grid(path: str | Path, pixel_size_angstrom: float | None) -> Grid:
    grid = open_single(path, pixel_size_angstrom).grid
    if grid.ndim != 2:
        raise InputError(f"{path}: is a volume; tilt pairs are of micrographs")
    return grid


def _facts(item: Item, found: LinkedPair, grids: tuple[Grid, Grid]) -> dict[str, Any]:
    """What ``pairs.json`` says of one pair of micrographs."""
    facts: dict[str, Any] = {
        "untilted": _micrograph(item.inputs["untilted"], item.inputs["path"], grids[0]),
        "tilted": _micrograph(item.inputs["tilted"], item.inputs["tilted_path"], grids[1]),
        "pairs": len(found.pairs),
        "predicted": int(np.count_nonzero(found.predicted)),
        "untilted_without_partner": len(found.untilted_left),
        "tilted_without_partner": len(found.tilted_left),
        "diameter_angstrom": item.inputs["diameter_angstrom"],
        "tolerance_angstrom": item.inputs["tolerance_angstrom"],
        "expected_by_chance": _number(found.expected_by_chance),
        "fit": None,
        "warnings": [],
    }
    if found.fit is None:
        facts["warnings"] = [f"no geometry: {found.problem}"]
        return facts
    geometry = tilt_geometry(found.fit.affine)
    facts["fit"] = {
        "matrix": found.fit.affine.matrix.tolist(),
        "shift_angstrom": found.fit.affine.shift_angstrom.tolist(),
        "tilt_deg": geometry.tilt_deg,
        "tilt_error_deg": _number(tilt_error_deg(found.fit, found.fitted_untilted)),
        "axis_untilted_deg": geometry.axis_untilted_deg,
        "axis_tilted_deg": geometry.axis_tilted_deg,
        "scale": geometry.scale,
        "is_mirrored": geometry.is_mirrored,
        "rms_residual_angstrom": found.fit.rms_angstrom,
        "largest_residual_angstrom": float(found.fit.residual_angstrom.max()),
        "pairs_fitted": int(np.count_nonzero(found.fit.agrees)),
        "pairs_beyond_tolerance": _beyond(found.fit, item.inputs["tolerance_angstrom"]),
        "condition": found.fit.condition,
    }
    facts["warnings"] = _doubts(facts)
    return facts


def _micrograph(name: str, path: str, grid: Grid) -> dict[str, Any]:
    return {
        "name": name,
        "path": path,
        "size_px": list(grid.size_px),
        "pixel_size_angstrom": grid.pixel_size_angstrom,
    }


def _doubts(facts: dict[str, Any]) -> list[str]:
    """What does not look like a tilt pair."""
    fit = facts["fit"]
    lines: list[str] = []
    if fit["is_mirrored"]:
        lines.append("one view is a mirror image of the other; flip one of the micrographs")
    if abs(fit["scale"] - 1) > _SCALE_OFF:
        lines.append(
            f"the views differ in magnification by {100 * (fit['scale'] - 1):+.1f} %; check the "
            "pixel sizes"
        )
    if fit["tilt_deg"] < _LEAST_TILT_DEG:
        lines.append(f"a tilt of {fit['tilt_deg']:.1f} degrees only; its axis is not certain")
    if fit["pairs_beyond_tolerance"]:
        lines.append(
            f"{fit['pairs_beyond_tolerance']} of {facts['pairs']} pairs are farther from the fit than "
            f"{facts['tolerance_angstrom']:g} Å; look at them, or give --drop-outliers"
        )
    tolerance = facts["tolerance_angstrom"]
    if tolerance is not None and fit["rms_residual_angstrom"] > tolerance:
        lines.append(
            f"residuals of {fit['rms_residual_angstrom']:.1f} Å are above the tolerance; the pairs "
            "may be wrong, or the specimen bent"
        )
    return lines


def _beyond(fit: PairFit, tolerance_angstrom: float | None) -> int:
    """How many given pairs lie farther from the fit than right ones do; found ones never do."""
    if tolerance_angstrom is None or not np.isfinite(fit.tolerance_angstrom):
        return 0
    return int(np.count_nonzero(fit.residual_angstrom[~fit.agrees] > tolerance_angstrom))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


JOB = Job(
    name="pairs fit",
    title="Link the picks of tilt pairs, and find tilt and axis",
    params=PairsFitParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("picks_untilted", "picks_tilted"),
    example="cryopick pairs fit untilted.star tilted.star --untilted u/*.mrc --tilted t/*.mrc "
    "--auto --particle-diameter 180 -o pairs",
    uses_gpu=False,
)
