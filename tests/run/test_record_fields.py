"""Each field of the record says what happened: seeds, sittings, states, times, inputs, names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, JobError
from cryopick.run import InlineExecutor, Progress, resume_job, run_job
from cryopick.run.job import Cost, Item, Params, param
from cryopick.run.lock import ask_to_cancel
from cryopick.run.record import read_record, write_record
from cryopick.run.seeds import item_seed
from toy_jobs import JOB, ToyParams


def run(folder: Path, *names: str, **options: object) -> None:
    run_job(JOB, ToyParams(names=list(names)), folder, executor=InlineExecutor(), **options)  # type: ignore[arg-type]


def values(folder: Path, name: str) -> list[float]:
    return np.load(folder / "items" / name / "values.npy").tolist()


def test_the_items_of_a_record_are_the_plan(tmp_path: Path) -> None:
    params = ToyParams(names=["b", "007", "a"], sleep_seconds=0.001)
    run_job(JOB, params, tmp_path / "out", executor=InlineExecutor())
    items = [each.item() for each in read_record(tmp_path / "out").items]
    assert items == JOB.plan(params)  # in the order of the plan, costs and all


def test_a_seed_of_the_job_wins_where_none_is_given(tmp_path: Path) -> None:
    class Seeded(ToyParams):
        seed: int | None = param(None, description="Seed.")

    job = replace(JOB, params=Seeded)
    for name, given, own, expected in (("x", None, 5, 5), ("y", 5, 5, 5), ("z", 4, None, 4)):
        params = Seeded(names=["a"], seed=own)
        run_job(job, params, tmp_path / name, seed=given, executor=InlineExecutor())
        assert read_record(tmp_path / name).seed == expected
    with pytest.raises(InputError, match="--seed: 4 differs from the parameter seed = 5; give one"):
        run_job(job, Seeded(names=["a"], seed=5), tmp_path / "w", seed=4)
    assert not (tmp_path / "w").exists()
    assert values(tmp_path / "x", "a") == values(tmp_path / "y", "a")


def test_no_seed_at_all_is_seed_0(tmp_path: Path) -> None:
    run(tmp_path / "out", "a")
    assert read_record(tmp_path / "out").seed == 0
    facts = json.loads((tmp_path / "out/items/a/done.json").read_text())
    assert facts["seed"] == item_seed(0, "a")


def test_a_resumed_job_keeps_its_seed_and_first_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.txt").write_text("1.0")
    run(tmp_path / "out", "n.txt", "b", seed=9)
    before = read_record("out")
    first = values(tmp_path / "out", "b")
    (tmp_path / "out/items/b/done.json").unlink()
    Path("n.txt").write_text("2.5")
    resume_job(JOB, "out", executor=InlineExecutor())
    after = read_record("out")
    assert values(tmp_path / "out", "b") == first
    assert (after.seed, after.sittings, after.started) == (9, 2, before.started)
    assert after.inputs == before.inputs  # as first read
    assert after.warnings == ["input n.txt changed since the job was started"]
    resume_job(JOB, "out", executor=InlineExecutor())
    third = read_record("out")
    assert (third.sittings, third.warnings) == (3, after.warnings)  # said once


def test_time_at_work_adds_up(tmp_path: Path) -> None:
    run(tmp_path / "out", "a", "b")
    before = read_record(tmp_path / "out")
    write_record(tmp_path / "out", before.model_copy(update={"seconds": 1000.0}))
    resume_job(JOB, tmp_path / "out", executor=InlineExecutor())
    after = read_record(tmp_path / "out")
    assert 1000 < after.seconds < 1100
    assert after.timings == before.timings  # those of the items, not of the sittings
    assert after.finished is not None
    assert after.started <= after.finished


@pytest.mark.parametrize(
    ("names", "states"),
    [(["a"], ("finished",)), (["a", "bad"], ("failed",)), (["bad"], ("failed",))],
)
def test_how_a_job_ended(tmp_path: Path, names: list[str], states: tuple[str, ...]) -> None:
    try:
        run(tmp_path / "out", *names)
    except JobError as error:
        assert "bad" in str(error)
    assert read_record(tmp_path / "out").state in states
    lines = (tmp_path / "out/log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["event"] in states


def test_a_relative_name_means_the_same_file_when_resumed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "start").mkdir()
    (tmp_path / "start/n.txt").write_text("7.0")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "start")
    run(tmp_path / "out", "n.txt")
    first = values(tmp_path / "out", "n")
    (tmp_path / "out/items/n/done.json").unlink()
    monkeypatch.chdir(tmp_path / "other")
    resume_job(JOB, "../out", executor=InlineExecutor())
    assert values(tmp_path / "out", "n") == first
    assert read_record(tmp_path / "out").folder_at_start == str(tmp_path / "start")
    assert Path.cwd() == tmp_path / "other"


def test_an_input_inside_the_job_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "a")
    name = str(out / "totals.json")
    with pytest.raises(InputError, match=r"--out: .*out holds the input .*totals\.json; give anot"):
        run(out, name, overwrite=True)
    assert (out / "totals.json").exists()


def test_repeating_names_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    path.write_text("1")
    run(tmp_path / "one", str(path))
    before = read_record(tmp_path / "one")
    path.write_text("2")
    run(tmp_path / "two", str(path), before=before)
    assert read_record(tmp_path / "two").warnings == [
        f"input {path} changed since the job was started"
    ]
    summary = json.loads((tmp_path / "two/summary.json").read_text())
    assert summary["warnings"][0] == f"input {path} changed since the job was started"


def plan_of(name: str, value: str) -> Callable[[ToyParams], list[Item]]:
    cost = Cost(memory_bytes=1, seconds=1)
    return lambda _params: [Item(id=name, inputs={"name": value}, cost=cost)]


@pytest.mark.parametrize(("name", "value"), [("mic_\udcff", "x"), ("a", "mic_\udcff.mrc")])
def test_names_that_are_not_utf8_are_named_and_nothing_is_written(
    tmp_path: Path, name: str, value: str
) -> None:
    job = replace(JOB, plan=plan_of(name, value))
    with pytest.raises(InputError, match=r"toy: .*mic_\\udcff.* is not UTF-8; rename it"):
        run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())
    assert list(tmp_path.iterdir()) == []


def test_parameters_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    class WithPath(ToyParams):
        path: Path = param(..., description="A path.")

    params = WithPath(names=["a"], path=Path(os.fsdecode(b"/data/\xfe.mrc")))
    with pytest.raises(InputError, match="is not UTF-8; rename it"):
        run_job(replace(JOB, params=WithPath), params, tmp_path / "out", executor=InlineExecutor())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Å µ", "名前", "a'b", 'a"b', "<a>", "a&b", "%41", "~", "$HOME"])
def test_other_names_are_kept_to_the_letter(tmp_path: Path, name: str) -> None:
    run(tmp_path / "out", name)
    record = read_record(tmp_path / "out")
    assert [item.id for item in record.items] == [name]
    assert set(record.timings) == {name}
    assert (tmp_path / "out/items" / name / "values.npy").exists()
    assert resume_job(JOB, tmp_path / "out", executor=InlineExecutor()).summary["numbers"] == 3


def test_a_field_that_lost_its_meaning_is_named_with_its_writer(tmp_path: Path) -> None:
    class Narrow(Params):
        names: list[str] = param(description="Names.")
        count: int = param(1, description="Count.", le=2)

    run(tmp_path / "out", "a")
    record = read_record(tmp_path / "out")
    record.params = {"names": ["a"], "count": 3}
    record.versions["cryopick"] = "0.0.1"
    write_record(tmp_path / "out", record)
    narrow = replace(JOB, params=Narrow)
    with pytest.raises(InputError, match=r"count = 3 .*written by cryopick 0\.0\.1: start the job"):
        resume_job(narrow, tmp_path / "out", executor=InlineExecutor())
    assert read_record(tmp_path / "out").state == "finished"  # untouched


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", "\x00", '{"format": 1}', "[" * 100_000, '{"a":' * 50_000, "1e999"],
)
def test_what_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(FormatError, match="is not the record of a job"):
        read_record(tmp_path)


def test_cancelled_between_items_and_gone_on(tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            ask_to_cancel(folder)

    with pytest.raises(JobError, match=r"cancelled with 2 of 5 items done; go on with: cryopick"):
        run(folder, *"abcde", on_progress=stop)
    record = read_record(folder)
    assert (record.state, set(record.timings)) == ("cancelled", {"a", "b"})
    assert not (folder / "summary.json").exists()
    assert [p.name for p in sorted((folder / "items").iterdir())] == ["a", "b"]
    again = resume_job(JOB, folder, executor=InlineExecutor())
    whole = run_job(JOB, ToyParams(names=list("abcde")), tmp_path / "w", executor=InlineExecutor())
    assert again == whole
    assert read_record(folder).state == "finished"


def test_a_cancel_after_the_last_item_finds_a_finished_job(tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.done == progress.total:
            ask_to_cancel(folder)

    run(folder, "a", "b", on_progress=stop)  # nothing was left to cancel
    assert read_record(folder).state == "finished"
    with pytest.raises(InputError, match="no job is running here"):
        ask_to_cancel(folder)
    resume_job(JOB, folder, executor=InlineExecutor())  # the old marker does not stop this one
    assert read_record(folder).sittings == 2


def test_a_failure_and_a_cancel_in_one_job(tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.failed:
            ask_to_cancel(folder)

    with pytest.raises(JobError, match="cancelled with 1 of 4 items done"):
        run(folder, "a", "bad", "c", "d", on_progress=stop)
    assert (folder / "failed/bad.json").exists()
    with pytest.raises(JobError, match="1 of 4 items failed: bad"):
        resume_job(JOB, folder, executor=InlineExecutor())
    assert read_record(folder).state == "failed"


def test_an_error_of_the_listener_ends_the_job_in_order(tmp_path: Path) -> None:
    def broken(progress: Progress) -> None:
        if progress.done:
            raise RuntimeError("the window is closed")

    with pytest.raises(RuntimeError, match="the window is closed"):
        run(tmp_path / "out", "a", "b", on_progress=broken)
    assert read_record(tmp_path / "out").state == "interrupted"
    assert list((tmp_path / "out/items").glob(".*")) == []
    assert resume_job(JOB, tmp_path / "out", executor=InlineExecutor()).summary["numbers"] == 6


def test_a_collect_that_fails_leaves_the_items(tmp_path: Path) -> None:
    def collect(*_: object) -> None:
        raise InputError("totals: disk is full; make room")

    job = replace(JOB, collect=collect)
    with pytest.raises(InputError, match="disk is full"):
        run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())
    assert read_record(tmp_path / "out").state == "interrupted"
    marker = (tmp_path / "out/items/a/done.json").stat().st_mtime_ns
    resume_job(JOB, tmp_path / "out", executor=InlineExecutor())
    assert (tmp_path / "out/items/a/done.json").stat().st_mtime_ns == marker
