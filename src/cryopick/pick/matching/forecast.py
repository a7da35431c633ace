"""What `match_tomogram` will take, before it starts: seconds and bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import random_rotations
from cryopick.geometry.so3_grid import nside_for_step
from cryopick.geometry.symmetry import point_group
from cryopick.ops.low_rank import low_rank
from cryopick.pick.matching.bank import MAX_RANK
from cryopick.pick.matching.cost import Speed, exact_seconds, machine_speed, seconds_for_sizes
from cryopick.pick.matching.engine import (
    FIRST_ROUND_STEP,
    LEAST_ENERGY,
    LEAST_RANK,
    spherical_hull,
)
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.scaled import scaled_template
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template, TurnedTemplates
from cryopick.pick.matching.weighting import template_weight

# Measured on one core: reading, gold, filters and resampling, per voxel of the tomogram.
_PREPARE_SECONDS = 60e-9
# Turning, weighting and compressing, per rotation and voxel of the box.
_TURN_SECONDS = 60e-9
# One refined candidate and start, per voxel of the box at the fine voxel.
_REFINE_SECONDS = 3.0e-7
_MINIMUM_SECONDS = 4.0
# Bytes per voxel of the tomogram, and of the searched volume, while it is searched.
_BYTES_FINE = 9.5
_BYTES_SCREEN = 28
# One tile per core: its component maps (2 bytes a value) and transforms; the exact engine's block.
_TILE_VOXELS = 1_400_000
_BYTES_TILE_FIXED = 90_000_000
_BYTES_TILE_EXACT = 750_000_000
_BYTES_PROCESS = 500_000_000
_TRIAL_ROTATIONS = 320
_TEST_ROTATIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a search takes on one worker.

    Attributes
    ----------
    seconds
        Wall time.
    memory_bytes
        Peak.
    rotations, rank
        Of the first template; rank 0 for the exact engine.
    """

    seconds: float
    memory_bytes: int
    rotations: int
    rank: int


def forecast(
    shape: tuple[int, ...],
    pixel_size_angstrom: float,
    templates: list[Template],
    *,
    imaging: Imaging,
    settings: MatchSettings,
    searched: float = 1.0,
    rotations: int | None = None,
    cores: int = 1,
    device: str = "cpu",
) -> Forecast:
    """Forecast the search of one tomogram.

    Parameters
    ----------
    shape
        Of the tomogram.
    searched
        Fraction of its voxels that is searched.
    rotations
        Length of an own list; None: a grid.
    """
    speed = machine_speed(device)
    diameter = min(template.diameter_angstrom for template in templates)
    fine = settings.fine_pixel_for(diameter, pixel_size_angstrom)
    screen = max(fine, settings.screen_pixel_for(diameter, pixel_size_angstrom))
    if settings.engine == "exact" and settings.screen_pixel_angstrom is None:
        screen = fine
    whole = float(math.prod(shape))
    voxels = whole * (pixel_size_angstrom / screen) ** 3
    seconds = _MINIMUM_SECONDS + whole * _PREPARE_SECONDS
    listed, rank = 0, 0
    for index, template in enumerate(templates):
        coarse = scaled_template(template, screen)
        count = rotations or _grid_size(settings, template, screen)
        found_rank, energy = _rank(coarse, imaging, settings)
        search, bank = _search_seconds(
            speed,
            coarse,
            settings,
            count=count,
            rank=max(found_rank, LEAST_RANK),
            energy=energy,
            voxels=voxels * searched,
            cores=cores,
        )
        if index == 0:
            listed, rank = count, bank
        seconds += search
        if settings.refine:
            box = round(template.box_px * template.pixel_size_angstrom / fine)
            volume = whole * searched * pixel_size_angstrom**3
            pool = settings.pool_for(volume, template.diameter_angstrom)
            seconds += pool * (settings.seeds + 1) * box**3 * _REFINE_SECONDS / cores
    tile = 2 * _TILE_VOXELS * rank + _BYTES_TILE_FIXED if rank else _BYTES_TILE_EXACT
    tiles = tile * cores
    memory = whole * _BYTES_FINE + voxels * _BYTES_SCREEN + tiles + _BYTES_PROCESS
    return Forecast(seconds=seconds, memory_bytes=int(memory), rotations=listed, rank=rank)


def _grid_size(settings: MatchSettings, template: Template, screen: float) -> int:
    diameter = template.diameter_angstrom
    if settings.engine == "exact":
        step = settings.step_for(diameter, screen)
    else:
        step = settings.screen_step_for(diameter, screen)
    order = len(point_group(template.symmetry))
    return max(1, 12 * nside_for_step(step) ** 2 * math.ceil(360 / step) // order)


def _search_seconds(
    speed: Speed,
    template: Template,
    settings: MatchSettings,
    *,
    count: int,
    rank: int,
    energy: float,
    voxels: float,
    cores: int,
) -> tuple[float, int]:
    """Seconds of the search of one template, and the rank of its bank; 0: exact."""
    noise = {"none": 0.0, "smooth": 0.1, "pytom": 1.0}[settings.noise]
    exact = exact_seconds(speed, voxels=voxels, rotations=count, cores=cores) * (1 + noise)
    if settings.engine == "exact":
        return exact, 0
    has_first = settings.first_round_kept < 1
    first_rank = max(1, round(rank * 0.4)) if has_first else rank
    quick = seconds_for_sizes(
        speed,
        voxels=voxels,
        rows=count,
        rank=rank,
        first_rows=round(count / FIRST_ROUND_STEP**3) if has_first else count,
        first_rank=first_rank,
        kept=settings.first_round_kept if has_first else 0.0,
        cores=cores,
    )
    bank = count * template.box_px**3 * _TURN_SECONDS
    quick = (quick + bank) * (1 + noise) + bank * 0.1
    if settings.engine == "auto" and (energy < LEAST_ENERGY or exact < quick):
        return exact + bank, 0
    return quick, rank


def _rank(template: Template, imaging: Imaging, settings: MatchSettings) -> tuple[int, float]:
    """Components that hold the energy wanted, from a small trial of the bank."""
    rng = np.random.default_rng(0)
    ball = spherical_hull(template)
    weight = template_weight(
        ball.box_px, ball.pixel_size_angstrom, imaging=imaging, band=settings.band
    )
    turned = TurnedTemplates(ball, weight)
    rotations = random_rotations(_TRIAL_ROTATIONS + _TEST_ROTATIONS, rng=rng)
    inside = np.flatnonzero(ball.mask > 0)
    rows = turned.at(rotations).flatten(1)[:, inside]
    found = low_rank(lambda index: rows[index], _TRIAL_ROTATIONS, max_rank=_TRIAL_ROTATIONS)
    tested = rows[_TRIAL_ROTATIONS:].numpy()
    held = np.square(tested @ found.basis.T).sum(0).cumsum() / np.square(tested).sum()
    return _extrapolated(held, settings.energy)


def _extrapolated(held: NDArray[np.float64], energy: float) -> tuple[int, float]:
    """Rank for an energy; beyond the trial, what is left falls off as it did at its end."""
    reached = int(np.searchsorted(held, energy)) + 1
    if reached <= len(held):
        return reached, energy
    half = len(held) // 2
    left_half, left_end = 1 - held[half - 1], 1 - held[-1]
    power = math.log(max(left_half / max(left_end, 1e-9), 1.01)) / math.log(2.0)
    rank = len(held) * (left_end / max(1 - energy, 1e-3)) ** (1 / power)
    if rank <= MAX_RANK:
        return round(rank), energy
    return MAX_RANK, 1 - float(left_end) * (MAX_RANK / len(held)) ** -power
