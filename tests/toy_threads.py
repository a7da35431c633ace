"""Work that tells where it is done; in a module of its own, as workers import it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from cryopick.run.job import Item, Worker
from toy_jobs import ToyParams


def work_threads(item: Item, params: ToyParams, worker: Worker) -> None:
    (worker.folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])


def work_device(item: Item, params: ToyParams, worker: Worker) -> None:
    time.sleep(0.3)  # long enough for the second worker to have its share
    (worker.folder / "device").write_text(worker.device)


def work_for_ever(item: Item, params: ToyParams, worker: Worker) -> None:
    """Keep all cores busy, in threads that nothing but the end of the process stops."""
    together = threading.Barrier(worker.cores)

    def spin(number: int) -> None:
        together.wait()
        if number == 0:
            worker.progress(0.5)
        while True:
            time.sleep(0.01)

    with ThreadPoolExecutor(worker.cores) as pool:
        list(pool.map(spin, range(worker.cores)))
