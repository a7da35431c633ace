"""Record a tilt series of a specimen: tilt scheme, exposure, damage, CTF, shifts, noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics, Picks, TiltSeries
from cryopick.ops.ctf import ctf_image, interaction_constant_rad_per_v_angstrom
from cryopick.ops.ctf_gradient import filter_with_gradient
from cryopick.ops.dose import exposure_filter, frequency_image
from cryopick.ops.project_tilts import project_tilts
from cryopick.simulate.detector import (
    NoiseModel,
    count_electrons,
    noise_transfer,
    signal_transfer,
)
from cryopick.simulate.field import MEAN_FREE_PATH_ANGSTROM
from cryopick.simulate.maps import PROTEIN_CONTRAST_V
from cryopick.simulate.painting import paint_gold
from cryopick.simulate.specimen import Specimen

_UM_PER_ANGSTROM = 1e-4


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class TiltRecipe:
    """How a tilt series is recorded.

    Attributes
    ----------
    tilt_min_deg, tilt_max_deg, tilt_step_deg
        Range and increment; the scheme is dose-symmetric about the tilt nearest to 0.
    exposure_e_per_a2
        Total, in equal shares.
    defocus, optics
        Of the untilted image at the tilt axis.
    defocus_jitter_um
        Standard deviation of the defocus from tilt to tilt.
    handedness
        Defocus at a point is that of the image plus ``handedness`` times its height ``z'`` after
        tilting (see `cryopick.ops.project_tilts`): RELION's ``rlnTomoHand``.
    alignment_error_angstrom
        Standard deviation along x and y of the shifts that alignment did not find.
    signal_to_noise
        Variance of the signal (gold left out) over that of the noise in the discs of the particles,
        in the image of lowest tilt; None leaves the contrast as physics gives it.
    b_factor_a2, mtf_at_nyquist, noise
        As for micrographs.
    """

    tilt_min_deg: float = -60.0
    tilt_max_deg: float = 60.0
    tilt_step_deg: float = 3.0
    exposure_e_per_a2: float = 120.0
    defocus: Defocus = field(default_factory=lambda: Defocus(u_um=3.0, v_um=3.0))
    optics: Optics = field(default_factory=Optics)
    defocus_jitter_um: float = 0.05
    handedness: int = -1
    alignment_error_angstrom: float = 3.0
    signal_to_noise: float | None = None
    b_factor_a2: float = 200.0
    mtf_at_nyquist: float = 0.5
    noise: NoiseModel = "poisson"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedTilts:
    """A tilt series as it comes from the microscope.

    Attributes
    ----------
    images
        ``(n, y, x)`` electrons per pixel, sorted by tilt.
    tilts
        What a user would know: tilts, exposures before each image, defocus.
    misalignment_angstrom
        ``(n, 2)`` true shifts ``x, y`` that nobody knows.
    signal_to_noise
        As realised, in the image of lowest tilt; NaN where there are no particles.
    """

    images: NDArray[np.float32]
    tilts: TiltSeries
    misalignment_angstrom: NDArray[np.float64]
    signal_to_noise: float


def dose_symmetric_tilts(
    tilt_min_deg: float, tilt_max_deg: float, tilt_step_deg: float
) -> NDArray[np.float64]:
    """Tilts in the order they are taken: 0, 3, -3, -6, 6, 9, -9, ...

    Each new step out is taken first on the side of the last image (Hagen, Wan & Briggs 2017,
    doi 10.1016/j.jsb.2016.06.007). Where one side ends before the other, the other goes on alone.

    Examples
    --------
    >>> dose_symmetric_tilts(-6, 6, 3)
    array([ 0.,  3., -3., -6.,  6.])
    """
    if not (tilt_step_deg > 0 and tilt_min_deg <= tilt_max_deg):
        raise InputError(
            f"tilts: expected a step above 0 and a range, got {tilt_min_deg} to {tilt_max_deg} "
            f"deg in steps of {tilt_step_deg}"
        )
    # 1e-9: a range of 120 in steps of 3 has its last tilt, whatever the rounding.
    count = int(np.floor((tilt_max_deg - tilt_min_deg) / tilt_step_deg + 1e-9)) + 1
    tilts = tilt_min_deg + tilt_step_deg * np.arange(count, dtype=np.float64)
    start = int(np.argmin(np.abs(tilts)))
    order, up, down, side = [start], start + 1, start - 1, 1
    while up < count or down >= 0:
        for turn in (side, -side):
            if turn > 0 and up < count:
                order.append(up)
                up += 1
            elif turn < 0 and down >= 0:
                order.append(down)
                down -= 1
        side = -side
    return tilts[order]


def record_tilts(
    specimen: Specimen, recipe: TiltRecipe, *, name: str, rng: np.random.Generator
) -> RecordedTilts:
    """Record a tilt series of a specimen.

    Examples
    --------
    >>> from cryopick.simulate.specimen import SpecimenRecipe, build_specimen
    >>> rng = np.random.default_rng(0)
    >>> empty = build_specimen(
    ...     [], SpecimenRecipe(size_px=(32, 24, 8), ice_angstrom=60), name="t", rng=rng
    ... )
    >>> made = record_tilts(empty, TiltRecipe(tilt_step_deg=30), name="t", rng=rng)
    >>> made.images.shape, made.tilts.tilt_deg.tolist()
    ((5, 24, 32), [-60.0, -30.0, 0.0, 30.0, 60.0])
    """
    tilts = plan_tilts(specimen, recipe, name=name, rng=rng)
    size, n = specimen.grid.pixel_size_angstrom, len(tilts)
    path = project_tilts(specimen.density, tilts.tilt_deg)
    unit = PROTEIN_CONTRAST_V * size
    unit *= interaction_constant_rad_per_v_angstrom(recipe.optics.voltage_kv)
    misalignment = rng.normal(0, 1, (n, 2)) * recipe.alignment_error_angstrom
    dose = recipe.exposure_e_per_a2 / n * size**2
    ice = _ice_path_angstrom(specimen)
    images = np.empty(path.shape, dtype=np.float32)
    lowest = int(np.argmin(np.abs(tilts.tilt_deg)))
    frequency = frequency_image((path.shape[1], path.shape[2]), size) * (2 * size)
    ntf = noise_transfer(frequency, at_nyquist=recipe.mtf_at_nyquist).astype(np.float32)
    scale, realised = np.float32(1), np.nan
    # The image of lowest tilt first: it sets the scale of all.
    for i in (lowest, *(i for i in range(n) if i != lowest)):
        contrast = _contrast(path[i] * np.float32(unit), tilts, i, recipe, misalignment[i])
        cos = np.cos(np.deg2rad(tilts.tilt_deg[i]))
        mean = dose * np.exp(-ice / (MEAN_FREE_PATH_ANGSTROM * cos))
        if i == lowest:
            noise = float((ntf.astype(np.float64) ** 2).mean() / mean)
            # Gold is many times denser: one bead over a particle would count more than all of them.
            gold = _gold_path(specimen, float(tilts.tilt_deg[i])) * np.float32(unit)
            seen = contrast - _contrast(gold, tilts, i, recipe, misalignment[i])
            signal = _signal_variance(_filter(seen, ntf), specimen.truth, size)
            if recipe.signal_to_noise is not None and signal > 0:
                scale = np.float32(np.sqrt(recipe.signal_to_noise * noise / signal))
            realised = signal * float(scale) ** 2 / noise
        expected = np.float32(mean) * np.maximum(1 + scale * contrast, 0.02)
        images[i] = _filter(count_electrons(expected, rng, noise=recipe.noise), ntf)
    return RecordedTilts(
        images=images,
        tilts=tilts,
        misalignment_angstrom=misalignment,
        signal_to_noise=realised if len(specimen.truth) else float("nan"),
    )


def plan_tilts(
    specimen: Specimen, recipe: TiltRecipe, *, name: str, rng: np.random.Generator
) -> TiltSeries:
    """Tilts, exposures and defoci of a series, sorted by tilt."""
    taken = dose_symmetric_tilts(recipe.tilt_min_deg, recipe.tilt_max_deg, recipe.tilt_step_deg)
    order = np.argsort(taken, kind="stable")
    n = len(taken)
    before = np.arange(n) * recipe.exposure_e_per_a2 / n
    jitter = rng.normal(0, 1, n) * recipe.defocus_jitter_um
    return TiltSeries(
        name=name,
        tilt_deg=taken[order],
        exposure_e_per_a2=before[order],
        defocus_u_um=recipe.defocus.u_um + jitter[order],
        defocus_v_um=recipe.defocus.v_um + jitter[order],
        astigmatism_angle_deg=np.full(n, recipe.defocus.astigmatism_angle_deg),
        phase_shift_deg=np.full(n, recipe.defocus.phase_shift_deg),
        axis_angle_deg=np.zeros(n),
        pixel_size_angstrom=specimen.grid.pixel_size_angstrom,
        optics=recipe.optics,
        handedness=recipe.handedness,
    )


def defocus_slope_um_per_px(tilts: TiltSeries, index: int) -> float:
    """Change of defocus per column of a tilt image, for matter in the middle of the specimen.

    A point of the plane z = 0 that is seen at ``x'`` lies at height ``z' = -x' tan θ``.
    """
    size = (tilts.pixel_size_angstrom or 0.0) * _UM_PER_ANGSTROM
    return float(-tilts.handedness * np.tan(np.deg2rad(tilts.tilt_deg[index])) * size)


def tilt_ctf(
    tilts: TiltSeries, index: int, *, shape: tuple[int, int], mean_um: float
) -> NDArray[np.float32]:
    """CTF of a tilt image on ``rfft2``, at another mean defocus with the same astigmatism."""
    if (
        tilts.defocus_u_um is None
        or tilts.defocus_v_um is None
        or tilts.pixel_size_angstrom is None
        or tilts.optics is None
    ):
        raise InputError(f"tilt series {tilts.name}: its defocus, pixel size and optics are needed")
    half = float(tilts.defocus_u_um[index] - tilts.defocus_v_um[index]) / 2
    angle, shift = tilts.astigmatism_angle_deg, tilts.phase_shift_deg
    defocus = Defocus(
        u_um=mean_um + half,
        v_um=mean_um - half,
        astigmatism_angle_deg=0.0 if angle is None else float(angle[index]),
        phase_shift_deg=0.0 if shift is None else float(shift[index]),
    )
    return ctf_image(shape, tilts.pixel_size_angstrom, optics=tilts.optics, defocus=defocus)


def mean_defocus_um(tilts: TiltSeries, index: int) -> float:
    """Mean defocus of a tilt image at the tilt axis."""
    if tilts.defocus_u_um is None or tilts.defocus_v_um is None:
        raise InputError(f"tilt series {tilts.name}: its defocus is needed")
    return float(tilts.defocus_u_um[index] + tilts.defocus_v_um[index]) / 2


def _contrast(
    phase: NDArray[np.float32],
    tilts: TiltSeries,
    index: int,
    recipe: TiltRecipe,
    shift_angstrom: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Contrast of one tilt image before counting, already divided by the NTF to come."""
    size = tilts.pixel_size_angstrom or 1.0
    shape = (phase.shape[0], phase.shape[1])
    k = frequency_image(shape, size)
    before = 0.0 if tilts.exposure_e_per_a2 is None else float(tilts.exposure_e_per_a2[index])
    middle = before + recipe.exposure_e_per_a2 / len(tilts) / 2
    envelope = exposure_filter(k, middle, voltage_kv=recipe.optics.voltage_kv)
    envelope *= np.exp(-recipe.b_factor_a2 / 4 * k**2)
    relative = k * (2 * size)
    envelope *= signal_transfer(relative, at_nyquist=recipe.mtf_at_nyquist)
    envelope /= noise_transfer(relative, at_nyquist=recipe.mtf_at_nyquist)
    envelope[0, 0] = 0
    ky = np.fft.fftfreq(shape[0], size)[:, None]
    kx = np.fft.rfftfreq(shape[1], size)[None, :]
    ramp = np.exp(-2j * np.pi * (kx * shift_angstrom[0] + ky * shift_angstrom[1]))
    fixed = (2 * envelope * ramp).astype(np.complex64)
    return filter_with_gradient(
        phase,
        lambda mean: fixed * tilt_ctf(tilts, index, shape=shape, mean_um=mean),
        defocus_um=mean_defocus_um(tilts, index),
        slope_um_per_px=defocus_slope_um_per_px(tilts, index),
    )


def _ice_path_angstrom(specimen: Specimen) -> float:
    """Thickness of the ice: of the planes that hold anything."""
    filled = int(np.count_nonzero(specimen.density.any(axis=(1, 2))))
    return filled * specimen.grid.pixel_size_angstrom


def _gold_path(specimen: Specimen, tilt_deg: float) -> NDArray[np.float32]:
    """Projection of the gold alone at one tilt, in densities of protein times pixels."""
    alone = np.zeros_like(specimen.density)
    paint_gold(alone, specimen.gold, pixel_size_angstrom=specimen.grid.pixel_size_angstrom)
    return project_tilts(alone, [tilt_deg])[0]


def _signal_variance(image: NDArray[np.float32], truth: Picks, size: float) -> float:
    """Variance of an untilted image inside the discs of the particles."""
    if truth.diameter_angstrom is None:
        return 0.0
    inside = np.zeros(image.shape, dtype=bool)
    y, x = (np.arange(n) * size for n in image.shape)
    for place, diameter in zip(truth.position_angstrom, truth.diameter_angstrom, strict=True):
        inside |= np.hypot(x[None, :] - place[0], y[:, None] - place[1]) <= diameter / 2
    return float(image[inside].var()) if inside.any() else 0.0


def _filter(image: NDArray[np.float32], transfer: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy import fft

    return np.asarray(fft.irfft2(fft.rfft2(image) * transfer, s=image.shape), dtype=np.float32)
