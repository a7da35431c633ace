"""Work that tells where it is done; in a module of its own, as workers import it."""

from __future__ import annotations

import os
import time

from cryopick.run.job import Item, Worker
from toy_jobs import ToyParams


def work_threads(item: Item, params: ToyParams, worker: Worker) -> None:
    (worker.folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])


def work_device(item: Item, params: ToyParams, worker: Worker) -> None:
    time.sleep(0.3)  # long enough for the second worker to have its share
    (worker.folder / "device").write_text(worker.device)
