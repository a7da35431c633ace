"""What both engines give: the best angle of each reference, one reference after the other."""

from __future__ import annotations

from collections.abc import Iterator
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
    angle
        ``(y, x)`` int16: place in the list of angles.
    """

    reference: int
    correlation: torch.Tensor
    angle: torch.Tensor


class Engine(Protocol):
    """Correlates micrographs with all references at all angles."""

    def best_angles(
        self, spectrum: torch.Tensor, kept: tuple[int, int], *, cores: int
    ) -> Iterator[BestAngle]:
        """Search one micrograph.

        Parameters
        ----------
        spectrum
            ``(y, x // 2 + 1)``: transform of the filtered micrograph on its working grid, scaled so
            that its inverse gives micrograph values.
        kept
            ``(y, x)``: the first rows and columns are wanted.
        cores
            Threads.
        """
        ...
