"""The bank's rows that each voxel's cone allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.healpix import pixel_angles_deg
from cryopick.geometry.rotation import rotate
from cryopick.ops.running_max import RowMaximum
from cryopick.pick.matching.search import Cones

if TYPE_CHECKING:
    import torch

_NSIDE = 8
# Farthest that a direction lies from the nearest centre of such a grid.
_SPACING_DEG = 7.0
_ROWS_PER_GROUP = 16


class ConeRows:
    """Maximum over the rotations that are allowed at each voxel.

    Voxels whose axes point about the same way share one list of rotations: all that lie in any of
    their cones. So a voxel may be given a rotation up to 14 degrees outside its own cone.

    Parameters
    ----------
    coefficients
        ``(m, k)`` of the bank.
    rotations
        ``(m, 4)``.
    cones
        Allowed directions.
    """

    def __init__(
        self,
        coefficients: NDArray[np.float32],
        rotations: NDArray[np.float64],
        cones: Cones,
        *,
        dtype: torch.dtype,
        device: str,
    ) -> None:
        import torch
        from scipy.spatial import cKDTree

        colatitude, longitude = (np.deg2rad(a) for a in pixel_angles_deg(_NSIDE))
        centre = np.stack(
            [
                np.sin(colatitude) * np.cos(longitude),
                np.sin(colatitude) * np.sin(longitude),
                np.cos(colatitude),
            ],
            axis=1,
        )
        self._bundle = np.asarray(cKDTree(centre).query(cones.axis)[1])
        towards = rotate(rotations, [0.0, 0.0, 1.0])
        limit = np.cos(np.deg2rad(min(180.0, cones.half_angle_deg + _SPACING_DEG)))
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._maximum: dict[int, RowMaximum] = {}
        for bundle in np.unique(self._bundle):
            cosine = towards @ centre[bundle]
            # Where the cone holds no direction of the list: the nearest one, with all its spins.
            rows = np.flatnonzero(cosine >= min(limit, float(cosine.max()) - 1e-9))
            self._rows[int(bundle)] = rows
            self._maximum[int(bundle)] = RowMaximum(
                torch.from_numpy(np.ascontiguousarray(coefficients[rows])),
                dtype=dtype,
                group=min(_ROWS_PER_GROUP, len(rows)),
                device=device,
            )

    def rows_for(self, axis: NDArray[np.int32]) -> NDArray[np.int64]:
        """How many rotations are tried at voxels that have these axes."""
        bundle, place = np.unique(self._bundle, return_inverse=True)
        return np.array([len(self._rows[int(one)]) for one in bundle])[place][axis]

    def of(
        self, columns: torch.Tensor, axis: NDArray[np.int32]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Highest value and its row for columns ``(k, n)``, whose voxels have these axes."""
        import torch

        score = torch.zeros(columns.shape[1], dtype=torch.float32, device=columns.device)
        row = torch.zeros(columns.shape[1], dtype=torch.int32, device=columns.device)
        bundle = self._bundle[axis]
        for one in np.unique(bundle):
            at = torch.from_numpy(np.flatnonzero(bundle == one)).to(columns.device)
            best, place = self._maximum[int(one)].of(columns[:, at])
            score[at] = best.to(score.device)
            rows = torch.from_numpy(self._rows[int(one)].astype(np.int32)).to(columns.device)
            row[at] = rows[place.long()]
        return score, row
