"""The few orientations from which each candidate's refinement starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import multiply, normalise
from cryopick.geometry.symmetry import point_group
from cryopick.pick.matching.bank import Bank
from cryopick.pick.matching.patches import component_values
from cryopick.pick.matching.search import Cones, Means

if TYPE_CHECKING:
    import torch

_VOXELS_AT_ONCE = 1024


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
    images = torch.from_numpy(_images(rotations, symmetry).astype(np.float32))
    near = float(np.cos(np.deg2rad(apart_deg) / 2))
    out = np.full((len(voxel_zyx), count, 4), np.nan)
    for first in range(0, len(voxel_zyx), _VOXELS_AT_ONCE):
        rows = slice(first, first + _VOXELS_AT_ONCE)
        part = voxel_zyx[rows]
        values = component_values(volume, part, basis=basis, offset_zyx=bank.offset_zyx)
        scores = (coefficients @ values).T
        if cones is not None:
            _forbid(scores, part, rotations, cones)
        if beside is not None:
            known = torch.from_numpy(normalise(beside[rows]).astype(np.float32))
            scores.masked_fill_(_near(images, known, near), -torch.inf)
        for column in range(count):
            best = scores.argmax(dim=1)
            found = torch.isfinite(scores.gather(1, best[:, None])[:, 0]).numpy()
            out[rows, column][found] = rotations[best.numpy()[found]]
            scores.masked_fill_(_near(images, images[0][best], near), -torch.inf)
        means.progress(min(1.0, (first + len(part)) / len(voxel_zyx)))
    return out


def _images(rotations: NDArray[np.float64], symmetry: str) -> NDArray[np.float64]:
    """Equivalents of every rotation: ``(group, m, 4)``; the first are the rotations themselves."""
    group = point_group(symmetry)
    own = np.abs(group[:, 0]).argmax()
    return multiply(rotations[None], np.roll(group, -own, axis=0)[:, None])


def _near(images: torch.Tensor, rotation: torch.Tensor, near: float) -> torch.Tensor:
    """Which of ``m`` rotations, in any of their equivalents, lie near to each of ``n``: ``(n, m)``."""
    import torch

    found = torch.zeros((len(rotation), images.shape[1]), dtype=torch.bool)
    for image in images:
        found |= (rotation @ image.T).abs_() >= near
    return found


def _forbid(
    scores: torch.Tensor, voxel: NDArray[np.int64], rotations: NDArray[np.float64], cones: Cones
) -> None:
    """Take the rotations out of the choice that the voxels' cones do not allow, in place."""
    import torch

    for row, axis in enumerate(cones.nearest[tuple(voxel.T)]):
        if axis >= 0:
            # One axis at a time: a mesh has a hundred thousand of them.
            own = replace(cones, axis=cones.axis[axis : axis + 1])
            scores[row, torch.from_numpy(~own.allowed(rotations)[0])] = -torch.inf
