"""`Optics` of a microscope and `Defocus` of one image."""

from __future__ import annotations

from dataclasses import dataclass

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """Microscope settings shared by a group of images.

    Attributes
    ----------
    voltage_kv
        Acceleration voltage.
    cs_mm
        Spherical aberration.
    amplitude_contrast
        Fraction from 0 to 1.
    group
        Name of the optics group.
    """

    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    group: str = "opticsGroup1"

    def __post_init__(self) -> None:
        if not 1.0 <= self.voltage_kv <= 3000.0:
            raise InputError(f"Optics: expected a voltage from 1 to 3000 kV, got {self.voltage_kv}")
        if not 0.0 <= self.amplitude_contrast <= 1.0:
            raise InputError(
                f"Optics: expected an amplitude contrast from 0 to 1, got {self.amplitude_contrast}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Defocus:
    """Defocus of one image; positive is underfocus.

    Attributes
    ----------
    u_um, v_um
        Defocus along the two principal axes in µm.
    astigmatism_angle_deg
        Angle from x to the axis of ``u``, counter-clockwise in array order x -> y.
    phase_shift_deg
        Phase shift of a phase plate.
    """

    u_um: float
    v_um: float
    astigmatism_angle_deg: float = 0.0
    phase_shift_deg: float = 0.0

    @property
    def mean_um(self) -> float:
        """Mean of both axes in µm."""
        return (self.u_um + self.v_um) / 2
