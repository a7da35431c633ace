"""How a job stands, read from its folder; the job itself is not imported."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryopick.run.folder import JobFolder
from cryopick.run.in_flight import read_in_flight
from cryopick.run.lock import holder
from cryopick.run.progress import Pace, Progress
from cryopick.run.record import State, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a job stands.

    Attributes
    ----------
    job, folder
        Which.
    state
        ``interrupted`` also for a job whose driver was killed.
    done, total
        Items.
    failed
        Why each failed item did, by id.
    seconds_left
        While it runs and once something was done; else None.
    runner
        Process and host of the driver while it runs.
    sentence
        The result in words, once it has ended.
    in_flight
        While it runs: how far each item is that tells it, by id, from 0 to 1.
    """

    job: str
    folder: str
    state: State
    done: int
    total: int
    failed: dict[str, str]
    seconds_left: float | None
    runner: dict[str, Any] | None
    sentence: str
    in_flight: dict[str, float] = field(default_factory=dict[str, float])


def job_status(folder: str | Path) -> Status:
    """Tell how a job stands."""
    place = JobFolder(folder)
    record = read_record(place.path)
    runner = holder(place.path)
    items = [item.item() for item in record.items]
    done = place.done(items)
    failed = place.failures()
    state: State = record.state
    left, in_flight = None, {}
    if runner is None and state == "running":
        state = "interrupted"  # its driver was killed
    elif runner is not None:
        state = "running"
        now = _progress(place, items, runner=runner)
        left, in_flight = now.seconds_left, dict(now.in_flight)
    return Status(
        job=record.job,
        folder=str(place.path),
        state=state,
        done=len(done),
        total=len(items),
        failed=failed,
        seconds_left=left,
        runner=runner,
        sentence=str(place.summary().get("sentence", "")) if state != "running" else "",
        in_flight=in_flight,
    )


def _progress(place: JobFolder, items: list[Any], *, runner: dict[str, Any]) -> Progress:
    begun = float(runner.get("started", time.time()))
    recent: set[str] = set()
    before = 0
    for item in items:
        marker = place.items / item.id / "done.json"
        try:
            if marker.stat().st_mtime >= begun:
                recent.add(item.id)
            else:
                before += 1
        except OSError:
            continue
    todo = [item for item in items if item.id in recent or not _is_done(place, item.id)]
    pace = Pace(todo, done=before, now=begun)
    for name in recent:
        pace.ended(name)
    spans = read_in_flight(place.path, runner)
    for item in todo:
        if (span := spans.get(item.id)) is not None:
            pace.advanced(item.id, span.start)
            pace.advanced(item.id, span.now)
    return pace.progress(now=time.time())


def _is_done(place: JobFolder, item_id: str) -> bool:
    return (place.items / item_id / "done.json").is_file()
