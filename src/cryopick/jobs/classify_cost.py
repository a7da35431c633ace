"""What ``classify`` costs: a model of its steps, with constants as measured."""

from __future__ import annotations

import math

from cryopick.curate.classes.pose_grid import pose_grid
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.model import Particles
from cryopick.run.job import Cost
from cryopick.run.machine import core_count

# Seconds on one core: to begin with; of an iteration's pictures and files; per pixel of a particle in each iteration (its transform);
# per Fourier pixel (its best cells, divided, and the averages).
_SECONDS_TO_BEGIN = 4.0
_SECONDS_PER_ITERATION = 0.4
_SECONDS_PER_PIXEL = 5e-8
_SECONDS_PER_FOURIER_PIXEL = 8e-7
# Bytes: of the libraries; per Fourier pixel of each core (cells being divided), of each particle
# of a chunk, of each turned class average (its copies and the sums).
_BYTES_OF_LIBRARIES = 350 << 20
_BYTES_PER_CORE = 64 * 24 * 120
_BYTES_PER_CHUNK = 2048 * 24
_BYTES_PER_TURNED = 56
# Share of Nyquist that is used in the end, and of its Fourier pixels in a usual iteration.
_BAND, _USUAL = 0.8, 0.6


def classify_cost(particles: Particles, settings: ClassifySettings) -> Cost:
    """Memory and time of a classification that may use all cores of this machine.

    Parameters
    ----------
    particles
        The particles.
    settings
        How they are classified.
    """
    n, box, pixel = len(particles), particles.box_px, particles.pixel_size_angstrom
    grid = pose_grid(
        psi_step_deg=settings.psi_step_deg,
        offset_step_px=_in_px(settings.offset_step_angstrom, pixel, 1.0),
        offset_range_px=_in_px(settings.offset_range_angstrom, pixel, 5.0),
    )
    radius_px = _BAND * box / 2
    if settings.resolution_limit_angstrom is not None:
        radius_px = min(radius_px, box * pixel / settings.resolution_limit_angstrom)
    fourier_px = math.pi / 2 * radius_px**2
    turned = settings.classes * len(grid.angle_deg)
    batch = n if settings.batch_size is None else min(n, settings.batch_size)
    looked_at = n + (settings.iterations - 1) * batch
    operations = 4 * turned * len(grid.shift_px) * _USUAL * fourier_px
    seconds = looked_at * (
        _SECONDS_PER_PIXEL * box**2
        + _SECONDS_PER_FOURIER_PIXEL * _USUAL * fourier_px
        + operations / _operations_per_second(settings)
    )
    cores = core_count()
    per_fourier_px = (
        _BYTES_PER_CORE * cores + _BYTES_PER_CHUNK * min(1.0, n / 2048) + _BYTES_PER_TURNED * turned
    )
    images = 2 * 4 * n * box**2
    averages = 8 * 4 * settings.classes * box**2
    return Cost(
        memory_bytes=int(_BYTES_OF_LIBRARIES + images + averages + per_fourier_px * fourier_px),
        seconds=_SECONDS_TO_BEGIN + settings.iterations * _SECONDS_PER_ITERATION + seconds / cores,
    )


def _in_px(length_angstrom: float | None, pixel_size_angstrom: float, usual_px: float) -> float:
    return usual_px if length_angstrom is None else length_angstrom / pixel_size_angstrom


def _operations_per_second(settings: ClassifySettings) -> float:
    """Speed of one core in the search, measured now."""
    import torch

    from cryopick.ops.running_max import product_rate

    rates = [product_rate(torch.float32)]
    if settings.precision == "bfloat16":
        rates = [product_rate(torch.bfloat16)]
    elif settings.precision == "auto":
        rates.append(product_rate(torch.bfloat16))
    return max(rates)
