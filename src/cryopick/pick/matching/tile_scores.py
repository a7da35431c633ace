"""Scores of one tile of a volume: what stays the same in all rotations, and one rotation's turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.correlation import block_spectrum, correlate, kernel_spectrum
from cryopick.pick.matching.local_deviation import block_variance, deviation
from cryopick.pick.matching.search import Cones
from cryopick.pick.matching.template import TurnedTemplates
from cryopick.pick.matching.tiles import Tile, read_block

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Mean and variance of the whole volume: tiles are brought to mean 0 and variance 1 by them."""

    mean: float
    variance: float


class TileScores:
    """Scores of the voxels of one tile.

    Parameters
    ----------
    volume
        ``(z, y, x)``.
    tile
        Which part of it.
    turned
        The template.
    scaling
        Of the whole volume.
    searched
        Voxels of the tile that are searched, ``(z, y, x)``; the score of others is 0.
    """

    def __init__(
        self,
        volume: NDArray[np.float32],
        tile: Tile,
        *,
        turned: TurnedTemplates,
        scaling: Scaling,
        searched: NDArray[np.bool_] | None,
    ) -> None:
        import torch

        self._tile, self._turned, self._edge = tile, turned, turned.template.box_px
        block = read_block(volume, tile, box_px=self._edge)
        block -= scaling.mean
        block /= np.sqrt(scaling.variance) if scaling.variance > 0 else 1.0
        # Outside the volume is its mean.
        np.nan_to_num(block, copy=False, nan=0.0)
        exact = torch.from_numpy(block).to(turned.device)
        # A copy, as torch warns of what it may not write to.
        place = None if searched is None else torch.from_numpy(np.array(searched))
        self._searched = None if place is None else place.to(turned.device)
        self._spectrum = block_spectrum(exact.float())
        self._square: torch.Tensor | None = None
        if turned.template.spherical_mask:
            self._inverse = self._one_over_deviation(exact)
        else:
            self._square = block_spectrum(exact.square().float())

    def of(self, orientation: NDArray[np.float64]) -> torch.Tensor:
        """Scores in ``m`` orientations ``(m, 4)``: ``(m, z, y, x)`` float32."""
        scores = self._correlated(self._spectrum, self._turned.at(orientation))
        if self._square is None:
            return scores * self._inverse
        masks = self._turned.masks(orientation)
        total = masks.sum((-3, -2, -1), keepdim=True)
        mean = self._correlated(self._spectrum, masks / total)
        local = self._correlated(self._square, masks / total) - mean.square()
        scores = scores / deviation(local, 1.0) / total
        return scores if self._searched is None else scores.mul_(self._searched)

    def _one_over_deviation(self, exact: torch.Tensor) -> torch.Tensor:
        """What a spherical mask leaves to do for each rotation: one factor for each voxel."""
        mask = self._turned.masks(np.array([[1.0, 0.0, 0.0, 0.0]]))[0]
        local = self._cropped(block_variance(exact, mask))
        inverse = (deviation(local, 1.0) * mask.sum()).reciprocal_()
        return inverse if self._searched is None else inverse.mul_(self._searched)

    def _correlated(self, spectrum: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
        shape = self._tile.block
        return self._cropped(
            correlate(spectrum, kernel_spectrum(kernels, shape), shape, edge=self._edge)
        )

    def _cropped(self, values: torch.Tensor) -> torch.Tensor:
        z, y, x = self._tile.shape
        return values[..., :z, :y, :x]


class TileCones:
    """Which rotations each voxel of a tile allows.

    Parameters
    ----------
    cones
        Of the whole volume.
    tile
        Which part of it.
    searched
        Voxels of the tile that are searched, ``(z, y, x)``.
    rotations
        ``(m, 4)``.
    device
        Torch device.
    """

    def __init__(
        self,
        cones: Cones,
        tile: Tile,
        *,
        searched: NDArray[np.bool_] | None,
        rotations: NDArray[np.float64],
        device: str,
    ) -> None:
        import torch

        nearest = cones.nearest[tile.place]
        if searched is not None:
            nearest = np.where(searched, nearest, -1)
        # Only the axes of this tile, renumbered; one more, which allows nothing, stands for -1.
        axes, place = np.unique(nearest, return_inverse=True)
        held = Cones(
            axis=cones.axis[axes], nearest=cones.nearest, half_angle_deg=cones.half_angle_deg
        )
        allowed = held.allowed(rotations) & (axes >= 0)[:, None]
        self.count = np.bincount(place.ravel(), minlength=len(axes)) @ allowed.astype(np.int64)
        self._forbidden = torch.from_numpy(~allowed).to(device)
        self._place = torch.from_numpy(place.reshape(nearest.shape)).to(device)

    def forbidden(self, rotation: int) -> torch.Tensor:
        """Voxels ``(z, y, x)`` that do not allow one of the rotations."""
        return self._forbidden[:, rotation][self._place]
