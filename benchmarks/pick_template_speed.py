"""Template picking beside RELION and Topaz on the same micrographs: time and accuracy.

    python benchmarks/pick_template_speed.py [--scratch DIR] [--reuse] [--topaz DIR] [--repeats 3]

The four micrographs (4096 x 4096 at 1 Å, 1,200 particles of 150 Å) come from
../shared/tools/synthetic/gen2d.py, code that is independent of this project's. Compared are

- ``pick template`` and ``relion_autopick`` with the same eight projections, 72 angles each, low-pass
  20 Å, working image shrunk to it, CTF of each micrograph;
- ``pick template`` with references of its own: 50 views that ``template --project`` makes of the
  particle's map;
- ``pick log`` and RELION's LoG picker with the same two diameters;
- Topaz's pretrained detector on two of the micrographs, where its environment is given.

Times are of whole commands, ours with all cores and RELION with its one process; what is compared
is seconds of the processor. Programs take turns. A match lies within 40 Å of the truth. ``f1`` is of
the picks that a user gets; ``best_f1`` at the best threshold, for which ours are listed once more
from the saved maps. ``--reuse`` takes micrographs and runs of Topaz that lie in the scratch folder.
Prints a table, and writes results/pick_template_speed.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryopick.model import Picks
from measuring import own_2d, relion_2d, relion_log, synthetic_micrographs, topaz_peer
from measuring.command import Measured
from measuring.kept_run import kept_run
from measuring.micrograph_truth import scored
from measuring.result_file import spread, write_result
from measuring.synthetic_micrographs import GENERATOR, PIXEL_ANGSTROM, MicrographSet

TOLERANCE_ANGSTROM = 40.0
CIRCLE_ANGSTROM = 180.0
MIN_DISTANCE_ANGSTROM = 120.0
LOG_DIAMETERS = (130.0, 180.0)
VIEWS, REFERENCE_BOX_PX, REFERENCE_PIXEL = 50, 64, 4.0
TOPAZ_SCALE, TOPAZ_RADIUS_PX, TOPAZ_IMAGES = 4, 15, 2


def rated(picks: Picks, data: MicrographSet) -> dict[str, Any]:
    return scored(picks, data.truth, tolerance_angstrom=TOLERANCE_ANGSTROM)


def own_template(data: MicrographSet, out: Path, references: Path, pixel: float) -> Measured:
    return own_2d.pick_template(
        data.images.values(),
        out,
        references=references,
        references_pixel_angstrom=pixel,
        pixel_angstrom=PIXEL_ANGSTROM,
        particle_diameter_angstrom=CIRCLE_ANGSTROM,
        ctf=data.star,
    )


def relion_template(data: MicrographSet) -> Measured:
    return relion_2d.pick_template(
        data.folder,
        data.star.name,
        "Template",
        references=data.references,
        references_pixel_angstrom=PIXEL_ANGSTROM,
        pixel_angstrom=PIXEL_ANGSTROM,
        particle_diameter_angstrom=CIRCLE_ANGSTROM,
        min_distance_angstrom=MIN_DISTANCE_ANGSTROM,
    )


def pickers(data: MicrographSet, folder: Path) -> dict[str, Callable[[], Measured]]:
    """Every program that takes turns, by its title."""
    views = folder / "views"
    found: dict[str, Callable[[], Measured]] = {
        "template, 8 references": lambda: own_template(
            data, folder / "eight", data.references, PIXEL_ANGSTROM
        ),
        f"template, {VIEWS} own views": lambda: own_template(
            data, folder / "own", views / "references.mrcs", REFERENCE_PIXEL
        ),
        "log": lambda: own_2d.pick_log(
            data.images.values(),
            folder / "log",
            diameters_angstrom=LOG_DIAMETERS,
            pixel_angstrom=PIXEL_ANGSTROM,
        ),
    }
    if relion_2d.is_installed(relion_2d.PICKER):
        found["RELION template, 8 references"] = lambda: relion_template(data)
        found["RELION log"] = lambda: relion_2d.pick_log(
            data.folder,
            data.star.name,
            "LoG",
            diameters_angstrom=LOG_DIAMETERS,
            pixel_angstrom=PIXEL_ANGSTROM,
        )
    else:
        print(f"RELION is left out: {relion_2d.PICKER} is not installed")
    return found


def accuracy(data: MicrographSet, folder: Path) -> dict[str, dict[str, Any]]:
    """Figures of the last runs, by the titles of `pickers`."""
    grids = dict.fromkeys(data.images, data.grid)
    rows: dict[str, dict[str, Any]] = {}
    for title, name in (
        ("template, 8 references", "eight"),
        (f"template, {VIEWS} own views", "own"),
    ):
        rows[title] = rated(own_2d.long_list(folder / name, grids), data)
        given = rated(own_2d.picks_in(folder / name, grids), data)
        rows[title] |= {key: given[key] for key in ("picks", "precision", "recall", "f1")}
    rows["log"] = rated(own_2d.picks_in(folder / "log", grids), data)
    for title, name in (("RELION template, 8 references", "Template"), ("RELION log", "LoG")):
        if (data.folder / name).is_dir():
            rows[title] = rated(relion_2d.read_picked(data.folder / name, grids), data)
    return rows


def topaz(data: MicrographSet, environment: Path, folder: Path, *, reuse: bool) -> dict[str, Any]:
    """Topaz on the first micrographs; ours on the same ones are in ``accuracy_per_image``."""
    names = list(data.images)[:TOPAZ_IMAGES]
    small, table = folder / "small", folder / "picks.txt"
    topaz_peer.shim(environment)
    shrink = kept_run(
        folder / "preprocess.json",
        lambda: topaz_peer.preprocess(
            environment, [data.images[name] for name in names], small, scale=TOPAZ_SCALE
        ),
        reuse=reuse,
    )
    find = kept_run(
        folder / "extract.json",
        lambda: topaz_peer.extract(
            environment,
            [small / f"{name}.mrc" for name in names],
            table,
            scale=TOPAZ_SCALE,
            radius_px=TOPAZ_RADIUS_PX,
        ),
        reuse=reuse,
    )
    truth = data.truth[[name in names for name in data.truth.image.tolist()]]
    picks = topaz_peer.read(table, dict.fromkeys(names, data.grid))
    return {
        "images": len(names),
        "cpu_s_per_micrograph": round((shrink.cpu_seconds + find.cpu_seconds) / len(names), 2),
        **scored(picks, truth, tolerance_angstrom=TOLERANCE_ANGSTROM),
    }


def measure_all(given: argparse.Namespace) -> dict[str, Any]:
    folder: Path = given.scratch
    data = synthetic_micrographs.make(folder, generator=given.generator, reuse=given.reuse)
    own_2d.write_map(folder / "particle.mrc", generator=given.generator)
    projected = own_2d.project(
        folder / "particle.mrc", folder / "views",
        views=VIEWS, box_px=REFERENCE_BOX_PX, pixel_angstrom=REFERENCE_PIXEL,
    )  # fmt: skip
    runs: dict[str, list[Measured]] = {}
    for _ in range(given.repeats):
        for title, run in pickers(data, folder).items():
            print(f"{title} ...", flush=True)
            runs.setdefault(title, []).append(run())
    rows = accuracy(data, folder)
    for title, found in runs.items():
        rows[title] |= times(found, len(data.images))
    figures: dict[str, Any] = {
        "micrographs": len(data.images),
        "tolerance_angstrom": TOLERANCE_ANGSTROM,
        "making_of_own_views_cpu_s": round(projected.cpu_seconds, 2),
        "pickers": rows,
    }
    if "RELION log" in rows:
        figures["relion_version"] = relion_log.version()
        figures["times_faster"] = {
            kind: ratio(rows[f"RELION {kind}"], rows[kind])
            for kind in ("template, 8 references", "log")
        }
    environment = topaz_peer.environment(given.topaz)
    if environment is None:
        print(f"Topaz is left out: give --topaz DIR; {topaz_peer.SETUP}")
    else:
        figures["topaz"] = topaz(data, environment, folder / "topaz", reuse=given.reuse)
    return figures


def times(runs: list[Measured], n: int) -> dict[str, Any]:
    return {
        "cpu_s_per_micrograph": spread(run.cpu_seconds / n for run in runs),
        "wall_s_per_micrograph": spread(run.wall_seconds / n for run in runs),
        "peak_rss_mb": spread((run.peak_rss_mb for run in runs), 0),
    }


def ratio(theirs: dict[str, Any], mine: dict[str, Any]) -> float:
    key = "cpu_s_per_micrograph"
    return round(theirs[key]["median"] / mine[key]["median"], 2)


def show(figures: dict[str, Any]) -> None:
    print(f"\n{'':<32}{'CPU s':>7}{'wall':>7}{'MB':>7}{'picks':>7}{'F1':>7}{'best F1':>9}{'AP':>7}")
    for title, row in figures["pickers"].items():
        cells = [row[key]["median"] for key in ("cpu_s_per_micrograph", "wall_s_per_micrograph")]
        print(
            f"{title:<32}{cells[0]:7.2f}{cells[1]:7.2f}{row['peak_rss_mb']['median']:7.0f}"
            f"{row['picks']:7d}{row['f1']:7.3f}{row['best_f1']:9.3f}"
            f"{row['average_precision']:7.3f}"
        )
    for key in ("times_faster", "topaz"):
        if key in figures:
            print(f"{key}: {figures[key]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "pick_bench")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--topaz", type=Path, help="environment that has Topaz")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    given = parser.parse_args()
    if not given.generator.is_file():
        print(f"skipped: no generator of micrographs at {given.generator}")
        return
    given.scratch.mkdir(parents=True, exist_ok=True)
    figures = measure_all(given)
    show(figures)
    full = given.repeats >= 3 and "relion_version" in figures and "topaz" in figures
    write_result("pick_template_speed", figures, smaller=not full)


if __name__ == "__main__":
    main()
