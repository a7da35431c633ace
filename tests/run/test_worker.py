"""The worker process: serves its driver, and ends with it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from cryopick.run.executor import Done, Order, Share
from cryopick.run.local import pack
from cryopick.run.worker import READY
from toy_jobs import JOB, ToyParams

PROGRAM = """
import sys
from multiprocessing.connection import Connection
from cryopick.run.worker import leave, serve
driver = Connection(int(sys.argv[1]))
sys.path[:] = driver.recv()
sys.stdout.write("ready")
serve(driver, driver.recv(), device="cpu")
import atexit
atexit.register(lambda: print(" and torn down"))
leave(5)
"""


@contextmanager
def worker() -> Generator[tuple[Connection, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        line = Connection(ours.detach())
    with process:
        line.send(sys.path)
        try:
            yield line, process
        finally:
            line.close()
            process.kill()


def order_of(folder: Path, **params: object) -> Order:
    values = ToyParams(names=["a", "b"], **params)
    return Order(
        job=JOB, params=values, items=JOB.plan(values), folder=folder, seed=0, devices=("cpu",)
    )


def test_a_conversation(tmp_path: Path) -> None:
    order = order_of(tmp_path)
    with worker() as (line, process):
        line.send_bytes(pack(order))
        assert line.recv() == (READY, "", "")
        for item in order.items:
            line.send((item, Share()))
            done = line.recv()
            assert isinstance(done, Done)
            assert done.id == item.id
        line.send(None)
        assert process.wait(timeout=30) == 5
    assert sorted(path.name for path in (tmp_path / "items").iterdir()) == ["a", "b"]


@pytest.mark.parametrize("seconds", [0.0, 600.0])
def test_it_ends_when_the_driver_is_gone(tmp_path: Path, seconds: float) -> None:
    order = order_of(tmp_path, sleep_seconds=seconds)
    with worker() as (line, process):
        line.send_bytes(pack(order))
        line.recv()
        if seconds:
            line.send((order.items[0], Share()))
        line.close()
        assert process.wait(timeout=30) == 1
