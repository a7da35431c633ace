"""Filaments: smooth curves with a segment at every step, oriented along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import from_z_direction

# Bending over which the direction is forgotten: stiff like actin or a microtubule.
_PERSISTENCE_ANGSTROM = 20_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filament:
    """Segments of one filament.

    Attributes
    ----------
    position_angstrom
        ``(n, 3)`` centres, ``x, y, z``.
    orientation
        ``(n, 4)`` quaternions: template z along the filament, turned by the twist from one
        segment to the next.
    """

    position_angstrom: NDArray[np.float64]
    orientation: NDArray[np.float64]


def random_filament(
    *,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rise_angstrom: float,
    length_angstrom: float,
    rng: np.random.Generator,
    twist_deg: float = -27.0,
) -> Filament:
    """Draw a filament that lies inside a box; shorter than asked where it meets a wall.

    Parameters
    ----------
    low, high
        Corners of the box in Å, ``x, y, z``.
    rise_angstrom, twist_deg
        From one segment to the next.
    length_angstrom
        Wanted length.

    Examples
    --------
    >>> made = random_filament(
    ...     low=np.zeros(3), high=np.array([2000.0, 2000, 800]), rise_angstrom=50,
    ...     length_angstrom=600, rng=np.random.default_rng(0),
    ... )
    >>> step = np.linalg.norm(np.diff(made.position_angstrom, axis=0), axis=1)
    >>> bool(np.allclose(step, 50))
    True
    """
    count = max(2, int(length_angstrom / rise_angstrom) + 1)
    heading = rng.uniform(0, 2 * np.pi)
    # Filaments lie nearly flat in the ice.
    climb = rng.uniform(-0.3, 0.3)
    direction = np.array([np.cos(heading), np.sin(heading), climb])
    direction /= np.linalg.norm(direction)
    bend = np.sqrt(2 * rise_angstrom / _PERSISTENCE_ANGSTROM)
    place = rng.uniform(low, high)
    positions, directions = [place], [direction]
    for _ in range(count - 1):
        kick = rng.normal(0, bend / np.sqrt(2), 3)
        direction = direction + kick - (kick @ direction) * direction
        direction /= np.linalg.norm(direction)
        place = place + rise_angstrom * direction
        if np.any(place < low) or np.any(place > high):
            break
        positions.append(place)
        directions.append(direction)
    turn = rng.uniform(0, 360) + twist_deg * np.arange(len(positions))
    return Filament(
        position_angstrom=np.asarray(positions),
        orientation=from_z_direction(np.asarray(directions), turn),
    )
