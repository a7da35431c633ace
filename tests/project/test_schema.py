"""Steps from one version of the tables to the next."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from cryopick.errors import StoreError
from cryopick.project import store
from cryopick.project.schema import STEPS, migrate, version_of
from cryopick.project.store import open_project
from project_maker import project_with_picks

FURTHER = "ALTER TABLE sets ADD COLUMN note TEXT NOT NULL DEFAULT ''"


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def test_an_empty_file_gets_all_tables_and_no_backup():
    connection, called = memory(), []
    assert migrate(connection, "x", before_change=called.append) == 0
    assert version_of(connection) == len(STEPS)
    assert called == []
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert {"sets", "members", "picks", "edits", "sittings"} <= tables
    connection.close()


def test_migrating_again_changes_nothing():
    connection = memory()
    migrate(connection, "x")
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    assert migrate(connection, "x") == len(STEPS)
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    connection.close()


def test_an_old_file_is_backed_up_first_and_keeps_its_rows():
    connection, seen = memory(), []
    migrate(connection, "x")
    connection.execute(
        "INSERT INTO sets (name, kind, ndim, precedents, created) VALUES ('a', 'picks', 2, '[]', 0)"
    )
    steps = (*STEPS, FURTHER)

    def before_change(old: int) -> None:
        seen.append((old, version_of(connection)))

    migrate(connection, "x", steps=steps, before_change=before_change)
    assert seen == [(len(STEPS), len(STEPS))]
    assert version_of(connection) == len(STEPS) + 1
    assert connection.execute("SELECT name, note FROM sets").fetchall() == [("a", "")]
    connection.close()


def test_a_step_that_fails_leaves_the_version_before_it():
    connection = memory()
    migrate(connection, "x")
    steps = (*STEPS, FURTHER, "CREATE TABLE extra (a); ALTER TABLE missing RENAME TO something")
    with pytest.raises(StoreError, match=r"x: step to schema 3 failed: no such table: missing"):
        migrate(connection, "x", steps=steps)
    assert version_of(connection) == len(STEPS) + 1
    assert connection.execute("SELECT * FROM sqlite_master WHERE name='extra'").fetchall() == []
    connection.close()


def test_a_newer_file_is_refused():
    connection = memory()
    connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"x: written by a newer cryopick \(schema 99"):
        migrate(connection, "x")
    connection.close()


def test_opening_an_old_project_leaves_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project_with_picks(tmp_path / "p").close()
    newer = (*STEPS, FURTHER)

    monkeypatch.setattr(store, "migrate", partial(migrate, steps=newer))
    with open_project(tmp_path / "p") as project:
        assert project.names() == ["micrographs", "picks"]
        assert project.rows("SELECT note FROM sets") == [("",), ("",)]
    copies = [path.name for path in (tmp_path / "p" / "backups").iterdir()]
    assert len(copies) == 1
    assert copies[0].startswith(f"before-schema-{len(STEPS) + 1}-")
