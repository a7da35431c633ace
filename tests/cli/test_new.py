"""``cryopick new``: a project where there was nothing."""

import json
from pathlib import Path

import pytest

from cryopick.cli.main import main
from cryopick.project import open_project


def test_a_project_with_the_folders_it_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["new", str(tmp_path / "a" / "b")]) == 0
    assert "made project" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert names == {"project.sqlite", "project.lock", "sets"}
    with open_project(tmp_path / "a" / "b") as project:
        assert project.names() == []


def test_an_empty_folder_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "p").mkdir()
    assert main(["new", str(tmp_path / "p"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"project": str(tmp_path / "p")}


def test_what_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["new", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err
        == f"cryopick: {tmp_path}: is not an empty folder; give a new name\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_twice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["new", str(tmp_path / "p")])
    assert main(["new", str(tmp_path / "p")]) == 2
    assert "is a project already; see it with: cryopick status" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("x")
    assert main(["new", str(tmp_path / "file" / "p")]) == 2
    assert "cannot be made: Not a directory" in capsys.readouterr().err
    assert main(["new", "--help"]) == 0
    assert "A new or empty folder" in capsys.readouterr().out
