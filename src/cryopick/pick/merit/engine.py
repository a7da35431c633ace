"""What both engines give: the best angle of each reference, one reference after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestAngle:
    """The highest correlation over all angles of one reference.

    Attributes
    ----------
    reference
        From 0.
    correlation
        ``(y, x)`` float32: sum over the pixels of the turned reference times those of the image.
    angles_at
        Tells for flat places ``(n,)`` int64 of that map the angle (its place in the list, int16):
        asked for where the reference is the best of all, it costs little.
    """

    reference: int
    correlation: torch.Tensor
    angles_at: Callable[[torch.Tensor], torch.Tensor]


class Engine(Protocol):
    """Correlates micrographs with all references at all angles."""

    @property
    def bytes_per_px(self) -> int:
        """Memory taken for each working pixel."""
        ...

    def best_angles(
        self, spectrum: torch.Tensor, kept: tuple[int, int], *, cores: int
    ) -> Iterator[BestAngle]:
        """Search one micrograph.

        Parameters
        ----------
        spectrum
            ``(y, x // 2 + 1)``: transform of the filtered micrograph on its working grid, scaled so
            that its inverse gives micrograph values; both lengths are even.
        kept
            ``(y, x)``: the first rows and columns are wanted.
        cores
            Threads.
        """
        ...
