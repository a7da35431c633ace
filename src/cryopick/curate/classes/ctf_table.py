"""CTFs of particles on a band: one row for each that differs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.curate.classes.settings import CtfModel
from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image

# More values than this (256 MB) are made again for every chunk of particles.
_VALUES_AT_ONCE = 2**26


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleCtf:
    """What the CTF of each particle follows from.

    Attributes
    ----------
    defocus
        ``(n, 4)``: along both axes (µm), astigmatism angle (deg), phase shift (deg).
    optics
        Optics groups.
    optics_group
        ``(n,)`` place in ``optics``, from 0.
    """

    defocus: NDArray[np.float64]
    optics: tuple[Optics, ...]
    optics_group: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.defocus)
        if self.defocus.shape != (n, 4) or self.optics_group.shape != (n,):
            raise InputError(
                f"CTFs of particles: expected defocus (n, 4) and optics groups (n,), got "
                f"{self.defocus.shape} and {self.optics_group.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(self.defocus).all(axis=1))
        if len(bad):
            raise InputError(
                f"particle {bad[0] + 1}: its defocus is not known ({len(bad)} such particles); "
                "estimate the CTF, or classify with ctf ignore"
            )


class CtfTable:
    """Rows of CTFs of chunks of particles.

    The sign is such that averages keep the contrast of the images: the CTF begins above 0.

    Parameters
    ----------
    ctf
        Of all particles; may be None where it is ignored.
    model
        How it enters.
    band
        Widest band that rows are asked for.
    pixel_size_angstrom
        Of the images.
    """

    def __init__(
        self, ctf: ParticleCtf | None, *, model: CtfModel, band: Band, pixel_size_angstrom: float
    ) -> None:
        if ctf is None and model != "ignore":
            raise InputError(
                f"classify: the particles have no CTF, which ctf {model} needs; choose ctf ignore"
            )
        self._band, self._pixel, self._model = band, pixel_size_angstrom, model
        self._ctf = None if model == "ignore" else ctf
        self._unique = self._place = self._every = None
        if self._ctf is not None:
            key = np.column_stack([self._ctf.defocus, self._ctf.optics_group.astype(np.float64)])
            self._unique, place = np.unique(key, axis=0, return_inverse=True)
            self._place = place.reshape(-1)
            if len(self._unique) * len(band) <= _VALUES_AT_ONCE:
                self._every = self._make(np.arange(len(self._unique)))

    def rows(self, particles: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Different CTFs ``(u, D)`` of some particles, and which is whose ``(n,)``."""
        if self._place is None:
            return np.ones((1, len(self._band)), np.float32), np.zeros(len(particles), np.int64)
        wanted, whose = np.unique(self._place[particles], return_inverse=True)
        table = self._make(wanted) if self._every is None else self._every[wanted]
        return table, whose.reshape(-1).astype(np.int64)

    def _make(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        assert self._unique is not None
        assert self._ctf is not None
        b = self._band.box_px
        kx, ky = self._band.frequency.T
        place = (ky % b) * (b // 2 + 1) + kx
        table = np.empty((len(rows), len(self._band)), np.float32)
        for i, row in enumerate(rows):
            u, v, angle, phase, group = self._unique[row].tolist()
            defocus = Defocus(u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase)
            image = ctf_image(
                (b, b), self._pixel, optics=self._ctf.optics[int(group)], defocus=defocus
            )
            table[i] = -image.ravel()[place]
        return np.abs(table) if self._model == "phase-flipped" else table
