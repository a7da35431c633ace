"""Copies of the database: whole, in turns, made while it is written."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cryopick.project.backup import back_up, last_backup
from cryopick.project.edit_log import edit
from cryopick.project.edits import Delete, Move
from cryopick.project.pick_table import rows_of_image
from cryopick.project.store import JournalChoice, open_project
from project_maker import JOURNALS, Clock, project_with_picks


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize("journal", JOURNALS)
def test_a_copy_holds_what_is_still_in_the_write_ahead_log(tmp_path: Path, journal: JournalChoice):
    with project_with_picks(tmp_path / "p", journal=journal) as project:
        for row in rows_of_image(project, "picks", "007"):
            edit(project, "picks", [Delete(id=row.id)], session="s")
        copy = project.back_up()
        assert (count(copy, "picks"), count(copy, "edits")) == (12, 3)
        edit(project, "picks", [Move(id=rows_of_image(project, "picks", "1e5")[0].id,
                                     position_angstrom=(0.0, 0.0))], session="s")  # fmt: skip
        assert count(copy, "edits") == 3
    assert sorted(path.suffix for path in copy.parent.iterdir()) == [".sqlite"]


def test_the_newest_copy_tells_its_time(tmp_path: Path):
    clock = Clock(1_750_000_000.0)
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        assert last_backup(project.folder) is None
        project.back_up()
        assert last_backup(project.folder) == 1_750_000_000.0
        clock.now += 86_400.75
        project.back_up()
        assert last_backup(project.folder) == 1_750_086_400.0


def test_a_clock_that_went_back_makes_a_copy(tmp_path: Path):
    clock = Clock()
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        project.back_up()
        clock.now -= 10_000
        assert project.back_up_if_due() is not None


def test_named_copies_and_strange_files_stay(tmp_path: Path):
    clock = Clock()
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        folder = project.folder / "backups"
        project.back_up()
        (folder / "project-mine.sqlite").write_bytes(b"")
        with closing(sqlite3.connect(project.database)) as connection:
            named = back_up(connection, project.folder, now=clock(), name="before-schema-2")
        for _ in range(4):
            clock.now += 1
            project.back_up(keep=2)
        names = {path.name for path in folder.iterdir()}
    assert {named.name, "project-mine.sqlite"} <= names
    assert len(names) == 4


def test_keeping_none_keeps_the_one_just_made(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        assert project.back_up(keep=0).is_file()


def test_a_copy_can_be_opened_as_a_project(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        copy = project.back_up()
    (tmp_path / "q").mkdir()
    copy.rename(tmp_path / "q" / "project.sqlite")
    for journal in JOURNALS:
        with open_project(tmp_path / "q", journal=journal) as project:
            assert project.names() == ["micrographs", "picks"]
            assert len(rows_of_image(project, "picks", "007")) == 3
