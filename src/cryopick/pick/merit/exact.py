"""The exact engine: one correlation by Fourier transforms per reference and angle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryopick.ops.threads import in_threads
from cryopick.pick.merit.box_correlation import centred, correlated_pair, full_plane
from cryopick.pick.merit.engine import Layers, empty_layers
from cryopick.pick.merit.formula import MeritFormula
from cryopick.pick.merit.turned_references import TurnedReferences

if TYPE_CHECKING:
    import torch


# A few complex and real maps at a time.
_BYTES_PER_PX = 64


class ExactEngine:
    """Tries every angle of every reference.

    Parameters
    ----------
    turned
        References at all angles.
    """

    def __init__(self, turned: TurnedReferences) -> None:

        self._turned = turned
        # One block per reference, one row per angle.
        self._coefficients = turned.first_coefficients(len(turned.angles_deg))

    @property
    def bytes_per_px(self) -> int:
        """Memory taken for each working pixel."""
        return _BYTES_PER_PX

    def search(
        self,
        spectrum: torch.Tensor,
        kept: tuple[int, int],
        formula: MeritFormula,
        *,
        per_reference: bool,
        cores: int,
    ) -> Layers:
        """See `Engine.search`."""
        import torch

        width = 2 * (spectrum.shape[1] - 1)
        turned = self._turned
        whole = centred(full_plane(spectrum, width), turned.box_px // 2 // turned.oversampling)
        count = len(self._coefficients)
        found = empty_layers(count if per_reference else 1, kept, spectrum.device)
        for number, coefficients in enumerate(self._coefficients):
            best, angle = self._best_angle(whole, coefficients, kept, cores=cores)
            merit = formula.merit(
                best.reshape(1, -1), references=slice(number, number + 1), places=slice(None)
            ).view(kept)
            layer = number if per_reference else 0
            better = merit > found.merit[layer]
            found.merit[layer] = torch.where(better, merit, found.merit[layer])
            found.angle[layer] = torch.where(better, angle, found.angle[layer])
            found.reference[layer].masked_fill_(better, number)
        return found

    def _best_angle(
        self,
        whole: torch.Tensor,
        coefficients: torch.Tensor,
        kept: tuple[int, int],
        *,
        cores: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Highest correlation of one reference over all angles, and which angle gave it."""
        import torch

        turned = self._turned
        best = torch.full(kept, -torch.inf, device=whole.device)
        angle = torch.zeros(kept, dtype=torch.int16, device=whole.device)

        def pair_of(first: int) -> list[torch.Tensor]:
            boxes = turned.mirrored_boxes(coefficients[first : first + 2])
            pair = correlated_pair(whole, boxes, oversampling=turned.oversampling)
            maps = (pair.real, pair.imag)[: len(boxes)]
            return [values[: kept[0], : kept[1]] for values in maps]

        # A few pairs at a time, so that no more maps than that exist.
        step = 2 * max(1, cores)
        for start in range(0, len(coefficients), step):
            firsts = range(start, min(start + step, len(coefficients)), 2)
            maps = [one for pair in in_threads(pair_of, firsts, cores=cores) for one in pair]
            for number, values in enumerate(maps, start):
                better = values > best
                best = torch.where(better, values, best)
                angle.masked_fill_(better, number)
        return best, angle
