"""Exports a moment after the last edit; nothing forgotten where writing fails or never happens."""

from pathlib import Path

import pytest

from cryopick.io.star import read_star
from cryopick.project.autosave import Autosave, unsaved
from cryopick.project.edit_log import edit, undo
from cryopick.project.edits import Delete
from cryopick.project.exporting import save_set, set_file
from cryopick.project.pick_table import rows_of_image
from cryopick.project.store import open_project
from project_maker import Clock, project_with_picks


def test_two_seconds_after_the_last_edit():
    clock, written = Clock(0.0), []
    autosave = Autosave(written.append, clock=clock)
    for now in (0.0, 1.5, 3.0):
        clock.now = now
        autosave.touch("a")
        assert autosave.poll() == []
    clock.now = 4.9
    assert autosave.poll() == []
    clock.now = 5.0
    assert autosave.poll() == ["a"]
    clock.now = 60.0
    assert autosave.poll() == []
    assert written == ["a"]


def test_an_editor_who_never_pauses_is_saved_all_the_same():
    clock, written = Clock(0.0), []
    autosave = Autosave(written.append, longest_s=10.0, clock=clock)
    for step in range(25):
        clock.now = float(step)
        autosave.touch("a")
        autosave.poll()
    assert len(written) == 2


def test_sets_wait_each_for_themselves():
    clock, written = Clock(0.0), []
    autosave = Autosave(written.append, clock=clock)
    autosave.touch("a")
    clock.now = 1.0
    autosave.touch("b")
    clock.now = 2.0
    assert autosave.poll() == ["a"]
    assert autosave.flush() == ["b"]
    assert autosave.flush() == []


def test_a_set_that_could_not_be_written_is_tried_again():
    clock, tries = Clock(0.0), []

    def write(name: str) -> None:
        tries.append(name)
        if len(tries) == 1:
            raise OSError("disk full")

    autosave = Autosave(write, clock=clock)
    autosave.touch("a")
    clock.now = 5.0
    with pytest.raises(OSError, match="disk full"):
        autosave.poll()
    assert autosave.poll() == ["a"]
    assert tries == ["a", "a"]


def test_sets_behind_their_edits_are_found_after_a_crash(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        assert unsaved(project) == ["micrographs", "picks"]
        for name in unsaved(project):
            save_set(project, name)
        assert unsaved(project) == []
        pick = rows_of_image(project, "picks", "007")[0]
        edit(project, "picks", [Delete(id=pick.id)], session="s")
    with open_project(tmp_path / "p") as project:
        assert unsaved(project) == ["picks"]
        save_set(project, "picks")
        assert len(read_star(set_file(project, "picks")).blocks[-1]) == 11
        undo(project, session="s")
        assert unsaved(project) == ["picks"]
        save_set(project, "picks")
        assert len(read_star(set_file(project, "picks")).blocks[-1]) == 12
        assert unsaved(project) == []
