"""The picks that ``template`` averages: read, matched with their tomograms, summed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.image_inputs import image_paths, only_grid, open_single
from cryopick.model import Image, Picks, active
from cryopick.ops.particle_average import ParticleSum, average_particles


class PickParams(Protocol):
    """What is asked of the job's parameters."""

    @property
    def picks(self) -> str | None: ...  # noqa: D102
    @property
    def tomograms(self) -> list[str]: ...  # noqa: D102
    @property
    def label(self) -> str | None: ...  # noqa: D102
    @property
    def input_pixel_size_angstrom(self) -> float | None: ...  # noqa: D102
    @property
    def tilt_range_deg(self) -> tuple[float, float] | None: ...  # noqa: D102
    @property
    def from_dialect(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class PickFacts:
    """What is known of the picks before they are cut out."""

    count: int
    pixel_size_angstrom: float
    diameter_angstrom: float | None


def check_picks(params: PickParams) -> PickFacts:
    """Read the picks, so that wrong ones stop the job at once."""
    picks, tomograms, _ = _load(params)
    diameter = picks.diameter_angstrom
    known = diameter is not None and bool(np.isfinite(diameter).any())
    return PickFacts(
        count=len(picks),
        pixel_size_angstrom=next(iter(tomograms.values())).grid.pixel_size_angstrom,
        diameter_angstrom=float(np.nanmax(diameter)) if known and diameter is not None else None,
    )


def averaged_picks(
    params: PickParams, *, box_px: int
) -> tuple[NDArray[np.float32], float, dict[str, Any]]:
    """Average the picks: the volume, its pixel size, and what was done, in words."""
    picks, tomograms, warnings = _load(params)
    total: ParticleSum | None = None
    for name, image in tomograms.items():
        mine = picks[picks.image == name]
        if not len(mine):
            continue
        turn = mine.orientation
        found = average_particles(
            image.data,
            image.grid.to_px(mine.position_angstrom),
            np.tile([1.0, 0, 0, 0], (len(mine), 1)) if turn is None else turn,
            box_px=box_px,
            tilt_range_deg=params.tilt_range_deg,
        )
        total = found if total is None else total + found
    if total is None or not total.used:
        raise InputError(
            f"{params.picks}: no particle lies wholly inside its tomogram with a box of {box_px} px"
        )
    if total.at_edge:
        warnings.append(f"{total.at_edge:,} picks left out: their box leaves the tomogram")
    low_high = params.tilt_range_deg
    facts = {
        "particles": total.used,
        "left_out_at_edge": total.at_edge,
        "missing_wedge": "not compensated"
        if low_high is None
        else f"divided by how often each wave was seen, tilts {low_high[0]:g} to {low_high[1]:g}",
        "warnings": warnings,
    }
    pixel = next(iter(tomograms.values())).grid.pixel_size_angstrom
    return total.average(), pixel, facts


def _load(params: PickParams) -> tuple[Picks, dict[str, Image], list[str]]:
    if params.picks is None or not params.tomograms:
        raise InputError("--tomograms: is missing; name the tomograms that the picks are in")
    tilts = params.tilt_range_deg
    if tilts is not None and not -90 <= tilts[0] < tilts[1] <= 90:
        raise InputError(
            f"--tilt-range: expected lowest and highest tilt, got {tilts[0]:g} and {tilts[1]:g}"
        )
    tomograms = {
        name: open_single(path, params.input_pixel_size_angstrom)
        for name, path in image_paths(params.tomograms).items()
    }
    sizes = [image.grid.pixel_size_angstrom for image in tomograms.values()]
    if max(sizes) > min(sizes) * 1.001:
        raise InputError(
            f"--tomograms: pixel sizes from {min(sizes):g} to {max(sizes):g} Å; bring them to one "
            "(cryopick resample), or average those of one size"
        )
    grids = {name: image.grid for name, image in tomograms.items()}
    frame = Frame(
        grids=grids,
        default_grid=only_grid(grids),
        # Files that do not name their tomogram are of the only one there is.
        image_name=next(iter(grids)) if len(grids) == 1 else None,
    )
    found = read_picks(Path(params.picks), frame, name=params.from_dialect)
    picks = active(found.picks)
    if picks.ndim != 3:
        raise InputError(f"{params.picks}: holds 2D picks; a template needs those of a tomogram")
    if params.label is not None:
        labels = np.full(len(picks), "") if picks.label is None else picks.label
        picks = picks[labels == params.label]
    return *_of_tomograms(picks, tomograms, params), [*found.warnings, *_doubts(picks)]


def _of_tomograms(
    picks: Picks, tomograms: dict[str, Image], params: PickParams
) -> tuple[Picks, dict[str, Image]]:
    """The picks of the tomograms given, and those of the tomograms that have any."""
    chosen = picks[np.isin(picks.image, list(tomograms))]
    if not len(chosen):
        of = f" of label {params.label}" if params.label is not None else ""
        named = f"; it names {', '.join(np.unique(picks.image)[:3])}" if len(picks) else ""
        raise InputError(
            f"{params.picks}: no picks{of} in the tomograms {', '.join(list(tomograms)[:3])}{named}"
        )
    there = set(chosen.image.tolist())
    return chosen, {name: image for name, image in tomograms.items() if name in there}


def _doubts(picks: Picks) -> list[str]:
    if picks.orientation is None:
        return ["the picks have no orientations: they are summed as they lie, a blurred template"]
    return []
