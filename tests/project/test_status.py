"""How a project stands, also while somebody works on it."""

import json
import os
from pathlib import Path

import pytest

from cryopick.errors import MissingFileError
from cryopick.project import create_project, project_status
from cryopick.project.edit_log import edit
from cryopick.project.edits import Delete
from cryopick.project.exporting import save_set
from cryopick.project.pick_table import rows_of_image
from cryopick.project.sittings import hand_out, start_sitting
from cryopick.project.status import find_project, is_project, project_words
from project_maker import project_with_picks


def test_sets_jobs_edits_and_owner(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        save_set(project, "micrographs")
        job = start_sitting(project, "by hand", finish_when="output")
        hand_out(project, job.id, "picks")
        pick = rows_of_image(project, "picks", "007")[0]
        edit(project, "picks", [Delete(id=pick.id)], session="s")
        status = project_status(tmp_path / "p")
    assert json.loads(json.dumps(status)) == status
    assert [(s["name"], s["sentence"], s["saved"]) for s in status["sets"]] == [
        ("micrographs", "5 micrographs, 1.5 Å/px", True),
        ("picks", "11 picks from 4 of 5 micrographs, box 180 px", False),
    ]
    assert status["picking"] == [
        {
            "id": job.id,
            "name": "by hand",
            "state": "finished",
            "finish_when": "output",
            "outputs": ["picks"],
        }
    ]
    assert status["edits"] == 1
    assert f"process {os.getpid()}" in status["owner"]
    words = project_words(status)
    assert words[0].endswith("2 sets, 1 edits")
    assert (
        words[2] == "  picks        11 picks from 4 of 5 micrographs, box 180 px (from micrographs)"
    )
    assert words[3] == "picking job 1 by hand: finished, gave picks"
    assert words[4].startswith("open in process")


def test_an_empty_project_says_how_to_go_on(tmp_path: Path):
    create_project(tmp_path / "p").close()
    status = project_status(tmp_path / "p")
    assert (status["sets"], status["owner"]) == ([], None)
    assert "cryopick import micrographs" in project_words(status)[-1]


def test_a_project_is_found_from_inside(tmp_path: Path):
    create_project(tmp_path / "p").close()
    deep = tmp_path / "p" / "sets" / "deeper"
    deep.mkdir()
    assert find_project(deep) == tmp_path / "p"
    assert find_project(tmp_path) is None
    assert is_project(tmp_path / "p")
    assert not is_project(deep)
    with pytest.raises(MissingFileError):
        project_status(deep)
