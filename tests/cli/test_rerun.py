"""``cryopick rerun`` repeats a record; ``status`` and ``report`` read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toy_program import results, run


def test_rerun_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("1.5")
    words = ("toy", "n.txt", "b", "c", "--count", 5, "--double", "--seed", 9)
    assert run(*words, "-o", "one", cwd=tmp_path).returncode == 0
    away = tmp_path / "away"
    away.mkdir()
    done = run("rerun", "../one/job.json", "-o", "two", "--workers", 1, cwd=away)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "one") == results(away / "two")
    one, two = (
        json.loads((path / "job.json").read_text()) for path in (tmp_path / "one", away / "two")
    )
    for key in ("params", "seed", "inputs", "items", "job", "folder_at_start", "warnings"):
        assert one[key] == two[key]


def test_rerun_takes_a_folder_and_warns_of_changed_inputs(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("1.5")
    (tmp_path / "m.txt").write_text("1.5")
    run("toy", "n.txt", "m.txt", "-o", "one", cwd=tmp_path)
    (tmp_path / "n.txt").write_text("2.5")
    (tmp_path / "m.txt").unlink()
    done = run("rerun", "one", "-o", "two", cwd=tmp_path)
    assert done.returncode == 0
    assert "warning: input n.txt changed since the job was started" in done.stderr
    assert "warning: input m.txt is gone since the job was started" in done.stderr


def test_rerun_needs_a_new_folder(tmp_path: Path) -> None:
    run("toy", "a", "-o", "one", cwd=tmp_path)
    done = run("rerun", "one", cwd=tmp_path)
    assert done.returncode == 2
    assert "--out: is missing" in done.stderr
    assert run("rerun", "one", "-o", "one", cwd=tmp_path).returncode == 2
    done = run("rerun", "one", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "toy: 1 items, nothing is written" in done.stdout


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"job": "toy"}', '{"format": 2}', "[" * 100_000, "\x00\xff"]
)
def test_rerun_of_rubbish(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_bytes(text.encode("latin-1"))
    for words in (("rerun", "job.json", "-o", "new"), ("status", "."), ("report", ".")):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert "job.json: is not the record of a job" in done.stderr
        assert done.stderr.count("\n") == 1


def test_status_json(tmp_path: Path) -> None:
    run("toy", "a", "bad1", "-o", "one", cwd=tmp_path)
    done = run("status", "one", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "job": "toy",
        "folder": str(tmp_path / "one"),
        "state": "failed",
        "done": 1,
        "total": 2,
        "failed": {"bad1": "bad1: value of pixels is NaN; leave it out"},
        "seconds_left": None,
        "runner": None,
        "sentence": "3 numbers from 1 items",
        "in_flight": {},
    }


def test_report_again(tmp_path: Path) -> None:
    run("toy", "a", "-o", "one", cwd=tmp_path)
    page = tmp_path / "one/report.html"
    before = page.read_text()
    page.unlink()
    done = run("report", "one", cwd=tmp_path)
    assert done.stdout == f"{page}\n"
    assert page.read_text() == before
    (tmp_path / "one/summary.json").unlink()
    done = run("report", "one", cwd=tmp_path)
    assert done.returncode == 2
    assert "the job has not ended; see: cryopick status" in done.stderr
