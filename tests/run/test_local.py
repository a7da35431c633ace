"""The crew of worker processes: what is sent, who dies, who is asked to stop."""

from __future__ import annotations

import pickle
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cryopick.errors import InputError, JobError
from cryopick.run import LocalExecutor, Progress, resume_job, run_job
from cryopick.run.executor import Done, Event, Failed, Order, Retried
from cryopick.run.local import ATTEMPTS, THREAD_VARIABLES, _cause, pack
from cryopick.run.lock import ask_to_cancel
from cryopick.run.record import read_record
from toy_jobs import JOB, ToyParams
from toy_program import results, wait_until


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
    sent, device = pickle.loads(pack(order, "cuda:1"))
    assert device == "cuda:1"
    assert sent == replace(order, items=())
    assert len(pack(order, "cpu")) < 20_000  # the params, once; not the items


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
            psutil.Process().children()[0].kill()
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


def test_the_libraries_that_make_threads_are_told_not_to() -> None:
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} <= set(THREAD_VARIABLES)
