"""The few orientations from which each candidate's refinement starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import normalise
from cryopick.geometry.symmetry import point_group
from cryopick.pick.matching.bank import Bank
from cryopick.pick.matching.patches import component_values
from cryopick.pick.matching.search import Cones, Means

_VOXELS_AT_ONCE = 2048


def best_rotations(
    volume: NDArray[np.float32],
    voxel_zyx: NDArray[np.int64],
    bank: Bank,
    *,
    rotations: NDArray[np.float64],
    count: int,
    apart_deg: float,
    symmetry: str = "C1",
    beside: NDArray[np.float64] | None = None,
    cones: Cones | None = None,
    means: Means,
) -> NDArray[np.float64]:
    """The best distinct rotations of the bank at each voxel.

    Parameters
    ----------
    volume
        Filtered tomogram at the bank's voxel size.
    voxel_zyx
        ``(n, 3)``.
    rotations
        ``(m, 4)``, the bank's rows.
    count
        How many for each voxel.
    apart_deg
        Two rotations nearer than this (modulo ``symmetry``) count as one.
    beside
        ``(n, 4)``: the rotations shall differ from these, too.
    cones
        Only rotations that the voxel's cone allows.

    Returns
    -------
    ndarray
        ``(n, count, 4)``, the best first; NaN where no further distinct rotation was found.
    """
    import torch

    basis = torch.from_numpy(bank.parts.basis)
    coefficients = torch.from_numpy(bank.parts.coefficients)
    images = _images(rotations, symmetry)
    near = float(np.cos(np.deg2rad(apart_deg) / 2))
    out = np.full((len(voxel_zyx), count, 4), np.nan)
    for first in range(0, len(voxel_zyx), _VOXELS_AT_ONCE):
        part = voxel_zyx[first : first + _VOXELS_AT_ONCE]
        values = component_values(volume, part, basis=basis, offset_zyx=bank.offset_zyx)
        scores = (coefficients @ values).T.numpy()
        for row, score in enumerate(scores):
            axis = -1 if cones is None else int(cones.nearest[tuple(part[row])])
            if cones is not None and axis >= 0:
                # One axis at a time: a mesh has a hundred thousand of them.
                own = replace(cones, axis=cones.axis[axis : axis + 1])
                score = np.where(own.allowed(rotations)[0], score, -np.inf)  # noqa: PLW2901 (of this voxel alone)
            score = score.copy()  # noqa: PLW2901 (of this voxel alone)
            if beside is not None:
                score[_near(images, beside[first + row], near)] = -np.inf
            chosen = _distinct(score, rotations, images, count=count, near=near)
            out[first + row, : len(chosen)] = rotations[chosen]
        means.progress(min(1.0, (first + len(part)) / len(voxel_zyx)))
    return out


def _images(rotations: NDArray[np.float64], symmetry: str) -> NDArray[np.float64]:
    """Equivalents of every rotation: ``(group, m, 4)``."""
    from cryopick.geometry.rotation import multiply

    return multiply(rotations[None], point_group(symmetry)[:, None])


def _distinct(
    score: NDArray[np.float32],
    rotations: NDArray[np.float64],
    images: NDArray[np.float64],
    *,
    count: int,
    near: float,
) -> list[int]:
    """Indices of the highest scores, each far from those taken before it; uses ``score`` up."""
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(score.argmax())
        if not np.isfinite(score[best]):
            break
        chosen.append(best)
        score[_near(images, rotations[best], near)] = -np.inf
    return chosen


def _near(
    images: NDArray[np.float64], rotation: NDArray[np.float64], near: float
) -> NDArray[np.bool_]:
    """Which rotations, in any of their equivalents, lie near to one."""
    return np.abs(images @ normalise(rotation)).max(axis=0) >= near
