"""2D classes of particles with known views: time, memory and purity, beside RELION.

    python benchmarks/classify_speed.py [--scratch DIR] [--reuse] [--repeats 3] [--no-relion]

``small``: 2,000 particles cut from seven micrographs (../shared/tools/synthetic, 256 px shrunk to 64,
places off by 4 Å), 20 classes, 10 iterations; ``relion_refine`` gets the same ``particles.star``
and takes a quarter of an hour of the processor. ``large``: 10,000 simulated particles of 64 px, 100
classes, the iterations that ``classify`` does by itself.

Times are of the whole command with all cores. Purity: see `measuring.class_purity`; the classes of
particles that a program leaves out count as one more class. ``--reuse`` takes micrographs, stacks
and RELION's run that lie in the scratch folder; the results name the runs.
Prints a table, and writes results/classify_speed.json.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.particles import read_particles, write_particles
from cryopick.io.star import read_star
from cryopick.model import Particles, Picks
from measuring import own_2d, particle_stack, relion_2d, relion_log, synthetic_micrographs
from measuring.class_purity import beam_in_particle, class_purity, compared
from measuring.command import Measured
from measuring.kept_run import kept_run
from measuring.result_file import spread, write_result
from measuring.synthetic_micrographs import GENERATOR, MicrographSet

MASK_ANGSTROM = 190.0
SMALL, SMALL_CLASSES, SMALL_ITERATIONS = 2_000, 20, 10
LARGE, LARGE_CLASSES, LARGE_ITERATIONS = 10_000, 100, 25
MICROGRAPHS = 7
PLACE_SD_ANGSTROM = 4.0
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """A ``particles.star`` and the view of each of its rows."""

    star: Path
    views: NDArray[np.float64]


def small_set(folder: Path, generator: Path, *, reuse: bool) -> Known:
    """Particles cut from micrographs at their true places, roughly."""
    star, truth = folder / "small.star", folder / "small_views.npy"
    if not (reuse and star.is_file() and truth.is_file()):
        data = synthetic_micrographs.make(folder, n=MICROGRAPHS, generator=generator, reuse=reuse)
        cut = read_particles(_extracted(data, folder))
        rows = np.sort(np.random.default_rng(SEED).permutation(len(cut))[:SMALL])
        write_particles(star, cut[rows])
        np.save(truth, views_of(cut[rows], data))
    return Known(star=star, views=np.load(truth))


def _extracted(data: MicrographSet, folder: Path) -> Path:
    rng = np.random.default_rng(SEED)
    places = data.truth.position_angstrom
    places = places + rng.normal(scale=PLACE_SD_ANGSTROM, size=places.shape)
    table = folder / "roughly.csv"
    px = data.grid.to_px(places).tolist()
    lines = [
        f"{name}.mrc,{x:.2f},{y:.2f}" for name, (x, y) in zip(data.truth.image, px, strict=True)
    ]
    table.write_text("\n".join(["image,x,y", *lines]) + "\n", "utf-8")
    options = (
        "--border", "fill", "--ctf", data.star, "--pixel-size", data.grid.pixel_size_angstrom,
    )  # fmt: skip
    out = folder / "small_cut"
    own_2d.extract(
        table, data.images.values(), out, box_px=256, rescaled_px=64, options=options
    )  # fmt: skip
    return out / "particles.star"


def views_of(particles: Particles, data: MicrographSet) -> NDArray[np.float64]:
    """View of the true particle nearest to each, in the same micrograph."""
    views = np.zeros((len(particles), 3))
    stems = np.array([Path(name).stem for name in particles.picks.image.tolist()])
    for name in data.images:
        mine, true = stems == name, data.truth.image == name
        apart = particles.picks.position_angstrom[mine][:, None] - _places(data.truth[true])
        nearest = np.linalg.norm(apart, axis=-1).argmin(axis=1)
        views[mine] = beam_in_particle(data.zyz_deg[true][nearest])
    return views


def _places(picks: Picks) -> NDArray[np.float64]:
    return picks.position_angstrom


def labels_of(data_star: Path, known: Known) -> list[str]:
    """Class of each row of the set, from what a program wrote; ``none`` where it left it out."""
    classes = {_key(name): label for name, label in relion_2d.classes_of(data_star).items()}
    block = read_star(known.star).get("particles")
    if block is None:
        raise ValueError(f"{known.star}: no data_particles")
    return [classes.get(_key(name), "none") for name in block.text("rlnImageName").tolist()]


def _key(name: str) -> tuple[int, str]:
    """Number and file of an image, however long the number and the path are written.

    Examples
    --------
    >>> _key("000012@a/b.mrcs"), _key("12@/tmp/a/b.mrcs")
    ((12, 'b.mrcs'), (12, 'b.mrcs'))
    """
    number, file = name.split("@")
    return int(number), Path(file).name


def own(known: Known, out: Path, *, classes: int, iterations: int, repeats: int) -> dict[str, Any]:
    """Time and purity of ``classify``."""
    runs = [
        own_2d.classify(
            known.star,
            out,
            classes=classes,
            iterations=iterations,
            mask_diameter_angstrom=MASK_ANGSTROM,
        )
        for _ in range(repeats)
    ]
    data_star = relion_2d.last_data_star(out)
    return times(runs, iterations) | class_purity(
        labels_of(data_star, known), known.views, classes=classes
    )


def relion(known: Known, folder: Path, *, reuse: bool, reused: list[str]) -> dict[str, Any]:
    """RELION's on the small set."""
    out = folder / "Class2D"
    run = kept_run(
        folder / "relion_class2d.json",
        lambda: relion_2d.classify(
            folder,
            known.star.name,
            out.name,
            classes=SMALL_CLASSES,
            iterations=SMALL_ITERATIONS,
            mask_diameter_angstrom=MASK_ANGSTROM,
        ),
        reuse=reuse and any(out.glob("run_it*_data.star")),
        reused=reused,
    )
    data_star = relion_2d.last_data_star(out)
    return times([run], SMALL_ITERATIONS) | class_purity(
        labels_of(data_star, known), known.views, classes=SMALL_CLASSES
    )


def times(runs: list[Measured], iterations: int) -> dict[str, Any]:
    return {
        "wall_s": spread((run.wall_seconds for run in runs), 1),
        "cpu_s": spread((run.cpu_seconds for run in runs), 1),
        "cpu_s_per_iteration": spread((run.cpu_seconds / iterations for run in runs), 2),
        "peak_private_mb": spread((run.peak_private_mb for run in runs), 0),
    }


def measure_all(given: argparse.Namespace) -> dict[str, Any]:
    folder: Path = given.scratch
    known = small_set(folder, given.generator, reuse=given.reuse)
    print(f"{len(known.views)} particles, {SMALL_CLASSES} classes ...", flush=True)
    small: dict[str, Any] = {
        "particles": len(known.views),
        "classes": SMALL_CLASSES,
        "iterations": SMALL_ITERATIONS,
        "programs": {
            "cryopick": own(
                known,
                folder / "classes_small",
                classes=SMALL_CLASSES,
                iterations=SMALL_ITERATIONS,
                repeats=given.repeats,
            )
        },
    }
    figures: dict[str, Any] = {"small": small, "runs_of_an_earlier_day": []}
    if given.relion and relion_2d.is_installed(relion_2d.CLASSIFIER):
        print("RELION, a quarter of an hour ...", flush=True)
        small["programs"]["RELION"] = relion(
            known, folder, reuse=given.reuse, reused=figures["runs_of_an_earlier_day"]
        )
        small["not_less_pure"] = compared(*small["programs"].values())
        figures["relion_version"] = relion_log.version()
    else:
        print(f"RELION is left out: {relion_2d.CLASSIFIER} is not installed, or --no-relion")
    stack = particle_stack.make(
        folder / "large", LARGE, generator=given.generator, reuse=given.reuse
    )
    print(f"{LARGE} particles, {LARGE_CLASSES} classes ...", flush=True)
    figures["large"] = {
        "particles": LARGE,
        "classes": LARGE_CLASSES,
        "iterations": LARGE_ITERATIONS,
        "programs": {
            "cryopick": own(
                Known(star=stack.star, views=stack.views),
                folder / "classes_large",
                classes=LARGE_CLASSES,
                iterations=LARGE_ITERATIONS,
                repeats=1,
            )
        },
    }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "pick_bench")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--relion", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    given = parser.parse_args()
    if not given.generator.is_file():
        print(f"skipped: no generator of micrographs at {given.generator}")
        return
    given.scratch.mkdir(parents=True, exist_ok=True)
    figures = measure_all(given)
    for name in ("small", "large"):
        for program, row in figures[name]["programs"].items():
            print(
                f"{name:<6} {program:<10}{row['wall_s']['median']:8.1f} s"
                f"{row['cpu_s']['median']:9.1f} s of the processor"
                f"{row['peak_private_mb']['median']:7.0f} MB   spread "
                f"{row['angular_spread_deg']:.1f} degrees, adjusted Rand index "
                f"{row['adjusted_rand_index']:.3f} (at best {row['ceiling']:.3f})"
            )
    full = given.repeats >= 3 and "relion_version" in figures
    write_result("classify_speed", figures, smaller=not full)


if __name__ == "__main__":
    main()
