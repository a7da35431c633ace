"""Checkpoints outlive workers and drivers, go with success, and never change a result."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from cryopick.errors import JobError
from cryopick.run import InlineExecutor, LocalExecutor, resume_job, run_job
from cryopick.run.checkpoints import (
    CHECKPOINTS,
    checkpoints_of,
    close_checkpoints,
    drop_checkpoints,
    keep_checkpoints,
)
from cryopick.run.record import read_record
from toy_program import results, run, start, wait_until
from toy_steps import JOB, StepsParams, steps_done

NAMES = ["a", "b"]


def leave_one(folder: Path, item_id: str) -> Path:
    path = checkpoints_of(folder, item_id)
    path.mkdir(parents=True)
    (path / "x").write_text("x")
    return path


def test_kept_on_the_same_basis_only(tmp_path: Path) -> None:
    keep_checkpoints(tmp_path, {"seed": 1, "items": ["a"]})
    path = leave_one(tmp_path, "a")
    keep_checkpoints(tmp_path, {"items": ["a"], "seed": 1})  # in whatever order
    assert (path / "x").is_file()
    keep_checkpoints(tmp_path, {"seed": 2, "items": ["a"]})
    assert not path.exists()


@pytest.mark.parametrize("text", [None, "", "\xff", "another"])
def test_those_of_an_unknown_basis_are_removed(tmp_path: Path, text: str | None) -> None:
    path = leave_one(tmp_path, "a")
    if text is not None:
        (tmp_path / CHECKPOINTS / ".basis").write_text(text, "latin-1")
    keep_checkpoints(tmp_path, {"seed": 1})
    assert not path.exists()


def test_those_of_done_items_are_removed(tmp_path: Path) -> None:
    keep_checkpoints(tmp_path, 1)
    paths = {name: leave_one(tmp_path, name) for name in "abc"}
    keep_checkpoints(tmp_path, 1, done=["a", "never begun"])
    drop_checkpoints(tmp_path, "b")
    assert [name for name, path in paths.items() if path.exists()] == ["c"]
    close_checkpoints(tmp_path, done=[])
    assert paths["c"].exists()
    close_checkpoints(tmp_path, done=["c"])
    assert list(tmp_path.iterdir()) == []
    close_checkpoints(tmp_path, done=["c"])  # nothing there is nothing to do


def test_an_item_may_be_called_anything(tmp_path: Path) -> None:
    keep_checkpoints(tmp_path, 1)
    for name in ("basis", "checkpoints", "ts 1", "007"):
        leave_one(tmp_path, name)
    keep_checkpoints(tmp_path, 1)
    close_checkpoints(tmp_path, done=["basis", "checkpoints", "ts 1"])
    assert {path.name for path in (tmp_path / CHECKPOINTS).iterdir()} == {".basis", "007"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("steps") / "out"
    run_job(JOB, StepsParams(names=NAMES), folder, executor=InlineExecutor())
    assert not (folder / CHECKPOINTS).exists()
    return results(folder)


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    path = tmp_path / "marks"
    path.mkdir()
    return path


def test_a_killed_worker_costs_one_step(
    tmp_path: Path, marks: Path, undisturbed: dict[str, bytes]
) -> None:
    params = StepsParams(names=NAMES, die_at=3, marks=f"@{marks}")
    run_job(JOB, params, tmp_path / "out", executor=LocalExecutor(1))
    assert sorted(path.name for path in marks.glob("killed-*")) == ["killed-a", "killed-b"]
    # Each step once, though each item was begun twice.
    assert sorted(steps_done(marks)) == [(name, step) for name in NAMES for step in range(6)]
    assert results(tmp_path / "out") == undisturbed
    assert not (tmp_path / "out" / CHECKPOINTS).exists()


def test_a_killed_driver_costs_one_step(
    tmp_path: Path, marks: Path, undisturbed: dict[str, bytes]
) -> None:
    folder = tmp_path / "out"
    (marks / "hold").touch()
    program = start(
        "steps", *NAMES, "--hold-at", 3, "--marks", f"@{marks}", "--workers", 1, "-o", folder
    )
    wait_until(lambda: len(steps_done(marks)) == 3)
    workers = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    program.communicate()
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert len(json.loads((folder / CHECKPOINTS / "a/total.json").read_text())) == 3
    (marks / "hold").unlink()
    assert run("resume", folder, "--workers", 1).returncode == 0
    assert steps_done(marks) == [(name, step) for name in NAMES for step in range(6)]
    assert results(folder) == undisturbed
    assert not (folder / CHECKPOINTS).exists()
    assert not (folder / "progress.json").exists()


def test_a_failure_keeps_them_and_a_resume_goes_on(
    tmp_path: Path, marks: Path, undisturbed: dict[str, bytes]
) -> None:
    (marks / "fail").touch()
    folder = tmp_path / "out"
    params = StepsParams(names=NAMES, fail_at=4, marks=f"@{marks}")
    with pytest.raises(JobError, match="2 of 2 items failed"):
        run_job(JOB, params, folder, executor=InlineExecutor())
    assert sorted(path.name for path in (folder / CHECKPOINTS).iterdir()) == [".basis", "a", "b"]
    (marks / "fail").unlink()
    resume_job(JOB, folder, executor=InlineExecutor())
    assert sorted(steps_done(marks)) == [(name, step) for name in NAMES for step in range(6)]
    assert results(folder) == undisturbed
    assert not (folder / CHECKPOINTS).exists()


@pytest.fixture
def half_done(tmp_path: Path, marks: Path) -> Path:
    """A job whose one item, scaled by an input file, failed at its fifth step."""
    (tmp_path / "a.txt").write_text("2.0")
    (marks / "fail").touch()
    params = StepsParams(names=[str(tmp_path / "a.txt")], fail_at=4, marks=f"@{marks}")
    with pytest.raises(JobError, match="1 of 1 items failed"):
        run_job(JOB, params, tmp_path / "out", executor=InlineExecutor(), seed=3)
    (marks / "fail").unlink()
    (marks / "steps").unlink()
    return tmp_path / "out"


def test_the_same_input_is_gone_on_with(half_done: Path, marks: Path) -> None:
    resume_job(JOB, half_done, executor=InlineExecutor())
    assert steps_done(marks) == [("a", 4), ("a", 5)]


def test_a_changed_input_begins_anew(half_done: Path, marks: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3.0")
    resume_job(JOB, half_done, executor=InlineExecutor())
    assert len(steps_done(marks)) == 6
    assert any("a.txt changed" in line for line in read_record(half_done).warnings)
    params = StepsParams(names=[str(tmp_path / "a.txt")], fail_at=4, marks=f"@{marks}")
    run_job(JOB, params, tmp_path / "anew", executor=InlineExecutor(), seed=3)
    assert results(half_done) == results(tmp_path / "anew")


def test_another_version_begins_anew(
    half_done: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.run.drive.versions", lambda: {"cryopick": "99"})
    resume_job(JOB, half_done, executor=InlineExecutor())
    assert len(steps_done(marks)) == 6


def test_an_overwritten_job_begins_anew(half_done: Path, marks: Path, tmp_path: Path) -> None:
    params = StepsParams(names=[str(tmp_path / "a.txt")], fail_at=4, marks=f"@{marks}")
    run_job(JOB, params, half_done, executor=InlineExecutor(), seed=3, overwrite=True)
    assert len(steps_done(marks)) == 6
    assert not (half_done / CHECKPOINTS).exists()


def test_a_job_inside_its_input_folder_goes_on(tmp_path: Path, marks: Path) -> None:
    """The folder changes with the job's own files, its inputs do not."""
    (marks / "fail").touch()
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    params = StepsParams(names=[str(inputs)], fail_at=4, marks=f"@{marks}")
    with pytest.raises(JobError, match="1 of 1 items failed"):
        run_job(JOB, params, inputs / "out", executor=InlineExecutor())
    (marks / "fail").unlink()
    resume_job(JOB, inputs / "out", executor=InlineExecutor())
    assert [step for _, step in steps_done(marks)] == [0, 1, 2, 3, 4, 5]
    assert not any("changed" in line for line in read_record(inputs / "out").warnings)
