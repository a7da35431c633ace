"""`MeritSettings`: how micrographs are compared with references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryopick.errors import InputError

Contrast = Literal["bright", "dark"]
CtfUse = Literal["none", "full", "after first peak"]
MeritEngine = Literal["auto", "exact", "bank"]
ExpectedRatio = Literal["averaged", "drawn"]


# Without slots: its defaults are also those of the command's parameters.
@dataclass(frozen=True, kw_only=True)
class MeritSettings:
    """What `merit_maps` computes.

    Attributes
    ----------
    particle_diameter_angstrom
        Of the circle around the particle; None: detected from the references.
    angular_step_deg
        In-plane step; made to divide a full turn.
    low_pass_angstrom, high_pass_angstrom
        Detail finer than the first and coarser than the second is ignored; None: no limit.
    reference_contrast, particle_contrast
        Whether particles are bright or dark in the references and in the micrographs.
    ctf
        ``full``: references are multiplied by the CTF of the micrograph. ``after first peak``:
        only beyond its first peak. ``none``: never.
    shrink
        Size of the working image. 0: pixels of half the low-pass limit; up to 1: this fraction of
        the micrograph's; above 1: this many pixels along its longer side.
    outlier_sd
        Pixels farther than this many standard deviations from the mean are set to the mean.
    mask_shrink_px
        The circle is made smaller by so many micrograph pixels, as RELION does.
    engine
        ``exact``: one Fourier transform per reference and angle. ``bank``: a few component maps
        of which all turned references are mixtures. ``auto``: the faster of the two.
    bank_energy
        Fraction of the turned references' energy that the components of the bank hold.
    expected_ratio
        What merits are measured against. ``drawn``: RELION's, with one random number per pixel of
        the circle, which moves the merits of one reference against those of another by some ten
        percent (more where references are small or faint). ``averaged``: its mean over such draws.
    seed
        Of the noise beyond the edges and in the drawn ratio.

    Examples
    --------
    >>> MeritSettings(angular_step_deg=7).angles
    51
    """

    particle_diameter_angstrom: float | None = None
    angular_step_deg: float = 5.0
    low_pass_angstrom: float | None = 20.0
    high_pass_angstrom: float | None = None
    reference_contrast: Contrast = "bright"
    particle_contrast: Contrast = "dark"
    ctf: CtfUse = "full"
    shrink: float = 0.0
    outlier_sd: float = 8.0
    mask_shrink_px: int = 2
    engine: MeritEngine = "auto"
    bank_energy: float = 0.995
    expected_ratio: ExpectedRatio = "averaged"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (
            ("particle diameter", self.particle_diameter_angstrom),
            ("low-pass", self.low_pass_angstrom),
            ("high-pass", self.high_pass_angstrom),
        ):
            if value is not None and not value > 0:
                raise InputError(f"{name} {value:g}: expected a length above 0 Å")
        if not 0 < self.angular_step_deg <= 360:
            raise InputError(
                f"--angular-step {self.angular_step_deg:g}: expected an angle above 0 and up to "
                "360 degrees"
            )
        if not self.shrink >= 0:
            raise InputError(f"--shrink {self.shrink:g}: expected 0 or more")
        if not 0 < self.bank_energy <= 1:
            raise InputError(f"energy of the bank {self.bank_energy:g}: expected above 0, up to 1")
        low, high = self.low_pass_angstrom, self.high_pass_angstrom
        if low is not None and high is not None and low >= high:
            raise InputError(
                f"--low-pass {low:g}, --high-pass {high:g}: nothing lies between them; the "
                "high-pass must be the longer one"
            )

    @property
    def angles(self) -> int:
        """In-plane angles tried per reference."""
        return max(1, round(360 / self.angular_step_deg))
