"""Particles and junk of simulated micrographs, each box with the name of what it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.neighbours import nearest_distance
from cryopick.model import Defocus, Picks
from cryopick.simulate.field import Field, random_field
from cryopick.simulate.maps import SpeciesMap, load_map
from cryopick.simulate.micrographs import MicrographRecipe, simulate_micrograph

PIXEL_ANGSTROM, BOX_PX, EDGE_PX = 4.0, 64, 1200
PARTICLE = "particle"
JUNK = ("off-centre", "aggregate", "ice", "carbon edge", "carbon", "empty")
# Sd of a picker's error along x and y, as a share of the diameter.
_PICKING_ERROR = 0.03


@dataclass(frozen=True, kw_only=True, eq=False)
class JunkSet:
    """``n`` bright boxes ``(n, 64, 64)``, what each shows, and its micrograph's defocus in µm."""

    images: NDArray[np.float32]
    kind: NDArray[np.str_]
    defocus_um: NDArray[np.float64]
    species: SpeciesMap

    @property
    def good(self) -> NDArray[np.bool_]:
        return self.kind == PARTICLE


def make_junk_set(
    name: str,
    *,
    micrographs: int,
    particles: int,
    junk: int,
    signal_to_noise: float | None,
    seed: int,
) -> JunkSet:
    """Simulate micrographs of a built-in shape, and cut particles and ``junk`` boxes of each kind.

    Numbers are per micrograph; aggregates come from a crowded micrograph of the same defocus.
    """
    species = load_map(name, PIXEL_ANGSTROM)
    images: list[NDArray[np.float32]] = []
    kinds: list[str] = []
    defocus: list[float] = []
    for number in range(micrographs):
        rng = np.random.default_rng([seed, number])
        df_um = float(rng.uniform(1.0, 2.5))
        recipe = MicrographRecipe(
            size_px=(EDGE_PX, EDGE_PX),
            pixel_size_angstrom=PIXEL_ANGSTROM,
            particles=(particles + 2 * junk,),
            defocus=Defocus(u_um=df_um, v_um=df_um),
            signal_to_noise=signal_to_noise,
            gap_angstrom=20.0,
            ice_crystals=6,
            carbon_share=0.2,
        )
        for kind, boxes in _boxes(species, recipe, rng, particles=particles, junk=junk).items():
            images.append(boxes)
            kinds += [kind] * len(boxes)
            defocus += [df_um] * len(boxes)
    return JunkSet(
        images=np.concatenate(images),
        kind=np.array(kinds),
        defocus_um=np.array(defocus),
        species=species,
    )


def _boxes(
    species: SpeciesMap,
    recipe: MicrographRecipe,
    rng: np.random.Generator,
    *,
    particles: int,
    junk: int,
) -> dict[str, NDArray[np.float32]]:
    state = rng.bit_generator.state
    made = simulate_micrograph([species], recipe, name="mic", rng=rng)
    # The same state of the generator draws the same ice and carbon again.
    again = np.random.default_rng()
    again.bit_generator.state = state
    field = random_field(
        recipe.size_px,
        PIXEL_ANGSTROM,
        rim_px=len(species.density),
        ice_crystals=recipe.ice_crystals,
        carbon_share=recipe.carbon_share,
        rng=again,
    )
    image = _bright(made.image.read())
    diameter = species.diameter_angstrom
    places = _junk_places(field, made.truth, diameter, rng)
    truth = made.truth.position_angstrom
    truth = truth[field.free(truth, BOX_PX * PIXEL_ANGSTROM / 2)]
    truth = truth + rng.normal(0, _PICKING_ERROR * diameter, truth.shape)
    turn = rng.uniform(0, 2 * np.pi, len(truth))
    away = 0.5 * diameter * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places[PARTICLE] = truth[:-junk]
    places["off-centre"] = (truth + away)[-junk:]
    wanted = {kind: particles if kind == PARTICLE else junk for kind in places}
    found = {kind: _cut(image, place, wanted[kind]) for kind, place in places.items()}
    crowd = replace(
        recipe,
        size_px=(EDGE_PX // 2, EDGE_PX // 2),
        particles=(260,),
        gap_angstrom=-0.6 * diameter,
        ice_crystals=0,
        carbon_share=0.0,
    )
    crowded = simulate_micrograph([species], crowd, name="crowd", rng=rng)
    place = crowded.truth.position_angstrom
    near = np.linalg.norm(place[:, None] - place[None], axis=-1) < 0.9 * diameter
    lumps = place[near.sum(axis=1) >= 4]
    found["aggregate"] = _cut(_bright(crowded.image.read()), lumps, junk)
    return found


def _junk_places(
    field: Field, truth: Picks, diameter: float, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Places in Å on ice lumps, on and beside the carbon edge, and where nothing is."""
    place = rng.uniform(0, EDGE_PX * PIXEL_ANGSTROM, (8000, 2))
    half = BOX_PX * PIXEL_ANGSTROM / 2
    on_ice = np.zeros(len(place), dtype=bool)
    for blob in field.blobs:
        away = np.linalg.norm(place - np.asarray(blob.centre_angstrom), axis=1)
        on_ice |= away < blob.radius_angstrom
    assert field.carbon is not None
    about = place - np.asarray(field.centre_angstrom)
    depth = field.carbon.depth_angstrom(about[:, 0], about[:, 1])
    lonely = nearest_distance(place, truth.position_angstrom) > 1.2 * diameter
    return {
        "ice": place[on_ice & (depth < -half)],
        "carbon edge": place[~on_ice & (np.abs(depth) < diameter / 2)],
        "carbon": place[~on_ice & (depth > half)],
        "empty": place[lonely & field.free(place, half)],
    }


def _bright(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return -(image - image.mean()) / image.std()


def _cut(image: NDArray[np.float32], place: NDArray[np.float64], n: int) -> NDArray[np.float32]:
    """At most ``n`` boxes that lie inside the image."""
    corner = np.rint(place / PIXEL_ANGSTROM).astype(np.int64) - BOX_PX // 2
    inside = np.all((corner >= 0) & (corner + BOX_PX <= np.array(image.shape[::-1])), axis=1)
    boxes = [image[y : y + BOX_PX, x : x + BOX_PX] for x, y in corner[inside][:n]]
    return np.stack(boxes) if boxes else np.zeros((0, BOX_PX, BOX_PX), np.float32)
