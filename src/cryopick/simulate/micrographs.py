"""Simulate micrographs with known truth.

Weak-phase imaging: the projected potential of the particles shifts the phase of the electron wave;
the CTF turns phase into contrast; the detector blurs it and counts electrons. The recorded image is
in electrons per pixel, particles dark at underfocus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Defocus, Grid, Image, Optics, Picks, concatenate
from cryopick.ops.ctf import ctf_tensor, interaction_constant_rad_per_v_angstrom
from cryopick.ops.dose import frequency_image
from cryopick.ops.project import VolumeTransform, project, transform_volume
from cryopick.simulate.detector import (
    NoiseModel,
    count_electrons,
    noise_transfer,
    signal_transfer,
)
from cryopick.simulate.field import CARBON_ANGSTROM, Field, random_field
from cryopick.simulate.maps import PROTEIN_CONTRAST_V, SpeciesMap
from cryopick.simulate.placement import Occupancy
from cryopick.simulate.poses import random_orientations
from cryopick.simulate.surroundings import texture_spectrum

# Mean inner potential of ice and carbon against vacuum.
_ICE_V = 4.5
_CARBON_V = 9.0
_CARBON_TEXTURE = 2.5
_PROJECT_AT_ONCE = 64


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class MicrographRecipe:
    """How one micrograph is made.

    Attributes
    ----------
    size_px
        ``x, y``.
    pixel_size_angstrom
        Also that of the species maps.
    particles
        How many of each species.
    defocus, optics
        Of the image.
    exposure_e_per_a2
        Total exposure.
    b_factor_a2
        Envelope ``exp(-B k² / 4)`` of all that blurs the image before the detector.
    signal_to_noise
        Variance of the particles' signal (inside their discs) over that of all noise; None leaves
        the contrast as physics gives it.
    ice_noise
        Variance of the ice texture over that of the counting noise.
    gap_angstrom
        Least distance between the discs of two particles; negative lets them overlap.
    cone_deg
        Half-angle of the cone of views about the template's z axis; 180: all views.
    ice_crystals
        How many lumps of contamination.
    carbon_share
        Share of the image under a carbon film; 0: none.
    mtf_at_nyquist
        Signal amplitude that the detector passes at Nyquist.
    noise
        ``poisson`` or ``gaussian`` counting noise.
    """

    size_px: tuple[int, int]
    pixel_size_angstrom: float
    particles: tuple[int, ...]
    defocus: Defocus = dataclass_field(default_factory=lambda: Defocus(u_um=1.5, v_um=1.5))
    optics: Optics = dataclass_field(default_factory=Optics)
    exposure_e_per_a2: float = 50.0
    b_factor_a2: float = 60.0
    signal_to_noise: float | None = None
    ice_noise: float = 0.3
    gap_angstrom: float = 10.0
    cone_deg: float = 180.0
    ice_crystals: int = 0
    carbon_share: float = 0.0
    mtf_at_nyquist: float = 0.4
    noise: NoiseModel = "poisson"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedMicrograph:
    """A micrograph and the truth about it.

    Attributes
    ----------
    image
        Electrons per pixel.
    truth
        Every particle: position of its centre, orientation, species (label), diameter.
    contamination
        Lumps of ice, as picks with a diameter.
    signal_to_noise
        As realised.
    """

    image: Image
    truth: Picks
    contamination: Picks
    signal_to_noise: float


def simulate_micrograph(
    species: Sequence[SpeciesMap],
    recipe: MicrographRecipe,
    *,
    name: str,
    rng: np.random.Generator,
    device: str = "cpu",
) -> SimulatedMicrograph:
    """Simulate one micrograph.

    Parameters
    ----------
    species
        Maps at the pixel size of the recipe.
    recipe
        Everything else.
    name
        Of the image, and of its picks.
    rng
        Source of all randomness: the same generator state gives the same micrograph.
    device
        Torch device for projections and CTF.

    Examples
    --------
    >>> from cryopick.simulate.maps import load_map
    >>> recipe = MicrographRecipe(size_px=(256, 192), pixel_size_angstrom=4, particles=(5,))
    >>> made = simulate_micrograph(
    ...     [load_map("apoferritin", 4)], recipe, name="mic", rng=np.random.default_rng(1)
    ... )
    >>> made.image.data.shape, len(made.truth)
    ((192, 256), 5)
    """
    _check(species, recipe)
    field = random_field(
        recipe.size_px,
        recipe.pixel_size_angstrom,
        # Half a box to each side keeps what wraps around in Fourier space out of the image.
        rim_px=max(len(one.density) for one in species),
        ice_crystals=recipe.ice_crystals,
        carbon_share=recipe.carbon_share,
        rng=rng,
    )
    truth = _placed(species, recipe, field, name=name, rng=rng)
    phase = _particle_phase(species, recipe, truth, canvas=field.shape, device=device)
    ctf = _imaging(recipe, field.shape, device)
    shot = 1 / (recipe.exposure_e_per_a2 * recipe.pixel_size_angstrom**2)
    signal = _filtered(phase, ctf)
    noise_variance, measured = _noise_and_signal(recipe, field, signal, truth, shot=shot)
    scale = 1.0
    if recipe.signal_to_noise is not None and measured > 0:
        scale = float(np.sqrt(recipe.signal_to_noise * noise_variance / measured))
    contrast = signal * np.float32(scale)
    _add_surroundings(contrast, recipe, field, ctf, shot=shot, rng=rng)
    expected = (1 + contrast) * np.float32(1 / shot) * field.transmission()
    counts = count_electrons(expected, rng, noise=recipe.noise)
    data = _crop(_filtered(counts, _noise_response(recipe, field.shape)), recipe)
    pixel_size = recipe.pixel_size_angstrom
    return SimulatedMicrograph(
        image=Image(
            data=data, grid=Grid(shape=data.shape, pixel_size_angstrom=pixel_size), name=name
        ),
        truth=truth,
        contamination=_contamination(field, name),
        signal_to_noise=float(measured * scale**2 / noise_variance),
    )


def _check(species: Sequence[SpeciesMap], recipe: MicrographRecipe) -> None:
    if len(species) != len(recipe.particles) or not species:
        raise InputError(
            f"particles: expected one number for each of {len(species)} maps, "
            f"got {len(recipe.particles)}"
        )
    for one in species:
        if abs(one.pixel_size_angstrom / recipe.pixel_size_angstrom - 1) > 1e-6:
            raise InputError(
                f"map {one.name}: its pixels are {one.pixel_size_angstrom} Å, "
                f"the micrograph's {recipe.pixel_size_angstrom} Å"
            )


def _placed(
    species: Sequence[SpeciesMap],
    recipe: MicrographRecipe,
    field: Field,
    *,
    name: str,
    rng: np.random.Generator,
) -> Picks:
    """Choose positions on free ice, and orientations."""
    high = (np.asarray(recipe.size_px) - 1.0) * recipe.pixel_size_angstrom
    room = Occupancy(
        low=np.zeros(2), high=high, gap_angstrom=recipe.gap_angstrom, free=[field.free]
    )
    kind = np.repeat(np.arange(len(species)), recipe.particles)
    diameters = np.asarray([one.diameter_angstrom for one in species])
    position, which = room.place((diameters[kind] / 2).tolist(), rng)
    if not len(position):
        return Picks.empty(2)
    return Picks.of(
        position,
        image=name,
        orientation=random_orientations(len(position), rng, cone_deg=recipe.cone_deg),
        label=np.asarray([species[k].name for k in kind[which]]),
        diameter_angstrom=diameters[kind[which]],
        source="truth",
    )


@lru_cache(maxsize=4)
def _transform(species: SpeciesMap, device: str) -> VolumeTransform:
    """Transforms of the maps in use: the next micrograph needs the same ones."""
    return transform_volume(species.density, device=device)


def _particle_phase(
    species: Sequence[SpeciesMap],
    recipe: MicrographRecipe,
    truth: Picks,
    *,
    canvas: tuple[int, int],
    device: str,
) -> NDArray[np.float32]:
    """Phase shift in rad that the particles give the wave, on the padded canvas."""
    phase = np.zeros(canvas, dtype=np.float32)
    if truth.orientation is None or truth.label is None:
        return phase
    # What one unit of density over one pixel of path does to the phase.
    unit = PROTEIN_CONTRAST_V * recipe.pixel_size_angstrom
    unit *= interaction_constant_rad_per_v_angstrom(recipe.optics.voltage_kv)
    place = truth.position_angstrom / recipe.pixel_size_angstrom
    whole = np.floor(place).astype(np.int64)
    for one in species:
        mine = np.flatnonzero(truth.label == one.name)
        half, box = len(one.density) // 2, len(one.density)
        for first in range(0, len(mine), _PROJECT_AT_ONCE):
            part = mine[first : first + _PROJECT_AT_ONCE]
            images = project(
                _transform(one, device),
                truth.orientation[part],
                shift_px=place[part] - whole[part],
            )
            for image, (x, y) in zip(images, whole[part], strict=True):
                # Rows and columns left of the image are the far end of the periodic canvas.
                rows = np.arange(y - half, y - half + box) % canvas[0]
                columns = np.arange(x - half, x - half + box) % canvas[1]
                phase[np.ix_(rows, columns)] += image * np.float32(unit)
    return phase


def _imaging(recipe: MicrographRecipe, shape: tuple[int, int], device: str) -> NDArray[np.float32]:
    """From phase to contrast, on ``rfft2``: CTF, envelope, and the detector's MTF / NTF.

    The whole recorded image is multiplied by the NTF later, so the signal is divided by it here.
    """
    size = recipe.pixel_size_angstrom
    ctf = ctf_tensor(shape, size, optics=recipe.optics, defocus=recipe.defocus, device=device)
    k = frequency_image(shape, size)
    relative = k * (2 * size)
    response = signal_transfer(relative, at_nyquist=recipe.mtf_at_nyquist)
    response = response / noise_transfer(relative, at_nyquist=recipe.mtf_at_nyquist)
    envelope = np.exp(-recipe.b_factor_a2 / 4 * k**2)
    # 2: the intensity is the square of the wave. The zero frequency carries no contrast.
    out = 2 * ctf.cpu().numpy() * (envelope * response).astype(np.float32)
    out[0, 0] = 0
    return out


def _noise_response(recipe: MicrographRecipe, shape: tuple[int, int]) -> NDArray[np.float32]:
    k = frequency_image(shape, recipe.pixel_size_angstrom) * (2 * recipe.pixel_size_angstrom)
    return noise_transfer(k, at_nyquist=recipe.mtf_at_nyquist).astype(np.float32)


def _noise_and_signal(
    recipe: MicrographRecipe,
    field: Field,
    signal: NDArray[np.float32],
    truth: Picks,
    *,
    shot: float,
) -> tuple[float, float]:
    """Variance of the noise and of the signal in the particles' discs, both in contrast."""
    response = _noise_response(recipe, field.shape)
    noise = shot * float((response.astype(np.float64) ** 2).mean()) + shot * recipe.ice_noise
    if truth.diameter_angstrom is None:
        return noise, 0.0
    seen = _filtered(signal, response)
    size = recipe.pixel_size_angstrom
    values: list[NDArray[np.float32]] = []
    for (x, y), diameter in zip(truth.position_angstrom, truth.diameter_angstrom, strict=True):
        reach = diameter / 2
        rows, columns = (
            np.arange(max(int((c - reach) / size), 0), int((c + reach) / size) + 1) for c in (y, x)
        )
        disc = np.hypot(rows[:, None] * size - y, columns[None, :] * size - x) <= reach
        values.append(seen[np.ix_(rows, columns)][disc])
    return noise, float(np.concatenate(values).var())


def _add_surroundings(
    contrast: NDArray[np.float32],
    recipe: MicrographRecipe,
    field: Field,
    ctf: NDArray[np.float32],
    *,
    shot: float,
    rng: np.random.Generator,
) -> None:
    """Add ice texture, carbon and crystals to the contrast in place."""
    from scipy import fft

    if recipe.ice_noise > 0:
        spectrum = texture_spectrum(field.shape, recipe.pixel_size_angstrom, rng) * ctf
        texture = np.asarray(fft.irfft2(spectrum, s=field.shape))
        texture *= np.float32(np.sqrt(recipe.ice_noise * shot)) / texture.std()
        if field.carbon is not None:
            texture *= 1 + np.float32(_CARBON_TEXTURE - 1) * field.film()
        contrast += texture
    if field.thickness is None and field.depth is None:
        return
    thick = field.film() * np.float32(_CARBON_V * CARBON_ANGSTROM)
    if field.thickness is not None:
        thick = thick + field.thickness * np.float32(_ICE_V)
    phase = thick * np.float32(interaction_constant_rad_per_v_angstrom(recipe.optics.voltage_kv))
    # Beyond about 1 rad the phase object is no longer weak: the contrast saturates.
    contrast += np.tanh(_filtered(phase, ctf))


def _filtered(image: NDArray[np.float32], transfer: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy import fft

    spectrum = fft.rfft2(image)
    spectrum *= transfer
    return np.asarray(fft.irfft2(spectrum, s=image.shape, overwrite_x=True), dtype=np.float32)


def _crop(image: NDArray[np.float32], recipe: MicrographRecipe) -> NDArray[np.float32]:
    width, height = recipe.size_px
    return np.ascontiguousarray(image[:height, :width])


def _contamination(field: Field, name: str) -> Picks:
    if not field.blobs:
        return Picks.empty(2)
    return concatenate(
        [
            Picks.of(
                [blob.centre_angstrom],
                image=name,
                label="ice",
                diameter_angstrom=[2 * blob.radius_angstrom],
                source="truth",
            )
            for blob in field.blobs
        ]
    )
