"""The bank engine: all turned references as mixtures of a few components.

The turned references of a whole data set are written as ``C P`` with few orthonormal components
``P`` (`cryopick.ops.low_rank`). Correlating a micrograph with the components gives ``k`` numbers
``u`` per place, and ``C u`` are the correlations with every reference at every angle. CTF and
contrast act on the micrograph (see `transfer`), so one bank serves all micrographs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Optics
from cryopick.ops.ctf import ctf_curve
from cryopick.ops.low_rank import low_rank
from cryopick.ops.threads import in_threads
from cryopick.pick.merit.box_correlation import centred, correlate, full_plane
from cryopick.pick.merit.engine import BestAngle
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.turned_references import TurnedReferences

if TYPE_CHECKING:
    import torch

_MAX_RANK = 512
_COLUMNS = {"cpu": 2048, "cuda": 65536}
# What a micrograph does to the references is not known when the bank is made: the components are
# the best for the mean of these defoci.
_TYPICAL_DEFOCUS_UM = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritBank:
    """Components and the mixtures that make each turned reference.

    Attributes
    ----------
    boxes
        ``(k, b, b)``: mirrored components on working pixels.
    coefficients
        ``(references, angles, k)``.
    energy
        Fraction of the references' energy, weighted as imaging does, that the components hold.
    """

    boxes: torch.Tensor
    coefficients: torch.Tensor
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
    weight = torch.from_numpy(_typical_weight(turned, settings, pixel_size_angstrom))
    weight = weight.to(turned.device)
    rows = torch.empty(
        (turned.references, angles, 2 * len(weight)), dtype=torch.float32, device=turned.device
    )
    half = angles // 2 if angles % 2 == 0 else angles
    for angle in range(half):
        values = turned.coefficients(angle) * weight
        rows[:, angle] = torch.cat([values.real, values.imag], dim=1)
        if half < angles:
            # Half a turn further, a real image has the conjugate transform.
            rows[:, angle + half] = torch.cat([values.real, -values.imag], dim=1)
    flat = rows.flatten(0, 1)
    parts = low_rank(
        lambda index: flat[torch.from_numpy(index).to(flat.device)],
        len(flat),
        max_rank=_MAX_RANK,
        energy=settings.bank_energy,
        seed=settings.seed,
    )
    real, imaginary = torch.from_numpy(parts.basis).to(turned.device).chunk(2, dim=1)
    boxes = turned.mirrored_boxes(torch.complex(real, imaginary) / weight)
    coefficients = torch.from_numpy(parts.coefficients).to(turned.device)
    return MeritBank(
        boxes=boxes,
        coefficients=coefficients.view(turned.references, angles, -1),
        energy=float(parts.energy[-1]),
    )


def _typical_weight(
    turned: TurnedReferences, settings: MeritSettings, pixel_size_angstrom: float
) -> NDArray[np.float32]:
    """Weight ``(f,)`` of the coefficients: where errors would show in a micrograph."""
    # The half plane holds every wave once that the plane holds twice, but for those along y.
    multiplicity = np.where(turned.along_y, 1.0, 2.0)
    seen = np.ones_like(turned.frequencies)
    if settings.ctf == "full":
        k = turned.frequencies / pixel_size_angstrom
        curves = [ctf_curve(k, Optics(), defocus_um=df) ** 2 for df in _TYPICAL_DEFOCUS_UM]
        seen = np.mean(curves, axis=0)
    return np.sqrt(multiplicity * seen).astype(np.float32)


class BankEngine:
    """Correlates with the components of a bank, and mixes.

    Parameters
    ----------
    bank
        From `build_merit_bank`.
    """

    def __init__(self, bank: MeritBank) -> None:
        self.bank = bank

    def best_angles(
        self, spectrum: torch.Tensor, kept: tuple[int, int], *, cores: int
    ) -> Iterator[BestAngle]:
        """See `Engine.best_angles`."""
        import torch

        bank = self.bank
        width = 2 * (spectrum.shape[1] - 1)
        whole = centred(full_plane(spectrum, width), bank.boxes.shape[1] // 2)
        columns = correlate(whole, bank.boxes, kept=kept, cores=cores).flatten(1)
        step = _COLUMNS["cpu" if spectrum.device.type == "cpu" else "cuda"]
        starts = range(0, columns.shape[1], step)
        for reference, rows in enumerate(bank.coefficients):

            def best_of(start: int, rows: torch.Tensor = rows) -> tuple[torch.Tensor, torch.Tensor]:
                top = (rows @ columns[:, start : start + step]).max(0)
                return top.values, top.indices.to(torch.int16)

            found = in_threads(best_of, starts, cores=cores)
            yield BestAngle(
                reference=reference,
                correlation=torch.cat([value for value, _ in found]).view(kept),
                angle=torch.cat([angle for _, angle in found]).view(kept),
            )
