"""The contrast transfer function: what defocus and aberration do to each spatial frequency.

With ``k`` in 1/Å, defocus ``df`` in Å (positive: underfocus), aberration ``Cs`` in Å and relativistic
wavelength ``λ`` in Å::

    χ(k)   = π λ df k² - π/2 Cs λ³ k⁴
    CTF(k) = -sin(χ + atan(a / √(1 - a²)) + phase shift)

The sign is that of a recorded image: an underfocused image starts at ``-a``, so matter that
scatters more than its surroundings (protein in ice) is dark. Multiply a projected density by this
CTF to get an image, or an image by ``sign(CTF)`` to flip its phases (then matter is bright).

Formula: Rohou & Grigorieff 2015, doi 10.1016/j.jsb.2015.08.008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics

if TYPE_CHECKING:
    import torch

ANGSTROM_PER_UM = 1e4
ANGSTROM_PER_MM = 1e7


def electron_wavelength_angstrom(voltage_kv: float) -> float:
    """Relativistic electron wavelength in Å.

    Examples
    --------
    >>> round(electron_wavelength_angstrom(300.0), 4)
    0.0197
    """
    # h / sqrt(2 m e V (1 + e V / (2 m c²))) with the CODATA constants folded into two numbers.
    volts = 1e3 * voltage_kv
    return float(12.2642591 / np.sqrt(volts * (1.0 + 0.9784754e-6 * volts)))


def interaction_constant_rad_per_v_angstrom(voltage_kv: float) -> float:
    """Phase shift in rad that 1 V of potential gives over 1 Å: ``2π / (λ V) (mc² + eV) / (2mc² + eV)``.

    Examples
    --------
    >>> round(interaction_constant_rad_per_v_angstrom(300.0) * 1e4, 2)
    6.53
    """
    volts, rest = 1e3 * voltage_kv, 510998.95
    wavelength = electron_wavelength_angstrom(voltage_kv)
    return float(2 * np.pi / (wavelength * volts) * (rest + volts) / (2 * rest + volts))


def ctf_curve(
    frequency_per_angstrom: NDArray[np.float64],
    optics: Optics,
    *,
    defocus_um: float,
    phase_shift_deg: float = 0.0,
) -> NDArray[np.float64]:
    """CTF along one direction.

    Parameters
    ----------
    frequency_per_angstrom
        Spatial frequencies in 1/Å, any shape.
    optics
        Voltage, aberration and amplitude contrast.
    defocus_um
        Defocus along that direction; positive is underfocus.
    phase_shift_deg
        Phase shift of a phase plate.

    Returns
    -------
    ndarray
        From -1 to 1, same shape.

    Examples
    --------
    >>> float(ctf_curve(np.zeros(1), Optics(amplitude_contrast=0.1), defocus_um=1.0)[0])
    -0.1
    """
    k2 = np.asarray(frequency_per_angstrom, dtype=np.float64) ** 2
    linear, quartic, constant = _phase_terms(optics, phase_shift_deg)
    return -np.sin(linear * defocus_um * ANGSTROM_PER_UM * k2 + quartic * k2**2 + constant)


def ctf_image(
    shape: tuple[int, int], pixel_size_angstrom: float, *, optics: Optics, defocus: Defocus
) -> NDArray[np.float32]:
    """CTF on the half plane of ``numpy.fft.rfft2``: the plain reference of `ctf_tensor`.

    Parameters
    ----------
    shape
        ``(y, x)`` of the image.
    pixel_size_angstrom
        Pixel size in Å.
    optics, defocus
        Of the image; astigmatism included.

    Returns
    -------
    ndarray
        ``(y, x // 2 + 1)`` float32, zero frequency first.
    """
    _check(shape, pixel_size_angstrom)
    ky = np.fft.fftfreq(shape[0], pixel_size_angstrom)[:, None]
    kx = np.fft.rfftfreq(shape[1], pixel_size_angstrom)[None, :]
    linear, quartic, constant = _phase_terms(optics, defocus.phase_shift_deg)
    squares, cross = _defocus_form(defocus)
    k2 = kx**2 + ky**2
    # df(k) k² as a quadratic form in kx, ky: no angle is computed.
    df_k2 = squares[0] * kx**2 + squares[1] * ky**2 + cross * kx * ky
    return (-np.sin(linear * df_k2 + quartic * k2**2 + constant)).astype(np.float32)


def ctf_tensor(
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    *,
    optics: Optics,
    defocus: Defocus,
    device: str = "cpu",
) -> torch.Tensor:
    """CTF as `ctf_image` gives it, computed by torch on a device.

    Chi reaches hundreds of turns in a large image, so it is formed in float64 along the two axes
    and reduced modulo one turn before the sine.
    """
    import torch

    _check(shape, pixel_size_angstrom)
    ky = torch.from_numpy(np.fft.fftfreq(shape[0], pixel_size_angstrom)).to(device)[:, None]
    kx = torch.from_numpy(np.fft.rfftfreq(shape[1], pixel_size_angstrom)).to(device)[None, :]
    linear, quartic, constant = _phase_terms(optics, defocus.phase_shift_deg)
    squares, cross = _defocus_form(defocus)
    turn = 2 * np.pi
    out = torch.empty((shape[0], shape[1] // 2 + 1), dtype=torch.float32, device=device)
    for first in range(0, shape[0], 512):
        y = ky[first : first + 512]
        k2 = kx**2 + y**2
        chi = linear * (squares[0] * kx**2 + squares[1] * y**2 + cross * kx * y)
        chi += quartic * k2**2 + constant
        out[first : first + 512] = -torch.sin((chi % turn).float())
    return out


def ctf_zeros_per_angstrom(
    optics: Optics, *, defocus_um: float, n: int, phase_shift_deg: float = 0.0
) -> NDArray[np.float64]:
    """The first ``n`` frequencies in 1/Å at which the CTF of an underfocused image vanishes.

    Zeros beyond the turning point of χ (where aberration overtakes defocus) are left out, so fewer
    than ``n`` may come back.

    Examples
    --------
    >>> (1 / ctf_zeros_per_angstrom(Optics(), defocus_um=2.0, n=2)).round(2)
    array([20.06, 14.1 ])
    """
    linear, quartic, constant = _phase_terms(optics, phase_shift_deg)
    b = linear * defocus_um * ANGSTROM_PER_UM
    if b <= 0:
        raise InputError(f"defocus: expected an underfocus above 0 µm, got {defocus_um}")
    target = np.pi * (np.arange(n) + np.ceil(constant / np.pi)) - constant
    target = target[target > 0]
    if quartic == 0:
        return np.sqrt(target / b)
    root = b**2 + 4 * quartic * target
    target, root = target[root > 0], root[root > 0]
    return np.sqrt((-b + np.sqrt(root)) / (2 * quartic))


def _phase_terms(optics: Optics, phase_shift_deg: float) -> tuple[float, float, float]:
    """Factors of ``df k²`` and ``k⁴`` and the constant of the phase."""
    wavelength = electron_wavelength_angstrom(optics.voltage_kv)
    amplitude = optics.amplitude_contrast
    constant = float(np.arctan2(amplitude, np.sqrt(1 - amplitude**2)))
    quartic = -0.5 * np.pi * optics.cs_mm * ANGSTROM_PER_MM * wavelength**3
    return np.pi * wavelength, quartic, constant + float(np.deg2rad(phase_shift_deg))


def _defocus_form(defocus: Defocus) -> tuple[tuple[float, float], float]:
    """Coefficients of kx², ky² and kx ky in ``df(k) k²``, in Å."""
    mean = defocus.mean_um * ANGSTROM_PER_UM
    half = (defocus.u_um - defocus.v_um) / 2 * ANGSTROM_PER_UM
    angle = 2 * np.deg2rad(defocus.astigmatism_angle_deg)
    along, across = float(half * np.cos(angle)), float(2 * half * np.sin(angle))
    return (mean + along, mean - along), across


def _check(shape: tuple[int, int], pixel_size_angstrom: float) -> None:
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"ctf: expected a shape (y, x), got {shape}")
    if not pixel_size_angstrom > 0:
        raise InputError(f"ctf: expected a pixel size above 0 Å, got {pixel_size_angstrom}")
