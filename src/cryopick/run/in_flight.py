"""``progress.json``: how far the items in flight are, for who asks from another process.

The driver writes it now and then while it runs. It names the run it tells of, so that what a killed
driver left is not taken for news.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryopick.run.lock import json_object
from cryopick.run.progress import Span

IN_FLIGHT = "progress.json"
PART = f".{IN_FLIGHT}.part"  # always the same: a folder has one driver


def write_in_flight(folder: Path, me: Mapping[str, Any], spans: Mapping[str, Span]) -> None:
    """Write how far the items are; not synced, and no reason to stop where it cannot be."""
    items = {name: [span.start, span.now] for name, span in spans.items()}
    with contextlib.suppress(OSError):
        part = folder / PART
        part.write_text(json.dumps({"runner": dict(me), "items": items}), "utf-8")
        part.replace(folder / IN_FLIGHT)


def read_in_flight(folder: Path, runner: Mapping[str, Any]) -> dict[str, Span]:
    """Read how far the items of a running driver are; empty where it has not told yet."""
    try:
        facts = json_object(json.loads((folder / IN_FLIGHT).read_text("utf-8")))
        if facts.get("runner") != dict(runner):
            return {}
        return {
            name: Span(float(start), float(now))
            for name, (start, now) in json_object(facts.get("items")).items()
        }
    except (OSError, ValueError, TypeError):
        return {}


def remove_in_flight(folder: Path) -> None:
    """Remove the file: nothing is in flight."""
    for name in (IN_FLIGHT, PART):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
