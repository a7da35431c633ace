"""Work that tells what its process is like, or ends it; a module of its own, as workers import it."""

from __future__ import annotations

import ctypes
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from cryopick.run.executor import Order
from cryopick.run.job import Item, Worker
from toy_jobs import JOB, ToyParams, plan


def workers_of(driver: int | None = None) -> list[psutil.Process]:
    """The workers of a driver (by default of this process), once they are forked."""
    try:
        nurseries = psutil.Process(driver).children()
        return [worker for nursery in nurseries for worker in nursery.children()]
    except psutil.NoSuchProcess:
        return []


def order_of(
    folder: Path,
    names: Sequence[str],
    *,
    work: Callable[[Item, ToyParams, Worker], None] = JOB.work,
    preload: tuple[str, ...] = (),
    devices: tuple[str, ...] = ("cpu",),
    **params: object,
) -> Order:
    """An order of the toy job, with other work."""
    values = ToyParams(names=list(names), **params)
    job = replace(JOB, work=work, preload=preload)
    return Order(job=job, params=values, items=plan(values), folder=folder, seed=7, devices=devices)


def work_facts(item: Item, params: ToyParams, worker: Worker) -> None:
    """What a process can say of itself and of its parent."""
    time.sleep(params.sleep_seconds)  # long enough for a second worker to have its share
    facts = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "threads_of_parent": len(list(Path(f"/proc/{os.getppid()}/task").iterdir())),
        "sockets": sum(
            str(entry.readlink()).startswith("socket:")
            for entry in Path("/proc/self/fd").iterdir()
            if entry.is_symlink()
        ),
        "torch": "torch" in sys.modules,
        "numbers": [random.random(), float(np.random.random()), os.urandom(4).hex()],  # noqa: NPY002
        "omp": os.environ.get("OMP_NUM_THREADS"),
    }
    (worker.folder / "facts.json").write_text(json.dumps(facts))


def facts_of(folder: Path) -> dict[str, dict[str, object]]:
    """What the items of `work_facts` said, by their ids."""
    return {
        path.parent.name: json.loads(path.read_text())
        for path in folder.glob("items/[!.]*/facts.json")
    }


def work_deaf(item: Item, params: ToyParams, worker: Worker) -> None:
    """Native code that keeps Python's lock, so that no other thread hears anything."""
    worker.progress(0.5)
    ctypes.PyDLL(None).sleep(600)


def work_exit(item: Item, params: ToyParams, worker: Worker) -> None:
    """End the process by its own means."""
    os._exit(3)


def work_threads_of_torch(item: Item, params: ToyParams, worker: Worker) -> None:
    """Sum in parallel, as a library that was forked must still be able to."""
    import torch

    torch.set_num_threads(2)
    total = torch.ones(4_000_000).sum().item()
    (worker.folder / "facts.json").write_text(json.dumps({"total": total}))
