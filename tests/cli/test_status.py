"""``cryopick status``: jobs that ended, stopped or run, and projects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryopick.cli.main import main
from cryopick.cli.status import status_lines
from cryopick.errors import JobError
from cryopick.run.drive import run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.status import Status
from toy_jobs import JOB, ToyParams

Captured = pytest.CaptureFixture[str]


def job(folder: Path, *names: str) -> Path:
    try:
        run_job(JOB, ToyParams(names=list(names)), folder, executor=InlineExecutor())
    except JobError:
        assert any(name.startswith("bad") for name in names)
    return folder


def standing(**changes: object) -> Status:
    values: dict[str, object] = {
        "job": "toy",
        "folder": "/x/out",
        "state": "finished",
        "done": 3,
        "total": 3,
        "failed": {},
        "seconds_left": None,
        "runner": None,
        "sentence": "9 numbers from 3 items",
    }
    return Status(**(values | changes))  # type: ignore[arg-type]


def test_a_finished_job() -> None:
    assert status_lines(standing()) == [
        "toy: finished, 3 of 3 items done",
        "9 numbers from 3 items",
    ]


def test_a_running_job_tells_who_runs_it_and_how_long() -> None:
    runner = {"pid": 42, "host": "node7"}
    lines = status_lines(
        standing(state="running", done=1, runner=runner, seconds_left=125.0, sentence="")
    )
    assert lines == [
        "toy: running, 1 of 3 items done",
        "run by process 42 on node7",
        "2 min 05 s left",
    ]


def test_a_runner_that_left_no_name_is_still_told() -> None:
    assert "run by process ? on ?" in status_lines(standing(state="running", runner={"a": 1}))


@pytest.mark.parametrize("state", ["interrupted", "cancelled", "failed"])
def test_what_is_unfinished_can_be_gone_on_with(state: str) -> None:
    lines = status_lines(standing(state=state, done=2, sentence=""))
    assert lines[-1] == "go on with: cryopick resume /x/out"


def test_failed_items_are_named_with_their_reasons() -> None:
    lines = status_lines(standing(state="failed", done=1, failed={"a": "is NaN", "b": "is cut"}))
    assert lines[2:4] == ["failed: a: is NaN", "failed: b: is cut"]


def test_of_a_folder_in_words(tmp_path: Path, capsys: Captured) -> None:
    folder = job(tmp_path / "out", "a", "bad1")
    assert main(["status", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "toy: failed, 1 of 2 items done",
        "3 numbers from 1 items",
        "failed: bad1: bad1: value of pixels is NaN; leave it out",
        f"go on with: cryopick resume {folder}",
    ]
    assert err == ""


def test_of_a_folder_as_json(tmp_path: Path, capsys: Captured) -> None:
    folder = job(tmp_path / "out", "a")
    assert main(["status", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["done"], found["folder"]) == ("finished", 1, str(folder))


def test_a_killed_driver_is_an_interruption(tmp_path: Path, capsys: Captured) -> None:
    """Its record still says ``running``, but nobody holds the folder."""
    folder = job(tmp_path / "out", "a", "b")
    record = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(record | {"state": "running"}))
    assert main(["status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "interrupted"


def test_looking_changes_nothing(tmp_path: Path, capsys: Captured) -> None:
    folder = job(tmp_path / "out", "a")
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    main(["status", str(folder)])
    main(["status", str(folder), "--json"])
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_without_a_folder_outside_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["status", *words]) == 2
    assert capsys.readouterr().err == "cryopick: DIR: is missing; see: cryopick status --help\n"


def test_of_a_project(tmp_path: Path, capsys: Captured) -> None:
    assert main(["new", str(tmp_path / "p")]) == 0
    capsys.readouterr()
    assert main(["status", str(tmp_path / "p")]) == 0
    assert "p" in capsys.readouterr().out
    assert main(["status", str(tmp_path / "p"), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_items_in_flight_in_words() -> None:
    status = Status(
        job="match",
        folder="out",
        state="running",
        done=0,
        total=2,
        failed={},
        seconds_left=75.0,
        runner=None,
        sentence="",
        in_flight={"ts_01": 0.254, "ts_02": 1.0},
    )
    assert status_lines(status) == [
        "match: running, 0 of 2 items done",
        "ts_01: 25%",
        "ts_02: 100%",
        "1 min 15 s left",
    ]
