"""Extraction beside RELION's: particles per second, and whether the pixels are the same.

    python benchmarks/extract_speed.py [--scratch DIR] [--reuse] [--repeats 5]

2,400 boxes of 256 px are cut from four micrographs of 4096 x 4096 (../shared/tools/synthetic),
shrunk to 64 px, normalised and inverted, by ``extract particles`` (in RELION's order of steps) and by
``relion_preprocess``. Places are the true particles, and as many again near them; all are whole
pixels, so that no rule of rounding plays a part, and boxes over an edge are filled by both.

Times are of whole commands, in turns; ``work`` is what our job itself says that its items took,
one after the other. Equality: the largest difference of any pixel of any particle, in standard
deviations of the background, which is 1 in these images.
Prints a table, and writes results/extract_speed.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.particles import read_particle_images, read_particles
from cryopick.model import Particles, Picks
from measuring import own_2d, relion_2d, relion_log, synthetic_micrographs
from measuring.command import Measured
from measuring.result_file import spread, write_result
from measuring.synthetic_micrographs import GENERATOR, MicrographSet

BOX_PX, RESCALED_PX = 256, 64
NEARBY_SD_PX = 20.0
SEED = 3


def places(data: MicrographSet) -> Picks:
    """True particles and places near them, in whole pixels."""
    true = data.truth.position_angstrom / data.grid.pixel_size_angstrom
    rng = np.random.default_rng(SEED)
    near = np.clip(true + rng.normal(scale=NEARBY_SD_PX, size=true.shape), 1, None)
    px = np.rint(np.concatenate([true, np.minimum(near, np.array(data.grid.shape[::-1]) - 2)]))
    names = np.concatenate([data.truth.image, data.truth.image])
    order = np.argsort(names, kind="stable")
    return Picks.of(data.grid.to_angstrom(px[order]), image=names[order])


def write_csv(path: Path, picks: Picks, data: MicrographSet) -> None:
    px = data.grid.to_px(picks.position_angstrom)
    lines = [
        f"{name}.mrc,{x:.0f},{y:.0f}" for name, (x, y) in zip(picks.image, px.tolist(), strict=True)
    ]
    path.write_text("\n".join(["image,x,y", *lines]) + "\n", "utf-8")


def in_order(particles: Particles, picks: Picks) -> NDArray[np.float32]:
    """Images in the order of the picks, wherever a program listed them."""

    def keys(chosen: Picks) -> list[tuple[str, int, int]]:
        names = [Path(name).stem for name in chosen.image.tolist()]
        whole = np.rint(chosen.position_angstrom).astype(int).tolist()
        return [(name, x, y) for name, (x, y) in zip(names, whole, strict=True)]

    row_of = {key: row for row, key in enumerate(keys(particles.picks))}
    return read_particle_images(particles, [row_of[key] for key in keys(picks)])


def differences(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> dict[str, float]:
    """How far pixels are apart, in standard deviations of the background.

    Examples
    --------
    >>> differences(np.zeros((1, 2, 2), np.float32), np.full((1, 2, 2), 0.5, np.float32))
    {'largest': 0.5, 'root_mean_square': 0.5}
    """
    apart = ours.astype(np.float64) - theirs
    return {
        "largest": round(float(np.abs(apart).max()), 6),
        "root_mean_square": round(float(np.sqrt((apart**2).mean())), 6),
    }


def measure_all(given: argparse.Namespace) -> dict[str, Any]:
    folder: Path = given.scratch
    data = synthetic_micrographs.make(folder, generator=given.generator, reuse=given.reuse)
    picks = places(data)
    table, out = folder / "places.csv", folder / "extract"
    write_csv(table, picks, data)
    grids = dict.fromkeys(data.images, data.grid)
    relion_2d.write_coordinates(data.folder / "places", picks, grids)
    has_relion = relion_2d.is_installed(relion_2d.EXTRACTOR)
    ours: list[Measured] = []
    theirs: list[Measured] = []
    items: list[float] = []
    for _ in range(given.repeats):
        ours.append(
            own_2d.extract(
                table,
                data.images.values(),
                out,
                box_px=BOX_PX,
                rescaled_px=RESCALED_PX,
                options=("--border", "fill", "--pixel-size", data.grid.pixel_size_angstrom),
            )
        )
        timings = json.loads((out / "job.json").read_text("utf-8"))["timings"]
        items.append(sum(timings.values()))
        if has_relion:
            theirs.append(
                relion_2d.extract(
                    data.folder,
                    data.star.name,
                    "places",
                    "Extract",
                    box_px=BOX_PX,
                    rescaled_px=RESCALED_PX,
                )
            )
    n = len(picks)
    figures: dict[str, Any] = {
        "particles": n,
        "box_px": BOX_PX,
        "rescaled_px": RESCALED_PX,
        "programs": {"cryopick": times(ours, n) | {"work_s": spread(items)}},
    }
    if not has_relion:
        print(f"RELION is left out: {relion_2d.EXTRACTOR} is not installed")
        return figures
    figures["relion_version"] = relion_log.version()
    figures["programs"]["RELION"] = times(theirs, n)
    figures["difference_sd"] = differences(
        in_order(read_particles(out / "particles.star"), picks),
        in_order(_from(data.folder, "Extract/particles.star"), picks),
    )
    return figures


def _from(folder: Path, star: str) -> Particles:
    """RELION names its stacks from the folder it ran in."""
    from dataclasses import replace

    particles = read_particles(folder / star)
    return replace(
        particles, file=np.array([str(folder / name) for name in particles.file.tolist()])
    )


def times(runs: list[Measured], n: int) -> dict[str, Any]:
    return {
        "wall_s": spread(run.wall_seconds for run in runs),
        "cpu_s": spread(run.cpu_seconds for run in runs),
        "particles_per_s": spread((n / run.wall_seconds for run in runs), 0),
        "particles_per_cpu_s": spread((n / run.cpu_seconds for run in runs), 0),
        "peak_rss_mb": spread((run.peak_rss_mb for run in runs), 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "pick_bench")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    given = parser.parse_args()
    if not given.generator.is_file():
        print(f"skipped: no generator of micrographs at {given.generator}")
        return
    given.scratch.mkdir(parents=True, exist_ok=True)
    figures = measure_all(given)
    for program, row in figures["programs"].items():
        print(
            f"{program:<10}{row['wall_s']['median']:8.2f} s{row['cpu_s']['median']:8.2f} s of the "
            f"processor{row['particles_per_s']['median']:8.0f} particles/s"
        )
    print(f"difference, sd of the background: {figures.get('difference_sd')}")
    full = given.repeats >= 3 and "relion_version" in figures
    write_result("extract_speed", figures, smaller=not full)


if __name__ == "__main__":
    main()
