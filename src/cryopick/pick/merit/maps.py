"""`MeritMaps`: the best merit and angle of every place of a micrograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritMaps:
    """Figures of merit of one micrograph, on the working grid.

    Attributes
    ----------
    merit
        ``(r, y, x)``: the highest over all angles. One map per reference, or one in all
        (see `best_of_references`).
    psi_deg
        ``(r, y, x)``: the angle that gave it (RELION's psi), -180 to 180.
    reference
        ``(r, y, x)``: the reference that gave it, from 0.
    mean, sd
        ``(y, x)``: of the background in a ring around each place, in standard deviations of the
        whole micrograph.
    grid
        Places the working pixels in the specimen.
    step_px
        Micrograph pixels per working pixel.
    particle_diameter_angstrom
        Of the circle around the particle.
    box_angstrom
        Edge of the box that holds particle and ring; nearer than half of it to an edge of the
        micrograph no particle is whole.
    expected
        ``(K,)``: what the merit of each reference is measured against, RELION's expected ratio.

    Examples
    --------
    >>> flat = np.zeros((2, 4, 4), np.float32)
    >>> grid = Grid(shape=(4, 4), pixel_size_angstrom=10.0)
    >>> maps = MeritMaps(
    ...     merit=np.stack([flat[0], flat[0] + 1]), psi_deg=flat, reference=flat.astype(np.int16),
    ...     mean=flat[0], sd=flat[0], grid=grid, step_px=10.0, particle_diameter_angstrom=20.0,
    ...     box_angstrom=40.0, expected=np.ones(2),
    ... )
    >>> best_of_references(maps).merit.mean()
    np.float32(1.0)
    """

    merit: NDArray[np.floating[Any]]
    psi_deg: NDArray[np.floating[Any]]
    reference: NDArray[np.int16]
    mean: NDArray[np.floating[Any]]
    sd: NDArray[np.floating[Any]]
    grid: Grid
    step_px: float
    particle_diameter_angstrom: float
    box_angstrom: float
    expected: NDArray[np.float64]


def best_of_references(maps: MeritMaps) -> MeritMaps:
    """Keep at every place the best reference alone: ``r`` becomes 1."""
    if len(maps.merit) == 1:
        return maps
    best = np.argmax(maps.merit, axis=0)[None]
    return replace(
        maps,
        merit=np.take_along_axis(maps.merit, best, axis=0),
        psi_deg=np.take_along_axis(maps.psi_deg, best, axis=0),
        reference=np.take_along_axis(maps.reference, best, axis=0),
    )


def in_half_precision(maps: MeritMaps) -> MeritMaps:
    """The same maps in float16, to be kept on disk; merits beyond its range are clipped."""
    top = float(np.finfo(np.float16).max)
    return replace(
        maps,
        merit=np.clip(maps.merit, -top, top).astype(np.float16),
        psi_deg=maps.psi_deg.astype(np.float16),
        mean=maps.mean.astype(np.float16),
        sd=maps.sd.astype(np.float16),
    )
