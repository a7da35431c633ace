"""Picking jobs that stay open for later sittings, or finish as soon as their output exists.

A person picks for days; a pipeline that runs overnight must not wait for one. So a sitting says
when it is finished: when somebody closes it (``closed``), or with its first output (``output``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryopick.errors import InputError
from cryopick.project.store import Project


class FinishWhen(StrEnum):
    """When a sitting is finished."""

    CLOSED = "closed"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One picking job.

    Attributes
    ----------
    id
        Unique in the project.
    name
        What it is called.
    is_open
        Whether it waits for more picks; a pipeline goes on when it does not.
    finish_when
        When it is finished.
    outputs
        Sets it has handed out, oldest first.
    view
        What the next sitting opens with: threshold, filters, active image, as JSON types.
    """

    id: int
    name: str
    is_open: bool
    finish_when: FinishWhen
    outputs: tuple[str, ...] = ()
    view: Mapping[str, Any] = field(default_factory=dict[str, Any])


def start_sitting(
    project: Project, name: str, *, finish_when: FinishWhen | str = FinishWhen.CLOSED
) -> Sitting:
    """Open a new picking job."""
    if finish_when not in tuple(FinishWhen):
        raise InputError(f"finish when {finish_when}: use one of {', '.join(FinishWhen)}")
    with project.transaction() as connection:
        cursor = connection.execute(
            "INSERT INTO sittings (name, state, finish_when, outputs, view, started) "
            "VALUES (?, 'open', ?, '[]', '{}', ?)",
            (name, str(finish_when), project.clock()),
        )
        return sitting(project, int(cursor.lastrowid or 0))


def sitting(project: Project, number: int) -> Sitting:
    """A picking job by its id."""
    found = [each for each in sittings(project) if each.id == number]
    if not found:
        raise InputError(f"{project.folder}: picking job {number}: not in this project")
    return found[0]


def sittings(project: Project) -> list[Sitting]:
    """All picking jobs, oldest first."""
    return [
        Sitting(
            id=number,
            name=name,
            is_open=state == "open",
            finish_when=FinishWhen(finish_when),
            outputs=tuple(json.loads(outputs)),
            view=json.loads(view),
        )
        for number, name, state, finish_when, outputs, view in project.rows(
            "SELECT id, name, state, finish_when, outputs, view FROM sittings ORDER BY id"
        )
    ]


def hand_out(project: Project, number: int, set_name: str) -> Sitting:
    """Note that a picking job has handed out a set; one that waited for no more finishes."""
    with project.transaction() as connection:
        project.kind_of(set_name)
        now = sitting(project, number)
        outputs = [name for name in now.outputs if name != set_name] + [set_name]
        connection.execute(
            "UPDATE sittings SET outputs = ? WHERE id = ?", (json.dumps(outputs), number)
        )
        if now.finish_when is FinishWhen.OUTPUT:
            return _set_state(project, number, is_open=False)
        return sitting(project, number)


def finish_sitting(project: Project, number: int) -> Sitting:
    """Close a picking job."""
    return _set_state(project, number, is_open=False)


def reopen_sitting(project: Project, number: int) -> Sitting:
    """Open a finished picking job again: its next output is a further set."""
    return _set_state(project, number, is_open=True)


def keep_view(project: Project, number: int, view: Mapping[str, Any]) -> Sitting:
    """Remember what the next sitting opens with; keys not named stay as they are."""
    with project.transaction() as connection:
        merged = {**sitting(project, number).view, **view}
        try:
            text = json.dumps(merged, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"picking job {number}: view: expected JSON values: {error}"
            ) from error
        connection.execute("UPDATE sittings SET view = ? WHERE id = ?", (text, number))
        return sitting(project, number)


def _set_state(project: Project, number: int, *, is_open: bool) -> Sitting:
    with project.transaction() as connection:
        sitting(project, number)
        connection.execute(
            "UPDATE sittings SET state = ?, finished = ? WHERE id = ?",
            ("open" if is_open else "finished", None if is_open else project.clock(), number),
        )
        return sitting(project, number)
