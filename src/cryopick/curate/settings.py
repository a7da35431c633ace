"""`SortSettings`: what sorting particles is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryopick.errors import InputError

if TYPE_CHECKING:
    from cryopick.model import Particles

CtfUse = Literal["full", "after-first-peak", "ignore"]
Scale = Literal["class", "none"]
ZScore = Literal["relion", "robust"]

# RELION's usual circle of the background.
_USUAL_SHARE_OF_BOX = 0.75
# Wider discs leave too little background to measure.
_WIDEST_SHARE_OF_BOX = 0.98


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class SortSettings:
    """What sorting is asked for.

    Attributes
    ----------
    particle_diameter_angstrom
        Disc that the particle fills; what lies outside is background. None: three quarters of the
        box.
    low_pass_angstrom
        Finer detail does not enter the difference from the reference; None: all does.
    ctf
        How references are seen: through the CTF, through the CTF from its first peak on, or as
        they are (references that are not corrected for the CTF).
    scale
        ``class``: each reference is scaled to fit its particles; ``none``: it is on their scale
        already, as averages of the same particles are.
    min_z
        z-scores below it count 0 in ``rlnParticleSelectZScore``.
    z_score
        ``relion``: by mean and standard deviation; ``robust``: by median and median deviation.
    """

    particle_diameter_angstrom: float | None = None
    low_pass_angstrom: float | None = None
    ctf: CtfUse = "full"
    scale: Scale = "class"
    min_z: float = 0.0
    z_score: ZScore = "relion"

    def __post_init__(self) -> None:
        for name in ("particle_diameter_angstrom", "low_pass_angstrom"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}: expected a length above 0 Å, got {value:g}")

    def radius_px(self, particles: Particles) -> float:
        """Radius of the disc in pixels of the particles' images."""
        box_angstrom = particles.box_px * particles.pixel_size_angstrom
        diameter = self.particle_diameter_angstrom
        if diameter is None:
            diameter = _USUAL_SHARE_OF_BOX * box_angstrom
        if diameter > _WIDEST_SHARE_OF_BOX * box_angstrom:
            raise InputError(
                f"--particle-diameter {diameter:g}: the boxes are {box_angstrom:g} Å wide and "
                "leave no background; give a smaller one, or extract larger boxes"
            )
        return diameter / particles.pixel_size_angstrom / 2

    def frequency_max(self, particles: Particles) -> float:
        """Highest frequency that counts, in cycles per pixel."""
        if self.low_pass_angstrom is None:
            return 0.5
        return min(0.5, particles.pixel_size_angstrom / self.low_pass_angstrom)
