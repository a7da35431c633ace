"""One item, done in a worker: temporary folder, science, fsync, done-marker, rename."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

from cryopick.errors import CryopickError
from cryopick.io.atomic import sync_folder
from cryopick.run.beat import Beat
from cryopick.run.checkpoints import checkpoints_of, drop_checkpoints
from cryopick.run.executor import Advance, Done, Failed, Order, Share
from cryopick.run.job import Item, Worker
from cryopick.run.seeds import item_seed

DONE = "done.json"
"""The done-marker: an item's folder that holds it is complete."""


def work_item(
    order: Order,
    item: Item,
    *,
    device: str,
    share: Share | None = None,
    tell: Callable[[Advance], None] | None = None,
) -> Done | Failed:
    """Do one item and put its folder in place; safe to run twice, and beside itself.

    Whatever ``work`` raises becomes a `Failed`, so that the other items go on.

    Parameters
    ----------
    order, item
        What to do.
    device
        ``cpu`` or ``cuda:N``.
    share
        What the item may use; by default one core, and the memory that is free.
    tell
        Told how far the item is, at most twice a second; by default the order's.
    """
    target = order.folder / "items" / item.id
    try:
        done = read_done(target, item.id)
        if done is None:
            done = _work(
                order,
                item,
                device=device,
                target=target,
                share=share or Share(),
                tell=tell or order.tell,
            )
        drop_checkpoints(order.folder, item.id)
        return done
    except CryopickError as error:
        return Failed(item.id, str(error), traceback.format_exc())
    except MemoryError:
        line = f"{item.id}: out of memory; give fewer --workers or a coarser sampling"
        return Failed(item.id, line, traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - one item's defect must not end the others
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        return Failed(item.id, f"{item.id}: internal error: {reason}", traceback.format_exc())


def read_done(folder: Path, item_id: str) -> Done | None:
    """Read an item's done-marker; None where the item is not done."""
    try:
        facts = json.loads((folder / DONE).read_text("utf-8"))
        return Done(item_id, float(facts["seconds"]), tuple(facts["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def heard_warnings() -> Generator[list[str]]:
    """Collect the warnings of a block as lines, instead of printing them.

    Those meant for programmers (deprecations and the like of libraries) are dropped.
    """
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        try:
            yield lines
        finally:
            words = (" ".join(str(warning.message).split()) for warning in caught)
            lines.extend(dict.fromkeys(words))


def _work(
    order: Order,
    item: Item,
    *,
    device: str,
    target: Path,
    share: Share,
    tell: Callable[[Advance], None],
) -> Done:
    items = target.parent
    items.mkdir(parents=True, exist_ok=True)
    name = f".{item.id[:100]}.{os.getpid()}."
    part = Path(tempfile.mkdtemp(prefix=name, suffix=".part", dir=items))
    try:
        seed = item_seed(order.seed, item.id)
        worker = Worker(
            folder=part,
            device=device,
            seed=seed,
            cores=share.cores,
            memory_bytes=share.memory_bytes,
            checkpoints=checkpoints_of(order.folder, item.id),
            progress=Beat(item.id, tell),
        )
        begun = time.perf_counter()
        # What a library prints must not mix with the machine-readable result on stdout.
        with heard_warnings() as lines, contextlib.redirect_stdout(sys.stderr):
            order.job.work(item, order.params, worker)
        # Rounded once, here: whoever reads the item back gets the very number of this sitting.
        seconds = round(time.perf_counter() - begun, 6)
        facts = {
            "id": item.id,
            "seconds": seconds,
            "finished": time.time(),
            "device": device,
            "seed": seed,
            "warnings": lines,
        }
        (part / DONE).write_text(json.dumps(facts, indent=1), "utf-8")
        _publish(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Done(item.id, seconds, tuple(lines))


def _publish(part: Path, target: Path) -> None:
    for parent, _folders, files in os.walk(part, topdown=False):
        for name in files:
            _sync_file(Path(parent) / name)
        sync_folder(parent)
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o777 & ~umask)
    try:
        part.rename(target)
    except OSError:
        if (target / DONE).is_file():  # another worker was faster; its result is the same
            return
        shutil.rmtree(target, ignore_errors=True)  # left by hand or by a broken disk: not done
        part.rename(target)
    sync_folder(target.parent)


def _sync_file(path: Path) -> None:
    if not path.is_file():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
