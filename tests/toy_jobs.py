"""A small job with all that a real one has: files, a seed, warnings, failures, crashes."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="3"/></svg>'
)


class ToyParams(Params):
    names: list[str] = param(description="Names of the items; a file is read.")
    count: int = param(3, description="Numbers per item.", ge=1, le=1000)
    pixel_size_angstrom: float | None = param(None, description="Sampling.", unit="Å", gt=0)
    voltage_kv: float = param(300, description="Voltage.", unit="kV", flag="--voltage-kv")
    sleep_seconds: float = param(
        0.0, description="Time an item takes.", unit="s", ge=0, advanced=True, flag="--sleep"
    )
    double: bool = param(False, description="Double the numbers.")
    mode: str = param("plain", description="Kind of trouble.", advanced=True)


def plan(params: ToyParams) -> list[Item]:
    return [
        Item(
            id=Path(name).stem,
            inputs={"name": name},
            cost=Cost(memory_bytes=1 << 20, seconds=max(params.sleep_seconds, 0.001)),
        )
        for name in params.names
    ]


def work(item: Item, params: ToyParams, worker: Worker) -> None:
    time.sleep(params.sleep_seconds)
    _trouble(item.id, params.mode, worker)
    values = np.random.default_rng(worker.seed).standard_normal(params.count)
    if params.double:
        values = 2 * values
    source = Path(item.inputs["name"])
    if source.is_file():
        values = values + float(source.read_text())
    np.save(worker.folder / "values.npy", values)


def _trouble(name: str, mode: str, worker: Worker) -> None:
    if mode == "deaf":  # native code that keeps Python's lock, so that no thread hears anything
        ctypes.PyDLL(None).sleep(600)
    if name.startswith("bad"):
        raise InputError(f"{name}: value of pixels is NaN; leave it out")
    if name.startswith("bug"):
        raise ZeroDivisionError("division by\nnothing")
    if name.startswith("warn"):
        warnings.warn("header says 1 Å; give --pixel-size", stacklevel=2)
    if name.startswith("print"):
        print("chatter of a library")  # noqa: T201
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("once"):  # crashes the first time only
        marker = Path(mode) / name
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def collect(folder: Path, items: Sequence[Item], params: ToyParams) -> Outcome:
    totals = {
        item.id: float(np.load(folder / "items" / item.id / "values.npy").sum()) for item in items
    }
    write_text(folder / "totals.json", json.dumps(totals))
    return Outcome(
        summary={"numbers": params.count * len(items), "total": sum(totals.values())},
        sentence=f"{params.count * len(items)} numbers from {len(items)} items",
        files={"totals": "totals.json"},
        plots=[Plot(title="Circle", caption="A <circle>.", svg=SVG)],
        warnings=["numbers are random"],
        next_command="cryopick toy again",
    )


JOB = Job(
    name="toy",
    title="Make numbers.",
    params=ToyParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("names",),
    example="cryopick toy a b c --count 5 -o numbers",
    uses_gpu=False,
)
