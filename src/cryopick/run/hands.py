"""The driver's end of its workers: `Nursery` starts them, a `Hand` is one of them.

The other end is `cryopick.run.nursery`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any

from cryopick.run.executor import Share
from cryopick.run.job import Item
from cryopick.run.nursery import BECOME, END, FORK, HIRE

START = "import sys; from cryopick.run.nursery import main; main(sys.argv[1:])"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
PATIENCE_SECONDS = 10.0


def can_fork(device: str) -> bool:
    """Whether workers for a device can be forked from one process that holds the libraries.

    A process that has begun to use CUDA cannot be forked, nor can one that holds Apple's
    frameworks.

    Examples
    --------
    >>> can_fork("cuda:0")
    False
    """
    return sys.platform == "linux" and device == "cpu"


class Nursery:
    """A process that forks workers; or that becomes one, where it cannot fork.

    Parameters
    ----------
    order
        Pickled, without its items.
    threads
        Of numerical libraries, in each worker.
    forks
        Whether it raises any number of workers, or becomes the first.
    """

    def __init__(self, order: bytes, *, threads: int, forks: bool) -> None:
        ours, theirs = socket.socketpair()
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        mode = FORK if forks else BECOME
        with ours, theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", START, str(theirs.fileno()), mode],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # stdout belongs to the driver's result
                env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C reaches the driver, which ends its workers
            )
            self._line = Connection(ours.detach())
        self._forks = forks
        self._hired = 0
        with contextlib.suppress(OSError):
            self._line.send_bytes(pickle.dumps(sys.path))
            self._line.send_bytes(order)

    @property
    def ended(self) -> bool:
        """Whether the process is gone, and all its workers with it."""
        return self._process.poll() is not None

    @property
    def has_room(self) -> bool:
        """Whether it can raise another worker."""
        return not self.ended and (self._forks or not self._hired)

    def hire(self, device: str) -> Hand:
        """Ask for a worker. It is not waited for: it says when it is ready."""
        number, self._hired = self._hired, self._hired + 1
        ours, theirs = socket.socketpair()
        with ours, theirs:
            # If the nursery died, the next turn reads the end of the line and deals with it.
            with contextlib.suppress(OSError):
                self._line.send((HIRE, number, device))
                send_handle(self._line, theirs.fileno(), None)
            return Hand(Connection(ours.detach()), nursery=self, number=number, device=device)

    def end(self, number: int) -> int | None:
        """End a worker for certain; its exit code, or the nursery's if that is gone as well."""
        with contextlib.suppress(OSError, EOFError):
            self._line.send((END, number))
            if self._line.poll(PATIENCE_SECONDS):
                return self._line.recv()
        self.close(at_once=True)
        return self._process.returncode

    def close(self, *, at_once: bool) -> None:
        """End it and its workers: at once, or once they have left."""
        if at_once:
            self._process.kill()
        self._line.close()
        try:
            self._process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Hand:
    """One worker process: what it is at, and the line to it.

    Attributes
    ----------
    line
        What it says is received here; it ends when the worker has ended.
    item
        What it works on.
    ready
        Whether it has said that it is.
    """

    def __init__(self, line: Connection, *, nursery: Nursery, number: int, device: str) -> None:
        self.line, self.nursery, self.device = line, nursery, device
        self.item: Item | None = None
        self.ready = False
        self._number = number

    def give(self, item: Item, share: Share) -> None:
        """Let it work on an item."""
        self.item = item
        self._send((item, share))

    def leave(self) -> None:
        """Tell it that there is nothing more to do."""
        self._send(None)

    def end(self) -> int | None:
        """End it for certain; its exit code."""
        code = self.nursery.end(self._number)
        self.line.close()
        return code

    def see_off(self) -> None:
        """Wait until it has ended, as it was told to; what it still says is not heard."""
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        with contextlib.suppress(EOFError, OSError):
            while self.line.poll(max(0.0, patience_ends - time.monotonic())):
                self.line.recv_bytes()
        self.line.close()  # which ends it as well

    def _send(self, message: Any) -> None:
        # If it died, the next turn reads the end of its line and deals with it.
        with contextlib.suppress(OSError):
            self.line.send(message)
