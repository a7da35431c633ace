"""`Bank`: all turned templates of a rotation list, as mixtures of a few component maps.

The rows of the bank are the templates ``t`` of every rotation (see `TurnedTemplates`), divided by
``Σ M`` and written on the voxels of the mask. With ``A ≈ C P`` the scores of *all* rotations at a
voxel are ``C u / σ``, where ``u = P · patch`` are the ``k`` numbers that the component maps give
there: one small matrix product in the place of one Fourier transform per rotation.

Weights in Fourier space are part of the rows, so that wedge, CTF and exposure are exact up to the
energy that the truncation leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.low_rank import LowRank, low_rank
from cryopick.pick.matching.template import Template, TurnedTemplates

MAX_RANK = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bank:
    """Component maps and the mixtures that make each rotation's template.

    Attributes
    ----------
    parts
        ``basis`` ``(k, voxels)`` and ``coefficients`` ``(rotations, k)``.
    offset_zyx
        ``(voxels, 3)``: where each voxel of a component lies from the template's centre.
    mask
        ``(voxels,)``: the template's mask there.
    """

    parts: LowRank
    offset_zyx: NDArray[np.int64]
    mask: NDArray[np.float32]

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.parts.basis.shape[0]

    @property
    def reach_px(self) -> int:
        """Largest distance from the centre along any axis."""
        return int(np.abs(self.offset_zyx).max())

    @property
    def box_px(self) -> int:
        """Edge of the boxes that hold a component."""
        return 2 * self.reach_px + 1

    @property
    def energy(self) -> float:
        """Fraction of the templates' energy that the components hold."""
        return float(self.parts.energy[-1])

    def truncated(self, rank: int) -> Bank:
        """The strongest ``rank`` components alone."""
        return replace(self, parts=self.parts.truncated(rank))

    def rows(self, index: NDArray[np.int64]) -> Bank:
        """The same components for some of the rotations."""
        parts = LowRank(
            basis=self.parts.basis,
            coefficients=np.ascontiguousarray(self.parts.coefficients[index]),
            energy=self.parts.energy,
        )
        return replace(self, parts=parts)

    def boxes(self, rank: slice) -> NDArray[np.float32]:
        """Some components as boxes ``(k, b, b, b)`` with ``b = 2 reach + 1``, centre at ``reach``."""
        return self._boxed(self.parts.basis[rank])

    def mask_box(self) -> NDArray[np.float32]:
        """The mask as such a box ``(b, b, b)``."""
        return self._boxed(self.mask[None])[0]

    def _boxed(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        edge = self.box_px
        boxes = np.zeros((len(rows), edge, edge, edge), np.float32)
        z, y, x = (self.offset_zyx + self.reach_px).T
        boxes[:, z, y, x] = rows
        return boxes


def build_bank(
    template: Template,
    rotations: NDArray[np.float64],
    *,
    weight: NDArray[np.float32] | None,
    energy: float = 1.0,
    max_rank: int = MAX_RANK,
    least_rank: int = 1,
    seed: int = 0,
    device: str = "cpu",
) -> Bank:
    """Turn a template into all ``rotations`` ``(m, 4)`` and find its strongest components.

    Only spherical masks: one that turns would need a bank of its own.

    Parameters
    ----------
    energy
        As few components as hold this fraction of the templates' energy.
    max_rank, least_rank
        But no more and no fewer than these.
    """
    import torch

    if not template.spherical_mask:
        raise InputError(
            f"template {template.name}: its mask is not spherical, so the bank cannot be used; "
            "take --engine exact"
        )
    turned = TurnedTemplates(template, weight, device=device)
    inside = np.argwhere(template.mask > 0)
    offset = inside - template.box_px // 2
    flat = torch.from_numpy(np.ravel_multi_index(tuple(inside.T), template.mask.shape)).to(device)
    total = float(template.mask.sum(dtype=np.float64))

    def rows(index: NDArray[np.int64]) -> torch.Tensor:
        made = [
            turned.at(rotations[part]).flatten(1)[:, flat] / total
            for part in np.array_split(index, max(1, len(index) // 64))
        ]
        return torch.cat(made)

    if not bool(rows(np.arange(1)).any()):
        raise InputError(
            f"template {template.name}: nothing is left of it under its mask after the weights; "
            "check the band-pass"
        )
    parts = low_rank(
        rows,
        len(rotations),
        max_rank=max_rank,
        energy=energy,
        least_rank=least_rank,
        seed=seed,
    )
    return Bank(
        parts=parts, offset_zyx=offset.astype(np.int64), mask=template.mask[template.mask > 0]
    )
