"""The maximisation step: sums of particles, turned back, weighted by their posteriors.

For each class and half: ``numerator = Σ w C X`` and ``denominator = Σ w C²``. Shifted particles are
added up for each class and angle first; the turns back are then one product per angle. In-plane
angles within a class are anything, so the squared CTFs are summed by shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.curate.classes.expectation import Chunk, Posterior
from cryopick.curate.classes.pose_grid import PoseGrid
from cryopick.curate.classes.turning import Turner
from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch

# Moved particles that one task holds at a time.
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What an iteration leaves of the particles.

    Attributes
    ----------
    numerator
        ``(2, K, D)`` complex64, of the halves.
    denominator
        ``(2, K, S)`` float64.
    class_weight
        ``(K,)`` sum of posteriors.
    power
        ``(S,)`` sum of ``|X|²`` over particles and pixels of a shell.
    particles
        How many.
    offset_square_px
        Sum of posterior-weighted squared shifts from the centre of the image.
    """

    numerator: NDArray[np.complex64]
    denominator: NDArray[np.float64]
    class_weight: NDArray[np.float64]
    power: NDArray[np.float64]
    particles: int
    offset_square_px: float


class Maximisation:
    """Adds up chunks of particles.

    Parameters
    ----------
    classes
        ``K``.
    band, grid
        Those of the expectation.
    device, cores
        Where to compute.
    """

    def __init__(
        self, classes: int, *, band: Band, grid: PoseGrid, device: str = "cpu", cores: int = 1
    ) -> None:
        import torch

        self.band, self.grid, self.device, self.cores = band, grid, device, cores
        angles, shells = len(grid.fine_angle_deg), band.radius_px + 1
        self._sums = torch.zeros((2 * classes, angles, len(band), 2), device=device)
        self._squares = np.zeros((2 * classes, shells))
        self._weight = np.zeros(classes)
        self._power = np.zeros(shells)
        self._particles = 0
        self._offset = 0.0
        self._phases = torch.from_numpy(band.shift_phases(grid.fine_shift_px)).to(device)

    def add(self, chunk: Chunk, posterior: Posterior, *, half: NDArray[np.int64]) -> None:
        """Add a chunk; ``half`` is ``(n,)``, 1 or 2."""
        import torch

        classes = len(self._weight)
        group = (half[posterior.particle] - 1) * classes + posterior.class_index
        order = np.argsort(group, kind="stable")
        ends = np.searchsorted(group[order], np.arange(2 * classes + 1))
        squares = self.band.shell_sums(chunk.ctf.cpu().numpy() ** 2)
        squares /= np.maximum(self.band.per_shell, 1)
        whose = chunk.whose_ctf.cpu().numpy()

        def one(place: int) -> None:
            chosen = order[ends[place] : ends[place + 1]]
            weight = posterior.weight[chosen].astype(np.float64)
            rows = whose[posterior.particle[chosen]]
            per_ctf = np.bincount(rows, weights=weight, minlength=len(squares))
            self._squares[place] += per_ctf @ squares
            for first in range(0, len(chosen), _ROWS_AT_ONCE):
                self._add_rows(place, chunk, posterior, chosen[first : first + _ROWS_AT_ONCE])

        in_threads(one, np.flatnonzero(np.diff(ends)).tolist(), cores=self.cores)
        self._weight += np.bincount(
            posterior.class_index, weights=posterior.weight, minlength=classes
        )
        for rows in range(0, len(chunk.spectra), _ROWS_AT_ONCE):
            spectra = torch.view_as_real(chunk.spectra[rows : rows + _ROWS_AT_ONCE])
            total = spectra.square().sum(-1).sum(0).cpu().numpy()
            self._power += self.band.shell_sums(total)
        self._particles += len(chunk.spectra)
        moved = chunk.centre_px.cpu().numpy()[posterior.particle]
        moved = moved + self.grid.fine_shift_px[posterior.shift]
        self._offset += float((posterior.weight * (moved**2).sum(1)).sum())

    def _add_rows(
        self, place: int, chunk: Chunk, posterior: Posterior, chosen: NDArray[np.int64]
    ) -> None:
        import torch

        def column(values: NDArray[np.int64]) -> torch.Tensor:
            return torch.from_numpy(values[chosen]).to(self.device)

        weight = torch.from_numpy(posterior.weight[chosen]).to(self.device)
        moved = chunk.matched(column(posterior.particle))
        moved = moved * self._phases[column(posterior.shift)]
        moved = torch.view_as_real(moved * weight[:, None])
        self._sums[place].index_add_(0, column(posterior.angle), moved)

    @property
    def turned_sums(self) -> torch.Tensor:
        """``(2, K, fine angles, D, 2)`` sums of the halves before they are turned back."""
        return self._sums.view(2, len(self._weight), *self._sums.shape[1:])

    def sums(self) -> Sums:
        """All that was added, turned back to the orientation of the class averages."""
        classes = len(self._weight)
        turner = Turner(self.band, self.grid.fine_angle_deg, device=self.device, cores=self.cores)
        numerator = turner.back(self._sums)
        return Sums(
            numerator=numerator.reshape(2, classes, -1),
            denominator=self._squares.reshape(2, classes, -1),
            class_weight=self._weight,
            power=self._power,
            particles=self._particles,
            offset_square_px=self._offset,
        )
