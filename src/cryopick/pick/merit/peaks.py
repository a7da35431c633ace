"""`PeakRules`: which peaks of a merit map become picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryopick.errors import InputError

Suppression = Literal["keep-better", "relion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakRules:
    """How candidates are judged.

    Attributes
    ----------
    threshold
        Lowest merit taken.
    min_distance_angstrom
        Between picks; None: three quarters of the particle's diameter for ``keep-better``, half
        the box of the references for ``relion``.
    max_noise_sd
        Candidates on a background with a larger standard deviation are deleted; None: no limit.
        Useful: 1.0 to 1.2.
    min_noise_mean
        Candidates on a darker background are deleted (carbon, thick ice); None: no limit.
        Useful: -0.5 to 0.
    suppression
        ``keep-better``: local maxima of the best map, best first, none nearer than the minimum
        distance. ``relion``: groups of peaks per reference, and of two picks that are still too
        close both are deleted.
    border_angstrom
        Candidates nearer to an edge are deleted; None: half the box of the references.
    max_picks
        Keep only the best so many.
    """

    threshold: float = 0.1
    min_distance_angstrom: float | None = None
    max_noise_sd: float | None = None
    min_noise_mean: float | None = None
    suppression: Suppression = "keep-better"
    border_angstrom: float | None = None
    max_picks: int | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("minimum distance", self.min_distance_angstrom),
            ("border", self.border_angstrom),
        ):
            if value is not None and not value >= 0:
                raise InputError(f"{name} {value:g}: expected 0 Å or more")
        if self.max_noise_sd is not None and not self.max_noise_sd > 0:
            raise InputError(f"--max-noise-sd {self.max_noise_sd:g}: expected above 0")
        if self.max_picks is not None and self.max_picks < 1:
            raise InputError(f"--max-picks {self.max_picks}: expected 1 or more")
