"""What items that were stopped half-way left for their next try.

::

    OUT/checkpoints/
      .basis    SHA-256 of all that the results depend on
      ID/       files of one item; `cryopick.run.job.Worker.checkpoints`

An item's folder goes when the item is done. All go when the job is resumed on another basis: half
an item computed from one input and half from another is the result of neither.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryopick.io.atomic import write_text

CHECKPOINTS = "checkpoints"
BASIS = ".basis"  # no item is called so


def checkpoints_of(job_folder: Path, item_id: str) -> Path:
    """Name the folder of an item's checkpoints; it need not be there."""
    return job_folder / CHECKPOINTS / item_id


def keep_checkpoints(job_folder: Path, basis: Any, *, done: Iterable[str] = ()) -> None:
    """Keep what a new sitting can go on from, and remove the rest.

    Parameters
    ----------
    job_folder
        The folder of the job.
    basis
        All that results depend on, as JSON types: checkpoints made on another basis are removed.
    done
        Items that need none.
    """
    folder = job_folder / CHECKPOINTS
    text = json.dumps(basis, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    if _basis_of(folder) != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / BASIS, digest)
    for item_id in done:
        drop_checkpoints(job_folder, item_id)


def drop_checkpoints(job_folder: Path, item_id: str) -> None:
    """Remove an item's checkpoints, if it has any."""
    shutil.rmtree(checkpoints_of(job_folder, item_id), ignore_errors=True)


def close_checkpoints(job_folder: Path, *, done: Iterable[str]) -> None:
    """Remove the checkpoints of items that are done, and the folder when no item has any."""
    for item_id in done:
        drop_checkpoints(job_folder, item_id)
    folder = job_folder / CHECKPOINTS
    if folder.is_dir() and not any(path.is_dir() for path in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _basis_of(folder: Path) -> str | None:
    try:
        return (folder / BASIS).read_text("ascii")
    except (OSError, ValueError):
        return None
