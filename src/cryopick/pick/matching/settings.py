"""`MatchSettings`: how a tomogram is searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cryopick.errors import InputError
from cryopick.pick.matching.imaging import Band

Engine = Literal["auto", "exact", "bank"]
Noise = Literal["none", "smooth", "pytom"]

# The search itself runs at a voxel that is this fraction of the diameter, the refinement at the
# tomogram's own, or at this fraction where that is finer.
_SCREEN_VOXELS_PER_DIAMETER = 16.0
_FINE_VOXELS_PER_DIAMETER = 40.0
# Widest spacing of the orientations that a search with refinement starts from.
_MAX_SCREEN_STEP_DEG = 14.0
# Candidates: as many as would fill the volume at this distance, in diameters.
_POOL_SPACING = 1.5
_LEAST_POOL, _MOST_POOL = 1000, 20_000
# In units of the angle by which the rim of the particle moves one resolved detail (Crowther).
_SCREEN_STEP_CROWTHER = 2.4


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class MatchSettings:
    """How a tomogram is searched; see ``docs/concepts/template_matching.md``.

    Attributes
    ----------
    angular_step_deg
        Spacing of the orientations; None: from the particle's diameter and the resolution.
    engine
        ``exact``: one Fourier transform per rotation. ``bank``: few component maps for all
        rotations. ``auto``: the faster of the two that keeps the accuracy.
    screen_step_deg
        Spacing of the orientations of the bank's search, before refinement; None: chosen.
    screen_pixel_angstrom
        Voxel of the search; None: a sixteenth of the diameter or the tomogram's voxel. The exact
        engine searches at the tomogram's voxel where not given.
    energy
        Fraction of the templates' energy that the bank holds; it has 64 components at least.
    first_round_energy, first_round_kept
        The bank's first round: energy of its components, and the fraction of the voxels that goes
        on to the full product; 1: there is no first round.
    band
        Band-pass of template and tomogram.
    whitening
        Flatten the spectrum of the tomogram.
    noise
        Subtract what a phase-randomised template scores: ``smooth`` from a tenth of the rotations,
        smoothed; ``pytom`` from all of them, as it is.
    fill_gold
        Find gold beads, fill them and leave them out.
    clip_sd
        Clip the tomogram at so many robust standard deviations.
    pool_size
        Local maxima that are refined, per template; None: as many as would fill the volume when
        half as far again apart as they are wide, but 1000 to 20,000.
    seeds
        Orientations that each refinement starts from, beside the search's own.
    refine
        Refine position and orientation of the pool at the fine voxel.
    min_distance_angstrom
        Between two maxima of the pool; None: half the diameter.
    check_hand
        Also score the best candidates with the template's mirror image.
    gold_contrast
        Contrast of gold beads in the tomogram.
    """

    angular_step_deg: float | None = None
    engine: Engine = "auto"
    screen_step_deg: float | None = None
    screen_pixel_angstrom: float | None = None
    energy: float = 0.9
    first_round_energy: float = 0.7
    first_round_kept: float = 0.15
    band: Band = field(default_factory=Band)
    whitening: bool = False
    noise: Noise = "none"
    fill_gold: bool = True
    clip_sd: float = 6.0
    pool_size: int | None = None
    seeds: int = 2
    refine: bool = True
    min_distance_angstrom: float | None = None
    check_hand: bool = False
    gold_contrast: Literal["dark", "bright"] = "dark"

    def __post_init__(self) -> None:
        for name in ("energy", "first_round_energy", "first_round_kept"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name}: expected above 0 and up to 1, got {getattr(self, name)}")
        if (self.pool_size is not None and self.pool_size < 1) or self.seeds < 1:
            raise InputError("pool_size and seeds: expected 1 or more")

    def screen_pixel_for(self, diameter_angstrom: float, pixel_size_angstrom: float) -> float:
        """Voxel of the bank's search."""
        wanted = self.screen_pixel_angstrom
        if wanted is None:
            wanted = diameter_angstrom / _SCREEN_VOXELS_PER_DIAMETER
        # Resampling for a few per cent costs more than it saves.
        return wanted if wanted > 1.15 * pixel_size_angstrom else pixel_size_angstrom

    def step_for(self, diameter_angstrom: float, pixel_size_angstrom: float) -> float:
        """Spacing of orientations that the resolution asks for (Crowther), or the one given.

        Examples
        --------
        >>> round(MatchSettings().step_for(280.0, 10.0), 2)
        4.09
        """
        if self.angular_step_deg is not None:
            return self.angular_step_deg
        return crowther_step_deg(
            diameter_angstrom, pixel_size_angstrom, self.band.low_pass_angstrom
        )

    def screen_step_for(self, diameter_angstrom: float, screen_pixel_angstrom: float) -> float:
        """Spacing of orientations of the bank's search."""
        if self.screen_step_deg is not None:
            return self.screen_step_deg
        finest = self.step_for(diameter_angstrom, screen_pixel_angstrom)
        if not self.refine:
            return finest
        resolved = crowther_step_deg(
            diameter_angstrom, screen_pixel_angstrom, self.band.low_pass_angstrom
        )
        return max(finest, min(_MAX_SCREEN_STEP_DEG, _SCREEN_STEP_CROWTHER * resolved))

    def pool_for(self, volume_angstrom3: float, diameter_angstrom: float) -> int:
        """Most candidates that are refined.

        Examples
        --------
        >>> MatchSettings().pool_for(1e11, 200.0), MatchSettings().pool_for(1e9, 200.0)
        (3703, 1000)
        """
        if self.pool_size is not None:
            return self.pool_size
        full = volume_angstrom3 / (_POOL_SPACING * diameter_angstrom) ** 3
        return int(min(max(full, _LEAST_POOL), _MOST_POOL))

    @staticmethod
    def fine_pixel_for(diameter_angstrom: float, pixel_size_angstrom: float) -> float:
        """Voxel of the refinement."""
        wanted = diameter_angstrom / _FINE_VOXELS_PER_DIAMETER
        return wanted if wanted > 1.15 * pixel_size_angstrom else pixel_size_angstrom


def crowther_step_deg(
    diameter_angstrom: float, pixel_size_angstrom: float, low_pass_angstrom: float | None
) -> float:
    """Angle by which the rim of a particle moves one resolved detail.

    Crowther, DeRosier & Klug 1970, doi 10.1098/rspa.1970.0119.
    """
    import math

    resolution = max(2 * pixel_size_angstrom, low_pass_angstrom or 0.0)
    return math.degrees(resolution / diameter_angstrom)
