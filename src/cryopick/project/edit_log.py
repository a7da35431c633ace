"""The append-only log of edits: every edit is on the disk before it is acknowledged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cryopick.errors import InputError, StoreError
from cryopick.model.sets import SetKind
from cryopick.project.edits import (
    OVERTAKEN,
    Action,
    Add,
    Change,
    Edit,
    PickRow,
    changes,
    conflict,
    kind_of,
    reversed_changes,
)
from cryopick.project.pick_table import rows_by_id, write_row
from cryopick.project.store import Project

_COLUMNS = "seq, time, user, session, set_name, kind, before, after, target, undone"


def edit(
    project: Project,
    set_name: str,
    actions: Sequence[Action],
    *,
    session: str,
    user: str = "",
    revs: dict[str, int] | None = None,
) -> Edit:
    """Make one edit of a set of picks; when this returns, it survives any crash.

    Parameters
    ----------
    project, set_name
        Where the picks are.
    actions
        What to do, all of it or nothing.
    session
        Who edits: one browser tab, one notebook. Undo and redo are per session.
    user
        Name for the log.
    revs
        The `rev` of picks as the client saw them; a pick at another one has been changed
        by somebody else, which is a `StoreError`. Picks not named are not checked.
    """
    with project.transaction() as connection:
        kind, ndim = project.kind_of(set_name)
        if kind is not SetKind.PICKS:
            raise InputError(f"set {set_name}: holds {kind}; only picks can be edited")
        for action in actions:
            if isinstance(action, Add):
                _check_new(connection, set_name, action.pick, ndim)
        ids = [a.pick.id if isinstance(a, Add) else a.id for a in actions]
        picks = rows_by_id(connection, set_name, ids)
        for id_, rev in (revs or {}).items():
            if id_ in picks and picks[id_].rev != rev:
                raise StoreError(f"set {set_name}: pick {id_} was changed by somebody else since")
        made = changes(picks, actions, rev=_next_seq(connection))
        return _append(project, connection, set_name, kind_of(actions), made, session, user, None)


def undo(project: Project, *, session: str, user: str = "") -> Edit:
    """Take back a session's last edit that stands; the log gets an entry ``undo``.

    Where another session changed one of its picks since, nothing is taken back: a `StoreError`
    says so, and the next undo goes one edit further back.
    """
    return _follow(
        project,
        "SELECT {columns} FROM edits WHERE session = ? AND target IS NULL AND undone = 0 "
        "ORDER BY seq DESC LIMIT 1",
        (session,),
        kind="undo",
        user=user,
    )


def redo(project: Project, *, session: str, user: str = "") -> Edit:
    """Make a session's last undone edit again; a new edit has ended the redo of older ones."""
    return _follow(
        project,
        "SELECT {columns} FROM edits WHERE session = ? AND target IS NULL AND undone = 1 "
        "ORDER BY seq LIMIT 1",
        (session,),
        kind="redo",
        user=user,
    )


def edits_since(project: Project, seq: int, *, set_name: str | None = None) -> list[Edit]:
    """The log after entry ``seq``, for a client that was away.

    Its changes applied in order bring the client's picks up to date.
    """
    records = project.rows(
        f"SELECT {_COLUMNS} FROM edits WHERE seq > ? AND (? IS NULL OR set_name = ?) ORDER BY seq",  # noqa: S608  # constants
        (seq, set_name, set_name),
    )
    return [_edit(record) for record in records]


def last_seq(project: Project) -> int:
    """The number of the newest entry of the log; 0 for none."""
    return int(project.rows("SELECT COALESCE(MAX(seq), 0) FROM edits")[0][0])


def _follow(
    project: Project, question: str, values: tuple[str, ...], *, kind: str, user: str
) -> Edit:
    overtaken = ""
    with project.transaction() as connection:
        found = connection.execute(question.format(columns=_COLUMNS), values).fetchone()
        if found is None:
            raise StoreError(f"nothing to {kind} in this session")
        target = _edit(found)
        made = target.changes if kind == "redo" else reversed_changes(target)
        picks = rows_by_id(connection, target.set_name, [one.id for one in made])
        overtaken = conflict(picks, made)
        state = 2 if overtaken else 1 if kind == "undo" else 0
        connection.execute("UPDATE edits SET undone = ? WHERE seq = ?", (state, target.seq))
        if not overtaken:
            return _append(
                project,
                connection,
                target.set_name,
                kind,
                made,
                target.session,
                user,
                target.seq,
            )
    # Raised outside, so that the mark on the edit is kept.
    raise StoreError(f"set {target.set_name}: pick {overtaken} {OVERTAKEN}")


def _append(
    project: Project,
    connection: sqlite3.Connection,
    set_name: str,
    kind: str,
    made: tuple[Change, ...],
    session: str,
    user: str,
    target: int | None,
) -> Edit:
    now = project.clock()
    if target is None:
        # For good: the new edit may be undone itself, and must then be the one to redo.
        connection.execute(
            "UPDATE edits SET undone = 2 WHERE session = ? AND target IS NULL AND undone = 1",
            (session,),
        )
    cursor = connection.execute(
        "INSERT INTO edits (time, user, session, set_name, kind, before, after, target) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now,
            user,
            session,
            set_name,
            kind,
            json.dumps([_json(one.before) for one in made]),
            json.dumps([_json(one.after) for one in made]),
            target,
        ),
    )
    seq = int(cursor.lastrowid or 0)
    for one in made:
        write_row(connection, set_name, before=one.before, after=one.after)
    connection.execute("UPDATE sets SET changed_seq = ? WHERE name = ?", (seq, set_name))
    return Edit(
        seq=seq,
        user=user,
        session=session,
        set_name=set_name,
        kind=kind,
        changes=made,
        target=target,
        time=now,
    )


def _next_seq(connection: sqlite3.Connection) -> int:
    """The number the next entry will get: AUTOINCREMENT never gives one twice."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'edits'").fetchone()
    return 1 + (int(found[0]) if found is not None else 0)


def _check_new(connection: sqlite3.Connection, set_name: str, pick: PickRow, ndim: int) -> None:
    if len(pick.position_angstrom) != ndim:
        raise InputError(f"set {set_name}: expected {ndim} coordinates for pick {pick.id}")
    if not connection.execute(
        "SELECT 1 FROM members WHERE set_name = ? AND name = ?", (set_name, pick.image)
    ).fetchone():
        raise InputError(f"set {set_name}: image {pick.image}: not in this set")
    if connection.execute("SELECT 1 FROM picks WHERE id = ?", (pick.id,)).fetchone():
        raise InputError(f"pick {pick.id}: exists already; add it with a fresh id")


def _json(row: PickRow | None) -> dict[str, Any] | None:
    return None if row is None else asdict(row)


def _edit(record: Sequence[Any]) -> Edit:
    seq, time, user, session, set_name, kind, before, after, target, undone = record
    return Edit(
        seq=seq,
        time=time,
        user=user,
        session=session,
        set_name=set_name,
        kind=kind,
        changes=tuple(
            Change(before=_row(old), after=_row(new))
            for old, new in zip(json.loads(before), json.loads(after), strict=True)
        ),
        target=target,
        undone=undone,
    )


def _row(values: dict[str, Any] | None) -> PickRow | None:
    if values is None:
        return None
    turn = values.pop("orientation")
    return PickRow(
        position_angstrom=tuple(values.pop("position_angstrom")),
        orientation=None if turn is None else tuple(turn),
        **values,
    )
