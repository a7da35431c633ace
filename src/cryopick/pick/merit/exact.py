"""The exact engine: one correlation by Fourier transforms per reference and angle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryopick.ops.threads import in_threads
from cryopick.pick.merit.box_correlation import centred, correlated_pair, full_plane
from cryopick.pick.merit.engine import BestAngle
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
        import torch

        angles = range(len(turned.angles_deg))
        self._turned = turned
        # One block per reference, one row per angle.
        self._coefficients = torch.stack([turned.coefficients(a) for a in angles], dim=1)

    @property
    def bytes_per_px(self) -> int:
        """Memory taken for each working pixel."""
        return _BYTES_PER_PX

    def best_angles(
        self, spectrum: torch.Tensor, kept: tuple[int, int], *, cores: int
    ) -> Iterator[BestAngle]:
        """See `Engine.best_angles`."""
        import torch

        width = 2 * (spectrum.shape[1] - 1)
        turned = self._turned
        whole = centred(full_plane(spectrum, width), turned.box_px // 2 // turned.oversampling)
        for reference, coefficients in enumerate(self._coefficients):
            best = torch.full(kept, -torch.inf, device=spectrum.device)
            angle = torch.zeros(kept, dtype=torch.int16, device=spectrum.device)

            def pair_of(
                first: int, coefficients: torch.Tensor = coefficients
            ) -> list[torch.Tensor]:
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
            yield BestAngle(reference=reference, correlation=best, angles_at=angle.flatten().take)
