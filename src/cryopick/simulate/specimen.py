"""Build the specimen of a tomogram: membranes, filaments, gold and particles, none overlapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_z_direction
from cryopick.model import Grid, Picks, concatenate
from cryopick.simulate.filaments import random_filament
from cryopick.simulate.maps import SpeciesMap
from cryopick.simulate.membranes import (
    HALF_THICKNESS_ANGSTROM,
    Membrane,
    Sheet,
    Vesicle,
    paint_membrane,
)
from cryopick.simulate.painting import paint_gold, paint_particles
from cryopick.simulate.placement import Free, Occupancy
from cryopick.simulate.poses import random_orientations

_TRIES = 200


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class SpecimenRecipe:
    """What is in the ice.

    Attributes
    ----------
    size_px
        ``x, y, z`` of the tomogram.
    pixel_size_angstrom
        Also that of the species maps.
    ice_angstrom
        Thickness of the ice, in the middle of the tomogram.
    particles
        How many of each species float freely.
    on_membranes
        How many of each species sit on membranes, their template z along the outward normal.
    filaments, filament_length_angstrom
        How many, of each filament species (those with a rise), and how long.
    vesicles, sheets
        How many membranes.
    vesicle_radius_angstrom
        Smallest and largest.
    gold_beads, gold_diameter_angstrom
        Fiducials.
    gap_angstrom
        Least distance between the balls around two particles; negative lets them overlap.
    texture
        Standard deviation per voxel of the crowd of small molecules, in densities of protein.
    """

    size_px: tuple[int, int, int] = (400, 400, 180)
    pixel_size_angstrom: float = 10.0
    ice_angstrom: float = 1500.0
    particles: tuple[int, ...] = ()
    on_membranes: tuple[int, ...] = ()
    filaments: int = 0
    filament_length_angstrom: float = 2000.0
    vesicles: int = 0
    sheets: int = 0
    vesicle_radius_angstrom: tuple[float, float] = (250.0, 500.0)
    gold_beads: int = 0
    gold_diameter_angstrom: float = 100.0
    gap_angstrom: float = 10.0
    texture: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Specimen:
    """A specimen and the truth about it.

    Attributes
    ----------
    density
        ``(z, y, x)`` float32, in densities of protein above ice.
    grid
        Places it; the tomogram has the same.
    truth
        Every particle and filament segment. ``group`` names its membrane or filament.
    gold
        Fiducials.
    membranes
        By their group names.
    """

    density: NDArray[np.float32]
    grid: Grid
    truth: Picks
    gold: Picks
    membranes: dict[str, Membrane]


def build_specimen(
    species: Sequence[SpeciesMap],
    recipe: SpecimenRecipe,
    *,
    name: str,
    rng: np.random.Generator,
    device: str = "cpu",
) -> Specimen:
    """Fill the ice: membranes first, then gold, filaments, particles on membranes, the rest.

    What finds no room is left out; compare ``len(specimen.truth)`` with the recipe.

    Examples
    --------
    >>> from cryopick.simulate.maps import load_map
    >>> recipe = SpecimenRecipe(
    ...     size_px=(64, 64, 32), pixel_size_angstrom=12, ice_angstrom=380, particles=(6,)
    ... )
    >>> made = build_specimen(
    ...     [load_map("apoferritin", 12)], recipe, name="t", rng=np.random.default_rng(0)
    ... )
    >>> made.density.shape, len(made.truth)
    ((32, 64, 64), 6)
    """
    _check(species, recipe)
    size = recipe.pixel_size_angstrom
    grid = Grid(shape=recipe.size_px[::-1], pixel_size_angstrom=size)
    low, high = _ice(recipe)
    membranes = _membranes(recipe, low, high, rng)
    room = Occupancy(low=low, high=high, gap_angstrom=recipe.gap_angstrom)
    room.free.append(_beside(membranes))
    density = np.zeros(grid.shape, dtype=np.float32)
    for membrane in membranes.values():
        paint_membrane(density, membrane, size)
    gold = _place_gold(recipe, room, name, rng)
    parts = [
        *_place_filaments(species, recipe, room, name, rng),
        *_place_on_membranes(species, recipe, room, membranes, name, rng),
        *_place_free(species, recipe, room, name, rng),
    ]
    truth = concatenate(parts) if parts else Picks.empty(3)
    paint_particles(density, species, truth, pixel_size_angstrom=size, device=device)
    paint_gold(density, gold, pixel_size_angstrom=size)
    _add_texture(density, recipe, low, high, rng)
    return Specimen(density=density, grid=grid, truth=truth, gold=gold, membranes=membranes)


def _check(species: Sequence[SpeciesMap], recipe: SpecimenRecipe) -> None:
    for word, counts in (("particles", recipe.particles), ("on_membranes", recipe.on_membranes)):
        if counts and len(counts) != len(species):
            raise InputError(
                f"{word}: expected one number for each of {len(species)} maps, got {len(counts)}"
            )
    for one in species:
        if abs(one.pixel_size_angstrom / recipe.pixel_size_angstrom - 1) > 1e-6:
            raise InputError(
                f"map {one.name}: its pixels are {one.pixel_size_angstrom} Å, "
                f"the tomogram's {recipe.pixel_size_angstrom} Å"
            )
    if sum(recipe.on_membranes) and not recipe.vesicles + recipe.sheets:
        raise InputError("on_membranes: there are no membranes; add vesicles or sheets")
    if recipe.filaments and not any(one.rise_angstrom > 0 for one in species):
        raise InputError("filaments: none of the maps is a filament; add the map 'filament'")


def _ice(recipe: SpecimenRecipe) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the ice within the tomogram, ``x, y, z`` in Å."""
    high = (np.asarray(recipe.size_px) - 1.0) * recipe.pixel_size_angstrom
    low = np.zeros(3)
    middle = recipe.size_px[2] // 2 * recipe.pixel_size_angstrom
    low[2] = max(0.0, middle - recipe.ice_angstrom / 2)
    high[2] = min(high[2], middle + recipe.ice_angstrom / 2)
    return low, high


def _membranes(
    recipe: SpecimenRecipe,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> dict[str, Membrane]:
    out: dict[str, Membrane] = {}
    sheets: list[Sheet] = []
    for index in range(recipe.sheets):
        point = low + rng.uniform(0.3, 0.7, 3) * (high - low)
        sheet = Sheet(
            point_angstrom=(float(point[0]), float(point[1]), float((low + high)[2] / 2)),
            angle_deg=float(rng.uniform(0, 360)),
            lean_deg=float(rng.uniform(10, 30)),
            amplitude_angstrom=float(rng.uniform(20, 100)),
            period_angstrom=float(rng.uniform(2000, 4000)),
            phase_rad=float(rng.uniform(0, 2 * np.pi)),
            half_length_angstrom=float((high - low).max() * 0.75),
        )
        sheets.append(sheet)
        out[f"sheet{index + 1}"] = sheet
    smallest, largest = recipe.vesicle_radius_angstrom
    rim = HALF_THICKNESS_ANGSTROM
    # A vesicle that fills the ice to the last Å would never find its place.
    largest = min(largest, float(0.45 * (high - low).min() - rim))
    taken = Occupancy(low=low, high=high, gap_angstrom=rim, free=[_beside(out)])
    for index in range(recipe.vesicles if largest > 0 else 0):
        radius = float(rng.uniform(min(smallest, largest), largest))
        place, _ = taken.place([radius + rim], rng)
        if not len(place):
            continue
        # Squeezed, never stretched: the ball around it was free.
        radii = radius * rng.uniform(0.75, 1.0, 3)
        x, y, z = place[0].tolist()
        out[f"vesicle{index + 1}"] = Vesicle(
            centre_angstrom=(x, y, z), radii_angstrom=(*radii.tolist(),)
        )
    return out


def _beside(membranes: dict[str, Membrane]) -> Free:
    """The rule that a ball does not touch a membrane, from either side."""

    def free(positions: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
        ok = np.ones(len(positions), dtype=bool)
        for membrane in membranes.values():
            ok &= np.abs(membrane.distance(positions)) > radius + HALF_THICKNESS_ANGSTROM
        return ok

    return free


def _place_gold(
    recipe: SpecimenRecipe, room: Occupancy, name: str, rng: np.random.Generator
) -> Picks:
    diameter = recipe.gold_diameter_angstrom
    place, _ = room.place([diameter / 2] * recipe.gold_beads, rng)
    if not len(place):
        return Picks.empty(3)
    return Picks.of(
        place,
        image=name,
        label="gold",
        diameter_angstrom=np.full(len(place), diameter),
        source="truth",
    )


def _place_filaments(
    species: Sequence[SpeciesMap],
    recipe: SpecimenRecipe,
    room: Occupancy,
    name: str,
    rng: np.random.Generator,
) -> list[Picks]:
    parts: list[Picks] = []
    kinds = [one for one in species if one.rise_angstrom > 0]
    for index in range(recipe.filaments * len(kinds)):
        one = kinds[index % len(kinds)]
        radius = one.diameter_angstrom / 2
        low, high = room.low + radius, room.high - radius
        if np.any(low > high):  # the ice is thinner than the filament
            continue
        for _ in range(_TRIES):
            made = random_filament(
                low=low,
                high=high,
                rise_angstrom=one.rise_angstrom,
                length_angstrom=recipe.filament_length_angstrom,
                rng=rng,
            )
            long_enough = len(made.position_angstrom) * one.rise_angstrom > 3 * radius
            if long_enough and room.room_for(made.position_angstrom, radius).all():
                for place in made.position_angstrom:
                    room.occupy(place, radius)
                group = f"filament{index + 1}"
                parts.append(_picks(one, made.position_angstrom, made.orientation, name, group))
                break
    return parts


def _place_on_membranes(
    species: Sequence[SpeciesMap],
    recipe: SpecimenRecipe,
    room: Occupancy,
    membranes: dict[str, Membrane],
    name: str,
    rng: np.random.Generator,
) -> list[Picks]:
    parts: list[Picks] = []
    names = list(membranes)
    if not names:  # none found room
        return parts
    for one, count in zip(species, recipe.on_membranes, strict=False):
        radius = one.diameter_angstrom / 2
        for _ in range(count):
            for _ in range(_TRIES):
                group = names[int(rng.integers(len(names)))]
                membrane = membranes[group]
                foot = membrane.sample(1, rng)
                normal = membrane.normal(foot)
                place = foot + normal * one.height_angstrom
                others = {key: value for key, value in membranes.items() if key != group}
                if not _beside(others)(place, radius)[0]:
                    continue
                # The particle touches its own membrane, so that rule does not apply to it.
                rules, room.free = room.free, []
                fits = bool(room.room_for(place, radius)[0])
                room.free = rules
                if fits:
                    room.occupy(place[0], radius)
                    turn = from_z_direction(normal, rng.uniform(0, 360, 1))
                    parts.append(_picks(one, place, turn, name, group))
                    break
    return parts


def _place_free(
    species: Sequence[SpeciesMap],
    recipe: SpecimenRecipe,
    room: Occupancy,
    name: str,
    rng: np.random.Generator,
) -> list[Picks]:
    if not sum(recipe.particles):
        return []
    kind = np.repeat(np.arange(len(species)), recipe.particles)
    half = np.asarray([one.diameter_angstrom / 2 for one in species])
    place, which = room.place(half[kind].tolist(), rng)
    orientation = random_orientations(len(place), rng)
    chosen = kind[which]
    return [
        _picks(one, place[chosen == k], orientation[chosen == k], name, "")
        for k, one in enumerate(species)
        if np.any(chosen == k)
    ]


def _picks(
    one: SpeciesMap,
    position: NDArray[np.float64],
    orientation: NDArray[np.float64],
    name: str,
    group: str,
) -> Picks:
    return Picks.of(
        position,
        image=name,
        orientation=orientation,
        label=one.name,
        group=group,
        diameter_angstrom=np.full(len(position), one.diameter_angstrom),
        source="truth",
    )


def _add_texture(
    density: NDArray[np.float32],
    recipe: SpecimenRecipe,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    if recipe.texture <= 0:
        return
    size = recipe.pixel_size_angstrom
    first, last = int(np.ceil(low[2] / size)), int(high[2] / size) + 1
    for index in range(first, last):
        noise = rng.standard_normal(density.shape[1:], dtype=np.float32)
        density[index] += np.float32(recipe.texture) * noise
