"""A job of long items: steps in threads, a checkpoint after each, progress told."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cryopick.errors import InputError
from cryopick.io.atomic import atomic_open, write_text
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Worker, param

PARTS = 4


class StepsParams(Params):
    names: list[str] = param(description="Names of the items; a file is read.")
    steps: int = param(6, description="Steps per item.", ge=1)
    hold_at: int = param(-1, description="Step that waits while the file `hold` is there.")
    die_at: int = param(-1, description="Step at which the worker is killed, once.")
    fail_at: int = param(-1, description="Step that fails while the file `fail` is there.")
    marks: str = param(
        "", description="Folder for a line per step done; an @ before it: it is no input."
    )
    item_bytes: int = param(1 << 20, description="Memory per item.", unit="B", ge=0)


def plan(params: StepsParams) -> list[Item]:
    cost = Cost(memory_bytes=params.item_bytes, seconds=params.steps)
    return [Item(id=Path(name).stem, inputs={"name": name}, cost=cost) for name in params.names]


def work(item: Item, params: StepsParams, worker: Worker) -> None:
    done, total = _read(worker.checkpoints)
    source = Path(item.inputs["name"])
    scale = float(source.read_text()) if source.is_file() else 1.0
    worker.progress(done / params.steps)
    for step in range(done, params.steps):
        _trouble(item.id, step, params, worker)

        def part(number: int, step: int = step) -> float:
            draws = np.random.default_rng([worker.seed, step, number])
            return scale * float(draws.standard_normal(1000).sum())

        with ThreadPoolExecutor(worker.cores) as pool:
            total = [*total, sum(pool.map(part, range(PARTS)))]
        _write(worker.checkpoints, total)
        _mark(params.marks, f"{item.id} {step} {worker.cores} {worker.memory_bytes}")
        worker.progress((step + 1) / params.steps)
    np.save(worker.folder / "values.npy", np.array(total))


def _read(folder: Path) -> tuple[int, list[float]]:
    try:
        total = json.loads((folder / "total.json").read_text())
    except FileNotFoundError:
        total = []
    return len(total), total


def _write(folder: Path, total: list[float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_open(folder / "total.json") as file:
        json.dump(total, file)


def _mark(folder: str, line: str) -> None:
    if folder:
        with (Path(folder[1:]) / "steps").open("a") as file:
            file.write(line + "\n")


def _trouble(name: str, step: int, params: StepsParams, worker: Worker) -> None:
    marks = Path(params.marks[1:])
    if step == params.die_at and not (killed := marks / f"killed-{name}").exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    while step == params.hold_at and (marks / "hold").exists():
        worker.progress(step / params.steps)
        time.sleep(0.01)
    if step == params.fail_at and (marks / "fail").exists():
        raise InputError(f"{name}: step {step} cannot be done; remove the file `fail`")


def steps_done(marks: Path) -> list[tuple[str, int]]:
    """Item and number of each step that was worked on, in the order of time."""
    if not (marks / "steps").is_file():
        return []
    lines = (marks / "steps").read_text().splitlines()
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def shares_given(marks: Path) -> dict[str, tuple[int, int]]:
    """Cores and memory that each item was given, at its last step."""
    lines = (line.split() for line in (marks / "steps").read_text().splitlines())
    return {name: (int(cores), int(memory)) for name, _, cores, memory in lines}


def collect(folder: Path, items: Sequence[Item], params: StepsParams) -> Outcome:
    totals = {
        item.id: float(np.load(folder / "items" / item.id / "values.npy").sum()) for item in items
    }
    write_text(folder / "totals.json", json.dumps(totals))
    return Outcome(
        summary={}, sentence=f"{len(items)} items in steps", files={"totals": "totals.json"}
    )


JOB = Job(
    name="steps",
    title="Make numbers step by step.",
    params=StepsParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("names",),
    example="cryopick steps a b -o numbers",
    uses_gpu=False,
)
