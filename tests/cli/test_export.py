"""``cryopick export``: every dialect, the discarded picks, while somebody else edits."""

import json
from pathlib import Path

import pytest

from cryopick.cli.main import main
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.project.edit_log import edit
from cryopick.project.edits import Delete
from cryopick.project.pick_table import rows_of_image
from project_maker import project_with_picks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with project_with_picks(tmp_path / "p") as project:
        first = rows_of_image(project, "picks", "007")[0]
        edit(project, "picks", [Delete(id=first.id, reason="edge")], session="s")
    return tmp_path / "p"


def exported(folder: Path, name: str, *words: str) -> Path:
    out = folder.parent / name
    assert main(["export", "picks", "-o", str(out), "-p", str(folder), *words]) == 0
    return out


@pytest.mark.parametrize(("which", "count"), [("active", 11), ("deleted", 1), ("all", 12)])
def test_which_picks(folder: Path, which: str, count: int):
    out = exported(folder, "x.csv", "--to", "csv", "--which", which)
    assert len(read_picks(out, Frame(pixel_size_angstrom=1.5), name="csv").picks) == count


def test_one_image(folder: Path):
    out = exported(folder, "x.csv", "--to", "csv", "--image", "1e5")
    picks = read_picks(out, Frame(pixel_size_angstrom=1.5), name="csv").picks
    assert picks.image.tolist() == ["1e5"] * 3


def test_the_answer_as_json(folder: Path, capsys: pytest.CaptureFixture[str]):
    out = exported(folder, "x.star", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["file"] == str(out)
    assert answer["sentence"] == "11 picks from 4 of 5 micrographs, box 180 px"
    assert any("position" in line for line in answer["assumed"])


def test_a_dialect_that_is_none(folder: Path, capsys: pytest.CaptureFixture[str]):
    out = folder.parent / "x"
    code = main(["export", "picks", "-o", str(out), "-p", str(folder), "--to", "word"])
    assert code == 2
    assert "dialect word: unknown; use one of" in capsys.readouterr().err
    assert not out.exists()


def test_a_dialect_for_tomograms(folder: Path, capsys: pytest.CaptureFixture[str]):
    out = folder.parent / "x"
    code = main(["export", "picks", "-o", str(out), "-p", str(folder), "--to", "relion5"])
    assert code == 2
    assert "holds 3D picks, got 2D picks" in capsys.readouterr().err


def test_a_folder_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]):
    out = folder.parent / "nowhere" / "x.star"
    assert main(["export", "picks", "-o", str(out), "-p", str(folder)]) == 2
    assert "make the folder first" in capsys.readouterr().err


def test_a_project_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["export", "picks", "-o", str(tmp_path / "x"), "-p", str(tmp_path)])
    assert code == 2
    assert "make a project with: cryopick new" in capsys.readouterr().err


def test_while_the_project_is_open_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with project_with_picks(tmp_path / "p") as project:
        exported(project.folder, "x.star")
        assert main(["import", "micrographs", "x", "-p", str(project.folder)]) == 2
        assert "the project is open in process" in capsys.readouterr().err
