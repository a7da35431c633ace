"""`MeritBank`: all turned references as mixtures of a few components.

The turned references of a whole data set are written as ``C P`` with few orthonormal components
``P`` (`cryopick.ops.low_rank`). Correlating a micrograph with the components gives ``k`` numbers
``u`` per place, and ``C u`` are the correlations with every reference at every angle. CTF and
contrast act on the micrograph (see `transfer`), so one bank serves all micrographs.

The components are of two kinds, even and odd under half a turn, and each has its own mixtures. Half
a turn changes the sign of the odd ones alone, so that with ``e`` and ``o`` the two parts of a
correlation the better of an angle and its opposite is ``e + |o|``: half of the work is saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Optics
from cryopick.ops.ctf import ctf_curve
from cryopick.ops.low_rank import LowRank, low_rank
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.turned_references import TurnedReferences

if TYPE_CHECKING:
    import torch

_MAX_RANK = 512
# Share of the energy below which the even or the odd part is nothing but rounding.
_NOTHING = 1e-10
# What a micrograph does to the references is not known when the bank is made: the components are
# the best for the mean of these defoci.
_TYPICAL_DEFOCUS_UM = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritBank:
    """Components and the mixtures that make each turned reference.

    Attributes
    ----------
    boxes
        ``(k, b, b)``: mirrored components, the even ones first.
    oversampling
        Their pixels per working pixel.
    even, odd
        ``(references, a, k_even)`` and ``(references, a, k_odd)``: mixtures. With ``opposite`` only
        of the first half of the angles.
    opposite
        Whether each angle stands for its opposite too.
    energy
        Fraction of the references' energy, weighted as imaging does, that the components hold.
    """

    boxes: torch.Tensor
    oversampling: int
    even: torch.Tensor
    odd: torch.Tensor
    opposite: bool
    energy: float

    @property
    def rank(self) -> int:
        """Number of components."""
        return len(self.boxes)


def build_merit_bank(
    turned: TurnedReferences, settings: MeritSettings, *, pixel_size_angstrom: float
) -> MeritBank:
    """Find the components of all turned references.

    Parameters
    ----------
    pixel_size_angstrom
        Of the micrographs.
    """
    import torch

    angles = len(turned.angles_deg)
    opposite = angles % 2 == 0
    count = angles // 2 if opposite else angles
    rows = turned.first_coefficients(count)
    # Of an image that is even under half a turn the transform is real.
    parts = [rows.real.contiguous(), rows.imag.contiguous()]
    inside = torch.from_numpy(turned.in_band).to(turned.device)
    weight = torch.from_numpy(_typical_weight(turned, settings, pixel_size_angstrom))
    weighted = [part[..., inside] * weight.to(turned.device) for part in parts]
    total = [float(part.double().square().sum()) for part in weighted]
    boxes: list[torch.Tensor] = []
    mixtures: list[torch.Tensor] = []
    held = 0.0
    for part, seen, unit, energy in zip(parts, weighted, (1.0, 1.0j), total, strict=True):
        if energy <= _NOTHING * sum(total):
            mixtures.append(part.new_zeros((turned.references, count, 0)))
            continue
        found = _components(seen.flatten(0, 1), settings)
        # A copy: products round by where memory begins, and workers must find the same bank.
        mixture = torch.from_numpy(found.coefficients).to(turned.device, copy=True)
        # The components with all their frequencies: mixtures of turned references themselves, so
        # that they end where these end.
        basis = _least_squares(mixture, part.flatten(0, 1))
        boxes.append(turned.mirrored_boxes(basis.to(torch.complex64) * unit))
        mixtures.append(mixture.view(turned.references, count, -1).contiguous())
        held += energy * float(found.energy[-1])
    return MeritBank(
        boxes=torch.cat(boxes),
        oversampling=turned.oversampling,
        even=mixtures[0],
        odd=mixtures[1],
        opposite=opposite,
        energy=held / sum(total),
    )


def _least_squares(mixtures: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Components ``(k, f)`` of which the mixtures ``(n, k)`` come nearest to the rows ``(n, f)``.

    By normal equations, as ``torch.linalg.lstsq`` rounds differently from call to call. The
    columns of the mixtures are nearly orthogonal: of unit length they are well-conditioned.
    """
    import torch

    wide = mixtures.double()
    length = torch.linalg.vector_norm(wide, dim=0)
    wide = wide / length
    found = torch.linalg.solve(wide.T @ wide, (wide.T.float() @ rows).double())
    return (found / length[:, None]).float()


def _components(rows: torch.Tensor, settings: MeritSettings) -> LowRank:
    import torch

    return low_rank(
        lambda index: rows[torch.from_numpy(index).to(rows.device)],
        len(rows),
        max_rank=_MAX_RANK,
        energy=settings.bank_energy,
        seed=settings.seed,
    )


def _typical_weight(
    turned: TurnedReferences, settings: MeritSettings, pixel_size_angstrom: float
) -> NDArray[np.float32]:
    """Weight ``(f,)`` of the coefficients in the band: where errors would show in a micrograph."""
    inside = turned.in_band
    # The half plane holds every wave once that the plane holds twice, but for those along y.
    multiplicity = np.where(turned.along_y[inside], 1.0, 2.0)
    seen = np.ones_like(multiplicity)
    if settings.ctf == "full":
        k = turned.frequencies[inside] / pixel_size_angstrom
        curves = [ctf_curve(k, Optics(), defocus_um=df) ** 2 for df in _TYPICAL_DEFOCUS_UM]
        seen = np.mean(curves, axis=0)
    return np.sqrt(multiplicity * seen).astype(np.float32)
