"""The nursery: a process that imports what workers need once, and forks them.

A worker that is forked is there within a few hundredths of a second and shares the pages of the
libraries; one that begins as a new interpreter imports them again, torch for more than a second.
The nursery has one thread and computes nothing, so that nothing is forked half-way.

Where forking is not safe (CUDA, macOS) the same program raises one worker by becoming it.

The driver's end is `cryopick.run.hands`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any, NoReturn

from cryopick.run.executor import Order
from cryopick.run.worker import BROKEN, leave, serve

HIRE = "hire"
END = "end"
FORK = "fork"
BECOME = "become"
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> NoReturn:
    """Raise workers for one driver until it disappears; then end with all of them.

    Parameters
    ----------
    arguments
        File descriptor of the socket to the driver; ``fork`` or ``become``.

    Notes
    -----
    The driver sends ``sys.path`` and a pickled `Order`, then one of:

    - ``(HIRE, number, device)`` and the descriptor of the socket that the worker is to serve;
    - ``(END, number)``: the worker is killed if it still lives; the answer is its exit code.
    """
    driver = Connection(int(arguments[0]))
    with contextlib.suppress(EOFError, OSError):  # the driver is gone, as it is at the end
        sys.path[:] = driver.recv()
        order = _order(driver.recv_bytes())
        if arguments[1] == BECOME:
            _become(driver, order)
        _raise(driver, order)
    leave(0)


def _order(packed: bytes) -> Order | tuple[str, str, str]:
    """Import all that workers need; or what to tell in place of being ready."""
    try:
        order: Order = pickle.loads(packed)  # noqa: S301 - from our own driver
        _preload(order.job.preload)
    except Exception as error:  # noqa: BLE001 - told to the driver, which raises it
        return BROKEN, f"{type(error).__name__}: {error}", traceback.format_exc()
    return order


def _preload(modules: Sequence[str]) -> None:
    for name in modules:
        # One that is not there is missed by the item that needs it, in words of its own.
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            importlib.import_module(name)


def _become(driver: Connection, order: Order | tuple[str, str, str]) -> NoReturn:
    _, _, device = driver.recv()
    line = _line(driver)
    driver.close()
    _work(line, order, device)


def _raise(driver: Connection, order: Order | tuple[str, str, str]) -> None:
    libc = ctypes.CDLL(None)
    gc.freeze()  # a collection in a worker must not touch, and so copy, the pages it shares
    pids: dict[int, int] = {}
    try:
        while True:
            word, number, *device = driver.recv()
            if word == END:
                driver.send(_ended(pids.pop(number)))
                continue
            line = _line(driver)
            pids[number] = _fork(driver, line, order, device[0], libc)
            line.close()  # the worker's alone: the driver sees its end when the worker ends
    finally:
        for pid in pids.values():
            _ended(pid)


def _line(driver: Connection) -> Connection:
    descriptor = recv_handle(driver)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - has no keyword
    return Connection(descriptor)


def _fork(
    driver: Connection,
    line: Connection,
    order: Order | tuple[str, str, str],
    device: str,
    libc: ctypes.CDLL,
) -> int:
    nursery = os.getpid()
    if pid := os.fork():
        return pid
    try:
        driver.close()
        os.setsid()
        # The kernel ends it with its nursery, even in native code that keeps Python's lock.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nursery:
            os._exit(1)
        _draw_anew()
        _work(line, order, device)
    finally:
        os._exit(1)  # whatever happens, it never goes on as a second nursery


def _work(line: Connection, order: Order | tuple[str, str, str], device: str) -> NoReturn:
    if isinstance(order, tuple):
        line.send(order)
        leave(1)
    try:
        serve(line, order, device=device)
    except BaseException:  # noqa: BLE001 - the end of this process, as of any other
        traceback.print_exc()
        leave(1)
    leave(0)


def _draw_anew() -> None:
    """Give this process random numbers of its own where a library holds a hidden generator."""
    # Python's own reseeds itself. Items draw from their seed; this is for what libraries do.
    hidden: Any = sys.modules.get("numpy.random")
    if hidden is not None:
        hidden.seed()


def _ended(pid: int) -> int:
    """End a child for certain; its exit code as `subprocess` gives it."""
    # It cannot be another process: its id is not free until we have waited for it.
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
