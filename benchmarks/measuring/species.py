"""Seven species with known maps, and simulated tomograms with one of them as the target.

The maps lie beside the checkout (``../shared/data/structures``). Each tomogram holds many copies of
the target, some of each of the other species, a vesicle and gold, and is made by
`cryopick.simulate.tomograms` with as much noise as physics gives.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.io.images import image_name, open_image, write_mrc
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.jobs.simulated_tilts import write_tilt_files
from cryopick.model import Defocus, Grid, Picks, concatenate
from cryopick.simulate.maps import SpeciesMap, load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram
from measuring.atoms_density import density_of, read_atoms

PIXEL_ANGSTROM = 10.0
DEFOCUS_UM = 3.0
# The mask ends this far outside the particle, with an edge as soft as this.
_MASK_ROOM_PX, _SOFT_PX = 1.0, 1.5
# From atoms to a map as the others are: some 10 Å of blur.
_ATOMS_PIXEL_ANGSTROM, _ATOMS_SIGMA_ANGSTROM = 5.0, 4.0
# Less dense than this share of the densest voxel is no part of a particle.
_DENSE = 0.1

FILES = {
    "80S ribosome": "polnet_10A/6qzp_10A.mrc.gz",
    "20S proteasome": "polnet_10A/3j9i_10A.mrc.gz",
    "apoferritin": "polnet_10A/6pxm_10A.mrc",
    "beta-galactosidase": "polnet_10A/1f4a_10A.mrc.gz",
    "thyroglobulin": "polnet_10A/7n4y_10A.mrc.gz",
    "GroEL": "atomic/1MNF_GroEL.pdb.gz",
    "VLP": "polnet_10A/8tux_10A.mrc.gz",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How full a tomogram is.

    Attributes
    ----------
    size_px
        ``x, y, z``.
    targets, others
        Copies of the target, and of each other species.
    gold_beads, vesicles
        How many.
    ice_angstrom
        Thickness.
    exposure_e_per_a2
        Total exposure: the fewer electrons, the more noise.
    seed
        Of the simulation.
    """

    size_px: tuple[int, int, int]
    targets: int
    others: int
    gold_beads: int
    vesicles: int
    ice_angstrom: float
    exposure_e_per_a2: float = 120.0
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A tomogram, all that is known about it, and a template of the target.

    Attributes
    ----------
    tomogram
        Dark particles.
    tilts, exposure, defocus
        One value per line: deg, e/Å² accumulated, µm.
    targets, others
        Truth; the others have labels (gold among them).
    bright_template, dark_template, mask
        At the tomogram's pixel size; centre at voxel ``N // 2``.
    box_px
        Their edge.
    diameter_angstrom
        Of the target.
    """

    tomogram: Path
    grid: Grid
    tilts: Path
    exposure: Path
    defocus: Path
    targets: Picks
    others: Picks
    bright_template: Path
    dark_template: Path
    mask: Path
    box_px: int
    diameter_angstrom: float


def map_files(structures: Path, folder: Path) -> dict[str, Path]:
    """Write the map of each species to ``folder``, its centre of mass on voxel ``N // 2``.

    A symmetric particle has many poses that look the same. Only about its own centre do they also
    have the same position; some of the maps are half a voxel off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for name, file in FILES.items():
        found[name] = folder / f"{name.replace(' ', '_')}.mrc"
        if found[name].is_file():
            continue
        source = structures / file
        if source.name.endswith(".pdb.gz"):
            pixel = _ATOMS_PIXEL_ANGSTROM
            volume = density_of(
                *read_atoms(source),
                pixel_size_angstrom=pixel,
                sigma_angstrom=_ATOMS_SIGMA_ANGSTROM,
            )
        else:
            image = open_image(source)
            pixel, volume = image.grid.pixel_size_angstrom, np.asarray(image.read())  # type: ignore[union-attr]
        write_mrc(found[name], centred(volume), pixel)
    return found


def centred(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift a map so that the centre of mass of its density lies on voxel ``N // 2``.

    Examples
    --------
    >>> off = np.zeros((8, 8, 8), np.float32)
    >>> off[2:4, 4, 4] = 1  # its centre is at 2.5
    >>> np.unravel_index(centred(off).argmax(), off.shape)[1:]
    (np.int64(4), np.int64(4))
    """
    from scipy.ndimage import center_of_mass, shift

    edges = np.concatenate([volume.take(i, axis=a).ravel() for a in range(3) for i in (0, -1)])
    density = volume - np.float32(np.median(edges))
    centre = center_of_mass(np.where(density > _DENSE * density.max(), density, 0))
    offset = np.array(volume.shape) // 2 - np.array(centre)
    return shift(density, offset, order=3, mode="constant").astype(np.float32)


def make_scene(
    target: str, maps: dict[str, Path], recipe: Recipe, folder: Path, *, reuse: bool = False
) -> Scene:
    """Simulate a tomogram of one target among the others; ``reuse`` takes one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    given = json.dumps({"target": target, "recipe": str(recipe)})
    stamp = folder / "recipe.json"
    if not (reuse and stamp.is_file() and stamp.read_text("utf-8") == given):
        stamp.unlink(missing_ok=True)
        _simulate(target, maps, recipe, folder)
        stamp.write_text(given, "utf-8")
    truth = load_picks(folder / "truth.npz")
    is_target = np.asarray(truth.label) == image_name(maps[target])
    species = load_map(maps[target], PIXEL_ANGSTROM)
    return Scene(
        tomogram=folder / "tomogram.mrc",
        grid=Grid(shape=recipe.size_px[::-1], pixel_size_angstrom=PIXEL_ANGSTROM),
        tilts=folder / "tomogram.tlt",
        exposure=folder / "tomogram_exposure.txt",
        defocus=folder / "tomogram_defocus.txt",
        targets=truth[is_target],
        others=truth[~is_target],
        bright_template=folder / "template_bright.mrc",
        dark_template=folder / "template_dark.mrc",
        mask=folder / "mask.mrc",
        box_px=box_px(species.diameter_angstrom),
        diameter_angstrom=species.diameter_angstrom,
    )


def _simulate(target: str, maps: dict[str, Path], recipe: Recipe, folder: Path) -> None:
    species = [load_map(path, PIXEL_ANGSTROM) for path in maps.values()]
    made = simulate_tomogram(
        species,
        SpecimenRecipe(
            size_px=recipe.size_px,
            pixel_size_angstrom=PIXEL_ANGSTROM,
            ice_angstrom=recipe.ice_angstrom,
            particles=tuple(recipe.targets if name == target else recipe.others for name in maps),
            vesicles=recipe.vesicles,
            gold_beads=recipe.gold_beads,
        ),
        TiltRecipe(
            defocus=Defocus(u_um=DEFOCUS_UM, v_um=DEFOCUS_UM),
            exposure_e_per_a2=recipe.exposure_e_per_a2,
        ),
        name="tomogram",
        rng=np.random.default_rng(recipe.seed),
    )
    write_mrc(folder / "tomogram.mrc", made.image.read(), PIXEL_ANGSTROM)
    write_tilt_files(folder, "tomogram", made.recorded)
    (folder / "tomogram.mrcs").unlink()  # the tilt series itself is not searched
    save_picks(concatenate([made.truth, made.gold]), folder / "truth.npz")
    print(f"{folder.name}: signal to noise {made.recorded.signal_to_noise:.4f} in an image")
    write_templates(load_map(maps[target], PIXEL_ANGSTROM), folder)


def box_px(diameter_angstrom: float) -> int:
    """Edge of a box that holds the mask of a particle and its soft edge.

    Examples
    --------
    >>> box_px(270.0)
    38
    """
    return 2 * math.ceil(diameter_angstrom / 2 / PIXEL_ANGSTROM + _MASK_ROOM_PX + _SOFT_PX) + 2


def write_templates(species: SpeciesMap, folder: Path) -> None:
    """Write the density bright and dark, and a ball around it with a soft edge as the mask."""
    edge = box_px(species.diameter_angstrom)
    density = _in_box(species.density, edge)
    z, y, x = np.indices(density.shape) - edge // 2
    radius = species.diameter_angstrom / 2 / PIXEL_ANGSTROM + _MASK_ROOM_PX
    beyond = (np.sqrt(z**2 + y**2 + x**2) - radius) / _SOFT_PX
    mask = np.where(beyond < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(beyond, 0, 1)), 0)
    write_mrc(folder / "template_bright.mrc", density, PIXEL_ANGSTROM)
    write_mrc(folder / "template_dark.mrc", -density, PIXEL_ANGSTROM)
    write_mrc(folder / "mask.mrc", mask.astype(np.float32), PIXEL_ANGSTROM)


def _in_box(density: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    """The same density in a box of another edge, voxel ``N // 2`` on voxel ``N // 2``."""
    out = np.zeros((edge,) * 3, dtype=np.float32)
    n = len(density)
    before = max(0, edge // 2 - n // 2), max(0, n // 2 - edge // 2)
    size = min(n - before[1], edge - before[0])
    target = (slice(before[0], before[0] + size),) * 3
    source = (slice(before[1], before[1] + size),) * 3
    out[target] = density[source]
    return out
