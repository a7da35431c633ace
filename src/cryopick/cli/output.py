"""What a command says when it is done: in words, or as JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryopick.cli.common_options import Common
from cryopick.cli.progress_bar import ProgressBar
from cryopick.errors import JobError
from cryopick.run.drive import OnProgress, Plan
from cryopick.run.folder import REPORT, JobFolder
from cryopick.run.job import Job
from cryopick.run.local import choose_executor
from cryopick.run.machine import find_devices
from cryopick.run.record import read_record
from cryopick.run.report import format_seconds

SHOWN_ITEMS = 20


def run_and_print(
    title: str, folder: str | Path, common: Common, run: Callable[[OnProgress], Any]
) -> int:
    """Run a job with its progress shown, then print the result; gives the exit code."""
    place = JobFolder(folder)
    code = 0
    try:
        with ProgressBar(title, silent=common.json and not common.verbose) as show:
            run(show)
    except KeyboardInterrupt:
        raise JobError(f"stopped; go on with: cryopick resume {place.path}") from None
    except JobError as error:
        if read_record(place.path).state != "failed":
            raise  # cancelled, or no worker could start: there is no result
        print(f"cryopick: {error}", file=sys.stderr)
        code = 1
    summary = {"folder": str(place.path)} | place.summary()
    for line in summary.get("warnings", []):
        print(f"cryopick: warning: {line}", file=sys.stderr)
    if common.json:
        print_json(summary)
    else:
        _print_words(summary, Path(folder))
    return code


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, the only thing on stdout."""
    print(json.dumps(value, indent=1, allow_nan=False))


def print_plan(job: Job[Any], plan: Plan, common: Common) -> None:
    """Print what a job would do and what it would take."""
    devices = find_devices(common.device or "auto", uses_gpu=job.uses_gpu)
    memory = max(item.cost.memory_bytes for item in plan.items)
    executor = choose_executor(
        workers=common.workers,
        devices=devices,
        item_bytes=memory,
        items=len(plan.items),
        memory_bytes=common.memory_bytes,
    )
    work = sum(item.cost.seconds for item in plan.items)
    longest = max(item.cost.seconds for item in plan.items)
    seconds = max(work / executor.workers, longest)
    for line in plan.warnings:
        print(f"cryopick: warning: {line}", file=sys.stderr)
    if common.json:
        print_json(
            {
                "job": job.name,
                "dry_run": True,
                "items": [
                    {
                        "id": item.id,
                        "memory_bytes": item.cost.memory_bytes,
                        "seconds": item.cost.seconds,
                    }
                    for item in plan.items
                ],
                "workers": executor.workers,
                "devices": list(devices),
                "memory_bytes": memory * executor.workers,
                "seconds": seconds,
                "warnings": list(plan.warnings),
            }
        )
        return
    print(f"{job.name}: {len(plan.items)} items, nothing is written")
    for item in plan.items[:SHOWN_ITEMS]:
        cost = f"{format_bytes(item.cost.memory_bytes)}, {format_seconds(item.cost.seconds)}"
        print(f"  {item.id}  ({cost})")
    if len(plan.items) > SHOWN_ITEMS:
        print(f"  and {len(plan.items) - SHOWN_ITEMS} more")
    print(f"workers  {executor.workers} on {', '.join(devices)}")
    print(f"memory   {format_bytes(memory * executor.workers)}")
    print(f"time     about {format_seconds(seconds)}")


def format_bytes(count: int) -> str:
    """Say a size as people do.

    Examples
    --------
    >>> format_bytes(900), format_bytes(3 << 20), format_bytes(5 << 30)
    ('900 B', '3.0 MiB', '5.0 GiB')
    """
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _print_words(summary: Mapping[str, Any], folder: Path) -> None:
    print(summary.get("sentence", ""))
    for name, path in summary.get("files", {}).items():
        print(f"  {name:<10} {folder / path}")
    print(f"  {'report':<10} {folder / REPORT}")
    if summary.get("next_command"):
        print(f"next: {summary['next_command']}")
