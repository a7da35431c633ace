"""What an engine is asked, and what it answers: the best angle of every reference at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryopick.pick.merit.formula import MeritFormula

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """Merit, angle (its place in the list) and reference, each ``(r, y, x)``.

    One layer of the best reference of each place, or one per reference.
    """

    merit: torch.Tensor
    angle: torch.Tensor
    reference: torch.Tensor


class Engine(Protocol):
    """Correlates micrographs with all references at all angles."""

    @property
    def bytes_per_px(self) -> int:
        """Memory taken for each working pixel."""
        ...

    def search(
        self,
        spectrum: torch.Tensor,
        kept: tuple[int, int],
        formula: MeritFormula,
        *,
        per_reference: bool,
        cores: int,
    ) -> Layers:
        """Search one micrograph.

        Parameters
        ----------
        spectrum
            ``(y, x // 2 + 1)``: transform of the filtered micrograph on its working grid, scaled so
            that its inverse gives micrograph values; both lengths are even.
        kept
            ``(y, x)``: the first rows and columns are wanted.
        formula
            Makes merits of correlations; its places are those of ``kept``, row after row.
        per_reference
            A layer for every reference; else one, of the best.
        cores
            Threads.
        """
        ...


def empty_layers(count: int, kept: tuple[int, int], device: torch.device) -> Layers:
    """Layers to be filled place by place, nothing found so far."""
    import torch

    shape = (count, *kept)
    return Layers(
        merit=torch.full(shape, -torch.inf, device=device),
        angle=torch.zeros(shape, dtype=torch.int16, device=device),
        reference=torch.zeros(shape, dtype=torch.int16, device=device),
    )
