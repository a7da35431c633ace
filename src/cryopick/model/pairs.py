"""`PickPairs`: the same particles picked in an untilted and a tilted micrograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryopick.errors import InputError
from cryopick.model.picks import Picks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PickPairs:
    """Two linked sets: row ``i`` of both is the same particle.

    Attributes
    ----------
    untilted, tilted
        2D picks of equal length.
    """

    untilted: Picks
    tilted: Picks

    def __post_init__(self) -> None:
        if len(self.untilted) != len(self.tilted):
            raise InputError(
                f"PickPairs: expected as many tilted as untilted picks, "
                f"got {len(self.tilted)} and {len(self.untilted)}"
            )
        if (self.untilted.ndim, self.tilted.ndim) != (2, 2):
            raise InputError("PickPairs: expected 2D picks on both sides")

    def __len__(self) -> int:
        return len(self.untilted)

    def __getitem__(self, index: Any) -> PickPairs:
        """Select pairs; both sides stay linked."""
        return PickPairs(untilted=self.untilted[index], tilted=self.tilted[index])
