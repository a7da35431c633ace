"""``cryopick report``: the page of a job, made again from what its folder holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryopick.cli.main import main
from cryopick.run.drive import run_job
from cryopick.run.inline import InlineExecutor
from toy_jobs import JOB, ToyParams

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run_job(JOB, ToyParams(names=["a", "b"]), tmp_path / "out", executor=InlineExecutor())
    return tmp_path / "out"


def test_the_page_is_made_again_and_named(folder: Path, capsys: Captured) -> None:
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (f"{folder / 'report.html'}\n", "")
    assert (folder / "report.html").read_bytes() == before


def test_it_shows_the_summary_as_it_is_now(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"sentence": "Nine of <ten>"}))
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert "Nine of &lt;ten&gt;" in page
    assert "<ten>" not in page


def test_a_moved_folder_has_a_page_too(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    assert main(["report", str(moved)]) == 0
    assert "6 numbers from 2 items" in (moved / "report.html").read_text()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda p: None, "no such file or folder"),
        (lambda p: p.mkdir(), "job.json"),
        (lambda p: p.write_text("x"), "out"),
    ],
    ids=["nothing", "an empty folder", "a file"],
)
def test_what_is_no_job(tmp_path: Path, capsys: Captured, make: object, line: str) -> None:
    make(tmp_path / "out")  # type: ignore[operator]
    assert main(["report", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1


def test_two_folders_are_one_too_many(folder: Path, capsys: Captured) -> None:
    assert main(["report", str(folder), str(folder)]) == 2
    assert "see: cryopick report --help" in capsys.readouterr().err
