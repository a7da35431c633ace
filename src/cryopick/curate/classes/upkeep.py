"""Upkeep of classes between iterations: averages moved to the centre, empty classes revived."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.averages import centre_offset_px
from cryopick.curate.classes.features import MASK_PER_PARTICLE
from cryopick.curate.classes.prepare import Run
from cryopick.curate.classes.state import ClassState

# A class below this share of an even one is given up; one above the other is large enough to split.
DEAD = 0.1
LARGE = 1.5
# Averages are moved by this share of what they are off, where it is more than the least.
_LEAST_OFFSET_PX = 0.5
_FARTHEST_PX = 3.0


def recentred(run: Run, state: ClassState) -> ClassState:
    """Move averages whose mass is off the centre, and their particles with them."""
    band = run.band.up_to(state.band_px)
    coefficients = run.band.of_images(state.average)[:, : len(band)]
    off = centre_offset_px(
        coefficients,
        band,
        mask=run.average_mask(band),
        weight=state.class_weight,
        particle_radius_px=run.mask_radius_px / MASK_PER_PARTICLE,
    )
    length = np.hypot(*off.T)
    off *= np.where(
        length < _LEAST_OFFSET_PX, 0, np.minimum(1, _FARTHEST_PX / np.maximum(length, 1e-9))
    )[:, None]
    if not off.any():
        return state
    phases = run.band.shift_phases(-off)

    def moved(images: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = run.band.of_images(images.reshape(-1, box, box)).reshape(-1, k, len(run.band))
        return run.band.to_images((flat * phases).reshape(-1, len(run.band))).reshape(images.shape)

    k, box = len(off), run.band.box_px
    angle = -np.deg2rad(state.psi_deg)
    which = np.maximum(state.class_index, 0)
    x, y = off[which].T * (state.class_index >= 0)
    turned = np.stack(
        [np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=1
    )
    return replace(
        state,
        average=moved(state.average),
        half_average=moved(state.half_average),
        reference=moved(state.reference),
        numerator=(state.numerator * phases).astype(np.complex64),
        shift_px=state.shift_px - turned,
    )


def revived(state: ClassState, *, seed: int) -> ClassState:
    """Give each empty class the place of one half of the largest class, which keeps the other."""
    k = len(state.average)
    weight = state.class_weight.copy()
    average, reference = state.average.copy(), state.reference.copy()
    numerator, denominator = state.numerator.copy(), state.denominator.copy()
    rng = np.random.default_rng([seed, 3, state.iteration])
    for dead in np.flatnonzero(weight < DEAD / k):
        large = int(weight.argmax())
        if weight[large] < LARGE / k:
            break
        first = int(rng.integers(2))
        gain = _amplitude(average[large]) / np.maximum(
            _amplitude(state.half_average[first, large]), 1e-9
        )
        other = average[large].copy()
        average[dead] = state.half_average[first, large] * gain
        average[large] = 2 * other - average[dead]
        reference[:, dead], reference[:, large] = average[dead], average[large]
        numerator[:, dead] = numerator[:, large] = numerator[:, large] / 2
        denominator[:, dead] = denominator[:, large] = denominator[:, large] / 2
        weight[dead] = weight[large] = (weight[dead] + weight[large]) / 2
    return replace(
        state,
        average=average,
        reference=reference,
        class_weight=weight / weight.sum(),
        numerator=numerator,
        denominator=denominator,
    )


def _amplitude(image: NDArray[np.float32]) -> float:
    return float(np.sqrt((image.astype(np.float64) ** 2).sum()))
