"""`in_threads`: the results of one core, faster; nothing runs on behind the caller's back."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch

from cryopick.ops.threads import in_threads

PATIENCE_SECONDS = 30


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.mark.parametrize("cores", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_results_in_the_order_of_the_tasks(cores: int, n: int) -> None:
    assert in_threads(lambda number: number * 10, range(n), cores=cores) == [
        number * 10 for number in range(n)
    ]


def test_tasks_may_be_a_stream() -> None:
    assert in_threads(str, (number for number in (2, 1)), cores=2) == ["2", "1"]


def test_so_many_at_a_time_as_there_are_cores() -> None:
    """Three tasks that wait for each other end only when three run at once."""
    together = threading.Barrier(3)
    ranks = in_threads(lambda _: together.wait(PATIENCE_SECONDS), range(3), cores=3)
    assert sorted(ranks) == [0, 1, 2]


def test_no_more_at_a_time_than_there_are_cores() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def count(_: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1

    in_threads(count, range(12), cores=2)
    assert most <= 2


@pytest.mark.parametrize(("cores", "n"), [(1, 3), (4, 1)])
def test_one_core_or_one_task_is_the_callers_thread(cores: int, n: int) -> None:
    idents = in_threads(lambda _: threading.get_ident(), range(n), cores=cores)
    assert set(idents) == {threading.get_ident()}


@pytest.mark.parametrize("cores", [1, 3])
def test_torch_is_single_threaded_inside_and_as_before_outside(
    three_threads: int, cores: int
) -> None:
    inside = in_threads(lambda _: torch.get_num_threads(), range(6), cores=cores)
    assert set(inside) == {1}
    assert torch.get_num_threads() == three_threads
    # A thread that comes later is as free as it was.
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [three_threads]


@pytest.mark.parametrize("cores", [1, 3])
def test_torch_is_as_before_after_an_error(three_threads: int, cores: int) -> None:
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 / number, [1, 0, 1], cores=cores)
    assert torch.get_num_threads() == three_threads


def test_an_error_drops_the_tasks_that_wait() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def task(number: int) -> None:
        begun.append(number)
        if number == 1:
            go_on.set()
            raise ValueError("task 1 cannot be done")
        assert go_on.wait(PATIENCE_SECONDS)
        threading.Event().wait(0.01)  # all of them would take ten seconds

    with pytest.raises(ValueError, match="task 1 cannot be done"):
        in_threads(task, range(1000), cores=2)
    # The other thread may begin some before the queue is dropped.
    assert len(begun) < 1000
    count = len(begun)
    threading.Event().wait(0.05)
    assert len(begun) == count  # none is begun later


def test_what_runs_is_waited_for_when_another_fails() -> None:
    ended: list[str] = []
    failed = threading.Event()

    def task(name: str) -> None:
        if name == "fails":
            failed.set()
            raise KeyError(name)
        assert failed.wait(PATIENCE_SECONDS)
        threading.Event().wait(0.05)
        ended.append(name)

    with pytest.raises(KeyError, match="fails"):
        in_threads(task, ["slow", "fails"], cores=2)
    assert ended == ["slow"]


def test_one_core_stops_at_the_first_error() -> None:
    begun: list[int] = []

    def task(number: int) -> None:
        begun.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match="0"):
        in_threads(task, range(5), cores=1)
    assert begun == [0]


INTERRUPTED = """
import os, signal, sys, threading, time
from cryopick.ops.threads import in_threads

stop, begun = threading.Event(), []

def task(number):
    begun.append(number)
    if len(begun) == 2:
        os.kill(os.getpid(), signal.SIGINT)
    stop.wait(60)

try:
    in_threads(task, range(100), cores=2)
except KeyboardInterrupt:
    running = threading.active_count() - 1
    stop.set()
    print("interrupted", len(begun), running)
"""


def test_ctrl_c_comes_through_while_tasks_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == ["interrupted", "2", "2"]


def test_an_interrupt_raised_in_a_task_ends_all() -> None:
    def task(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_threads(task, range(4), cores=2)


def test_sums_do_not_depend_on_the_number_of_cores() -> None:
    values = torch.randn(1_000_000, generator=torch.Generator().manual_seed(3))
    parts = list(values.split(200_000))
    one, three = (in_threads(lambda part: part.sum().item(), parts, cores=n) for n in (1, 3))
    assert one == three
