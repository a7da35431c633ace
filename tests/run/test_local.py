"""The crew of worker processes: what is sent, who dies, who is asked to stop."""

from __future__ import annotations

import pickle
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import toy_steps
import toy_threads
from cryopick.errors import InputError, JobError
from cryopick.run import LocalExecutor, Progress, resume_job, run_job
from cryopick.run.executor import Advance, Done, Event, Failed, Order, Retried, Share
from cryopick.run.local import (
    ATTEMPTS,
    _cause,
    choose_executor,
    machine_share,
    pack,
)
from cryopick.run.lock import ask_to_cancel
from cryopick.run.machine import core_count
from cryopick.run.record import read_record
from toy_jobs import JOB, ToyParams
from toy_program import results, wait_until
from toy_workers import workers_of


def order_of(folder: Path, names: list[str], **params: object) -> Order:
    values = ToyParams(names=names, **params)
    return Order(
        job=JOB, params=values, items=JOB.plan(values), folder=folder, seed=7, devices=("cpu",)
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "killed by SIGKILL"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-250, "killed by signal 250"),
        (3, "exit code 3"),
        (0, "exit code 0"),
        (None, "exit code None"),
    ],
)
def test_causes_in_words(code: int | None, words: str) -> None:
    assert _cause(code) == words


def test_what_is_sent_holds_no_items(tmp_path: Path) -> None:
    order = order_of(tmp_path, [f"i{n}" for n in range(1000)])
    assert pickle.loads(pack(order)) == replace(order, items=())
    assert len(pack(order)) < 20_000  # the params, once; not the items


def test_one_item_that_crashes_once_is_done_at_the_second_try(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    order = order_of(tmp_path / "job", ["once1", "a"], mode=str(tmp_path / "marks"))
    events = list(LocalExecutor(1).run(order))
    ended = [event for event in events if isinstance(event, Done | Failed)]
    assert {type(event) for event in ended} == {Done}
    [retried] = [event for event in events if isinstance(event, Retried)]
    assert retried.line == "once1: its worker ended (killed by SIGKILL); tried again later"
    # After the others: the item that crashed may be the one that takes all the memory.
    assert [event.id for event in ended] == ["a", "once1"]
    assert ATTEMPTS == 2


def test_several_crashes_take_no_other_item_along(tmp_path: Path) -> None:
    names = ["crash1", "a", "crash2", "b", "crash3"]
    events = list(LocalExecutor(2).run(order_of(tmp_path, names)))
    failed = {event.id for event in events if isinstance(event, Failed)}
    done = {event.id for event in events if isinstance(event, Done)}
    assert failed == {"crash1", "crash2", "crash3"}
    assert done == {"a", "b"}
    assert psutil.Process().children() == []
    for event in events:
        if isinstance(event, Failed):
            assert event.line.endswith("give fewer --workers, then: cryopick resume")


def test_a_worker_killed_while_idle_costs_nothing(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    order = order_of(tmp_path, names, sleep_seconds=0.05)
    events: list[Event] = []
    killed = False
    for event in LocalExecutor(2).run(order):
        events.append(event)
        if isinstance(event, Done) and not killed:
            workers_of()[0].kill()
            killed = True
    assert {event.id for event in events if isinstance(event, Done)} == set(names)
    assert not any(isinstance(event, Failed) for event in events)


def test_a_cancel_from_another_thread(tmp_path: Path) -> None:
    executor = LocalExecutor(2)
    order = order_of(tmp_path, [f"i{n}" for n in range(50)], sleep_seconds=0.05)
    count = 0
    for event in executor.run(order):
        if isinstance(event, Done):
            count += 1
            if count == 1:
                threading.Thread(target=executor.cancel).start()
    assert count < 50
    assert psutil.Process().children() == []
    # What was in flight is not there, or whole.
    for folder in (tmp_path / "items").glob("[!.]*"):
        assert (folder / "done.json").is_file()
        assert (folder / "values.npy").is_file()


def test_a_cancelled_job_of_processes_goes_on_to_the_same_result(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    params = ToyParams(names=[f"i{n}" for n in range(12)], sleep_seconds=0.05)

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            ask_to_cancel(folder)

    with pytest.raises(JobError, match=r"cancelled with \d+ of 12 items done"):
        run_job(JOB, params, folder, workers=2, on_progress=stop)
    assert list((folder / "items").glob(".*")) == []
    assert read_record(folder).state == "cancelled"
    resume_job(JOB, folder, workers=2)
    run_job(JOB, params, tmp_path / "whole", workers=1)
    assert results(folder) == results(tmp_path / "whole")


def test_workers_leave_when_nobody_listens_to_the_stream(tmp_path: Path) -> None:
    def start() -> None:
        order = order_of(tmp_path, [f"i{n}" for n in range(50)], sleep_seconds=0.05)
        stream = LocalExecutor(2).run(order)
        next(event for event in stream if isinstance(event, Done))
        assert len(psutil.Process().children()) >= 1

    start()  # the stream is dropped here, not closed
    wait_until(lambda: psutil.Process().children() == [], patience=10)


def test_an_order_without_items_starts_no_process(tmp_path: Path) -> None:
    order = replace(order_of(tmp_path, ["a"]), items=())
    assert list(LocalExecutor(3).run(order)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [0, -1])
def test_no_process_at_all_is_refused(workers: int) -> None:
    with pytest.raises(InputError, match=f"--workers: {workers} is not a number of processes"):
        LocalExecutor(workers)


def steps_order(folder: Path, names: list[str], **params: object) -> Order:
    values = toy_steps.StepsParams(names=names, marks=f"@{folder}", **params)
    return Order(
        job=toy_steps.JOB,
        params=values,
        items=toy_steps.plan(values),
        folder=folder / "out",
        seed=7,
        devices=("cpu",),
    )


def test_one_item_has_the_whole_machine(tmp_path: Path) -> None:
    executor = LocalExecutor(2, cores=2, memory_bytes=1000)
    list(executor.run(steps_order(tmp_path, ["a"])))
    assert toy_steps.shares_given(tmp_path) == {"a": (2, 1000)}


def test_many_items_have_one_core_each(tmp_path: Path) -> None:
    executor = LocalExecutor(2, cores=2, memory_bytes=1000)
    list(executor.run(steps_order(tmp_path, ["a", "b", "c", "d", "e"])))
    given = toy_steps.shares_given(tmp_path)
    # The last one may be alone, and then has it all.
    assert [given[name] for name in "abcd"] == [(1, 500)] * 4
    assert given["e"] in ((1, 500), (2, 1000))


def test_few_workers_have_several_cores_each(tmp_path: Path) -> None:
    executor = LocalExecutor(1, cores=5, memory_bytes=1000)
    list(executor.run(steps_order(tmp_path, ["a", "b"])))
    assert toy_steps.shares_given(tmp_path) == {"a": (5, 1000), "b": (5, 1000)}


def test_more_workers_than_cores_have_one_each(tmp_path: Path) -> None:
    order = steps_order(tmp_path, ["a", "b", "c"])
    list(LocalExecutor(3, cores=1, memory_bytes=900).run(order))
    assert {cores for cores, _ in toy_steps.shares_given(tmp_path).values()} == {1}


def test_the_machine_is_what_may_be_used_of_it() -> None:
    assert machine_share(cores=None, memory_bytes=7) == Share(cores=core_count(), memory_bytes=7)
    assert machine_share(cores=3, memory_bytes=None).cores == 3
    assert machine_share(cores=None, memory_bytes=None).memory_bytes > 1 << 20


def test_progress_comes_through_the_socket(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    advances: list[Advance] = []
    for event in LocalExecutor(1).run(steps_order(tmp_path, ["a"], hold_at=3)):
        if isinstance(event, Advance):
            advances.append(event)
        if advances and advances[-1].fraction == 0.5:
            (tmp_path / "hold").unlink(missing_ok=True)
    assert advances[0] == Advance("a", 0.0)
    assert Advance("a", 0.5) in advances
    assert toy_steps.steps_done(tmp_path) == [("a", step) for step in range(6)]


def test_a_cancel_ends_a_worker_with_several_threads(tmp_path: Path) -> None:
    executor = LocalExecutor(1, cores=4)
    names = ["a", "b"]
    order = replace(order_of(tmp_path, names), job=replace(JOB, work=toy_threads.work_for_ever))
    for event in executor.run(order):
        if isinstance(event, Advance):  # all its threads are at work
            assert workers_of()[0].num_threads() >= 4
            executor.cancel()
    assert psutil.Process().children() == []
    assert list((tmp_path / "items").glob("[!.]*")) == []


@pytest.mark.parametrize(
    ("workers", "item_bytes", "memory_bytes", "expected"),
    [
        (None, 400, 1000, 2),
        (8, 400, 1000, 2),  # a limit that was given counts more than the number of workers
        (8, 4000, 1000, 1),  # its job may cut it into pieces
        (8, 0, 1000, 8),
        (2, 1, 1 << 50, 2),
    ],
)
def test_memory_bounds_the_number_of_workers(
    monkeypatch: pytest.MonkeyPatch,
    workers: int | None,
    item_bytes: int,
    memory_bytes: int,
    expected: int,
) -> None:
    monkeypatch.setattr("cryopick.run.local.core_count", lambda: 16)
    for devices in (("cpu",), tuple(f"cuda:{index}" for index in range(16))):
        chosen = choose_executor(
            workers=workers,
            devices=devices,
            item_bytes=item_bytes,
            items=50,
            memory_bytes=memory_bytes,
        )
        assert chosen.workers == expected


def test_free_memory_bounds_only_a_number_that_was_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cryopick.run.local.core_count", lambda: 16)
    monkeypatch.setattr("cryopick.run.local.free_bytes", lambda: 1000)
    for workers, expected in ((None, 2), (5, 5)):
        chosen = choose_executor(workers=workers, devices=("cpu",), item_bytes=400, items=50)
        assert chosen.workers == expected


def test_no_memory_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="--memory: 0 bytes is nothing to work with"):
        choose_executor(workers=1, devices=("cpu",), item_bytes=1, items=1, memory_bytes=0)
