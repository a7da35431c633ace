"""An item's folder appears whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cryopick.errors import InputError
from cryopick.run.executor import Advance, Done, Failed, Order, Share
from cryopick.run.folder import JobFolder
from cryopick.run.job import Item, Worker
from cryopick.run.seeds import item_seed
from cryopick.run.work_item import read_done, work_item
from toy_jobs import JOB, ToyParams


def order_with(folder: Path, work: object) -> Order:
    params = ToyParams(names=["a"])
    job = replace(JOB, work=work)
    return Order(
        job=job, params=params, items=job.plan(params), folder=folder, seed=5, devices=("cpu",)
    )


def do(folder: Path, work: object) -> Done | Failed:
    order = order_with(folder, work)
    return work_item(order, order.items[0], device="cpu")


def test_the_worker_and_the_marker(tmp_path: Path) -> None:
    seen: list[Worker] = []

    def work(item: Item, params: ToyParams, worker: Worker) -> None:
        seen.append(worker)
        (worker.folder / "sub").mkdir()
        (worker.folder / "sub/x.txt").write_text("x")
        assert not (tmp_path / "items/a").exists()

    done = do(tmp_path, work)
    assert isinstance(done, Done)
    assert seen[0].device == "cpu"
    assert seen[0].seed == item_seed(5, "a")
    assert seen[0].folder.name.startswith(f".a.{os.getpid()}.")
    assert (tmp_path / "items/a/sub/x.txt").read_text() == "x"
    facts = json.loads((tmp_path / "items/a/done.json").read_text())
    assert facts["id"] == "a"
    assert facts["seed"] == item_seed(5, "a")
    assert [path.name for path in (tmp_path / "items").iterdir()] == ["a"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "items/a").stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.mrc: is empty"), "a.mrc: is empty"),
        (MemoryError(), "a: out of memory; give fewer --workers"),
        (ValueError("two\nlines"), "a: internal error: ValueError: two lines"),
        (KeyError("k"), "a: internal error: KeyError: 'k'"),
    ],
)
def test_errors_leave_nothing_behind(tmp_path: Path, error: Exception, line: str) -> None:
    def work(item: Item, params: ToyParams, worker: Worker) -> None:
        (worker.folder / "half.txt").write_text("x")
        raise error

    failed = do(tmp_path, work)
    assert isinstance(failed, Failed)
    assert failed.line.startswith(line)
    assert "\n" not in failed.line
    assert "Traceback" in failed.detail
    assert list((tmp_path / "items").iterdir()) == []


def test_an_interrupt_is_not_a_failure(tmp_path: Path) -> None:
    def work(item: Item, params: ToyParams, worker: Worker) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, work)
    assert list((tmp_path / "items").iterdir()) == []


def test_done_items_are_not_worked_on(tmp_path: Path) -> None:
    first = do(tmp_path, lambda *_: None)

    def never(*_args: object) -> None:
        raise AssertionError("worked twice")

    again = do(tmp_path, never)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert again.seconds == pytest.approx(first.seconds, abs=1e-6)


def test_whoever_comes_second_gives_way(tmp_path: Path) -> None:
    def slower(item: Item, params: ToyParams, worker: Worker) -> None:
        (worker.folder / "x").write_text("slower")
        do(tmp_path, lambda _i, _p, other: (other.folder / "x").write_text("faster"))

    assert isinstance(do(tmp_path, slower), Done)
    assert (tmp_path / "items/a/x").read_text() == "faster"
    assert [path.name for path in (tmp_path / "items").iterdir()] == ["a"]


def test_a_folder_without_marker_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "items/a").mkdir(parents=True)
    (tmp_path / "items/a/old").write_text("x")
    assert isinstance(do(tmp_path, lambda *_: None), Done)
    assert [path.name for path in (tmp_path / "items/a").iterdir()] == ["done.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"seconds": "x", "warnings": []}'])
def test_a_broken_marker_is_no_marker(tmp_path: Path, text: str) -> None:
    (tmp_path / "done.json").write_text(text)
    assert read_done(tmp_path, "a") is None


def test_parts_of_the_dead_are_cleaned(tmp_path: Path) -> None:
    items = tmp_path / "items"
    alive, dead = f".a.b.{os.getpid()}.x_1.part", ".a.b.999999999.x_2.part"
    for name in (alive, dead, "a.b"):
        (items / name).mkdir(parents=True)
    place = JobFolder(tmp_path)
    assert place.clean_parts() == 1
    assert sorted(path.name for path in items.iterdir()) == [alive, "a.b"]
    assert place.clean_parts(all_of_them=True) == 1
    assert [path.name for path in items.iterdir()] == ["a.b"]


def test_what_the_item_may_use_and_whom_it_tells(tmp_path: Path) -> None:
    heard: list[Advance] = []

    def work(item: Item, params: ToyParams, worker: Worker) -> None:
        assert (worker.cores, worker.memory_bytes) == (3, 1000)
        assert worker.checkpoints == tmp_path / "checkpoints/a"
        assert not worker.checkpoints.exists()
        worker.progress(0.25)

    order = replace(order_with(tmp_path, work), tell=heard.append)
    share = Share(cores=3, memory_bytes=1000)
    assert isinstance(work_item(order, order.items[0], device="cpu", share=share), Done)
    assert heard == [Advance("a", 0.25)]


def test_checkpoints_go_with_success_and_stay_otherwise(tmp_path: Path) -> None:
    def half(item: Item, params: ToyParams, worker: Worker) -> None:
        worker.checkpoints.mkdir(parents=True)
        (worker.checkpoints / "x").write_text("half")
        raise InputError("a: is half done")

    def rest(item: Item, params: ToyParams, worker: Worker) -> None:
        assert (worker.checkpoints / "x").read_text() == "half"

    assert isinstance(do(tmp_path, half), Failed)
    assert (tmp_path / "checkpoints/a/x").is_file()
    assert isinstance(do(tmp_path, rest), Done)
    assert not (tmp_path / "checkpoints/a").exists()
    assert [path.name for path in (tmp_path / "items/a").iterdir()] == ["done.json"]


def test_checkpoints_of_a_done_item_go_too(tmp_path: Path) -> None:
    """A worker may be killed between putting its item in place and removing its checkpoints."""
    assert isinstance(do(tmp_path, lambda *_: None), Done)
    (tmp_path / "checkpoints/a").mkdir(parents=True)
    assert isinstance(do(tmp_path, lambda *_: None), Done)
    assert not (tmp_path / "checkpoints/a").exists()
