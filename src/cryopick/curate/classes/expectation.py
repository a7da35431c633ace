"""The expectation step: how well each particle fits each class, turned and moved.

With the image's transform ``X``, its CTF ``C``, a turned class average ``A`` and the variance ``v``
of the noise, the log of the likelihood ratio to noise alone is, summed over the band::

    2 Re(conj(A) C X e^{shift}) / v  -  C² |A|² / v

For all classes and angles together, the first sum is one matrix product with the particles moved
by every shift, the second one with their squared CTFs. The coarse cells that fit best are divided
and computed again in float32; their posteriors are the weights of the maximisation step. This is
the E-step of Scheres et al. 2005 (doi 10.1016/j.jmb.2005.02.031) with the CTF in Fourier space as
in Scheres 2012 (doi 10.1016/j.jmb.2011.11.010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.curate.classes.pose_grid import SUB_ANGLES, SUB_SHIFTS, PoseGrid
from cryopick.curate.classes.turning import Turner
from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch

# Values of one tile of coarse scores: they stay in the cache of a core.
_TILE_VALUES = 2**21
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """What is known before looking at an image.

    Attributes
    ----------
    class_weight
        ``(K,)`` share of each class.
    offset_sigma_px
        Spread of shifts from the centre of the image, per axis.
    noise_power
        ``(S,)`` variance of the noise in each shell of the band.
    temperature
        Log likelihoods are divided by it.
    """

    class_weight: NDArray[np.float64]
    offset_sigma_px: float
    noise_power: NDArray[np.float64]
    temperature: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """Some particles in Fourier space.

    Attributes
    ----------
    spectra
        ``(n, D)`` complex64.
    ctf
        ``(u, D)`` different CTFs.
    whose_ctf
        ``(n,)`` which of them is whose.
    centre_px
        ``(n, 2)`` shift that the images have already been moved by.
    premultiplied
        The images hold the CTF once more already.
    """

    spectra: torch.Tensor
    ctf: torch.Tensor
    whose_ctf: torch.Tensor
    centre_px: torch.Tensor
    premultiplied: bool = False

    def matched(self, rows: slice | torch.Tensor) -> torch.Tensor:
        """Spectra times CTF, ``(m, D)``."""
        spectra = self.spectra[rows]
        return spectra if self.premultiplied else spectra * self.ctf[self.whose_ctf[rows]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """Which classes and poses particles belong to.

    Attributes
    ----------
    particle, class_index, angle, shift
        ``(e,)`` place of the particle, of the class, and of the pose in the fine grid, of every
        pose that counts.
    weight
        ``(e,)`` its posterior; they sum to 1 for each particle.
    best
        ``(n,)`` place of each particle's best pose among these.
    log_likelihood
        ``(n,)`` log likelihood ratio to noise, over all classes and poses.
    """

    particle: NDArray[np.int64]
    class_index: NDArray[np.int64]
    angle: NDArray[np.int64]
    shift: NDArray[np.int64]
    weight: NDArray[np.float32]
    best: NDArray[np.int64]
    log_likelihood: NDArray[np.float64]


class Expectation:
    """Compares particles with class averages.

    Parameters
    ----------
    averages
        ``(K, work, work)`` class averages, 0 outside a disc; see `Turner`.
    band
        Fourier pixels to compare.
    grid
        Angles and shifts.
    prior
        Shares of classes, spread of shifts, noise.
    dtype
        Of the coarse search.
    cells
        Best coarse cells that are divided for each particle.
    device, cores
        Where to compute.
    """

    def __init__(
        self,
        averages: NDArray[np.float32],
        *,
        band: Band,
        grid: PoseGrid,
        prior: Prior,
        dtype: torch.dtype,
        cells: int = 24,
        device: str = "cpu",
        cores: int = 1,
    ) -> None:
        import torch

        self.band, self.grid, self.prior = band, grid, prior
        self.device, self.cores, self.cells = device, cores, cells
        k, p, d = len(averages), len(grid.angle_deg), len(band)
        self._coarse = torch.empty((k, p, 2 * d), dtype=dtype, device=device)
        self._power = torch.empty((k, p, d), device=device)
        self._fine = torch.empty((k, SUB_ANGLES * p, d, 2), device=device)

        def coarse(place: int, turned: torch.Tensor) -> None:
            self._coarse[:, place] = turned.reshape(k, -1).to(dtype)
            torch.sum(turned.square(), dim=-1, out=self._power[:, place])

        def fine(place: int, turned: torch.Tensor) -> None:
            self._fine[:, place] = turned

        Turner(band, grid.angle_deg, device=device, cores=cores).bank(averages, coarse)
        Turner(band, grid.fine_angle_deg, device=device, cores=cores).bank(averages, fine)
        self._shifts = torch.from_numpy(band.shift_phases(grid.shift_px)).to(device)
        self._sub_shifts = torch.from_numpy(band.shift_phases(grid.sub_shift_px)).to(device)
        noise = np.maximum(prior.noise_power[band.shell], 1e-12)
        self._inverse = torch.from_numpy((1 / noise).astype(np.float32)).to(device)
        weight = np.log(np.maximum(prior.class_weight, 1e-12)).astype(np.float32)
        self._log_weight = torch.from_numpy(weight).to(device)

    def posterior(self, chunk: Chunk) -> Posterior:
        """Posteriors of all particles of a chunk."""
        n = len(chunk.spectra)
        values = len(self._shifts) * self._coarse.shape[0] * self._coarse.shape[1]
        step = max(1, min(64, _TILE_VALUES // values))
        tiles = [slice(first, min(n, first + step)) for first in range(0, n, step)]
        parts = in_threads(lambda rows: self._tile(chunk, rows), tiles, cores=self.cores)
        return _joined(parts, [rows.start for rows in tiles])

    def agreement(self, sums: torch.Tensor) -> NDArray[np.float64]:
        """Product of the averages with sums ``(K, fine angles, D, 2)``, by shell: ``(S,)``."""
        import torch

        total = torch.zeros(len(self.band), dtype=torch.float64, device=self.device)
        for own, fine in zip(sums, self._fine, strict=True):
            total += (own * fine).sum((0, 2)).double()
        return self.band.shell_sums(total.cpu().numpy())

    def coarse_scores(self, chunk: Chunk, rows: slice) -> torch.Tensor:
        """Log posteriors, not normalised, of every coarse cell: ``(m, T, K * P)`` float32."""
        import torch

        k, p, _ = self._power.shape
        matched = chunk.matched(rows) * self._inverse
        moved = torch.view_as_real(matched[:, None] * self._shifts)
        m, t = moved.shape[:2]
        moved = moved.reshape(m * t, -1).to(self._coarse.dtype)
        scores = (moved @ self._coarse.view(k * p, -1).T).float().view(m, t, k * p)
        return (
            scores.mul_(2)
            .sub_(self._half_norms(chunk, rows)[:, None])
            .add_(self._log_offset(chunk.centre_px[rows], self.grid.shift_px)[:, :, None])
        )

    def _half_norms(self, chunk: Chunk, rows: slice) -> torch.Tensor:
        """``C² |A|² / v`` less the log of the class's share, ``(m, K * P)``."""
        import torch

        k, p, d = self._power.shape
        different, whose = torch.unique(chunk.whose_ctf[rows], return_inverse=True)
        weight = chunk.ctf[different].square() * self._inverse
        norms = (weight @ self._power.view(k * p, d).T).view(-1, k, p)
        return (norms - self._log_weight[:, None] * self.prior.temperature).view(-1, k * p)[whose]

    def _log_offset(self, centre: torch.Tensor, shift: NDArray[np.float64]) -> torch.Tensor:
        import torch

        moved = centre[:, None].float() + torch.from_numpy(shift).float().to(self.device)
        variance = self.prior.offset_sigma_px**2
        return moved.square().sum(-1) * (-0.5 / variance * self.prior.temperature)

    def _tile(self, chunk: Chunk, rows: slice) -> Posterior:
        import torch

        k, p, _ = self._power.shape
        scores = self.coarse_scores(chunk, rows)
        m, t, _ = scores.shape
        cells = min(self.cells, k * p * t)
        # The best few are among the few pairs of class and angle with the best maxima over shifts.
        pairs = scores.amax(1).topk(min(cells, k * p), dim=1).indices
        few = scores.gather(2, pairs[:, None].expand(m, t, -1)).view(m, -1)
        place = few.topk(min(cells, few.shape[1]), dim=1).indices
        shift, pair = place // pairs.shape[1], pairs.gather(1, place % pairs.shape[1])
        logs = self._fine_scores(chunk, rows, pair, shift) / self.prior.temperature
        flat = logs.view(m, -1)
        top = flat.max(dim=1, keepdim=True).values
        weight = (flat - top).exp_()
        total = weight.sum(1, keepdim=True)
        evidence = (total.log() + top).squeeze(1) * self.prior.temperature + self._log_measure()
        weight /= total
        keep = weight >= _LEAST_WEIGHT * weight.max(dim=1, keepdim=True).values
        weight = weight * keep
        weight /= weight.sum(1, keepdim=True)
        particle, cell, angle, sub = keep.view(logs.shape).nonzero(as_tuple=True)
        found = pair[particle, cell]
        counts = keep.cumsum(1)
        best = weight.argmax(1)
        before = torch.cat([counts.new_zeros(1), counts[:, -1].cumsum(0)[:-1]])
        rank = counts.gather(1, best[:, None]).squeeze(1) - 1 + before
        return Posterior(
            particle=particle.cpu().numpy(),
            class_index=(found // p).cpu().numpy(),
            angle=(found % p * SUB_ANGLES + angle).cpu().numpy(),
            shift=(shift[particle, cell] * SUB_SHIFTS + sub).cpu().numpy(),
            weight=weight[keep].cpu().numpy(),
            best=rank.cpu().numpy(),
            log_likelihood=evidence.double().cpu().numpy(),
        )

    def _fine_scores(
        self, chunk: Chunk, rows: slice, pair: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        """Log posteriors of the divisions of chosen cells, ``(m, cells, 2, 4)``."""
        import torch

        k, p, d = self._power.shape
        m, cells = pair.shape
        matched = chunk.matched(rows) * self._inverse
        moved = (matched[:, None] * self._shifts[shift])[:, :, None] * self._sub_shifts
        flat = torch.view_as_real(moved).view(m * cells, SUB_SHIFTS, 2 * d)
        turned = self._fine.view(k * p, SUB_ANGLES, d, 2)[pair.view(-1)]
        cross = turned.view(-1, SUB_ANGLES, 2 * d) @ flat.transpose(1, 2)
        weight = chunk.ctf[chunk.whose_ctf[rows]].square() * self._inverse
        power = turned.square().sum(-1).view(m, cells * SUB_ANGLES, d)
        norm = (power @ weight[:, :, None]).view(m, cells, SUB_ANGLES, 1)
        fine = self.grid.shift_px[shift.cpu().numpy()][:, :, None] + self.grid.sub_shift_px
        offset = torch.stack(
            [
                self._log_offset(chunk.centre_px[rows][i : i + 1], fine[i].reshape(-1, 2))[0]
                for i in range(m)
            ]
        ).view(m, cells, 1, SUB_SHIFTS)
        share = self._log_weight[pair // p] * self.prior.temperature
        scores = 2 * cross.view(m, cells, SUB_ANGLES, SUB_SHIFTS) - norm + offset
        return scores + share[:, :, None, None]

    def _log_measure(self) -> float:
        """Log of the prior probability of one division at the centre."""
        step = float(np.ptp(self.grid.sub_shift_px[:, 0]))
        density = step**2 / (2 * math.pi * self.prior.offset_sigma_px**2)
        return math.log(density / len(self.grid.fine_angle_deg))


def _joined(parts: list[Posterior], first: list[int]) -> Posterior:
    """One posterior of consecutive tiles."""
    entries = np.cumsum([0, *(len(part.weight) for part in parts)])

    def joined(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Posterior(
        particle=np.concatenate([p.particle + at for p, at in zip(parts, first, strict=True)]),
        class_index=joined("class_index"),
        angle=joined("angle"),
        shift=joined("shift"),
        weight=np.concatenate([part.weight for part in parts]),
        best=np.concatenate([p.best + at for p, at in zip(parts, entries[:-1], strict=True)]),
        log_likelihood=np.concatenate([part.log_likelihood for part in parts]),
    )
