"""The process that forks workers: what they share, what they must not, who ends with whom."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path

import psutil
import pytest

import toy_workers
from cryopick.jobs.registry import JOBS, load_job
from cryopick.run.executor import Done, Share
from cryopick.run.hands import START, THREAD_VARIABLES
from cryopick.run.local import LocalExecutor, pack
from cryopick.run.nursery import BECOME, END, FORK, HIRE
from cryopick.run.worker import BROKEN, READY
from toy_program import start, wait_until
from toy_workers import facts_of, order_of, work_facts, workers_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


@contextmanager
def nursery(
    packed: bytes, mode: str = FORK
) -> Generator[tuple[Connection, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno()), mode], pass_fds=[theirs.fileno()]
        )
        line = Connection(ours.detach())
    with process:
        line.send(sys.path)
        line.send_bytes(packed)
        try:
            yield line, process
        finally:
            line.close()
            process.kill()


def hire(line: Connection, number: int) -> Connection:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line.send((HIRE, number, "cpu"))
        send_handle(line, theirs.fileno(), None)
        return Connection(ours.detach())


def ended(worker: Connection) -> bool:
    """Whether a worker's line is at its end; it may not have been read before."""
    if not worker.poll(20):
        return False
    try:
        worker.recv()
    except (EOFError, OSError):
        return True
    return False


def test_several_workers_and_their_ends(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a", "b"])
    with nursery(pack(order)) as (line, process):
        one, two = hire(line, 0), hire(line, 1)
        for worker, item in zip((one, two), order.items, strict=True):
            assert worker.recv() == (READY, "", "")
            worker.send((item, Share()))
            assert isinstance(worker.recv(), Done)
        one.send(None)
        assert ended(one)
        line.send((END, 0))
        assert line.recv() == 0
        line.send((END, 1))  # it lives: it is killed
        assert line.recv() == -signal.SIGKILL
        assert ended(two)
        assert psutil.Process(process.pid).children() == []  # nobody is left unburied
        three = hire(line, 2)
        assert three.recv() == (READY, "", "")
        line.close()
        assert process.wait(timeout=20) == 0
        assert ended(three)


def test_why_it_cannot_start_is_told_by_each_worker() -> None:
    with nursery(pickle.dumps(None)) as (line, _):
        for number in range(2):
            worker = hire(line, number)
            word, reason, detail = worker.recv()
            assert word == BROKEN
            assert reason.startswith("AttributeError: ")
            assert "Traceback" in detail
        assert ended(worker)
        line.send((END, 1))
        assert line.recv() == 1


def test_where_it_cannot_fork_it_becomes_the_worker(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"], work=work_facts)
    with nursery(pack(order), BECOME) as (line, process):
        worker = hire(line, 0)
        assert worker.recv() == (READY, "", "")
        worker.send((order.items[0], Share()))
        assert isinstance(worker.recv(), Done)
        assert facts_of(tmp_path)["a"]["pid"] == process.pid
        worker.send(None)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("mode", [FORK, BECOME])
def test_it_ends_with_a_driver_that_is_gone_before_it_began(mode: str, tmp_path: Path) -> None:
    with nursery(pack(order_of(tmp_path, ["a"])), mode) as (line, process):
        line.close()
        assert process.wait(timeout=20) == 0


def test_workers_end_with_a_killed_nursery_though_they_hear_nothing(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"], work=toy_workers.work_deaf)
    with nursery(pack(order)) as (line, process):
        worker = hire(line, 0)
        worker.recv()
        worker.send((order.items[0], Share()))
        assert worker.recv().fraction == 0.5
        process.kill()
        assert ended(worker)


def test_deaf_workers_end_with_a_killed_driver(tmp_path: Path) -> None:
    words = ("a", "b", "--mode", "deaf", "--workers", 2, "-o", tmp_path / "out")
    program = start("toy", *words)
    wait_until(lambda: len(list(tmp_path.glob("out/items/.*.part"))) == 2)
    family = psutil.Process(program.pid).children(recursive=True)
    assert len(family) == 3
    program.kill()
    program.communicate()
    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_what_is_shared_and_what_is_not(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    order = order_of(tmp_path, names, work=work_facts, preload=("torch",), sleep_seconds=0.3)
    list(LocalExecutor(2).run(order))
    facts = list(facts_of(tmp_path).values())
    assert len({one["pid"] for one in facts}) == 2
    assert len({one["parent"] for one in facts}) == 1
    assert all(one["torch"] for one in facts)
    # Nothing but its own line: with another worker's it would not see the driver go.
    assert {one["sockets"] for one in facts} == {1}
    # Forked from one thread: a second one might have held a lock.
    assert {one["threads_of_parent"] for one in facts} == {1}
    assert all(one["session"] == one["pid"] for one in facts)
    assert {one["omp"] for one in facts} == {"1"}
    numbers = [number for one in facts for number in one["numbers"]]  # type: ignore[attr-defined]
    assert len(set(numbers)) == len(numbers)


def test_torch_computes_in_several_threads_after_the_fork(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"], work=toy_workers.work_threads_of_torch, preload=("torch",))
    list(LocalExecutor(1).run(order))
    assert facts_of(tmp_path)["a"] == {"total": 4_000_000}


def test_no_module_that_a_job_wants_beforehand_starts_a_thread() -> None:
    wanted = {name for job in JOBS for name in load_job(job).preload}
    assert "torch" in wanted
    program = (
        "import importlib, os, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *sorted(wanted)],
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


def test_a_module_that_is_not_there_is_missed_by_nobody_but_its_user(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"], preload=("no_such_module_anywhere",))
    [done] = [event for event in LocalExecutor(1).run(order) if isinstance(event, Done)]
    assert done.id == "a"


def test_nothing_is_left_open_in_the_driver(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    list(LocalExecutor(2).run(order_of(tmp_path / "warm", ["a"])))
    before = open_files()
    list(LocalExecutor(2).run(order_of(tmp_path / "done", ["a", "crash1", "b"])))
    for _ in LocalExecutor(2).run(order_of(tmp_path / "left", ["a", "b"], sleep_seconds=60)):
        if workers_of():
            break
    assert open_files() == before
    assert psutil.Process().children() == []
