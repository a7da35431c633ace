"""Copies of ``project.sqlite`` in ``backups/``, made while it is open; old ones go."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from cryopick.io.atomic import atomic_path

FOLDER = "backups"
KEEP = 8


def back_up(
    connection: sqlite3.Connection, folder: Path, *, now: float, keep: int = KEEP, name: str = ""
) -> Path:
    """Copy an open database into ``folder/backups`` and drop the oldest copies beyond ``keep``.

    A copy with a ``name`` of its own (before a migration) is never dropped.
    """
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    path = target / f"{name or 'project'}-{stamp}.sqlite"
    with atomic_path(path) as part, closing(sqlite3.connect(part)) as copy:
        connection.backup(copy)
        # A copy is one file: without this it would look for a write-ahead log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
    for old in _rotating(folder)[: -max(keep, 1)]:
        old.unlink(missing_ok=True)
    return path


def last_backup(folder: Path) -> float | None:
    """When the newest rotating copy was made, in seconds since 1970."""
    copies = _rotating(folder)
    if not copies:
        return None
    import calendar

    stamp = copies[-1].stem.removeprefix("project-")
    return float(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%S")))


def _rotating(folder: Path) -> list[Path]:
    """The copies that take turns, oldest first."""
    digits = "[0-9]" * 8 + "T" + "[0-9]" * 6
    return sorted((folder / FOLDER).glob(f"project-{digits}.sqlite"))
