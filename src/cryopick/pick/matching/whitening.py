"""Whitening: make the spectrum of a tomogram flat, so that no resolution outvoices the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whitening:
    """Gain of each resolution, for a tomogram and for the template that is searched in it.

    Attributes
    ----------
    frequency_per_angstrom
        ``(n,)`` rising.
    gain
        ``(n,)`` from 0 to 1; beyond the last frequency it is 0.
    """

    frequency_per_angstrom: NDArray[np.float64]
    gain: NDArray[np.float64]

    def at(self, frequency_per_angstrom: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gain at frequencies of any shape, interpolated linearly."""
        return np.interp(frequency_per_angstrom, self.frequency_per_angstrom, self.gain, right=0.0)
