"""Paint particles and gold beads into a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Picks
from cryopick.ops.rotate_volume import rotate_volume
from cryopick.simulate.maps import SpeciesMap

# Gold has about 25 V more mean inner potential than ice, protein 2.3 V.
GOLD_DENSITY = 11.0
_ROTATE_AT_ONCE = 64


def paint_particles(
    density: NDArray[np.float32],
    species: Sequence[SpeciesMap],
    truth: Picks,
    *,
    pixel_size_angstrom: float,
    device: str,
) -> None:
    """Add every particle of the truth to a volume ``(z, y, x)`` in place, turned as it says."""
    if truth.orientation is None or truth.label is None:
        return
    place = truth.position_angstrom / pixel_size_angstrom
    whole = np.floor(place).astype(np.int64)
    for one in species:
        mine = np.flatnonzero(truth.label == one.name)
        for first in range(0, len(mine), _ROTATE_AT_ONCE):
            part = mine[first : first + _ROTATE_AT_ONCE]
            boxes = rotate_volume(
                one.density,
                truth.orientation[part],
                shift_px=place[part] - whole[part],
                device=device,
            )
            for box, corner in zip(boxes, whole[part] - len(one.density) // 2, strict=True):
                add_box(density, box, corner)


def add_box(
    volume: NDArray[np.float32], box: NDArray[np.float32], corner_xyz: NDArray[np.int64]
) -> None:
    """Add a box to a volume in place, its voxel 0 at a corner ``x, y, z``; the rest is cut off."""
    start = corner_xyz[::-1]
    inner = [slice(max(0, -int(s)), int(n - s)) for s, n in zip(start, volume.shape, strict=True)]
    outer = [
        slice(max(0, int(s)), max(0, int(s) + m)) for s, m in zip(start, box.shape, strict=True)
    ]
    target = volume[tuple(outer)]
    target += box[tuple(inner)][tuple(slice(0, n) for n in target.shape)]


def paint_gold(density: NDArray[np.float32], gold: Picks, *, pixel_size_angstrom: float) -> None:
    """Add gold beads to a volume in place: solid balls with an edge one voxel wide."""
    if gold.diameter_angstrom is None:
        return
    for place, diameter in zip(gold.position_angstrom, gold.diameter_angstrom, strict=True):
        radius = diameter / 2 / pixel_size_angstrom
        centre = place / pixel_size_angstrom
        corner = np.floor(centre - radius - 2).astype(np.int64)
        axes = np.arange(int(np.ceil(2 * radius)) + 5)
        z, y, x = np.meshgrid(axes, axes, axes, indexing="ij")
        offset = np.stack([x, y, z], axis=-1) + corner - centre
        edge = np.clip(radius - np.linalg.norm(offset, axis=-1) + 0.5, 0, 1)
        add_box(density, (GOLD_DENSITY * edge).astype(np.float32), corner)
