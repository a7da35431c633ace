"""``summary.json``: the result of a job for programs, and what the report is made from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from cryopick.errors import InputError
from cryopick.io.atomic import write_bytes, write_text
from cryopick.run.executor import Done
from cryopick.run.folder import SUMMARY, JobFolder
from cryopick.run.job import Outcome, Plot
from cryopick.run.record import Record

OWN_KEYS = (
    "job",
    "state",
    "sentence",
    "items",
    "seconds",
    "seconds_per_item",
    "failed",
    "warnings",
    "files",
    "plots",
    "next_command",
)
"""Keys written for every job; what ``collect`` returns stands beside them."""


def write_summary(
    place: JobFolder,
    record: Record,
    outcome: Outcome,
    *,
    done: Mapping[str, Done],
    failed: Mapping[str, str],
) -> None:
    """Write the plots, then ``summary.json``."""
    if clash := sorted(set(outcome.summary) & set(OWN_KEYS)):
        raise InputError(f"{record.job}: its summary uses the reserved key {clash[0]!r}; rename it")
    times = sorted(each.seconds for each in done.values())
    lines = list(record.warnings) + joined_warnings(done)
    lines += [line for line in outcome.warnings if line not in lines]
    summary: dict[str, Any] = {
        "job": record.job,
        "state": record.state,
        "sentence": outcome.sentence,
        **outcome.summary,
        "items": {"total": len(record.items), "done": len(done), "failed": len(failed)},
        "seconds": round(record.seconds, 3),
        "seconds_per_item": round(times[len(times) // 2], 4) if times else None,
        "failed": dict(failed),
        "warnings": lines,
        "files": dict(outcome.files),
        "plots": _write_plots(place, outcome),
        "next_command": outcome.next_command,
    }
    try:
        text = json.dumps(summary, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{record.job}: its summary cannot be written as JSON ({error})"
        ) from error
    write_text(place.path / SUMMARY, text + "\n")


def joined_warnings(done: Mapping[str, Done]) -> list[str]:
    """Join the warnings of items: each sentence once, with the items it came from."""
    items: defaultdict[str, list[str]] = defaultdict(list)
    for name, each in done.items():
        for line in each.warnings:
            items[line].append(name)
    joined: list[str] = []
    for line, names in items.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        joined.append(f"{line} ({shown})")
    return joined


def _write_plots(place: JobFolder, outcome: Outcome) -> list[dict[str, str]]:
    if outcome.plots:
        place.plots.mkdir(exist_ok=True)
    return [_write_plot(place, index, plot) for index, plot in enumerate(outcome.plots, 1)]


def _write_plot(place: JobFolder, index: int, plot: Plot) -> dict[str, str]:
    name = f"plots/{index:02d}." + ("svg" if plot.svg is not None else "png")
    if plot.svg is not None:
        write_text(place.path / name, plot.svg)
    else:
        write_bytes(place.path / name, plot.png or b"")
    return {"title": plot.title, "caption": plot.caption, "file": name}
