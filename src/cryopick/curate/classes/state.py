"""`ClassState`: where a classification stands after an iteration; all that it can go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassState:
    """Classes and particles after ``iteration`` iterations (0: as they begin).

    ``K`` classes, ``n`` particles, images of ``b`` pixels, ``S = b // 2 + 1`` shells one Fourier
    pixel (1 / (b * pixel size)) wide. Contrast is that of the images.

    Attributes
    ----------
    iteration
        Iterations done.
    pixel_size_angstrom
        Of the images and averages.
    average
        ``(K, b, b)`` float32 regularised class averages, 0 outside the mask.
    half_average
        ``(2, K, b, b)`` float32, the same from the particles of either half, not regularised.
    reference
        ``(2, K, b, b)`` float32 what particles of either half are compared with next.
    class_weight
        ``(K,)`` share of the particles; sums to 1.
    noise_power
        ``(S,)`` variance of the noise per Fourier pixel; white noise of standard deviation 1 has 1.
    signal_power
        ``(K, S)`` power of each regularised average (RELION's reference tau2).
    ssnr
        ``(K, S)`` signal-to-noise ratio of each average, before regularisation.
    frc
        ``(K, S)`` Fourier ring correlation of the two halves.
    resolution_angstrom
        ``(K,)`` where ``frc`` falls below 0.143; infinite where it never exceeds it.
    band_px
        Shells used in the next iteration.
    offset_sigma_px
        Spread of the particles' shifts about the centre, per axis.
    class_index
        ``(n,)`` best class from 0; -1 for a particle that no iteration has looked at yet.
    psi_deg
        ``(n,)`` in-plane angle in RELION's sense: ``quaternion_from_psi_deg`` gives our rotation.
    shift_px
        ``(n, 2)`` ``x, y`` to add to what the image shows to centre it.
    log_likelihood
        ``(n,)`` log of the likelihood ratio of the particle's image to noise alone; NaN where it
        was not looked at.
    probability
        ``(n,)`` posterior of the best class, orientation and shift together.
    class_probability
        ``(n,)`` posterior of the best class.
    half
        ``(n,)`` random half set, 1 or 2.
    changed
        Share of the particles looked at in the last iteration whose class changed.
    numerator
        ``(2, K, D)`` complex64 sums of the two halves in Fourier space; see `maximisation`.
    denominator
        ``(2, K, S)`` float32 sums of squared CTFs.
    precision
        In which the products of the search are formed, "float32" or "bfloat16".
    """

    iteration: int
    pixel_size_angstrom: float
    average: NDArray[np.float32]
    half_average: NDArray[np.float32]
    reference: NDArray[np.float32]
    class_weight: NDArray[np.float64]
    noise_power: NDArray[np.float64]
    signal_power: NDArray[np.float64]
    ssnr: NDArray[np.float64]
    frc: NDArray[np.float64]
    resolution_angstrom: NDArray[np.float64]
    band_px: int
    offset_sigma_px: float
    class_index: NDArray[np.int64]
    psi_deg: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    probability: NDArray[np.float64]
    class_probability: NDArray[np.float64]
    half: NDArray[np.int64]
    changed: float
    numerator: NDArray[np.complex64]
    denominator: NDArray[np.float32]
    precision: str

    @property
    def class_size(self) -> NDArray[np.int64]:
        """``(K,)`` particles whose best class it is."""
        found = self.class_index[self.class_index >= 0]
        return np.bincount(found, minlength=len(self.average)).astype(np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every field as an array, to be kept by ``numpy.savez`` and read by `state_of_arrays`."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}


def state_of_arrays(arrays: Mapping[str, NDArray[Any]]) -> ClassState:
    """Make a state again from what `ClassState.arrays` gave."""
    values: dict[str, Any] = {}
    for field in fields(ClassState):
        if field.name not in arrays:
            raise InputError(f"class state: {field.name} is missing; start the classification anew")
        value = np.asarray(arrays[field.name])
        values[field.name] = value.item() if value.ndim == 0 else value
    return ClassState(**values)
