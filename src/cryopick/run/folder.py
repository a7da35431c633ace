"""`JobFolder`: what lies where in the folder of a job.

::

    OUT/
      job.json        the record (cryopick.run.record)
      summary.json    the result: counts, sentence, warnings, failed items
      report.html     the same for people
      log.jsonl       what happened, one JSON object a line
      items/ID/       one item's files, whole: done.json is in it
      failed/ID.json  why an item could not be done
      checkpoints/    what items stopped half-way go on from (cryopick.run.checkpoints)
      progress.json   how far the items in flight are (cryopick.run.in_flight)
      plots/          figures of the report
      lock            who is running it (cryopick.run.lock)
      ...             what ``collect`` wrote, named in summary.json
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryopick.errors import CryopickError, InputError
from cryopick.io.atomic import write_text
from cryopick.run.checkpoints import CHECKPOINTS
from cryopick.run.executor import Done, Failed
from cryopick.run.in_flight import IN_FLIGHT
from cryopick.run.job import Item
from cryopick.run.lock import CANCEL, LOCK, json_object
from cryopick.run.record import RECORD, read_record
from cryopick.run.work_item import read_done

SUMMARY = "summary.json"
REPORT = "report.html"
LOG = "log.jsonl"


class JobFolder:
    """The folder of one job.

    Parameters
    ----------
    path
        The folder; made absolute.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        self.items = self.path / "items"
        self.failed = self.path / "failed"
        self.plots = self.path / "plots"

    def make(self, *, overwrite: bool) -> None:
        """Make the folder, or check that it may be used.

        A folder with other people's files is never taken; one with a job only to overwrite it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            taken = [path.name for path in self.path.iterdir() if path.name != LOCK]
        except OSError as error:
            raise InputError(
                f"--out: {self.path} cannot be used as a folder ({error.strerror}); give another"
            ) from error
        if not taken:
            return
        if RECORD not in taken:
            raise InputError(
                f"--out: {self.path} is not empty and holds no job; give the name of a new folder"
            )
        if not overwrite:
            raise InputError(
                f"--out: {self.path} already holds a job; give another name, --overwrite, "
                f"or continue it: cryopick resume {self.path}"
            )
        read_record(self.path)  # a job.json of another program is not ours to delete

    def clear(self) -> None:
        """Delete what the earlier job wrote (and nothing else)."""
        for name in json_object(self.summary().get("files")).values():
            path = self.path / str(name)
            if path.resolve().is_relative_to(self.path.resolve()) and path.is_file():
                path.unlink()
        for folder in (self.items, self.failed, self.plots, self.path / CHECKPOINTS):
            shutil.rmtree(folder, ignore_errors=True)
        for name in (SUMMARY, REPORT, LOG, CANCEL, IN_FLIGHT, RECORD):
            (self.path / name).unlink(missing_ok=True)

    def done(self, items: Sequence[Item]) -> dict[str, Done]:
        """Find the items that are done."""
        found = ((item.id, read_done(self.items / item.id, item.id)) for item in items)
        return {name: done for name, done in found if done is not None}

    def failures(self) -> dict[str, str]:
        """Read why items failed: id to line."""
        lines: dict[str, str] = {}
        for path in sorted(self.failed.glob("*.json")):
            try:
                facts = json.loads(path.read_text("utf-8"))
                lines[str(facts["id"])] = str(facts["line"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # half a file cannot be ours: they are renamed into place
        return lines

    def note_failure(self, failed: Failed) -> None:
        """Write down why an item failed."""
        self.failed.mkdir(exist_ok=True)
        facts = {"id": failed.id, "line": failed.line, "detail": failed.detail, "time": time.time()}
        write_text(self.failed / f"{failed.id}.json", json.dumps(facts, indent=1))

    def forget_failure(self, item_id: str) -> None:
        """Remove an item's failure: it is to be tried again."""
        (self.failed / f"{item_id}.json").unlink(missing_ok=True)

    def clean_parts(self, *, all_of_them: bool = False) -> int:
        """Remove temporary folders of dead workers; gives how many."""
        count = 0
        for part in self.items.glob(".*.part"):
            pid = part.name.split(".")[-3]
            if all_of_them or not _alive(pid):
                shutil.rmtree(part, ignore_errors=True)
                count += 1
        return count

    def summary(self) -> dict[str, Any]:
        """Read ``summary.json``; empty when there is none yet."""
        try:
            return json_object(json.loads((self.path / SUMMARY).read_text("utf-8")))
        except (OSError, ValueError):
            return {}

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to the log."""
        line = json.dumps({"time": round(time.time(), 3), "event": event} | facts)
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def checked_items(items: Sequence[Item], *, job: str) -> list[Item]:
    """Check ids and inputs of a plan; gives the items as their JSON reads back.

    A resumed job thus works on exactly the items of the first sitting.
    """
    if not items:
        raise InputError(f"{job}: nothing to do: no item comes from these inputs; check them")
    seen: set[str] = set()
    checked: list[Item] = []
    for item in items:
        if (
            not item.id
            or item.id.startswith(".")
            or len(item.id.encode("utf-8", "surrogateescape")) > 200
            or any(sign in "/\\\0\n\r" for sign in item.id)
        ):
            raise InputError(f"{job}: item id {item.id!r} cannot name a folder; rename its input")
        if item.id in seen:
            raise InputError(f"{job}: two items are called {item.id!r}; rename one of their inputs")
        seen.add(item.id)
        try:
            inputs = json.loads(json.dumps(item.inputs, default=dict, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise CryopickError(
                f"{job}: inputs of item {item.id} are not JSON ({error})"
            ) from error
        checked.append(Item(id=item.id, inputs=inputs, cost=item.cost))
    return checked


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
