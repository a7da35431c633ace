"""How well sorting tells particles from junk, with and without references, and how fast.

    OMP_NUM_THREADS=1 python benchmarks/sort_junk.py [--micrographs 4] [--species betagal ribosome]

Simulated micrographs (4 Å pixels, 1 to 2.5 µm, ice lumps, a carbon edge) give boxes of 64 px that show
a particle, or junk: a particle half a diameter off, an aggregate, an ice lump, a carbon edge, carbon,
nothing. References are 8 views of the map; every box, junk too, is aligned to the one it fits best, as
picking and classification do. Printed and written to results/sort_junk.json: the area under the ROC
curve (1: all junk below all particles) of the screening score with and without references and of
RELION's mean z-score of the same difference images; and what the proposed cut keeps.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.expected_images import particle_transfer
from cryopick.curate.junk import PROPOSED_CUT
from cryopick.curate.reference_fit import fit_references
from cryopick.curate.self_consistency import background_standardised
from cryopick.curate.settings import SortSettings
from cryopick.curate.sorting import Ranking, common_ground, particle_features, rank
from cryopick.geometry.rotation import from_axis_angle, random_rotations
from cryopick.model import Particles, Picks
from cryopick.ops.project import project, transform_volume
from measuring.aligned_particles import align
from measuring.junk_set import BOX_PX, JUNK, PIXEL_ANGSTROM, JunkSet, make_junk_set
from measuring.result_file import write_result

REFERENCES, REACH_PX = 8, 5
NOISES: dict[str, float | None] = {"physics": None, "0.1": 0.1}
FULL = {"micrographs": 4, "particles": 150, "junk": 20}


def roc_area(score: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """Chance that a particle scores above a junk box; ties count one half."""
    from scipy.stats import rankdata

    place = rankdata(score)
    n, rest = int(good.sum()), int((~good).sum())
    return float((place[good].sum() - n * (n + 1) / 2) / (n * rest))


def as_particles(found: JunkSet) -> Particles:
    n = len(found.images)
    defocus = np.column_stack([found.defocus_um, found.defocus_um, np.zeros(n), np.zeros(n)])
    return Particles(
        picks=Picks.of(np.zeros((n, 2)), image="mic"),
        file=np.full(n, "memory"),
        index=np.arange(n),
        pixel_size_angstrom=PIXEL_ANGSTROM,
        box_px=BOX_PX,
        defocus=defocus,
    )


def posed(
    particles: Particles, images: NDArray[np.float32], references: NDArray[np.float32]
) -> Particles:
    """The particles with class, angle and shift of the reference they fit best."""
    from dataclasses import replace

    seen = particle_transfer(particles)
    assert seen is not None
    which, angle, shift = align(images, references, seen, reach_px=REACH_PX)
    picks = replace(
        particles.picks,
        label=(which + 1).astype(str),
        orientation=from_axis_angle([0.0, 0.0, 1.0], np.rad2deg(angle)),
    )
    return replace(particles, picks=picks, shift_angstrom=shift * PIXEL_ANGSTROM)


def judged(score: NDArray[np.float64], found: JunkSet) -> dict[str, float]:
    """Area of all junk together, and of each kind alone."""
    areas = {"all": roc_area(score, found.good)}
    for kind in JUNK:
        rows = found.good | (found.kind == kind)
        if (found.kind == kind).any():
            areas[kind] = roc_area(score[rows], found.good[rows])
    return {name: round(value, 4) for name, value in areas.items()}


def measured(found: JunkSet, seed: int) -> dict[str, Any]:
    """Everything about one set."""
    import torch

    particles = as_particles(found)
    diameter = min(found.species.diameter_angstrom, 0.94 * BOX_PX * PIXEL_ANGSTROM)
    settings = SortSettings(particle_diameter_angstrom=diameter)
    radius_px = settings.radius_px(particles)
    images = background_standardised(torch.from_numpy(found.images), radius_px=radius_px).numpy()
    views = random_rotations(REFERENCES, rng=np.random.default_rng(seed))
    references = fit_references(
        project(transform_volume(found.species.density), views),
        PIXEL_ANGSTROM,
        to_pixel_size_angstrom=PIXEL_ANGSTROM,
        box_px=BOX_PX,
    )
    begun = time.perf_counter()
    particles = posed(particles, images, references)
    aligning = time.perf_counter() - begun
    rankings: dict[str, Ranking] = {}
    seconds: dict[str, float] = {}
    for name, given in (("references", references), ("alone", None)):
        begun = time.perf_counter()
        ground = common_ground(images, particles, settings, references=given)
        features = particle_features(images, particles, ground, settings)
        rankings[name] = rank(features, settings)
        seconds[name] = time.perf_counter() - begun
    areas = {
        "with references": judged(rankings["references"].score, found),
        "without references": judged(rankings["alone"].score, found),
        "RELION's z-score": judged(-rankings["references"].z_score, found),
    }
    kept = {name: ranking.score >= PROPOSED_CUT for name, ranking in rankings.items()}
    return {
        "boxes": len(images),
        "junk_share": round(float(np.mean(~found.good)), 3),
        "roc_area": areas,
        "kept_of_particles": {k: round(float(v[found.good].mean()), 4) for k, v in kept.items()},
        "kept_of_junk": {k: round(float(v[~found.good].mean()), 4) for k, v in kept.items()},
        "ms_per_particle_one_core": {
            k: round(1e3 * v / len(images), 3) for k, v in seconds.items()
        },
        "aligning_seconds": round(aligning, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--micrographs", type=int, default=FULL["micrographs"])
    parser.add_argument("--particles", type=int, default=FULL["particles"])
    parser.add_argument("--junk", type=int, default=FULL["junk"], help="of each kind")
    parser.add_argument("--species", nargs="+", default=["betagal", "ribosome"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    numbers = {"micrographs": given.micrographs, "particles": given.particles, "junk": given.junk}
    rows: list[dict[str, Any]] = []
    for species in given.species:
        for noise, ratio in NOISES.items():
            found = make_junk_set(species, **numbers, signal_to_noise=ratio, seed=given.seed)
            rows.append(
                {"species": species, "signal_to_noise": noise, **measured(found, given.seed)}
            )
            show(rows[-1])
    write_result("sort_junk", {**numbers, "rows": rows}, smaller=numbers != FULL)


def show(row: dict[str, Any]) -> None:
    print(
        f"{row['species']}, signal to noise {row['signal_to_noise']}: {row['boxes']} boxes, "
        f"{row['junk_share']:.0%} junk"
    )
    for name, areas in row["roc_area"].items():
        print(f"  {name:20} " + "  ".join(f"{kind} {area:.3f}" for kind, area in areas.items()))
    for name, share in row["kept_of_particles"].items():
        print(
            f"  proposed cut, {name:11} keeps {share:.1%} of particles, "
            f"{row['kept_of_junk'][name]:.1%} of junk; "
            f"{row['ms_per_particle_one_core'][name]} ms per particle"
        )


if __name__ == "__main__":
    main()
