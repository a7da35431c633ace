"""What a worker process does: serve its driver, and end with it.

It is given items, with what each may use, over a socket; it tells how far the item is and answers
it with a `Done` or a `Failed`. When the driver is gone (even by kill -9) the socket ends and the
worker ends with it, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from cryopick.run.executor import Order
from cryopick.run.work_item import work_item

READY = "ready"
BROKEN = "broken"


def serve(driver: Connection, order: Order, *, device: str) -> None:
    """Work on what a driver gives, until it says None; the process ends where it disappears."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    say = _Mouth(driver)
    say((READY, "", ""))
    threading.Thread(target=_listen, args=(driver, inbox), daemon=True).start()
    while (given := inbox.get()) is not None:
        item, share = given
        say(work_item(order, item, device=device, share=share, tell=say))


def leave(code: int) -> NoReturn:
    """End this process without taking its libraries apart, which takes torch 0.3 s."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
            stream.flush()
    os._exit(code)


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
