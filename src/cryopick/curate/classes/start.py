"""The state before the first iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.averages import divided, masked
from cryopick.curate.classes.expectation import Posterior
from cryopick.curate.classes.maximisation import Maximisation, Sums
from cryopick.curate.classes.prepare import CHUNK, Run, chunk_of
from cryopick.curate.classes.state import ClassState
from cryopick.errors import InputError

# Particles that the first averages and the first noise are made of.
_MOST_FIRST = 4000
_FIRST_PER_CLASS = 200
_FIRST_OFFSET_SIGMA_PX = 2.5


def first_state(run: Run, half: NDArray[np.int64] | None) -> ClassState:
    """Average random particles at random angles, and measure their noise."""
    settings, n, k, box = run.settings, run.particles, run.settings.classes, run.band.box_px
    rng = np.random.default_rng([settings.seed, 0])
    halves = _halves(half, n, rng)
    sums = _random_sums(run, halves, rng)
    band = run.band.up_to(run.first_shell)
    whole = divided(
        sums.numerator.sum(0)[:, : len(band)],
        sums.denominator.sum(0)[:, : band.radius_px + 1],
        band,
    )
    coefficients = masked(whole, band=band, mask=run.average_mask(band))
    average = band.to_images(coefficients, box_px=box)
    unknown = np.zeros((k, box // 2 + 1))
    return ClassState(
        iteration=0,
        pixel_size_angstrom=run.pixel_size_angstrom,
        average=average,
        half_average=np.zeros((2, k, box, box), np.float32),
        reference=np.stack([average, average]),
        class_weight=np.full(k, 1 / k),
        noise_power=_power(run, sums),
        signal_power=unknown,
        ssnr=unknown.copy(),
        frc=unknown.copy(),
        resolution_angstrom=np.full(k, np.inf),
        band_px=band.radius_px,
        offset_sigma_px=_FIRST_OFFSET_SIGMA_PX,
        class_index=np.full(n, -1, np.int64),
        psi_deg=np.zeros(n),
        shift_px=np.zeros((n, 2)),
        log_likelihood=np.full(n, np.nan),
        probability=np.zeros(n),
        class_probability=np.zeros(n),
        half=halves,
        changed=1.0,
        numerator=np.zeros((2, k, len(run.band)), np.complex64),
        denominator=np.zeros((2, k, run.band.radius_px + 1), np.float32),
        precision=_precision(run),
    )


def _random_sums(run: Run, halves: NDArray[np.int64], rng: np.random.Generator) -> Sums:
    """Sums of some particles, each in a random class and at a random angle."""
    k = run.settings.classes
    most = max(k, min(_MOST_FIRST, _FIRST_PER_CLASS * k))
    few = np.sort(rng.permutation(run.particles)[:most])
    classes = rng.permutation(np.arange(len(few)) % k)
    grid = run.grid(0)
    angles = rng.integers(len(grid.fine_angle_deg), size=len(few))
    at_rest = int(np.hypot(*grid.fine_shift_px.T).argmin())
    total = Maximisation(k, band=run.band, grid=grid, device=run.device, cores=run.cores)
    for first in range(0, len(few), CHUNK):
        rows = slice(first, first + CHUNK)
        m = len(few[rows])
        alone = Posterior(
            particle=np.arange(m),
            class_index=classes[rows],
            angle=angles[rows],
            shift=np.full(m, at_rest),
            weight=np.ones(m, np.float32),
            best=np.arange(m),
            log_likelihood=np.zeros(m),
        )
        total.add(
            chunk_of(run, run.band, few[rows], np.zeros((m, 2))), alone, half=halves[few[rows]]
        )
    return total.sums()


def _power(run: Run, sums: Sums) -> NDArray[np.float64]:
    """Mean power of the images, of which nearly all is noise; as in the last shell beyond it."""
    count = sums.particles * run.band.per_shell
    if run.settings.ctf == "premultiplied":
        count = sums.denominator.sum((0, 1)) * run.band.per_shell
    power = np.zeros(run.band.box_px // 2 + 1)
    power[1 : len(count)] = sums.power[1:] / np.maximum(count[1:], 1e-9) / run.masked_share
    power[0], power[len(count) :] = power[1], power[len(count) - 1]
    return np.maximum(power, 1e-9)


def _halves(half: NDArray[np.int64] | None, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if half is None:
        return rng.permutation(np.arange(n) % 2 + 1).astype(np.int64)
    column = np.asarray(half, np.int64)
    if column.shape != (n,) or not np.isin(column, (1, 2)).all():
        raise InputError(f"classify: expected half sets of 1 and 2 for each of {n} particles")
    return column


def _precision(run: Run) -> str:
    import torch

    from cryopick.ops.running_max import product_rate

    if run.settings.precision != "auto":
        return run.settings.precision
    single, half = (
        product_rate(dtype, run.device, k=1024, rows=2048)
        for dtype in (torch.float32, torch.bfloat16)
    )
    return "bfloat16" if half > 1.2 * single else "float32"
