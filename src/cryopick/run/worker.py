"""The main function of a worker process, which `cryopick.run.local` starts.

It gets an order, then items with what each may use, over a socket it inherits; it tells how far the
item is and answers it with a `Done` or a `Failed`. When the driver is gone (even by kill -9) the socket ends and the worker ends with it,
whatever it is doing.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

READY = "ready"
BROKEN = "broken"


def main(arguments: list[str]) -> int:
    """Serve one driver until it says None or disappears."""
    driver = Connection(int(arguments[0]))
    sys.path[:] = driver.recv()
    try:
        order, device = driver.recv()
        from cryopick.run.work_item import work_item
    except Exception as error:  # noqa: BLE001 - told to the driver, which raises it
        driver.send((BROKEN, f"{type(error).__name__}: {error}", traceback.format_exc()))
        return 1
    driver.send((READY, "", ""))
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(driver, inbox), daemon=True).start()
    say = _Mouth(driver)
    while (given := inbox.get()) is not None:
        item, share = given
        say(work_item(order, item, device=device, share=share, tell=say))
    return 0


class _Mouth:
    """Sends one message at a time, whatever thread has something to say."""

    def __init__(self, driver: Connection) -> None:
        self._driver, self._lock = driver, threading.Lock()

    def __call__(self, message: Any) -> None:
        # If nobody hears it the driver is dead, and the listener ends this process.
        with self._lock, contextlib.suppress(OSError):
            self._driver.send(message)


def _listen(driver: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    while True:
        try:
            message = driver.recv()
        except (EOFError, OSError):
            os._exit(1)  # the driver is dead: nobody waits for the item in flight
        inbox.put(message)
        if message is None:
            return
