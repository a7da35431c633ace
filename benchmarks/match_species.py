"""Six small species, one simulated tomogram each: exact engine, bank and pyTME in one table.

    python benchmarks/match_species.py --pytme DIR [--species VLP ...] [--scratch DIR] [--reuse]

20S proteasome, apoferritin, beta-galactosidase, thyroglobulin, GroEL and a virus-like particle; the
80S ribosome, too, where asked for (``--species``), as match_bank_exact.py has it. Each tomogram (96 x 216 x 216 voxels of 10 Å, 41
tilts, 3 µm underfocus, phases flipped, 20 e/Å² in all) holds up to 40 targets among the six other
species, a vesicle and gold. At the usual six times as many electrons most of these species are
found without a fault by everybody, which tells nothing (``--exposure 120``). Everybody gets the
same template and mask, and the same knowledge of the tilts: cryopick takes angles, exposures and
defoci; pyTME what served it best here (``PEER_OPTIONS``). The number of rotations is nearly the
same: pyTME's set of 1,992 (``-a 17``) and our list of 1,944, 20 degrees apart. Point groups are
not used.

Average precision is that of the best four picks per target, within a quarter of the diameter.
pyTME: see match_against_pytme.py. Prints a table, and writes results/match_species.json.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryopick.model import Picks
from measuring import own_match, pytme_peer
from measuring.command import Measured
from measuring.pytme_peer import Search
from measuring.result_file import SHARED_DATA, write_result
from measuring.species import DEFOCUS_UM, FILES, Recipe, Scene, make_scene, map_files
from measuring.tomogram_truth import best_first, rated

ENGINES = ("exact", "bank")
STEP_DEG = 20.0
PEER_STEP_DEG = 17.0
PEER_OPTIONS = (
    "--invert-target-contrast", "--tilt-weighting", "angle", "--defocus", DEFOCUS_UM * 1e4,
    "--amplitude-contrast", 0.07,
)  # fmt: skip
SHARE_LISTED = 4
SMALL = tuple(name for name in FILES if name != "80S ribosome")
RECIPE = Recipe(
    size_px=(216, 216, 96),
    targets=40,
    others=8,
    gold_beads=4,
    vesicles=1,
    ice_angstrom=920,
    exposure_e_per_a2=20,
    seed=1,
)


def row_of(picks: Picks, scene: Scene, run: Measured) -> dict[str, Any]:
    """Accuracy of a list, cut to the length that every program's is cut to, and the time."""
    found = rated(
        best_first(picks, SHARE_LISTED * len(scene.targets)),
        scene.targets,
        tolerance_angstrom=scene.diameter_angstrom / 4,
        others=scene.others,
    )
    # The maps' symmetry axes are not in a standard setting: such an angle would mean nothing.
    del found["angle_error_deg"]
    return found | {"cpu_s": round(run.cpu_seconds, 1), "wall_s": round(run.wall_seconds, 1)}


def own(scene: Scene, engine: str, folder: Path) -> dict[str, Any]:
    out = folder / engine
    run = own_match.match(own_match.scene_words(scene, engine, step_deg=STEP_DEG), out)
    n = SHARE_LISTED * len(scene.targets)
    picks = own_match.long_list(out, scene.tomogram, n=n, diameter_angstrom=scene.diameter_angstrom)
    return row_of(picks, scene, run)


def peer(environment: Path, scene: Scene, folder: Path, step_deg: float) -> dict[str, Any]:
    search = Search(
        tomogram=scene.tomogram,
        template=scene.bright_template,
        mask=scene.mask,
        angular_step_deg=step_deg,
        tilts=str(scene.tilts),
        options=tuple(map(str, PEER_OPTIONS)),
    )
    out = folder / "pytme.pickle"
    run = pytme_peer.match(environment, search, out)
    found = pytme_peer.read(environment, out, box_px=scene.box_px)
    picks = pytme_peer.picks_of(
        found,
        scene.grid,
        n=SHARE_LISTED * len(scene.targets),
        distance_angstrom=scene.diameter_angstrom / 2,
        border_angstrom=scene.diameter_angstrom / 2,
    )
    return row_of(picks, scene, run)


def show(rows: dict[str, dict[str, Any]]) -> None:
    programs = list(dict.fromkeys(p for row in rows.values() for p in row["programs"]))
    print(f"\n{'average precision':<22}{'targets':>8}" + "".join(f"{p:>10}" for p in programs))
    for species, row in rows.items():
        cells = [row["programs"].get(p, {}).get("average_precision") for p in programs]
        words = "".join(f"{'-' if cell is None else format(cell, '.3f'):>10}" for cell in cells)
        print(f"{species:<22}{row['targets']:>8}{words}")
    for key, title in (("best_f1", "best F1"), ("cpu_s", "processor s")):
        print(f"\n{title}")
        for species, row in rows.items():
            cells = [row["programs"].get(p, {}).get(key) for p in programs]
            words = "".join(f"{'-' if cell is None else format(cell, '.4g'):>10}" for cell in cells)
            print(f"{species:<30}{words}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pytme", type=Path, help="environment that has pyTME")
    parser.add_argument("--species", nargs="*", choices=list(FILES), default=list(SMALL))
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "match_bench")
    parser.add_argument("--reuse", action="store_true", help="take tomograms that are there")
    parser.add_argument("--pytme-step", type=float, default=PEER_STEP_DEG)
    parser.add_argument(
        "--exposure", type=float, default=RECIPE.exposure_e_per_a2, help="e/Å² of all tilts"
    )
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    given = parser.parse_args()
    if not (given.data / "structures").is_dir():
        print(f"skipped: no maps in {given.data / 'structures'}")
        return
    environment = pytme_peer.environment(given.pytme)
    if environment is None:
        print(f"pyTME is left out: give --pytme DIR; {pytme_peer.SETUP}")
    maps = map_files(given.data / "structures", given.scratch / "maps")
    recipe = replace(RECIPE, exposure_e_per_a2=given.exposure)
    rows: dict[str, dict[str, Any]] = {}
    for species in given.species:
        folder = given.scratch / "species" / species.replace(" ", "_")
        scene = make_scene(species, maps, recipe, folder, reuse=given.reuse)
        programs = {engine: own(scene, engine, folder) for engine in ENGINES}
        if environment is not None:
            programs["pyTME"] = peer(environment, scene, folder, given.pytme_step)
        rows[species] = {"targets": len(scene.targets), "programs": programs}
        show({species: rows[species]})
    show(rows)
    figures = {
        "size_px": list(RECIPE.size_px),
        "exposure_e_per_a2": given.exposure,
        "angular_step_deg": STEP_DEG,
        "pytme_version": None if environment is None else pytme_peer.version(environment),
        "species": rows,
    }
    full = (
        set(rows) >= set(SMALL)
        and environment is not None
        and given.pytme_step <= PEER_STEP_DEG
        and recipe == RECIPE
    )
    write_result("match_species", figures, smaller=not full)


if __name__ == "__main__":
    main()
