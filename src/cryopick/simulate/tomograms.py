"""Simulate tomograms with known truth: specimen, tilt series, reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Image, Picks
from cryopick.ops.backproject import backproject
from cryopick.ops.ctf_gradient import filter_with_gradient
from cryopick.ops.dose import exposure_filter, frequency_image
from cryopick.simulate.maps import SpeciesMap
from cryopick.simulate.membranes import Membrane
from cryopick.simulate.specimen import SpecimenRecipe, build_specimen
from cryopick.simulate.tilt_series import (
    RecordedTilts,
    TiltRecipe,
    defocus_slope_um_per_px,
    mean_defocus_um,
    record_tilts,
    tilt_ctf,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedTomogram:
    """A tomogram and the truth about it.

    Attributes
    ----------
    image
        Mean 0, variance 1; matter is dark.
    recorded
        The tilt series behind it.
    truth
        Every particle and filament segment; ``group`` names its membrane or filament.
    gold
        Fiducials.
    membranes
        By their group names.
    density
        The specimen itself ``(z, y, x)``, before the microscope.
    """

    image: Image
    recorded: RecordedTilts
    truth: Picks
    gold: Picks
    membranes: dict[str, Membrane]
    density: NDArray[np.float32]


def simulate_tomogram(
    species: Sequence[SpeciesMap],
    specimen_recipe: SpecimenRecipe,
    tilt_recipe: TiltRecipe,
    *,
    name: str,
    rng: np.random.Generator,
    device: str = "cpu",
) -> SimulatedTomogram:
    """Simulate one tomogram.

    Parameters
    ----------
    species
        Maps at the pixel size of the recipe.
    specimen_recipe, tilt_recipe
        What is in the ice, and how it is recorded.
    name
        Of the tomogram, and of its picks.
    rng
        Source of all randomness: the same generator state gives the same tomogram.
    device
        Torch device on which templates are rotated.

    Examples
    --------
    >>> from cryopick.simulate.maps import load_map
    >>> made = simulate_tomogram(
    ...     [load_map("apoferritin", 16)],
    ...     SpecimenRecipe(size_px=(48, 48, 24), pixel_size_angstrom=16, particles=(4,)),
    ...     TiltRecipe(tilt_step_deg=10),
    ...     name="tomo",
    ...     rng=np.random.default_rng(0),
    ... )
    >>> made.image.data.shape, len(made.truth), len(made.recorded.tilts)
    ((24, 48, 48), 4, 13)
    """
    specimen = build_specimen(species, specimen_recipe, name=name, rng=rng, device=device)
    recorded = record_tilts(specimen, tilt_recipe, name=name, rng=rng)
    return SimulatedTomogram(
        image=Image(
            data=reconstruct(recorded, nz=specimen.grid.shape[0]), grid=specimen.grid, name=name
        ),
        recorded=recorded,
        truth=specimen.truth,
        gold=specimen.gold,
        membranes=specimen.membranes,
        density=specimen.density,
    )


def reconstruct(recorded: RecordedTilts, *, nz: int) -> NDArray[np.float32]:
    """Reconstruct a tomogram as users do: phases flipped, exposure weighted, back-projected.

    Phases are flipped so that matter stays dark, column by column for the defocus there. Shifts
    that alignment did not find stay in.

    Returns
    -------
    ndarray
        ``(nz, y, x)`` float32, mean 0 and variance 1.
    """
    tilts, images = recorded.tilts, recorded.images
    shape = (images.shape[1], images.shape[2])
    size = tilts.pixel_size_angstrom or 1.0
    voltage = 300.0 if tilts.optics is None else tilts.optics.voltage_kv
    k = frequency_image(shape, size)
    corrected = np.empty_like(images)
    for index, image in enumerate(images):
        mean = float(image.mean())
        exposure = 0.0 if tilts.exposure_e_per_a2 is None else tilts.exposure_e_per_a2[index]
        weight = exposure_filter(k, float(exposure), voltage_kv=voltage).astype(np.float32)

        def flip(defocus: float, index: int = index, weight: NDArray[np.float32] = weight):  # noqa: ANN202 (see filter_with_gradient)
            ctf = tilt_ctf(tilts, index, shape=shape, mean_um=defocus)
            return np.where(ctf > 0, -weight, weight)

        corrected[index] = filter_with_gradient(
            image / np.float32(mean or 1.0) - np.float32(1),
            flip,
            defocus_um=mean_defocus_um(tilts, index),
            slope_um_per_px=defocus_slope_um_per_px(tilts, index),
        )
    volume = backproject(corrected, tilts.tilt_deg, nz=nz)
    volume -= volume.mean(dtype=np.float64).astype(np.float32)
    return volume / np.float32(volume.std(dtype=np.float64) or 1.0)
