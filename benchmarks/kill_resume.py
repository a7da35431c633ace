"""kill -9 at random moments: does ``cryopick resume`` finish, is any acknowledged edit lost?

    python benchmarks/kill_resume.py [--kills 20] [--images 50] [--seed 0]

Job: 50 micrographs are picked by two workers; at 20 random moments the driver or one worker is
killed. After a dead driver, ``cryopick resume`` goes on; when the job is finished its picks, score
maps and counts are compared, byte by byte, with those of an undisturbed run. A job that finishes
before its moment comes is compared and a new one begun, until 20 kills have hit.

Edits: a client edits a project as fast as it can and says each edit's number once it is told that
the edit is kept; it is killed at 20 random moments in each journal mode. Every edit it was told of
must be in the log, the rows must be those that the log makes, and the database must be whole.

Exits with 1 if anything differs. Writes results/kill_resume.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
sys.path.insert(0, str(TESTS))

from cryopick.io.images import write_mrc  # noqa: E402
from cryopick.project.edit_log import edits_since  # noqa: E402
from cryopick.project.edits import applied  # noqa: E402
from cryopick.project.pick_table import rows_of_image  # noqa: E402
from cryopick.project.store import JournalChoice, open_project  # noqa: E402
from measuring.command import CRYOPICK, cryopick, tree  # noqa: E402
from measuring.result_file import write_result  # noqa: E402
from project_maker import JOURNALS, project_with_picks  # noqa: E402

FULL_KILLS, FULL_IMAGES = 20, 50
SIZE_PX = 1024
PIXEL_ANGSTROM = 2.0
DIAMETER_PX = 60
PATIENCE_SECONDS = 120
EDITING_CLIENT = TESTS / "project" / "editing_client.py"
# What a job computed. Records and logs tell when and how often, which may differ.
RESULTS = ("picks.star", "discarded.star", "items/*/picks.npz", "items/*/scores.mrc",
           "items/*/threshold.json")  # fmt: skip


def write_micrographs(folder: Path, n: int, seed: int) -> list[Path]:
    """Noise with 25 dark discs each."""
    rng = np.random.default_rng(seed)
    radius = DIAMETER_PX // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = ((y**2 + x**2) <= radius**2).astype(np.float32)
    paths: list[Path] = []
    for i in range(n):
        pixels = rng.standard_normal((SIZE_PX, SIZE_PX), dtype=np.float32)
        for cy, cx in rng.integers(radius + 1, SIZE_PX - radius - 1, (25, 2)):
            pixels[cy - radius : cy + radius + 1, cx - radius : cx + radius + 1] -= 0.7 * disc
        paths.append(folder / f"mic{i:03d}.mrc")
        write_mrc(paths[-1], pixels, PIXEL_ANGSTROM)
    return paths


def results_of(folder: Path) -> dict[str, bytes]:
    """All files a job computed, by their place in its folder."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in RESULTS
        for path in sorted(folder.glob(pattern))
    }
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    kept = {key: summary[key] for key in ("picks", "picks_per_image", "thresholds", "discarded")}
    return found | {"summary.json": json.dumps(kept, sort_keys=True).encode()}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of files that only one has, or that differ.

    Examples
    --------
    >>> differing({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b""})
    ['b', 'c']
    """
    return sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))


def done_markers(folder: Path) -> dict[str, tuple[int, int]]:
    """When, and as which file, each item was marked done."""
    return {
        path.parent.name: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.glob("items/[!.]*/done.json")
    }


@dataclass(kw_only=True)
class Tally:
    """What happened to the disturbed jobs."""

    moments: random.Random
    kills: dict[str, int] = field(default_factory=lambda: {"driver": 0, "worker": 0})
    done_at_kill: list[int] = field(default_factory=list)
    resumes: int = 0
    jobs: int = 0
    redone: int = 0
    differing: list[str] = field(default_factory=list)

    @property
    def n_kills(self) -> int:
        return sum(self.kills.values())


def start(*words: object) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([str(CRYOPICK), *map(str, words)], stdout=quiet, stderr=quiet)


def victim_of(process: subprocess.Popen[bytes], who: str) -> int | None:
    """The process to kill; None where there is no worker yet (or any more)."""
    if who == "driver":
        return process.pid
    workers = tree(process.pid)[1:]
    return workers[-1] if workers else None


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def disturb(words: list[object], out: Path, tally: Tally, *, kills: int, longest: float) -> None:
    """Run one job to its end, killing as it goes; ``longest`` is how long it takes undisturbed."""
    tally.jobs += 1
    process = start(*words, "-o", out)
    begun = time.monotonic()
    while tally.n_kills < kills:
        # Half the time a whole job takes: most jobs are so killed more than once.
        moment = tally.moments.uniform(0, longest / 2)
        who = tally.moments.choice(["driver", "worker"])
        try:
            process.wait(timeout=moment)
            break  # it was faster than the moment
        except subprocess.TimeoutExpired:
            pass
        victim = victim_of(process, who)
        if victim is None or not (out / "job.json").exists():
            continue  # nothing is under way yet that could be lost
        before = done_markers(out)
        if not kill(victim):
            continue
        tally.kills[who] += 1
        tally.done_at_kill.append(len(before))
        if who == "driver":
            process.wait()
            process = start("resume", out, "--workers", 2)
            tally.resumes += 1
        tally.redone += sum(done_markers(out).get(k) != v for k, v in before.items())
    process.wait(timeout=PATIENCE_SECONDS)
    while json.loads((out / "job.json").read_text("utf-8"))["state"] != "finished":
        # A worker killed twice under the same item gives that item up; resume tries it again.
        cryopick("resume", out, "--workers", 2)
        tally.resumes += 1
        if time.monotonic() - begun > PATIENCE_SECONDS * kills:
            raise RuntimeError(f"the job never finished after {tally.n_kills} kills")


def killed_jobs(folder: Path, *, kills: int, images: int, seed: int) -> dict[str, Any]:
    """Kill drivers and workers; compare with an undisturbed run."""
    mics = folder / "mics"
    mics.mkdir()
    words: list[object] = [
        "pick", "log", *write_micrographs(mics, images, seed), "--diameter-min", 100,
        "--diameter-max", 140, "--seed", 3,
    ]  # fmt: skip
    plain = folder / "undisturbed"
    run = cryopick(*words, "--workers", 2, "-o", plain)
    truth = results_of(plain)
    tally = Tally(moments=random.Random(seed))
    while tally.n_kills < kills:
        out = folder / f"killed{tally.jobs}"
        disturb([*words, "--workers", 2], out, tally, kills=kills, longest=run.wall_seconds)
        tally.differing += [f"{out.name}/{name}" for name in differing(truth, results_of(out))]
    return {
        "images": images,
        "undisturbed_s": round(run.wall_seconds, 1),
        "files_compared_per_job": len(truth),
        "kills": tally.kills,
        "items_done_at_each_kill": tally.done_at_kill,
        "jobs": tally.jobs,
        "resumes": tally.resumes,
        "done_items_done_again": tally.redone,
        "differing_files": tally.differing,
        "equal": not tally.differing and not tally.redone,
    }


def acknowledged_until_killed(
    folder: Path, journal: JournalChoice, sitting: str, seconds: float
) -> list[str]:
    """Let the client edit for a while once it is ready, kill it; gives what it acknowledged."""
    client = subprocess.Popen(
        [sys.executable, str(EDITING_CLIENT), str(folder), journal, sitting],
        stdout=subprocess.PIPE,
        text=True,
    )
    if client.stdout is None or client.stdout.readline() != "ready\n":
        raise RuntimeError("the editing client did not start")
    # Wait on nothing, so that the pipe is not emptied while the client edits.
    select.select([], [], [], seconds)
    client.send_signal(signal.SIGKILL)
    words, _ = client.communicate()
    return [line.strip() for line in words.splitlines(keepends=True) if line.endswith("\n")]


def killed_edits(folder: Path, journal: JournalChoice, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill an editing client; look for every edit it was told of."""
    project_folder = folder / f"project_{journal}"
    project_with_picks(project_folder, journal=journal).close()
    chance = random.Random(seed)
    told: list[str] = []
    for number in range(kills):
        told += acknowledged_until_killed(
            project_folder, journal, f"s{number}", chance.uniform(0.0, 0.3)
        )
    with open_project(project_folder, journal=journal) as project:
        project.check()  # raises if the database is not whole
        log = {entry.seq: entry for entry in edits_since(project, 0)}
        rebuilt: dict[str, Any] = {}
        for entry in log.values():
            rebuilt = applied(rebuilt, entry.changes)
        rows = {r.id: r for r in rows_of_image(project, "picks", "007") if r.rev > 0}
    lost = [line for line in told if not is_kept(line, log)]
    return {
        "kills": kills,
        "acknowledged": len(told),
        "lost": len(lost),
        "kept_unacknowledged": len(log) - len(told),
        "database_whole": True,
        "rows_as_the_log_says": rows == rebuilt,
        "equal": not lost and rows == rebuilt and len(log) - len(told) <= kills,
    }


def is_kept(line: str, log: dict[int, Any]) -> bool:
    """Whether the log holds an edit that the client was told of: ``SEQ KIND PICK``."""
    seq, kind, pick = line.split()
    entry = log.get(int(seq))
    return entry is not None and (entry.kind, entry.changes[0].id) == (kind, pick)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=FULL_KILLS)
    parser.add_argument("--images", type=int, default=FULL_IMAGES)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = killed_jobs(folder, kills=given.kills, images=given.images, seed=given.seed)
        print(f"job: {json.dumps(job)}", flush=True)
        edits = {
            journal: killed_edits(folder, journal, kills=given.kills, seed=given.seed)
            for journal in JOURNALS
        }
        print(f"edits: {json.dumps(edits)}")
    figures = {"seed": given.seed, "job": job, "edits": edits}
    smaller = given.kills < FULL_KILLS or given.images < FULL_IMAGES
    write_result("kill_resume", figures, smaller=smaller)
    return 0 if job["equal"] and all(e["equal"] for e in edits.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
