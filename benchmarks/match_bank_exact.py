"""The bank against the exact engine on one realistic tomogram: accuracy and processor time.

    python benchmarks/match_bank_exact.py [--size 400 400 180] [--scratch DIR] [--reuse]

180 x 400 x 400 voxels of 10 Å: 80S ribosomes among six other species, vesicles and gold, 41 tilts, 3 µm
underfocus, phases flipped. Both engines search the same list of rotations with the same template,
mask and optics, and the same refinement and candidates follow. Average precision is that of the
best four picks per ribosome, within a quarter of the diameter. Prints, and writes
results/match_bank_exact.json. The exact engine takes many minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from measuring import own_match
from measuring.command import Measured
from measuring.result_file import SHARED_DATA, spread, write_result
from measuring.species import Recipe, Scene, make_scene, map_files
from measuring.tomogram_truth import best_first, rated

TARGET = "80S ribosome"
SIZE_PX = (400, 400, 180)
STEP_DEG = 20.0
SHARE_LISTED = 4


def recipe_for(size_px: tuple[int, int, int]) -> Recipe:
    """As crowded whatever the size; the ice leaves a margin above and below."""
    share = size_px[0] * size_px[1] / (SIZE_PX[0] * SIZE_PX[1])
    return Recipe(
        size_px=size_px,
        targets=max(4, round(80 * share)),
        others=max(1, round(30 * share)),
        gold_beads=max(1, round(8 * share)),
        vesicles=max(1, round(3 * share)),
        ice_angstrom=size_px[2] * 10.0 * 0.85,
        seed=5,
    )


def search(
    scene: Scene, engine: str, folder: Path, step_deg: float
) -> tuple[dict[str, Any], Measured]:
    """One engine's figures."""
    out = folder / engine
    tolerance = scene.diameter_angstrom / 4
    run = own_match.match(own_match.scene_words(scene, engine, step_deg=step_deg), out)
    n = SHARE_LISTED * len(scene.targets)
    listed = own_match.long_list(
        out, scene.tomogram, n=n, diameter_angstrom=scene.diameter_angstrom
    )
    figures = rated(
        best_first(listed, n), scene.targets, tolerance_angstrom=tolerance, others=scene.others
    )
    as_given = own_match.picks_in(out, scene.tomogram)
    at_cut = rated(as_given, scene.targets, tolerance_angstrom=tolerance)
    figures["at_default_cut_off"] = {key: at_cut[key] for key in ("picks", "precision", "recall")}
    return figures, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=3, default=list(SIZE_PX), metavar=("X", "Y", "Z"))
    parser.add_argument("--angular-step", type=float, default=STEP_DEG)
    parser.add_argument("--bank-repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "match_bench")
    parser.add_argument("--reuse", action="store_true", help="take a tomogram that is there")
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    given = parser.parse_args()
    if not (given.data / "structures").is_dir():
        print(f"skipped: no maps in {given.data / 'structures'}")
        return
    size = (given.size[0], given.size[1], given.size[2])
    maps = map_files(given.data / "structures", given.scratch / "maps")
    folder = given.scratch / f"bank_exact_{size[0]}"
    scene = make_scene(TARGET, maps, recipe_for(size), folder, reuse=given.reuse)
    engines: dict[str, Any] = {}
    for engine, repeats in (("bank", given.bank_repeats), ("exact", 1)):
        runs: list[Measured] = []
        for _ in range(repeats):
            figures, run = search(scene, engine, folder, given.angular_step)
            runs.append(run)
        engines[engine] = figures | {
            "cpu_s": spread((run.cpu_seconds for run in runs), 1),
            "wall_s": spread((run.wall_seconds for run in runs), 1),
            "peak_private_mb": spread((run.peak_private_mb for run in runs), 0),
        }
        print(f"{engine}: {engines[engine]}", flush=True)
    bank, exact = engines["bank"], engines["exact"]
    result = {
        "size_px": list(size),
        "angular_step_deg": given.angular_step,
        "targets": len(scene.targets),
        "others": len(scene.others),
        "engines": engines,
        "average_precision_lost": round(exact["average_precision"] - bank["average_precision"], 4),
        "times_less_cpu": round(exact["cpu_s"]["median"] / bank["cpu_s"]["median"], 1),
    }
    print(
        f"average precision: exact {exact['average_precision']}, bank {bank['average_precision']}; "
        f"{result['times_less_cpu']} times less time of the processor"
    )
    full = size == SIZE_PX and given.angular_step <= STEP_DEG and given.bank_repeats >= 3
    write_result("match_bank_exact", result, smaller=not full)


if __name__ == "__main__":
    main()
