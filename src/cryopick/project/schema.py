"""The tables of ``project.sqlite`` and the steps from one version of them to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from cryopick.errors import StoreError

# One script per version, applied in order; a released script is never changed.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE sets (
        name TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        ndim INTEGER NOT NULL,
        pixel_size_angstrom REAL,
        box_size_px REAL,
        precedents TEXT NOT NULL,        -- JSON list of names
        acquisition TEXT,                -- JSON object
        optics TEXT,                     -- JSON object
        created REAL NOT NULL,           -- seconds since 1970
        changed_seq INTEGER NOT NULL DEFAULT 0,  -- last edit of its picks
        exported_seq INTEGER NOT NULL DEFAULT -1 -- last edit that is in its STAR file
    );

    CREATE TABLE members (
        set_name TEXT NOT NULL REFERENCES sets (name) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        name TEXT NOT NULL,
        path TEXT NOT NULL,
        count INTEGER NOT NULL,
        group_id TEXT NOT NULL,
        size_px TEXT NOT NULL,           -- JSON list x, y(, z)
        origin_angstrom TEXT NOT NULL,   -- JSON list x, y(, z)
        files TEXT NOT NULL,             -- JSON object
        defocus TEXT,                    -- JSON object
        PRIMARY KEY (set_name, name)
    ) WITHOUT ROWID;

    CREATE TABLE picks (
        id TEXT PRIMARY KEY,
        set_name TEXT NOT NULL REFERENCES sets (name) ON DELETE CASCADE,
        image TEXT NOT NULL,
        x REAL NOT NULL, y REAL NOT NULL, z REAL,          -- Å in the specimen frame
        qw REAL, qx REAL, qy REAL, qz REAL,                -- unit quaternion template -> image
        score REAL,
        label TEXT NOT NULL,
        source TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        group_id TEXT NOT NULL,
        diameter_angstrom REAL,
        extra TEXT NOT NULL,             -- JSON object
        rev INTEGER NOT NULL             -- seq of the edit that gave it this form; 0: import
    );
    CREATE INDEX picks_of_image ON picks (set_name, image);

    CREATE TABLE edits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        set_name TEXT NOT NULL,
        kind TEXT NOT NULL,
        before TEXT NOT NULL,            -- JSON list of picks, null where there was none
        after TEXT NOT NULL,             -- JSON list of picks, null where there is none
        target INTEGER,                  -- for undo and redo: the edit it concerns
        undone INTEGER NOT NULL DEFAULT 0 -- 0 stands, 1 undone, 2 overtaken by another session
    );
    CREATE INDEX edits_of_session ON edits (session, seq);

    CREATE TABLE sittings (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        finish_when TEXT NOT NULL,
        outputs TEXT NOT NULL,           -- JSON list of set names
        view TEXT NOT NULL,              -- JSON object: threshold, filters, active image...
        started REAL NOT NULL,
        finished REAL
    );
    """,
)


def version_of(connection: sqlite3.Connection) -> int:
    """The version a file is at; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection,
    path: str,
    *,
    steps: Sequence[str] = STEPS,
    before_change: Callable[[int], object] | None = None,
) -> int:
    """Bring a file to the newest version, one transaction per step.

    Parameters
    ----------
    connection
        In autocommit mode.
    path
        The file, for messages.
    steps
        One script per version.
    before_change
        Called with the old version before a file that already has tables is changed; makes the
        backup copy.

    Returns
    -------
    int
        The version it was at.
    """
    old = version_of(connection)
    if old > len(steps):
        raise StoreError(
            f"{path}: written by a newer cryopick (schema {old}, this program knows {len(steps)}); "
            "update cryopick, or restore a copy from its backups folder"
        )
    if 0 < old < len(steps) and before_change is not None:
        before_change(old)
    for number in range(old, len(steps)):
        # executescript commits what is open, so the transaction is part of the script.
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;{steps[number]};PRAGMA user_version={number + 1};COMMIT;"
            )
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise StoreError(f"{path}: step to schema {number + 1} failed: {error}") from error
    return old
