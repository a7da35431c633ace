"""One driver per job folder, and how it is told to stop.

The lock is a `flock` on the file ``lock``: the system releases it when its holder ends, by kill -9
too, so a stale lock does not exist. The file's text says who holds it, for people and for the
cancel marker, which names the one run it is meant for.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from cryopick.errors import InputError
from cryopick.io.atomic import write_text

LOCK = "lock"
CANCEL = "cancel.json"


@contextmanager
def hold(folder: Path) -> Generator[dict[str, Any]]:
    """Be the one driver of a job folder; gives this driver's identity.

    Raises
    ------
    InputError
        When another driver holds the folder.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = _read_identity(folder)
            raise InputError(
                f"{folder}: a job is running here (process {who.get('pid', '?')} on "
                f"{who.get('host', '?')}); wait for it, or: cryopick cancel {folder}"
            ) from error
        me = {"pid": os.getpid(), "host": platform.node(), "started": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(me).encode(), 0)
        (folder / CANCEL).unlink(missing_ok=True)
        yield me
    finally:
        os.close(descriptor)


def holder(folder: Path) -> dict[str, Any] | None:
    """Tell who runs a job in the folder: process, host and start time; None when nobody does."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_identity(folder)
    else:
        return None
    finally:
        os.close(descriptor)


def ask_to_cancel(folder: Path) -> dict[str, Any]:
    """Leave the marker that makes the running driver stop; gives the driver's identity.

    Raises
    ------
    InputError
        When no job is running in the folder.
    """
    who = holder(folder)
    if who is None:
        raise InputError(f"{folder}: no job is running here; see: cryopick status {folder}")
    write_text(folder / CANCEL, json.dumps(who))
    return who


def is_cancelled(folder: Path, me: dict[str, Any]) -> bool:
    """Tell whether the driver ``me`` has been asked to stop."""
    try:
        return json.loads((folder / CANCEL).read_text("utf-8")) == me
    except (OSError, ValueError):
        return False


def _read_identity(folder: Path) -> dict[str, Any]:
    try:
        return json_object(json.loads((folder / LOCK).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def json_object(value: Any) -> dict[str, Any]:
    """Take a JSON value for an object; any other value is taken for an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
