"""Template matching beside pyTME in one run: time and accuracy on two synthetic tomograms.

    python benchmarks/match_against_pytme.py --pytme DIR [--scratch DIR] [--reuse]

pyTME lives in an environment of its own: ``python3 -m venv DIR && DIR/bin/pip install
pytme==0.3.6``; DIR may also be given by the variable CRYOPICK_PYTME. Without it only cryopick runs.
The tomograms (``tomoL`` and, with more noise, ``tomoL_hard``, 200 x 480 x 480) come from
../shared/tools/synthetic/gen3d.py, code that is independent of this project's.

Time: pyTME searches tomoL with 24 and with 360 rotations; the line through both gives its time for
7,800, the number behind our 14 degrees. It runs one process of one thread; its two-process mode
took more processor time. The whole ``cryopick match`` (search, refinement, candidates, report) is
timed from outside. Compared are seconds of the processor, and wall times with all of our workers.

Accuracy: the best N picks of each, N the number of targets, so that precision equals recall;
within 5 voxels. pyTME is scored at 360 rotations and at those of ``--pytme-step`` (slow).
``--reuse`` takes data and finished searches of pyTME that lie in the scratch folder.
Prints a table, and writes results/match_against_pytme.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryopick.model import Picks
from measuring import own_match, pytme_peer
from measuring.command import Measured
from measuring.pytme_peer import Search
from measuring.result_file import spread, write_result
from measuring.synthetic_tomograms import (
    BOX_PX,
    DIAMETER_ANGSTROM,
    GENERATOR,
    PIXEL_ANGSTROM,
    Synthetic,
    make,
)
from measuring.tomogram_truth import best_first, rated

STEP_DEG = 14.0
ROTATIONS = 7800  # of a HEALPix list at 14 degrees
FEW_STEP_DEG, MANY_STEP_DEG = 90.0, 30.0  # 24 and 360 rotations
TOLERANCE_ANGSTROM = 5 * PIXEL_ANGSTROM
TOMOGRAMS = ("tomoL", "tomoL_hard")
SHARE_LISTED = 4  # picks listed per target
OWN_OPTIONS = ("--tilts=-60,60", "--gold-contrast", "bright")


def scores_of(picks: Picks, data: Synthetic) -> dict[str, Any]:
    """Figures of a list, cut to the same length for every program."""
    listed = best_first(picks, SHARE_LISTED * len(data.targets))
    return rated(listed, data.targets, tolerance_angstrom=TOLERANCE_ANGSTROM, others=data.others)


@dataclass(kw_only=True)
class Peer:
    """Searches of pyTME: each is done once in a run, and with ``reuse`` only where none is kept."""

    environment: Path
    folder: Path
    reuse: bool
    done: dict[Path, Measured] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)

    def search(self, name: str, data: Synthetic, step_deg: float) -> tuple[Path, Measured]:
        """The result, and what it took."""
        out = self.folder / f"{name}_{step_deg:g}.pickle"
        kept = out.with_suffix(".json")
        if out not in self.done and self.reuse and out.is_file() and kept.is_file():
            self.done[out] = Measured(**json.loads(kept.read_text("utf-8")))
            self.reused.append(out.stem)
        if out not in self.done:
            print(f"pyTME: {name} at {step_deg:g} degrees ...", flush=True)
            search = Search(
                tomogram=data.tomogram,
                template=data.template,
                mask=data.mask,
                angular_step_deg=step_deg,
            )
            self.done[out] = pytme_peer.match(self.environment, search, out)
            kept.write_text(json.dumps(asdict(self.done[out])), "utf-8")
        return out, self.done[out]

    def times(self, data: Synthetic) -> dict[str, Any]:
        """Time with few and with many rotations, and the line through both."""
        measured: dict[str, Any] = {}
        points: dict[str, list[tuple[int, float]]] = {"cpu": [], "wall": []}
        for step in (FEW_STEP_DEG, MANY_STEP_DEG):
            _, run = self.search("tomoL", data, step)
            n = pytme_peer.n_rotations(self.environment, step)
            points["cpu"].append((n, run.cpu_seconds))
            points["wall"].append((n, run.wall_seconds))
            measured[f"{n}_rotations"] = times([run])
        for clock, (few, many) in points.items():
            total, each = pytme_peer.extrapolated(few, many, ROTATIONS)
            measured[f"{clock}_s_per_rotation"] = round(each, 4)
            measured[f"{clock}_s_for_{ROTATIONS}"] = round(total, 1)
        return measured

    def accuracy(self, name: str, data: Synthetic, step_deg: float) -> dict[str, Any]:
        """Figures of its best list."""
        result, run = self.search(name, data, step_deg)
        found = pytme_peer.read(self.environment, result, box_px=BOX_PX)
        picks = pytme_peer.picks_of(
            found,
            own_match.grid_of(data.tomogram),
            n=SHARE_LISTED * len(data.targets),
            distance_angstrom=DIAMETER_ANGSTROM / 2,
            border_angstrom=DIAMETER_ANGSTROM / 2,
        )
        return {"rotations": len(found.rotation)} | scores_of(picks, data) | times([run])


def times(runs: list[Measured]) -> dict[str, Any]:
    return {
        "cpu_s": spread((run.cpu_seconds for run in runs), 1),
        "wall_s": spread((run.wall_seconds for run in runs), 1),
        "peak_rss_mb": spread((run.peak_rss_mb for run in runs), 0),
        "peak_private_mb": spread((run.peak_private_mb for run in runs), 0),
    }


def own(data: Synthetic, folder: Path, repeats: int, step_deg: float) -> dict[str, Any]:
    """The whole command, timed; then its best list, and the list that a user gets."""
    words = own_match.words_for(
        data.tomogram, data.template, data.mask, *OWN_OPTIONS, step_deg=step_deg
    )
    runs = [own_match.match(words, folder / "match") for _ in range(repeats)]
    as_given = own_match.picks_in(folder / "match", data.tomogram)
    n = SHARE_LISTED * len(data.targets)
    listed = own_match.long_list(
        folder / "match", data.tomogram, n=n, diameter_angstrom=DIAMETER_ANGSTROM
    )
    found = scores_of(listed, data)
    at_cut = rated(as_given, data.targets, tolerance_angstrom=TOLERANCE_ANGSTROM)
    return {
        "angular_step_deg": step_deg,
        **found,
        **times(runs),
        "at_default_cut_off": {key: at_cut[key] for key in ("picks", "precision", "recall")},
    }


def show(name: str, rows: dict[str, dict[str, Any]]) -> None:
    print(f"\n{name}")
    print(f"{'':<26}{'P=R at N':>9}{'AP':>8}{'best F1':>9}{'angle':>8}{'Å':>7}  false picks lie on")
    for program, row in rows.items():
        cells = [row[key] for key in ("precision_at_n", "average_precision", "best_f1")]
        errors = [row["angle_error_deg"], row["position_error_angstrom"]]
        words = [f"{'-' if cell is None else format(cell, '.3f'):>8}" for cell in cells]
        words += [f"{'-' if cell is None else format(cell, '.1f'):>7}" for cell in errors]
        print(f"{program:<26}{' '.join(words)}  {row['false_on']}")


def measure_all(given: argparse.Namespace) -> dict[str, Any]:
    environment = pytme_peer.environment(given.pytme)
    scratch: Path = given.scratch
    data = make(scratch / "synthetic", generator=given.generator, reuse=given.reuse)
    figures: dict[str, Any] = {"rotations_compared": ROTATIONS, "tomograms": {}}
    peer = None
    if environment is None:
        print(f"pyTME is left out: give --pytme DIR; {pytme_peer.SETUP}")
    else:
        (scratch / "pytme").mkdir(exist_ok=True)
        peer = Peer(environment=environment, folder=scratch / "pytme", reuse=given.reuse)
        figures["pytme_version"] = pytme_peer.version(environment)
        figures["pytme_time"] = peer.times(data["tomoL"])
    for name in TOMOGRAMS:
        (scratch / name).mkdir(exist_ok=True)
        rows = {"cryopick": own(data[name], scratch / name, given.repeats, given.angular_step)}
        for step in dict.fromkeys((MANY_STEP_DEG, *given.pytme_step)) if peer else ():
            row = peer.accuracy(name, data[name], step)
            rows[f"pyTME, {row['rotations']} rotations"] = row
        figures["tomograms"][name] = rows
        show(name, rows)
    if peer is not None:
        figures["pytme_searches_of_an_earlier_run"] = peer.reused
        figures["times_faster"] = ratios(figures)
        print(f"\ntimes faster than pyTME with {ROTATIONS} rotations: {figures['times_faster']}")
    return figures


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """pyTME's extrapolated time over that of the whole of our command."""
    mine = figures["tomograms"]["tomoL"]["cryopick"]
    return {
        clock: round(
            figures["pytme_time"][f"{clock}_s_for_{ROTATIONS}"] / mine[f"{clock}_s"]["median"], 1
        )
        for clock in ("cpu", "wall")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pytme", type=Path, help="environment that has pyTME")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "match_bench")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--angular-step", type=float, default=STEP_DEG)
    parser.add_argument("--pytme-step", type=float, nargs="*", default=[], help="further steps")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    given = parser.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    figures = measure_all(given)
    full = "pytme_version" in figures and given.repeats >= 3 and given.angular_step <= STEP_DEG
    write_result("match_against_pytme", figures, smaller=not full)


if __name__ == "__main__":
    main()
