"""What the microscope and the reconstruction did to a tomogram, as template matching sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryopick.errors import InputError
from cryopick.model import Optics, TiltSeries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imaging:
    """How a tomogram was recorded and reconstructed; the tilt axis is y, the beam z.

    Attributes
    ----------
    wedge_deg
        Lowest and highest tilt.
    tilts
        The tilts that went into the reconstruction, or None: only the wedge is known.
    per_tilt
        Weight every tilt by its own exposure, defocus and thickness; else one binary wedge and
        the CTF of the middle tilt.
    phase_flipped
        The phases of the tomogram were flipped (or it was deconvolved), so that ``|CTF|`` is left.
    optics
        Voltage, aberration and amplitude contrast.
    use_ctf
        Whether the CTF is applied to the template; needs the defocus of the tilts.
    handedness
        Sign of the defocus gradient, 0: one defocus per tilt.
    """

    wedge_deg: tuple[float, float] = (-90.0, 90.0)
    tilts: TiltSeries | None = None
    per_tilt: bool = False
    phase_flipped: bool = True
    optics: Optics = field(default_factory=Optics)
    use_ctf: bool = False
    handedness: int = 0

    def __post_init__(self) -> None:
        low, high = self.wedge_deg
        if not -90 <= low < high <= 90:
            raise InputError(
                f"tilt range {low:g} to {high:g}: expected two angles from -90 to 90, lowest first"
            )
        if (self.per_tilt or self.use_ctf) and self.tilts is None:
            raise InputError("per-tilt weights and CTF: need the tilt angles; give --tilts")
        if self.use_ctf and (self.tilts is None or self.tilts.defocus_u_um is None):
            raise InputError("CTF: the defocus is not known; give --defocus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Resolutions that are kept, with Gaussian edges; None: no limit.

    At the given resolution half of the amplitude is left: ``exp(-q² / 2 s²)`` with
    ``s = q_half / √(2 ln 2)`` for the low-pass, one minus that for the high-pass.
    """

    low_pass_angstrom: float | None = None
    high_pass_angstrom: float | None = None

    def __post_init__(self) -> None:
        low, high = self.low_pass_angstrom, self.high_pass_angstrom
        if low is not None and high is not None and low >= high:
            raise InputError(
                f"band: the low-pass ({low:g} Å) must be a finer resolution than the high-pass "
                f"({high:g} Å)"
            )
