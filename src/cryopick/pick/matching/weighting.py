"""Weights in Fourier space: what imaging left of a template, and what is kept of a tomogram.

The template is given what the tomogram went through: band-pass, whitening, and either one wedge
with the CTF of the middle tilt, or the sum over the tilts of their slices, each with its own
exposure, thickness and CTF::

    W(k) = band · whitening · Σ_i share(s_i) · crowding(k'_i) · cos θ_i · exposure_i(k) · CTF_i(k)

with the distance ``s_i`` from the slice of tilt ``i`` and the place ``k'_i`` on it, both formed in
Fourier coordinates (see `cryopick.pick.matching.wedge`). The tomogram itself is given band-pass,
whitening and wedge only: its CTF is in it already.

The CTF has the sign that leaves low frequencies as they are in the template, which is given with
the contrast of the tomogram. Astigmatism is left out: at the resolutions of a search it turns the
phase by little. Exposure dims by the critical exposure curve of `cryopick.ops.dose`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import TiltSeries
from cryopick.ops.ctf import ctf_curve
from cryopick.ops.dose import critical_exposure_e_per_a2
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.wedge import (
    crowding_weight,
    slice_share,
    tilt_increments_rad,
    wedge_weight,
)
from cryopick.pick.matching.whitening import Whitening

# Width in cycles per pixel over which the wedge of a tomogram rises: a Fourier voxel of a box of 64.
_TOMOGRAM_EDGE = 1 / 64
_UM_PER_ANGSTROM = 1e-4
_HALF = float(np.sqrt(2 * np.log(2)))

Transfer = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float32]
]


def template_weight(
    box_px: int,
    pixel_size_angstrom: float,
    *,
    imaging: Imaging,
    band: Band,
    whitening: Whitening | None = None,
    position_angstrom: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Weight of a template's Fourier transform.

    Parameters
    ----------
    box_px, pixel_size_angstrom
        Of the template.
    imaging, band, whitening
        What the tomogram went through.
    position_angstrom
        ``(x, z)`` of the particle from the centre of the tomogram. Where the handedness is known,
        the defocus of each tilt is taken at the particle's height along the beam.

    Returns
    -------
    ndarray
        ``(n, n, n // 2 + 1)`` float32 on the half space of ``rfftn``, zero frequency first.

    Examples
    --------
    >>> weight = template_weight(
    ...     8, 10.0, imaging=Imaging(wedge_deg=(-60, 60)), band=Band(low_pass_angstrom=40)
    ... )
    >>> weight.shape, weight[0, 0].round(2)  # along x; 40 Å is at index 2
    ((8, 8, 5), array([1.  , 0.84, 0.5 , 0.21, 0.06], dtype=float32))
    >>> weight[:, 0, 0].round(2)  # along z, the beam: only the soft edge is left
    array([1., 0., 0., 0., 0., 0., 0., 0.], dtype=float32)
    """
    _check(box_px, pixel_size_angstrom)
    along = np.fft.fftfreq(box_px)
    kz, ky, kx = along[:, None, None], along[None, :, None], np.fft.rfftfreq(box_px)[None, None, :]
    frequency = np.sqrt(kz**2 + ky**2 + kx**2) / pixel_size_angstrom
    weight = _radial(frequency, band, whitening)
    if imaging.per_tilt and imaging.tilts is not None:
        return (weight * _slices(frequency, box_px, imaging, position_angstrom)).astype(np.float32)
    weight = weight * wedge_weight(kz, kx, wedge_deg=imaging.wedge_deg, edge=1 / box_px)
    if imaging.use_ctf and imaging.tilts is not None:
        middle = _middle(imaging.tilts)
        defocus = _defocus_um(imaging, imaging.tilts, position_angstrom)[middle]
        weight = weight * _ctf(frequency, imaging, imaging.tilts, middle, defocus)
    return weight.astype(np.float32)


def tomogram_transfer(
    imaging: Imaging,
    band: Band,
    *,
    pixel_size_angstrom: float,
    whitening: Whitening | None = None,
) -> Transfer:
    """Give the function ``(kz, ky, kx) -> weight`` by which a tomogram is filtered.

    It takes frequencies in cycles per pixel that broadcast against each other, so that a large
    tomogram can be filtered slab by slab, and returns float32.

    Examples
    --------
    >>> keep = tomogram_transfer(
    ...     Imaging(wedge_deg=(-60, 60)), Band(), pixel_size_angstrom=10.0
    ... )
    >>> keep(np.array([0.0, 0.1, 0.4]), np.zeros(1), np.array([0.1]))
    array([1., 1., 0.], dtype=float32)
    """
    _check(2, pixel_size_angstrom)

    def transfer(
        kz: NDArray[np.float64], ky: NDArray[np.float64], kx: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        frequency = np.sqrt(kz**2 + ky**2 + kx**2) / pixel_size_angstrom
        weight = _radial(frequency, band, whitening)
        weight *= wedge_weight(kz, kx, wedge_deg=imaging.wedge_deg, edge=_TOMOGRAM_EDGE)
        return weight.astype(np.float32)

    return transfer


def band_weight(frequency_per_angstrom: NDArray[np.float64], band: Band) -> NDArray[np.float64]:
    """Amplitude that a `Band` leaves at each frequency.

    Examples
    --------
    >>> band = Band(low_pass_angstrom=20, high_pass_angstrom=400)
    >>> band_weight(np.array([0, 1 / 400, 1 / 100, 1 / 20, 1 / 10]), band).round(3)
    array([0.   , 0.499, 0.973, 0.5  , 0.062])
    """
    weight = np.ones(np.shape(frequency_per_angstrom))
    if band.low_pass_angstrom is not None:
        weight = weight * _gaussian(frequency_per_angstrom, 1 / band.low_pass_angstrom)
    if band.high_pass_angstrom is not None:
        weight = weight * (1 - _gaussian(frequency_per_angstrom, 1 / band.high_pass_angstrom))
    return weight


def _gaussian(frequency: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * np.square(frequency * (_HALF / half)))


def _radial(
    frequency: NDArray[np.float64], band: Band, whitening: Whitening | None
) -> NDArray[np.float64]:
    weight = band_weight(frequency, band)
    return weight if whitening is None else weight * whitening.at(frequency)


def _slices(
    frequency: NDArray[np.float64],
    box_px: int,
    imaging: Imaging,
    position_angstrom: tuple[float, float] | None,
) -> NDArray[np.float64]:
    """Sum over the tilts of their slices, on the half space of ``rfftn``."""
    tilts = imaging.tilts
    if tilts is None:
        raise InputError("per-tilt weights: need the tilt angles; give --tilts")
    used = _used(tilts)
    increment = tilt_increments_rad(tilts.tilt_deg[used])
    defocus = _defocus_um(imaging, tilts, position_angstrom)
    critical = critical_exposure_e_per_a2(frequency, imaging.optics.voltage_kv)
    unit = frequency[0, 0, 1]
    kz = np.fft.fftfreq(box_px, 1 / box_px)[:, None]
    kx = np.fft.rfftfreq(box_px, 1 / box_px)[None, :]
    total = np.zeros(frequency.shape)
    for place, index in enumerate(used):
        cos, sin = _cos_sin(tilts, index)
        distance = kz * cos - kx * sin
        share = slice_share(distance) * cos
        share *= crowding_weight(kx * cos + kz * sin, increment[place])
        # Few voxels are near the slice; each stands for a row of frequencies along y.
        z, x = np.nonzero(share)
        row = np.repeat(share[z, x][:, None], box_px, axis=1)
        if tilts.exposure_e_per_a2 is not None:
            row *= np.exp(-tilts.exposure_e_per_a2[index] / (2 * critical[z, :, x]))
        if imaging.use_ctf:
            away = (distance[z, x] * unit)[:, None]
            on_slice = np.sqrt(np.maximum(frequency[z, :, x] ** 2 - away**2, 0))
            row *= _ctf(on_slice, imaging, tilts, int(index), float(defocus[index]))
        total[z, :, x] += row
    return total


def _ctf(
    frequency: NDArray[np.float64],
    imaging: Imaging,
    tilts: TiltSeries,
    index: int,
    defocus_um: float,
) -> NDArray[np.float64]:
    shift = 0.0 if tilts.phase_shift_deg is None else float(tilts.phase_shift_deg[index])
    ctf = ctf_curve(frequency, imaging.optics, defocus_um=defocus_um, phase_shift_deg=shift)
    if imaging.phase_flipped:
        return np.abs(ctf)
    # `ctf_curve` is that of a recorded image, where an underfocused low frequency is negative.
    return -ctf if defocus_um >= 0 else ctf


def _defocus_um(
    imaging: Imaging, tilts: TiltSeries, position_angstrom: tuple[float, float] | None
) -> NDArray[np.float64]:
    """Mean defocus of each tilt ``(n,)``, at the particle's height along the beam; 0: not known."""
    if tilts.defocus_u_um is None:
        return np.zeros(len(tilts))
    second = tilts.defocus_u_um if tilts.defocus_v_um is None else tilts.defocus_v_um
    mean = (tilts.defocus_u_um + second) / 2
    if position_angstrom is None or imaging.handedness == 0:
        return mean
    x, z = position_angstrom
    angle = np.deg2rad(tilts.tilt_deg)
    height = z * np.cos(angle) - x * np.sin(angle)
    return mean + imaging.handedness * height * _UM_PER_ANGSTROM


def _middle(tilts: TiltSeries) -> int:
    """The middle one of the used tilts, in the order of their angles."""
    used = _used(tilts)
    order = np.argsort(tilts.tilt_deg[used], kind="stable")
    return int(used[order[len(order) // 2]])


def _used(tilts: TiltSeries) -> NDArray[np.intp]:
    kept = np.ones(len(tilts), bool) if tilts.excluded is None else ~tilts.excluded
    used = np.flatnonzero(kept)
    if not len(used):
        raise InputError(f"tilt series {tilts.name}: no tilt is left of {len(tilts)}")
    return used


def _cos_sin(tilts: TiltSeries, index: int) -> tuple[float, float]:
    angle = np.deg2rad(tilts.tilt_deg[index])
    return float(np.cos(angle)), float(np.sin(angle))


def _check(box_px: int, pixel_size_angstrom: float) -> None:
    if box_px < 2:
        raise InputError(f"template: expected a box of 2 voxels or more, got {box_px}")
    if not (np.isfinite(pixel_size_angstrom) and pixel_size_angstrom > 0):
        raise InputError(f"weights: expected a pixel size above 0 Å, got {pixel_size_angstrom}")
