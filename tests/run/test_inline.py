"""`InlineExecutor`: in order, in this process, and stopped between items."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import toy_steps
from cryopick.errors import InputError
from cryopick.run.executor import Advance, Done, Failed, Order, Pulse
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Item, Job, Worker
from cryopick.run.machine import core_count
from toy_jobs import JOB, ToyParams


def order(folder: Path, *names: str, job: Job[ToyParams] = JOB, seed: int = 7) -> Order:
    params = ToyParams(names=list(names))
    (folder / "items").mkdir(parents=True, exist_ok=True)
    return Order(
        job=job, params=params, items=job.plan(params), folder=folder, seed=seed, devices=("cpu",)
    )


def test_a_pulse_before_each_item_and_the_items_in_their_order(tmp_path: Path) -> None:
    events = list(InlineExecutor().run(order(tmp_path, "b", "a", "c")))
    assert [type(event) for event in events] == [Pulse, Done] * 3
    assert [event.id for event in events if isinstance(event, Done)] == ["b", "a", "c"]


def test_nothing_is_done_before_it_is_asked_for(tmp_path: Path) -> None:
    """It is a stream: who takes one event has one item done, not all."""
    stream = InlineExecutor().run(order(tmp_path, "a", "b"))
    assert list((tmp_path / "items").iterdir()) == []
    assert isinstance(next(stream), Pulse)
    assert list((tmp_path / "items").iterdir()) == []
    assert isinstance(next(stream), Done)
    assert [path.name for path in (tmp_path / "items").iterdir()] == ["a"]


def test_a_cancel_at_a_pulse_begins_nothing_more(tmp_path: Path) -> None:
    executor = InlineExecutor()
    seen: list[str] = []
    for event in executor.run(order(tmp_path, "a", "b", "c")):
        if isinstance(event, Done):
            seen.append(event.id)
            executor.cancel()
    assert seen == ["a"]
    assert [path.name for path in (tmp_path / "items").iterdir()] == ["a"]


def test_a_new_run_forgets_the_cancel(tmp_path: Path) -> None:
    executor = InlineExecutor()
    executor.cancel()
    events = list(executor.run(order(tmp_path, "a")))
    assert isinstance(events[-1], Done)


def test_a_failure_is_an_event_and_not_an_exception(tmp_path: Path) -> None:
    events = list(InlineExecutor().run(order(tmp_path, "bad1", "bug1", "a")))
    first, second, third = [event for event in events if not isinstance(event, Pulse)]
    assert isinstance(first, Failed)
    assert first.line == "bad1: value of pixels is NaN; leave it out"
    assert isinstance(second, Failed)
    assert "ZeroDivisionError" in second.line + second.detail
    assert isinstance(third, Done)


def test_an_interrupt_of_the_user_is_not_swallowed(tmp_path: Path) -> None:
    def work(_item: Item, _params: ToyParams, _worker: Worker) -> None:
        raise KeyboardInterrupt

    job = Job(
        name="toy",
        title="Toy.",
        params=ToyParams,
        plan=JOB.plan,
        work=work,
        collect=JOB.collect,
    )
    with pytest.raises(KeyboardInterrupt):
        list(InlineExecutor().run(order(tmp_path, "a", job=job)))


def test_functions_of_a_notebook_will_do(tmp_path: Path) -> None:
    """A closure cannot be sent to another process; here nothing is sent."""
    seen: list[tuple[int, str, int]] = []

    def work(item: Item, _params: ToyParams, worker: Worker) -> None:
        seen.append((os.getpid(), worker.device, worker.seed))
        (worker.folder / "a.txt").write_text(item.id)

    job = Job(
        name="toy",
        title="Toy.",
        params=ToyParams,
        plan=JOB.plan,
        work=work,
        collect=JOB.collect,
    )
    list(InlineExecutor().run(order(tmp_path, "a", "b", job=job)))
    assert {(pid, device) for pid, device, _ in seen} == {(os.getpid(), "cpu")}
    assert len({seed for _, _, seed in seen}) == 2  # each item has its own
    assert (tmp_path / "items" / "b" / "a.txt").read_text() == "b"


def test_its_name_and_size_in_records() -> None:
    assert (InlineExecutor().name, InlineExecutor().workers) == ("inline", 1)


def steps_order(folder: Path, *names: str, tell: Callable[[Advance], None]) -> Order:
    params = toy_steps.StepsParams(names=list(names), steps=4, marks=f"@{folder}")
    return Order(
        job=toy_steps.JOB,
        params=params,
        items=toy_steps.plan(params),
        folder=folder / "out",
        seed=7,
        devices=("cpu",),
        tell=tell,
    )


def test_an_item_has_all_cores_and_all_memory(tmp_path: Path) -> None:
    nobody = steps_order(tmp_path, "a", "b", tell=lambda _: None)
    list(InlineExecutor(cores=3, memory_bytes=1000).run(nobody))
    assert toy_steps.shares_given(tmp_path) == {"a": (3, 1000), "b": (3, 1000)}
    list(InlineExecutor().run(replace(nobody, folder=tmp_path / "two")))
    for cores, memory in toy_steps.shares_given(tmp_path).values():
        assert cores == core_count()
        assert memory > 1 << 20


@pytest.mark.parametrize("cores", [0, -1])
def test_no_core_at_all_is_refused(cores: int) -> None:
    with pytest.raises(InputError, match=f"cores: {cores} is not a number of cores"):
        InlineExecutor(cores=cores)


def test_progress_is_told_while_the_stream_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.run.beat.SECONDS_BETWEEN", 0.0)
    heard: list[Advance] = []
    list(InlineExecutor().run(steps_order(tmp_path, "a", tell=heard.append)))
    assert heard == [Advance("a", step / 4) for step in range(5)]


def test_a_cancel_ends_a_long_item_where_it_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.run.beat.SECONDS_BETWEEN", 0.0)
    executor = InlineExecutor()

    def stop(advance: Advance) -> None:
        if advance.fraction == 0.5:
            executor.cancel()

    events = list(executor.run(steps_order(tmp_path, "a", "b", tell=stop)))
    assert [type(event) for event in events] == [Pulse]  # neither done nor failed
    assert toy_steps.steps_done(tmp_path) == [("a", 0), ("a", 1)]
    assert list((tmp_path / "out/items").iterdir()) == []
    list(executor.run(steps_order(tmp_path, "a", tell=lambda _: None)))  # from its checkpoint
    assert toy_steps.steps_done(tmp_path) == [("a", step) for step in range(4)]
