"""`MeritFormula`: from correlations to figures of merit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryopick.pick.merit.moments import Moments

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritFormula:
    """Merit ``(exp(m) - 1) / (P - 1)`` with ``m = (c - µ a1) / σ - a2 / 2``.

    Attributes
    ----------
    mean, sd
        ``(n,)`` background of the places, ``µ`` and ``σ``.
    first, half_square
        ``(K,)``: of the means over the circle of each reference and of its square, ``a1`` and
        ``a2 / 2``.
    excess
        ``(K,)``: ``P - 1``, of the expected ratio of each reference.
    """

    mean: torch.Tensor
    sd: torch.Tensor
    first: torch.Tensor
    half_square: torch.Tensor
    excess: torch.Tensor

    @staticmethod
    def of(moments: Moments, mean: torch.Tensor, sd: torch.Tensor) -> MeritFormula:
        """Formula for a background of any shape; places are numbered row after row."""
        import torch

        first, half_square, excess = (
            torch.from_numpy(values).to(mean.device, torch.float32)
            for values in (moments.mean, moments.square / 2, moments.expected - 1)
        )
        return MeritFormula(
            mean=mean.flatten(), sd=sd.flatten(), first=first, half_square=half_square,
            excess=excess,
        )  # fmt: skip

    def merit(self, correlation: torch.Tensor, *, references: slice, places: slice) -> torch.Tensor:
        """Merits ``(k, n)`` of some references at some places.

        Parameters
        ----------
        correlation
            ``(k, n)``: mean over the circle of reference times micrograph, ``c``.
        references, places
            Which ones these are.
        """
        import torch

        m = (correlation - self.mean[places] * self.first[references, None]) / self.sd[places]
        m -= self.half_square[references, None]
        return torch.expm1(m).div_(self.excess[references, None])
