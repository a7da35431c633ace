"""kill -9 at random moments of one search: does ``cryopick resume`` end at the same result?

    python benchmarks/match_kill.py [--kills 10] [--engines bank exact] [--seed 0] [--scratch DIR]

One tomogram, so that every kill lies inside it: what is kept are the checkpoints of the search. At
ten random moments the driver or its worker is killed and the job resumed; a job that ends before
its moment comes is compared and a new one begun, until ten kills have hit. Compared byte by byte with
an undisturbed run: picks, discarded candidates, score and angle maps. A second undisturbed run must
be equal as well. It is also told how much longer the disturbed jobs took: a kill may cost a minute.

Exits with 1 if anything differs. Writes results/match_kill.json.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kill_resume import differing, kill, start, victim_of
from measuring import own_match
from measuring.command import cryopick
from measuring.result_file import write_result
from measuring.synthetic_tomograms import GENERATOR, Synthetic, make

FULL_KILLS = 10
STEP_DEG = 10.0
PATIENCE_SECONDS = 3600
# What a search computed. Records, logs and reports tell when and how often, which may differ.
RESULTS = ("picks.star", "discarded.star", "items/*/*.mrc", "items/*/*.npz")
OPTIONS = ("--tilts=-60,60", "--gold-contrast", "bright", "--workers", 1, "--seed", 3)


def results_of(folder: Path) -> dict[str, bytes]:
    """All files that a search computed, by their place in its folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in RESULTS
        for path in sorted(folder.glob(pattern))
    }


@dataclass(kw_only=True)
class Tally:
    """What happened to the disturbed jobs."""

    moments: random.Random
    kills: dict[str, int] = field(default_factory=lambda: {"driver": 0, "worker": 0})
    at_seconds: list[float] = field(default_factory=list)
    resumes: int = 0
    job_seconds: list[float] = field(default_factory=list)
    kills_per_job: list[int] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    @property
    def n_kills(self) -> int:
        return sum(self.kills.values())


def state_of(out: Path) -> str:
    return json.loads((out / "job.json").read_text("utf-8"))["state"]


def disturb(words: list[object], out: Path, tally: Tally, *, kills: int, longest: float) -> None:
    """Run one job to its end, killing as it goes; ``longest`` is how long it takes undisturbed."""
    before = tally.n_kills
    begun = time.monotonic()
    process = start(*words, "-o", out)
    while tally.n_kills < kills:
        moment = tally.moments.uniform(0, longest)
        who = tally.moments.choice(["driver", "worker"])
        try:
            process.wait(timeout=moment)
            break  # it was faster than the moment
        except subprocess.TimeoutExpired:
            pass
        victim = victim_of(process, who)
        if victim is None or not (out / "job.json").exists() or not kill(victim):
            continue
        tally.kills[who] += 1
        tally.at_seconds.append(round(time.monotonic() - begun, 1))
        if who == "driver":
            process.wait()
            process = start("resume", out, "--workers", 1)
            tally.resumes += 1
    process.wait(timeout=PATIENCE_SECONDS)
    while state_of(out) != "finished":
        # A worker killed twice under the same item gives that item up; resume tries it again.
        cryopick("resume", out, "--workers", 1)
        tally.resumes += 1
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise RuntimeError(f"the job never finished after {tally.n_kills} kills")
    tally.job_seconds.append(round(time.monotonic() - begun, 1))
    tally.kills_per_job.append(tally.n_kills - before)


def killed_searches(
    data: Synthetic, folder: Path, *, kills: int, engine: str, seed: int
) -> dict[str, Any]:
    """Kill drivers and workers; compare with an undisturbed run, and that with a second one."""
    words = own_match.words_for(
        data.tomogram, data.template, data.mask, *OPTIONS, "--engine", engine, step_deg=STEP_DEG
    )
    runs = [own_match.match(words, folder / name) for name in ("undisturbed", "again")]
    truth = results_of(folder / "undisturbed")
    if not any(name.endswith("scores.mrc") for name in truth) or "picks.star" not in truth:
        raise RuntimeError(f"the search left no score map or no picks: {sorted(truth)}")
    tally = Tally(moments=random.Random(seed))
    while tally.n_kills < kills:
        out = folder / f"killed{len(tally.job_seconds)}"
        shutil.rmtree(out, ignore_errors=True)
        disturb(words, out, tally, kills=kills, longest=runs[0].wall_seconds)
        tally.differing += [f"{out.name}/{name}" for name in differing(truth, results_of(out))]
    return {
        "engine": engine,
        "undisturbed_s": [round(run.wall_seconds, 1) for run in runs],
        "files_compared_per_job": len(truth),
        "differing_files_of_second_run": differing(truth, results_of(folder / "again")),
        "kills": tally.kills,
        "seconds_into_the_job_at_each_kill": tally.at_seconds,
        "kills_per_job": tally.kills_per_job,
        "job_s": tally.job_seconds,
        "resumes": tally.resumes,
        "differing_files": tally.differing,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=FULL_KILLS)
    parser.add_argument("--engines", nargs="*", default=["bank", "exact"])
    parser.add_argument("--tomogram", default="tomoS", help="which of the synthetic ones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "match_bench")
    parser.add_argument("--reuse", action="store_true", help="take tomograms that are there")
    given = parser.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    data = make(given.scratch / "synthetic", generator=given.generator, reuse=given.reuse)
    figures: dict[str, Any] = {"seed": given.seed, "tomogram": given.tomogram, "engines": {}}
    for engine in given.engines:
        with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
            found = killed_searches(
                data[given.tomogram],
                Path(folder),
                kills=given.kills,
                engine=engine,
                seed=given.seed,
            )
        figures["engines"][engine] = found
        print(f"{engine}: {json.dumps(found)}", flush=True)
    differ = [
        name
        for found in figures["engines"].values()
        for name in (*found["differing_files"], *found["differing_files_of_second_run"])
    ]
    figures["equal"] = not differ
    full = given.kills >= FULL_KILLS and {"bank", "exact"} <= set(given.engines)
    write_result("match_kill", figures, smaller=not full)
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
