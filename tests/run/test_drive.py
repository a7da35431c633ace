"""`run_job` from Python: outcome, errors, record, progress."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy_jobs
import toy_steps
from cryopick.errors import CryopickError, InputError, JobError
from cryopick.run import InlineExecutor, Outcome, Progress, plan_job, resume_job, run_job
from cryopick.run.drive import failure_line
from cryopick.run.job import Cost, Item
from cryopick.run.lock import ask_to_cancel
from cryopick.run.record import read_record
from cryopick.run.seeds import item_seed
from cryopick.run.status import job_status
from toy_jobs import JOB, ToyParams


def test_outcome_and_files(tmp_path: Path) -> None:
    outcome = run_job(JOB, ToyParams(names=["a", "b"]), tmp_path / "out", executor=InlineExecutor())
    assert outcome.sentence == "6 numbers from 2 items"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "items",
        "job.json",
        "lock",
        "log.jsonl",
        "plots",
        "report.html",
        "summary.json",
        "totals.json",
    ]
    expected = np.random.default_rng(item_seed(0, "a")).standard_normal(3)
    np.testing.assert_array_equal(np.load(tmp_path / "out/items/a/values.npy"), expected)


def test_default_executor_gives_the_same(tmp_path: Path) -> None:
    params = ToyParams(names=["a", "b", "c"])
    one = run_job(JOB, params, tmp_path / "one", seed=4)
    two = run_job(JOB, params, tmp_path / "two", seed=4, executor=InlineExecutor())
    other = run_job(JOB, params, tmp_path / "other", seed=5, executor=InlineExecutor())
    assert one.summary == two.summary
    assert one.summary != other.summary


def test_record_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.txt").write_text("2.0")
    params = ToyParams(names=["n.txt", "b"], pixel_size_angstrom=1.5)
    run_job(JOB, params, "out", seed=11, workers=1)
    record = read_record("out")
    assert record.job == "toy"
    assert record.state == "finished"
    assert ToyParams.model_validate(record.params) == params
    assert set(record.params) == set(ToyParams.model_fields)  # defaults included
    assert record.meanings["pixel_size_angstrom"].unit == "Å"
    assert record.meanings["count"].default == 3
    assert (record.seed, record.device, record.devices) == (11, "auto", ["cpu"])
    assert (record.executor, record.workers) == ("local", 1)
    assert record.folder_at_start == str(tmp_path)
    assert set(record.inputs) == {"n.txt"}
    assert {"python", "cryopick", "numpy", "torch"} <= set(record.versions)
    assert record.host["cores"] >= 1
    assert [item.id for item in record.items] == ["n", "b"]
    assert set(record.timings) == {"n", "b"}
    assert record.finished is not None
    assert record.finished >= record.started
    assert record.seconds > 0


def test_failed_items_raise_after_collecting(tmp_path: Path) -> None:
    params = ToyParams(names=["a", "bad1", "b", "bug1"])
    with pytest.raises(JobError, match="2 of 4 items failed: bad1, bug1; the first because: bad1"):
        run_job(JOB, params, tmp_path / "out", executor=InlineExecutor())
    assert json.loads((tmp_path / "out/totals.json").read_text()).keys() == {"a", "b"}
    assert read_record(tmp_path / "out").state == "failed"


def test_many_failures_are_cut_short() -> None:
    line = failure_line(Path("out"), {f"i{n}": f"why {n}" for n in range(12)}, 20)
    assert line.startswith("12 of 20 items failed: i0, i1, ")
    assert "i9 and 2 more; the first because: why 0; see out/failed" in line


def test_resume_does_what_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    whole = run_job(JOB, ToyParams(names=["a", "b", "c"]), tmp_path / "whole")
    run_job(JOB, ToyParams(names=["a", "b", "c"]), folder)
    (folder / "items/b/done.json").unlink()
    (folder / "items/b/values.npy").write_bytes(b"half")
    again = resume_job(JOB, folder, executor=InlineExecutor())
    assert again == whole
    record = read_record(folder)
    assert record.sittings == 2
    assert record.executor == "inline"


def test_resume_of_another_job(tmp_path: Path) -> None:
    run_job(JOB, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())
    with pytest.raises(InputError, match="holds a job 'toy', not 'other'"):
        resume_job(replace(JOB, name="other"), tmp_path / "out")


def test_an_interrupted_collect_can_be_resumed(tmp_path: Path) -> None:
    def interrupt(folder: Path, items: Sequence[Item], params: ToyParams) -> Outcome:
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_job(
            replace(JOB, collect=interrupt),
            ToyParams(names=["a"]),
            folder,
            executor=InlineExecutor(),
        )
    assert job_status(folder).state == "interrupted"
    assert resume_job(JOB, folder, executor=InlineExecutor()).sentence == "3 numbers from 1 items"
    assert job_status(folder).state == "finished"


def test_progress_counts_up(tmp_path: Path) -> None:
    seen: list[Progress] = []
    names = [f"i{index}" for index in range(5)]
    run_job(
        JOB,
        ToyParams(names=names),
        tmp_path / "out",
        executor=InlineExecutor(),
        on_progress=seen.append,
    )
    assert seen[0] == Progress(done=0, failed=0, total=5)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert (seen[-1].done, seen[-1].seconds_left) == (5, 0.0)


def test_planning_warnings_reach_the_summary(tmp_path: Path) -> None:
    def plan(params: ToyParams) -> list[Item]:
        warnings.warn("two images\nare alike", stacklevel=2)
        warnings.warn("not for users", DeprecationWarning, stacklevel=2)
        return toy_jobs.plan(params)

    job = replace(JOB, plan=plan)
    assert plan_job(job, ToyParams(names=["a"])).warnings == ("two images are alike",)
    run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())
    found = json.loads((tmp_path / "out/summary.json").read_text())
    assert found["warnings"] == ["two images are alike", "numbers are random"]


def plan_with(*items: Item) -> object:
    return plan_job(replace(JOB, plan=lambda _params: list(items)), ToyParams(names=["a"]))


def item(name: str, **inputs: object) -> Item:
    return Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1))


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a\\b", "a\0b", "a\nb", "x" * 201])
def test_ids_must_be_fit_for_folders(name: str) -> None:
    with pytest.raises(InputError, match="cannot name a folder"):
        plan_with(item(name))


def test_plans_are_checked() -> None:
    with pytest.raises(InputError, match="toy: nothing to do"):
        plan_with()
    with pytest.raises(InputError, match="two items are called '007'"):
        plan_with(item("007"), item("007"))
    with pytest.raises(CryopickError, match="inputs of item a are not JSON"):
        plan_with(item("a", path=Path("x")))
    with pytest.raises(CryopickError, match="inputs of item a are not JSON"):
        plan_with(item("a", value=float("nan")))


def test_items_are_those_a_resumed_job_would_read() -> None:
    plan = plan_job(
        replace(JOB, plan=lambda _params: [item("007", shape=(1, 2))]), ToyParams(names=["a"])
    )
    assert plan.items[0].id == "007"
    assert plan.items[0].inputs == {"shape": [1, 2]}


def test_a_summary_must_not_use_reserved_keys(tmp_path: Path) -> None:
    job = replace(JOB, collect=lambda *_: Outcome(summary={"items": 3}, sentence="x"))
    with pytest.raises(InputError, match="reserved key 'items'"):
        run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())


def test_a_summary_must_be_json(tmp_path: Path) -> None:
    job = replace(JOB, collect=lambda *_: Outcome(summary={"x": float("nan")}, sentence="x"))
    with pytest.raises(InputError, match="toy: its summary cannot be written as JSON"):
        run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())


def test_nothing_is_written_for_unusable_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--seed: -1 is negative"):
        run_job(JOB, ToyParams(names=["a"]), tmp_path / "out", seed=-1)
    with pytest.raises(InputError, match="--device: 'tpu'"):
        run_job(JOB, ToyParams(names=["a"]), tmp_path / "out", device="tpu")
    with pytest.raises(InputError, match="workers: the executor given has its own number"):
        run_job(JOB, ToyParams(names=["a"]), tmp_path / "out", workers=2, executor=InlineExecutor())
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_job_that_never_ended(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run_job(JOB, ToyParams(names=["a", "b"]), folder, executor=InlineExecutor())
    path = folder / "job.json"
    path.write_text(path.read_text().replace('"finished",', '"running",', 1))
    status = job_status(folder)
    assert (status.state, status.done, status.total) == ("interrupted", 2, 2)
    assert status.runner is None


@pytest.mark.parametrize("name", ["../outside", "/etc/x", ".hidden"])
def test_an_edited_record_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    run_job(JOB, ToyParams(names=["a"]), folder, executor=InlineExecutor())
    record = json.loads((folder / "job.json").read_text())
    record["items"][0]["id"] = name
    (folder / "job.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="cannot name a folder"):
        resume_job(JOB, folder, executor=InlineExecutor())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_summary_cannot_delete_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (tmp_path / "precious").write_text("x")
    run_job(JOB, ToyParams(names=["a"]), folder, executor=InlineExecutor())
    summary = json.loads((folder / "summary.json").read_text())
    summary["files"] |= {"x": "../precious", "y": str(tmp_path / "precious")}
    (folder / "summary.json").write_text(json.dumps(summary))
    run_job(JOB, ToyParams(names=["b"]), folder, executor=InlineExecutor(), overwrite=True)
    assert (tmp_path / "precious").read_text() == "x"
    assert json.loads((folder / "totals.json").read_text()).keys() == {"b"}


def test_results_of_the_earlier_job_do_not_stay(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(JobError):
        run_job(JOB, ToyParams(names=["a", "bad1"]), folder, executor=InlineExecutor())
    with pytest.raises(JobError):
        run_job(JOB, ToyParams(names=["bad2"]), folder, executor=InlineExecutor(), overwrite=True)
    assert not (folder / "totals.json").exists()
    assert [path.name for path in (folder / "failed").iterdir()] == ["bad2.json"]
    assert json.loads((folder / "summary.json").read_text())["sentence"] == "No item could be done."


def test_progress_inside_an_item_reaches_the_listener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.run.beat.SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr("cryopick.run.drive.SECONDS_BETWEEN", 0.0)
    folder = tmp_path / "out"
    shares: list[float] = []
    told_others: list[dict[str, float]] = []

    def hear(progress: Progress) -> None:
        shares.append(progress.fraction)
        if progress.in_flight:
            told_others.append(job_status(folder).in_flight)
            assert progress.in_flight == told_others[-1]

    params = toy_steps.StepsParams(names=["a", "b"], steps=4)
    run_job(toy_steps.JOB, params, folder, executor=InlineExecutor(), on_progress=hear)
    assert sorted(set(shares)) == pytest.approx([step / 8 for step in range(9)])
    assert shares == sorted(shares)
    assert told_others[:5] == [{"a": step / 4} for step in range(5)]
    assert not (folder / "progress.json").exists()


def test_progress_of_workers_reaches_the_listener(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    heard: list[Progress] = []

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if progress.in_flight == {"a": 0.5, "b": 0.5}:
            (tmp_path / "hold").unlink(missing_ok=True)

    params = toy_steps.StepsParams(names=["a", "b"], hold_at=3, marks=f"@{tmp_path}")
    run_job(toy_steps.JOB, params, tmp_path / "out", workers=2, on_progress=hear)
    both = [progress for progress in heard if progress.in_flight == {"a": 0.5, "b": 0.5}]
    assert both[-1].fraction == 0.5
    assert both[-1].seconds_left is not None
    assert (heard[-1].fraction, heard[-1].in_flight) == (1.0, {})


def test_a_cancel_reaches_an_item_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.run.beat.SECONDS_BETWEEN", 0.0)
    folder = tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.in_flight.get("a") == 0.5:
            ask_to_cancel(folder)

    params = toy_steps.StepsParams(names=["a", "b"], marks=f"@{tmp_path}")
    with pytest.raises(JobError, match="cancelled with 0 of 2 items done"):
        run_job(toy_steps.JOB, params, folder, executor=InlineExecutor(), on_progress=stop)
    assert toy_steps.steps_done(tmp_path) == [("a", 0), ("a", 1), ("a", 2)]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [".basis", "a"]
    resume_job(toy_steps.JOB, folder, executor=InlineExecutor())
    assert toy_steps.steps_done(tmp_path) == [(name, step) for name in "ab" for step in range(6)]
    assert not (folder / "checkpoints").exists()


def test_memory_is_handed_down(tmp_path: Path) -> None:
    params = toy_steps.StepsParams(names=["a", "b"], item_bytes=700, marks=f"@{tmp_path}")
    run_job(toy_steps.JOB, params, tmp_path / "out", memory_bytes=1000)
    assert read_record(tmp_path / "out").workers == 1  # two would need 1400
    assert {memory for _, memory in toy_steps.shares_given(tmp_path).values()} == {1000}


@pytest.mark.parametrize("name", ["workers", "memory_bytes"])
def test_an_executor_that_is_given_has_its_own_numbers(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: the executor given has its own number"):
        run_job(
            JOB,
            ToyParams(names=["a"]),
            tmp_path / "out",
            executor=InlineExecutor(),
            **{name: 3},
        )
    assert list(tmp_path.iterdir()) == []
