"""The driver's end of its workers: hiring, ending, and what a killed nursery costs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

import toy_workers
from cryopick.run.executor import Done, Event, Failed, Order, Retried, Share
from cryopick.run.hands import THREAD_VARIABLES, Hand, Nursery, can_fork
from cryopick.run.local import LocalExecutor, pack
from cryopick.run.worker import READY
from toy_workers import order_of, workers_of

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return order_of(tmp_path, ["a"])


@pytest.fixture(params=[pytest.param(True, marks=on_linux), False], ids=["forks", "becomes"])
def nursery(order: Order, request: pytest.FixtureRequest) -> Generator[Nursery]:
    made = Nursery(pack(order), threads=1, forks=request.param)
    yield made
    made.close(at_once=True)


def ready(hand: Hand) -> Hand:
    assert hand.line.recv() == (READY, "", "")
    return hand


def test_cuda_and_other_systems_are_never_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert can_fork("cpu")
    assert not can_fork("cuda:1")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not can_fork("cpu")


def test_the_libraries_that_make_threads_are_told_not_to() -> None:
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} <= set(THREAD_VARIABLES)


def test_a_worker_does_an_item_and_leaves(nursery: Nursery, order: Order) -> None:
    hand = ready(nursery.hire("cpu"))
    [item] = order.items
    hand.give(item, Share())
    assert hand.item == item
    assert isinstance(hand.line.recv(), Done)
    hand.leave()
    hand.see_off()
    nursery.close(at_once=False)
    assert nursery.ended


def test_the_exit_code_of_one_that_lives_is_that_of_its_kill(nursery: Nursery) -> None:
    assert ready(nursery.hire("cpu")).end() == -signal.SIGKILL


def test_the_exit_code_of_one_that_ended(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"], work=toy_workers.work_exit)
    for forks in (can_fork("cpu"), False):
        made = Nursery(pack(order), threads=1, forks=forks)
        hand = ready(made.hire("cpu"))
        hand.give(order.items[0], Share())
        with pytest.raises((EOFError, OSError)):
            hand.line.recv()
        assert hand.end() == 3
        assert made.has_room == forks
        made.close(at_once=False)


@on_linux
def test_room_for_any_number_or_for_one(order: Order) -> None:
    forking, other = (Nursery(pack(order), threads=1, forks=forks) for forks in (True, False))
    assert forking.has_room
    assert other.has_room
    for made in (forking, other):
        ready(made.hire("cpu"))
    assert forking.has_room
    assert not other.has_room
    for made in (forking, other):
        made.close(at_once=True)
        assert made.ended
        assert not made.has_room


def test_hired_from_a_dead_nursery(nursery: Nursery) -> None:
    nursery._process.kill()
    nursery._process.wait()
    hand = nursery.hire("cpu")
    with pytest.raises((EOFError, OSError)):
        hand.line.recv()
    assert hand.end() == -signal.SIGKILL


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_nursery_costs_the_items_in_flight(tmp_path: Path, number: signal.Signals) -> None:
    names = ["a", "b", "c", "d", "e"]
    order = order_of(tmp_path, names, sleep_seconds=0.2)
    events: list[Event] = []
    for event in LocalExecutor(2).run(order):
        events.append(event)
        if isinstance(event, Done) and sum(isinstance(one, Done) for one in events) == 1:
            [nursery] = psutil.Process().children()
            nursery.send_signal(number)
    assert sorted(event.id for event in events if isinstance(event, Done)) == names
    assert not any(isinstance(event, Failed) for event in events)
    retried = [event for event in events if isinstance(event, Retried)]
    assert 1 <= len(retried) <= 2
    assert all(f"(killed by {number.name})" in event.line for event in retried)
    assert psutil.Process().children() == []


@on_linux
def test_one_nursery_for_all_cpu_workers_and_one_per_gpu(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for devices in (("cpu",), ("cuda:0", "cuda:1")):
        order = order_of(tmp_path / devices[0][:3], ["a", "b"], sleep_seconds=0.3, devices=devices)
        most = (0, 0)
        for _ in LocalExecutor(2).run(order):
            most = max(most, (len(psutil.Process().children()), len(workers_of())))
        seen.append(most)
    assert seen == [(1, 2), (2, 0)]
