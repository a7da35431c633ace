"""One iteration of a classification, from state to state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.averages import (
    FRC_CUT,
    Averages,
    class_averages,
    masked,
    resolved_shell,
)
from cryopick.curate.classes.band import Band
from cryopick.curate.classes.expectation import Expectation, Posterior, Prior
from cryopick.curate.classes.maximisation import Maximisation, Sums
from cryopick.curate.classes.pose_grid import PoseGrid
from cryopick.curate.classes.prepare import CHUNK, Run, chunk_of
from cryopick.curate.classes.state import ClassState
from cryopick.curate.classes.upkeep import recentred, revived

LEAST_OFFSET_SIGMA_PX = 0.75
# Shells used next, beyond those in which the halves of all classes together agree.
SHELLS_BEYOND = 4
# Share of the iterations in which likelihoods are flattened, and in which classes are revived.
_SETTLING = 0.5
_REVIVING = 0.75
# Of the power of the images in a shell, so that no shell decides alone.
_LEAST_NOISE = 0.02
# Noise counts as no weaker than this share of that at low frequency. That of recorded images is
# nearly white; where an image was smoothed, fine detail is what the mask's edge leaks of the coarse
# one, which would be counted again and again, and align particles by the edge.
LEAST_OF_LOW = 0.1
# Below this share of what counts as noise a shell says nothing, and is left out.
SILENT = 0.003


def next_state(run: Run, state: ClassState) -> ClassState:
    """Do one iteration."""
    band = run.band.up_to(state.band_px)
    grid = run.grid(state.iteration + 1)
    mask = run.average_mask(band)
    held = np.stack(
        [
            masked(run.band.of_images(one)[:, : len(band)], band=band, mask=mask)
            for one in state.reference
        ]
    )
    looked, sums = _pass(run, state, band=band, grid=grid, references=held)
    sums = _blended(run, state, sums, band)
    new = class_averages(
        sums,
        band=band,
        mask=mask,
        regularisation=run.settings.regularisation,
        joined_px=run.first_shell,
    )
    done = with_averages(run, looked, sums, new, band=band)
    if run.settings.split and done.iteration <= _REVIVING * run.settings.iterations:
        done = revived(done, seed=run.settings.seed)
    if run.settings.recentre:
        done = recentred(run, done)
    return done


def temperature(run: Run, iteration: int) -> float:
    """Temperature of an iteration, from 1: falls to 1 at the half of all iterations."""
    settle = _SETTLING * run.settings.iterations
    left = max(0.0, 1 - (iteration - 1) / settle)
    return float(run.settings.temperature**left)


def trusted_noise(noise_power: NDArray[np.float64], low_px: int) -> NDArray[np.float64]:
    """Noise ``(S,)`` that images are judged by: nowhere far below that of shells up to ``low_px``.

    Examples
    --------
    >>> trusted_noise(np.array([1.0, 1.0, 1.0, 0.5, 0.001]), 2)
    array([1. , 1. , 1. , 0.5, 0.1])
    """
    return np.maximum(noise_power, _least_noise(noise_power, low_px))


def telling_shell(noise_power: NDArray[np.float64], low_px: int) -> int:
    """Last shell in which images hold more than a trace of what counts as noise.

    Examples
    --------
    >>> telling_shell(np.array([1.0, 1.0, 1.0, 0.5, 1e-4]), 2)
    3
    """
    heard = noise_power >= SILENT * _least_noise(noise_power, low_px)
    return max(low_px, int(np.flatnonzero(heard)[-1]))


def _least_noise(noise_power: NDArray[np.float64], low_px: int) -> float:
    # Shells hold as many Fourier pixels as they are wide.
    low = np.arange(1, low_px + 1)
    return float(LEAST_OF_LOW * (low * noise_power[low]).sum() / low.sum())


def _batch(run: Run, iteration: int) -> NDArray[np.int64]:
    """Particles to look at in an iteration; all in the last one."""
    n, size = run.particles, run.settings.batch_size
    if size is None or size >= n or iteration >= run.settings.iterations:
        return np.arange(n)
    rng = np.random.default_rng([run.settings.seed, 2, iteration])
    return np.sort(rng.permutation(n)[:size])


def _pass(
    run: Run,
    state: ClassState,
    *,
    band: Band,
    grid: PoseGrid,
    references: NDArray[np.complex64],
) -> tuple[ClassState, Sums]:
    """Look at particles and add them up; those of either half are compared with its own averages."""
    import torch

    particles = _batch(run, state.iteration + 1)
    mask = run.average_mask(band)
    prior = Prior(
        class_weight=state.class_weight,
        offset_sigma_px=state.offset_sigma_px,
        noise_power=trusted_noise(state.noise_power, run.first_shell),
        temperature=temperature(run, state.iteration + 1),
    )
    total = Maximisation(
        len(state.average), band=band, grid=grid, device=run.device, cores=run.cores
    )
    table = _Table.of(state)
    agree = np.zeros(band.radius_px + 1)
    for half, reference in enumerate(references):
        expectation = Expectation(
            band.to_images(reference, box_px=len(mask)),
            band=band,
            grid=grid,
            prior=prior,
            dtype=torch.bfloat16 if state.precision == "bfloat16" else torch.float32,
            device=run.device,
            cores=run.cores,
        )
        own = particles[state.half[particles] == half + 1]
        for first in range(0, len(own), CHUNK):
            rows = own[first : first + CHUNK]
            chunk = chunk_of(run, band, rows, state.shift_px[rows])
            posterior = expectation.posterior(chunk)
            total.add(chunk, posterior, half=state.half[rows])
            table.put(rows, posterior, centre_px=chunk.centre_px.cpu().numpy(), grid=grid)
        agree += expectation.agreement(total.turned_sums[half])
    changed = float((table.class_index[particles] != state.class_index[particles]).mean())
    sums = total.sums()
    noise = _noise(run, state, sums, band=band, references=references, agree=agree)
    spread = np.sqrt(sums.offset_square_px / (2 * max(sums.particles, 1)))
    looked = replace(
        state,
        iteration=state.iteration + 1,
        changed=changed,
        noise_power=noise,
        offset_sigma_px=float(max(LEAST_OFFSET_SIGMA_PX, spread)),
        class_index=table.class_index,
        psi_deg=table.psi_deg,
        shift_px=table.shift_px,
        log_likelihood=table.log_likelihood,
        probability=table.probability,
        class_probability=table.class_probability,
    )
    return looked, sums


@dataclass(slots=True, kw_only=True, eq=False)
class _Table:
    """Columns of the particles, being filled."""

    class_index: NDArray[np.int64]
    psi_deg: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    probability: NDArray[np.float64]
    class_probability: NDArray[np.float64]

    @classmethod
    def of(cls, state: ClassState) -> _Table:
        return cls(
            class_index=state.class_index.copy(),
            psi_deg=state.psi_deg.copy(),
            shift_px=state.shift_px.copy(),
            log_likelihood=state.log_likelihood.copy(),
            probability=state.probability.copy(),
            class_probability=state.class_probability.copy(),
        )

    def put(
        self,
        rows: NDArray[np.int64],
        found: Posterior,
        *,
        centre_px: NDArray[np.int64],
        grid: PoseGrid,
    ) -> None:
        best = found.best
        self.class_index[rows] = found.class_index[best]
        # RELION's psi turns the image to the reference: minus our angle.
        turned = -grid.fine_angle_deg[found.angle[best]]
        self.psi_deg[rows] = (turned + 180) % 360 - 180
        self.shift_px[rows] = centre_px + grid.fine_shift_px[found.shift[best]]
        self.log_likelihood[rows] = found.log_likelihood
        self.probability[rows] = found.weight[best]
        same = found.class_index == found.class_index[best][found.particle]
        self.class_probability[rows] = np.bincount(
            found.particle[same], weights=found.weight[same], minlength=len(rows)
        )


def _noise(
    run: Run,
    state: ClassState,
    sums: Sums,
    *,
    band: Band,
    references: NDArray[np.complex64],
    agree: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Power of the noise from what the averages do not explain; as it was beyond the band."""
    if run.settings.ctf == "premultiplied":
        left = sums.power
        count = sums.denominator.sum((0, 1)) * band.per_shell
    else:
        own = (band.shell_sums(np.abs(references) ** 2) * sums.denominator).sum((0, 1))
        left = sums.power - 2 * agree + own
        count = sums.particles * band.per_shell
    noise = state.noise_power.copy()
    power = np.maximum(left[1:], _LEAST_NOISE * sums.power[1:]) / np.maximum(count[1:], 1e-9)
    noise[1 : band.radius_px + 1] = np.maximum(power / run.masked_share, 1e-9)
    noise[0] = noise[1]
    return noise


def _blended(run: Run, state: ClassState, sums: Sums, band: Band) -> Sums:
    """With batches: the sums so far, fading, and the new ones as if of all particles."""
    n = run.particles
    if sums.particles == n:
        return sums
    scale = n / sums.particles
    rate = max((state.iteration + 1) ** -0.6, sums.particles / n)
    old = state.numerator[:, :, : len(band)]
    squares = state.denominator[:, :, : band.radius_px + 1]
    return replace(
        sums,
        numerator=(old * (1 - rate) + sums.numerator * (rate * scale)).astype(np.complex64),
        denominator=squares * (1 - rate) + sums.denominator * (rate * scale),
        class_weight=state.class_weight * n * (1 - rate) + sums.class_weight * (rate * scale),
    )


def with_averages(
    run: Run, state: ClassState, sums: Sums, new: Averages, *, band: Band
) -> ClassState:
    """The state with new averages and all that follows from them."""
    k, box, shells = len(sums.class_weight), run.band.box_px, run.band.radius_px + 1
    widest = run.band.box_px // 2 + 1

    def wide(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((*values.shape[:-1], widest))
        out[..., : values.shape[-1]] = values
        return out

    numerator = np.zeros((2, k, len(run.band)), np.complex64)
    numerator[:, :, : len(band)] = sums.numerator
    denominator = np.zeros((2, k, shells), np.float32)
    denominator[:, :, : band.radius_px + 1] = sums.denominator
    shell = resolved_shell(new.frc)
    pixel = run.pixel_size_angstrom
    resolution = np.divide(
        box * pixel, shell, out=np.full(k, np.inf), where=(shell > 0) & (new.frc[:, 1] > FRC_CUT)
    )
    weight = sums.class_weight + 1e-3 * sums.class_weight.sum() / k
    # One class alone may agree by chance.
    squares = sums.denominator.sum(0)
    together = (squares * new.frc).sum(0) / np.maximum(squares.sum(0), 1e-30)
    together[0] = 1.0
    reached = int(resolved_shell(together[None])[0])
    least = state.band_px if state.iteration <= 1 else min(state.band_px, band.radius_px)
    next_band = max(reached + SHELLS_BEYOND, min(least, band.radius_px))
    telling = telling_shell(state.noise_power, run.first_shell)
    return replace(
        state,
        average=band.to_images(new.coefficients, box_px=box),
        reference=band.to_images(new.references.reshape(2 * k, -1), box_px=box).reshape(
            2, k, box, box
        ),
        half_average=band.to_images(new.halves.reshape(2 * k, -1), box_px=box).reshape(
            2, k, box, box
        ),
        class_weight=weight / weight.sum(),
        signal_power=wide(
            band.shell_sums(np.abs(new.coefficients) ** 2) / np.maximum(band.per_shell, 1)
        ),
        ssnr=wide(new.ssnr),
        frc=wide(new.frc),
        resolution_angstrom=resolution,
        band_px=int(min(next_band, telling, run.band.radius_px)),
        numerator=numerator,
        denominator=denominator,
    )
