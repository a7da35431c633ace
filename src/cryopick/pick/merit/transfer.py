"""What imaging does to a bright reference before it is compared with a micrograph.

CTF, contrast and low-pass are real and the same for opposite frequencies, so correlating the
micrograph with a filtered reference is correlating the filtered micrograph with the bare reference:
they are applied once per micrograph, whatever the number of references and angles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import (
    ANGSTROM_PER_MM,
    ANGSTROM_PER_UM,
    ctf_tensor,
    electron_wavelength_angstrom,
)
from cryopick.pick.merit.settings import MeritSettings

if TYPE_CHECKING:
    import torch


def transfer(
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    settings: MeritSettings,
    *,
    optics: Optics | None,
    defocus: Defocus | None,
    device: str = "cpu",
) -> torch.Tensor:
    """Factors ``(y, x // 2 + 1)`` for the frequencies of ``rfft2`` of an image of this shape."""
    import torch

    ky = torch.from_numpy(np.fft.fftfreq(shape[0], pixel_size_angstrom)).to(device)[:, None]
    kx = torch.from_numpy(np.fft.rfftfreq(shape[1], pixel_size_angstrom)).to(device)[None]
    if settings.ctf == "none":
        out = torch.ones((shape[0], shape[1] // 2 + 1), device=device)
    else:
        if defocus is None:
            raise InputError(
                "merit: the CTF is to be used but no defocus is known; give --ctf, or use none"
            )
        microscope = optics or Optics()
        # As it acts on a bright particle shown bright: it begins above 0.
        out = -ctf_tensor(
            shape, pixel_size_angstrom, optics=microscope, defocus=defocus, device=device
        )
        if settings.ctf == "after first peak":
            out.masked_fill_(_before_first_peak(ky, kx, microscope, defocus), 1.0)
    if settings.reference_contrast != settings.particle_contrast:
        out = -out
    k2 = ky**2 + kx**2
    # A turned reference has no more than the circle within the square of frequencies.
    kept = k2 < (0.5 / pixel_size_angstrom) ** 2 * (1 - 1e-9)
    if settings.low_pass_angstrom is not None:
        kept &= k2 <= settings.low_pass_angstrom**-2
    return out * kept


def _before_first_peak(
    ky: torch.Tensor, kx: torch.Tensor, optics: Optics, defocus: Defocus
) -> torch.Tensor:
    """Frequencies at which the phase of an underfocused image has not yet reached a quarter turn."""
    wavelength = electron_wavelength_angstrom(optics.voltage_kv)
    k2 = kx**2 + ky**2
    half = (defocus.u_um - defocus.v_um) / 2
    angle = 2 * np.deg2rad(defocus.astigmatism_angle_deg)
    skew = (kx**2 - ky**2) * float(np.cos(angle)) + 2 * kx * ky * float(np.sin(angle))
    phase = np.pi * wavelength * ANGSTROM_PER_UM * (defocus.mean_um * k2 + half * skew)
    phase = phase - 0.5 * np.pi * optics.cs_mm * ANGSTROM_PER_MM * wavelength**3 * k2**2
    phase = phase + float(np.arcsin(optics.amplitude_contrast))
    phase = phase + float(np.deg2rad(defocus.phase_shift_deg))
    # Aberration brings the phase down again far beyond the low frequencies meant here.
    turning = (
        defocus.mean_um
        * ANGSTROM_PER_UM
        / max(optics.cs_mm * ANGSTROM_PER_MM * wavelength**2, 1e-30)
    )
    return (phase < np.pi / 2) & (k2 < turning)
