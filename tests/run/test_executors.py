"""The contract of executors: every one of them, the same tests."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import toy_jobs
import toy_threads
from cryopick.errors import InputError, JobError
from cryopick.run.executor import Done, Event, Executor, Failed, Order, Pulse, Retried
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Cost, Item, Job, Worker
from cryopick.run.local import LocalExecutor, choose_executor, pack
from toy_jobs import JOB, ToyParams
from toy_program import wait_until
from toy_workers import workers_of

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "local-1": lambda: LocalExecutor(1),
    "local-3": lambda: LocalExecutor(3),
}


@pytest.fixture(params=list(EXECUTORS))
def executor(request: pytest.FixtureRequest) -> Executor:
    return EXECUTORS[request.param]()


def order_of(folder: Path, names: list[str], **params: object) -> Order:
    values = ToyParams(names=names, **params)
    return Order(
        job=JOB, params=values, items=JOB.plan(values), folder=folder, seed=7, devices=("cpu",)
    )


def ended(events: list[Event]) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for event in events:
        if isinstance(event, Done | Failed):
            assert event.id not in found  # each item ends once
            found[event.id] = event
    return found


def values(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("items/*/values.npy")}


def test_same_result_everywhere_and_in_any_order(tmp_path: Path) -> None:
    names = [f"i{index}" for index in range(9)]
    found = []
    for name, make in EXECUTORS.items():
        random.Random(name).shuffle(names)
        folder = tmp_path / name
        assert len(ended(list(make().run(order_of(folder, names))))) == 9
        found.append(values(folder))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 9
    assert len(set(found[0].values())) == 9  # each item has a seed of its own


def test_failure_surfaces_and_others_go_on(executor: Executor, tmp_path: Path) -> None:
    names = ["a", "bad1", "b", "bug1", "c"]
    found = ended(list(executor.run(order_of(tmp_path, names))))
    assert {name: type(event) for name, event in found.items()} == {
        "a": Done,
        "bad1": Failed,
        "b": Done,
        "bug1": Failed,
        "c": Done,
    }
    bad, bug = found["bad1"], found["bug1"]
    assert isinstance(bad, Failed)
    assert isinstance(bug, Failed)
    assert bad.line == "bad1: value of pixels is NaN; leave it out"
    assert bug.line == "bug1: internal error: ZeroDivisionError: division by nothing"
    assert "Traceback" in bug.detail
    assert sorted(path.name for path in (tmp_path / "items").iterdir()) == ["a", "b", "c"]


def test_what_is_done_is_not_done_again(executor: Executor, tmp_path: Path) -> None:
    list(executor.run(order_of(tmp_path, ["a", "b"])))
    marker = tmp_path / "items/a/done.json"
    before = marker.stat().st_mtime_ns, marker.stat().st_ino
    assert set(ended(list(executor.run(order_of(tmp_path, ["a", "b", "c"]))))) == {"a", "b", "c"}
    assert (marker.stat().st_mtime_ns, marker.stat().st_ino) == before


def test_warnings_come_with_the_event(executor: Executor, tmp_path: Path) -> None:
    found = ended(list(executor.run(order_of(tmp_path, ["warn1", "a"]))))
    assert isinstance(found["warn1"], Done)
    assert found["warn1"].warnings == ("header says 1 Å; give --pixel-size",)
    assert isinstance(found["a"], Done)
    assert found["a"].warnings == ()


def test_stdout_of_items_is_not_ours(
    executor: Executor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    list(executor.run(order_of(tmp_path, ["print1"])))
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == "chatter of a library\n"


def test_cancel_stops_the_stream(executor: Executor, tmp_path: Path) -> None:
    names = [f"i{index}" for index in range(40)]
    count = 0
    for event in executor.run(order_of(tmp_path, names, sleep_seconds=0.02)):
        if isinstance(event, Done):
            count += 1
            executor.cancel()
    assert 1 <= count < 40
    assert psutil.Process().children() == []


def test_an_executor_can_be_used_again_after_a_cancel(executor: Executor, tmp_path: Path) -> None:
    executor.cancel()
    assert set(ended(list(executor.run(order_of(tmp_path, ["a", "b"]))))) == {"a", "b"}


def test_closing_the_stream_ends_the_workers(executor: Executor, tmp_path: Path) -> None:
    names = [f"i{index}" for index in range(40)]
    stream = executor.run(order_of(tmp_path, names, sleep_seconds=0.02))
    next(event for event in stream if isinstance(event, Done))
    stream.close()  # type: ignore[attr-defined]
    wait_until(lambda: psutil.Process().children() == [], patience=10)


def test_pulses_while_an_item_takes_long(tmp_path: Path) -> None:
    events = list(LocalExecutor(1).run(order_of(tmp_path, ["a"], sleep_seconds=1.0)))
    assert sum(isinstance(event, Pulse) for event in events) >= 3


def test_a_crash_is_tried_twice(tmp_path: Path) -> None:
    events = list(LocalExecutor(2).run(order_of(tmp_path, ["crash1", "a", "b", "c"])))
    found = ended(events)
    assert {name for name, event in found.items() if isinstance(event, Done)} == {"a", "b", "c"}
    crash = found["crash1"]
    assert isinstance(crash, Failed)
    assert "its worker ended 2 times (killed by SIGKILL)" in crash.line
    assert [event.id for event in events if isinstance(event, Retried)] == ["crash1"]


def test_no_more_workers_than_items(tmp_path: Path) -> None:
    seen = 0
    for _ in LocalExecutor(8).run(order_of(tmp_path, ["a", "b"], sleep_seconds=0.3)):
        seen = max(seen, len(workers_of()))
    assert seen == 2


def job_with(work: Callable[[Item, ToyParams, Worker], None]) -> Job[ToyParams]:
    return Job(
        name="toy",
        title="",
        params=ToyParams,
        plan=toy_jobs.plan,
        work=work,
        collect=toy_jobs.collect,
    )


def test_workers_compute_with_one_thread(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"])
    order = Order(
        job=job_with(toy_threads.work_threads),
        params=order.params,
        items=order.items,
        folder=tmp_path,
        seed=0,
        devices=("cpu",),
    )
    list(LocalExecutor(1).run(order))
    assert (tmp_path / "items/a/threads").read_text() == "1"


def test_workers_are_spread_over_devices(tmp_path: Path) -> None:
    names = [f"i{index}" for index in range(6)]
    params = ToyParams(names=names)
    order = Order(
        job=job_with(toy_threads.work_device),
        params=params,
        items=JOB.plan(params),
        folder=tmp_path,
        seed=0,
        devices=("cuda:0", "cuda:1"),
    )
    list(LocalExecutor(2).run(order))
    used = {path.read_text() for path in tmp_path.glob("items/*/device")}
    assert used == {"cuda:0", "cuda:1"}


def test_functions_that_workers_cannot_import(tmp_path: Path) -> None:
    order = order_of(tmp_path, ["a"])

    def local_work(item: Item, params: ToyParams, worker: Worker) -> None: ...

    hidden = Order(
        job=job_with(local_work),
        params=order.params,
        items=order.items,
        folder=tmp_path,
        seed=0,
        devices=("cpu",),
    )
    with pytest.raises(InputError, match=r"cannot be sent to a worker .*InlineExecutor"):
        list(LocalExecutor(1).run(hidden))
    local_work.__module__ = "__main__"
    with pytest.raises(InputError, match=r"is defined in __main__.*InlineExecutor"):
        pack(hidden)
    assert set(ended(list(InlineExecutor().run(hidden)))) == {"a"}


def test_a_module_that_breaks_in_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "breaks_in_worker.py"
    module.write_text(
        "import os\n"
        "if os.environ.get('BREAK') == str(os.getppid()): raise OSError('no licence')\n"
        "def work(item, params, worker): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import breaks_in_worker  # type: ignore[import-not-found]

    monkeypatch.setenv("BREAK", str(os.getpid()))
    order = order_of(tmp_path / "out", ["a"])
    broken = Order(
        job=job_with(breaks_in_worker.work),
        params=order.params,
        items=order.items,
        folder=order.folder,
        seed=0,
        devices=("cpu",),
    )
    with pytest.raises(JobError, match="a worker cannot start: OSError: no licence"):
        list(LocalExecutor(1).run(broken))


def test_workers_that_die_as_they_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryopick.run.hands.START", "import os; os._exit(3)")
    with pytest.raises(JobError, match=r"workers die as they start \(exit code 3\)"):
        list(LocalExecutor(2).run(order_of(tmp_path, ["a", "b"])))


@pytest.mark.parametrize(
    ("workers", "item_bytes", "items", "expected"),
    [(4, 0, 100, 4), (4, 0, 2, 2), (None, 0, 1, 1), (None, 1 << 60, 9, 1)],
)
def test_number_of_workers(workers: int | None, item_bytes: int, items: int, expected: int) -> None:
    chosen = choose_executor(workers=workers, devices=("cpu",), item_bytes=item_bytes, items=items)
    assert chosen.workers == expected


def test_one_worker_per_gpu() -> None:
    devices = ("cuda:0", "cuda:1", "cuda:2")
    assert choose_executor(workers=None, devices=devices, item_bytes=1, items=9).workers == 3


@pytest.mark.parametrize("workers", [0, -2])
def test_no_workers(workers: int) -> None:
    with pytest.raises(InputError, match=f"--workers: {workers} is not a number of processes"):
        choose_executor(workers=workers, devices=("cpu",), item_bytes=1, items=9)


def test_cost_is_no_part_of_the_result(tmp_path: Path) -> None:
    params = ToyParams(names=["a"])
    for name, seconds in (("x", 1.0), ("y", 9.0)):
        item = Item(id="a", inputs={"name": "a"}, cost=Cost(memory_bytes=1, seconds=seconds))
        order = Order(
            job=JOB, params=params, items=[item], folder=tmp_path / name, seed=7, devices=("cpu",)
        )
        list(InlineExecutor().run(order))
    assert values(tmp_path / "x") == values(tmp_path / "y")
