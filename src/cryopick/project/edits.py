"""Edits of picks as pure functions: what an action changes, what can be undone and redone.

A pick has an id and a `rev`: the number of the edit that gave it its form. An edit holds each pick
it touched as it was before and after. Undoing it puts the former back, if every pick still is at
the edit's own `rev`, that is, if nobody changed it since. The SQLite log in `edit_log` does
the same on disk; `History` here is the plain reference it is tested against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryopick.errors import InputError, StoreError
from cryopick.model import REASONS, STATES

Scalar = str | float | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRow:
    """One pick as a project keeps it; the fields are those of `Picks`, one by one."""

    id: str
    image: str
    position_angstrom: tuple[float, ...]
    orientation: tuple[float, ...] | None = None
    score: float | None = None
    label: str = ""
    source: str = "manual"
    state: str = "manual"
    reason: str = ""
    group: str = ""
    diameter_angstrom: float | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    rev: int = 0

    def __post_init__(self) -> None:
        if len(self.position_angstrom) not in (2, 3) or not _finite(self.position_angstrom):
            raise InputError(
                f"pick {self.id}: expected 2 or 3 finite coordinates in Å, "
                f"got {self.position_angstrom}"
            )
        turn = self.orientation
        if turn is not None and not (
            len(turn) == 4 and _finite(turn) and abs(math.hypot(*turn) - 1) < 1e-6
        ):
            raise InputError(f"pick {self.id}: expected a unit quaternion w x y z, got {turn}")
        for name, value in (("score", self.score), ("diameter", self.diameter_angstrom)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"pick {self.id}: expected a finite {name} or none, got {value}")
        if self.state not in STATES:
            raise InputError(f"pick {self.id}: state {self.state}: use one of {', '.join(STATES)}")
        if (self.state == "deleted") != bool(self.reason):
            raise InputError(f"pick {self.id}: a reason is given where a pick is deleted, only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Add a pick with a fresh id."""

    pick: PickRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Move a pick."""

    id: str
    position_angstrom: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Give a pick another orientation; None forgets it."""

    id: str
    orientation: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Mark a pick as deleted; it stays, with its reason."""

    id: str
    reason: str = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Take a deleted pick back."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabel:
    """Change the species of a pick."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Regroup:
    """Change the group of a pick."""

    id: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """Set the state of a pick that stays: ``auto``, ``manual`` or ``edited``."""

    id: str
    state: str


Action = Add | Move | Turn | Delete | Restore | Relabel | Regroup | SetState


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One pick before and after an edit; None where it was not, or is no longer, there."""

    before: PickRow | None
    after: PickRow | None

    @property
    def id(self) -> str:
        """The pick's id."""
        row = self.after or self.before
        return row.id if row is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One entry of the log: what one session changed at once.

    Attributes
    ----------
    seq
        Number in the log, from 1.
    kind
        Words of the actions (``move``, ``add delete``), ``undo`` or ``redo``.
    target
        For undo and redo: the entry it concerns.
    undone
        0 it stands, 1 it is undone, 2 neither undo nor redo: another session has overtaken it, or it
        was undone when its own session made a new edit.
    """

    seq: int
    user: str
    session: str
    set_name: str
    kind: str
    changes: tuple[Change, ...]
    target: int | None = None
    undone: int = 0
    time: float = 0.0


# What a session is told when its undo or redo would overwrite another session's work.
OVERTAKEN = "was changed by somebody else since; it is left as it is, and passed over from now on"


def change(picks: Mapping[str, PickRow], action: Action, *, rev: int) -> Change:
    """What an action does to the picks; nothing is changed in place.

    Examples
    --------
    >>> pick = PickRow(id="a", image="m", position_angstrom=(1.0, 2.0), state="auto")
    >>> moved = change({"a": pick}, Move(id="a", position_angstrom=(3.0, 4.0)), rev=7).after
    >>> moved.position_angstrom, moved.state, moved.rev
    ((3.0, 4.0), 'edited', 7)
    """
    if isinstance(action, Add):
        if action.pick.id in picks:
            raise InputError(f"pick {action.pick.id}: exists already; add it with a fresh id")
        return Change(before=None, after=replace(action.pick, rev=rev))
    before = picks.get(action.id)
    if before is None:
        raise InputError(f"pick {action.id}: not in this set; read the picks again")
    return Change(before=before, after=replace(_acted(before, action), rev=rev))


def _acted(pick: PickRow, action: Action) -> PickRow:
    """One pick after an action that concerns it."""
    if isinstance(action, Restore):
        if pick.state != "deleted":
            raise InputError(f"pick {pick.id}: is not deleted")
        return replace(pick, state="edited", reason="")
    if pick.state == "deleted":
        raise InputError(f"pick {pick.id}: is deleted; restore it first")
    if isinstance(action, Delete):
        if action.reason not in REASONS:
            raise InputError(
                f"pick {pick.id}: reason {action.reason}: use one of {', '.join(REASONS)}"
            )
        return replace(pick, state="deleted", reason=action.reason)
    if isinstance(action, SetState):
        if action.state == "deleted":
            raise InputError(f"pick {pick.id}: delete it with a reason")
        return replace(pick, state=action.state)
    # A pick somebody changed is no longer the picker's own; a clicked one stays a clicked one.
    pick = replace(pick, state="edited" if pick.state == "auto" else pick.state)
    match action:
        case Move():
            return _moved(pick, action.position_angstrom)
        case Turn():
            return replace(pick, orientation=action.orientation)
        case Relabel():
            return replace(pick, label=action.label)
        case Regroup():
            return replace(pick, group=action.group)
        case Add():
            raise InputError(f"pick {pick.id}: exists already; add it with a fresh id")


def _moved(pick: PickRow, position_angstrom: tuple[float, ...]) -> PickRow:
    if len(position_angstrom) != len(pick.position_angstrom):
        raise InputError(
            f"pick {pick.id}: expected {len(pick.position_angstrom)} coordinates, "
            f"got {len(position_angstrom)}"
        )
    return replace(pick, position_angstrom=position_angstrom)


def changes(
    picks: Mapping[str, PickRow], actions: Sequence[Action], *, rev: int
) -> tuple[Change, ...]:
    """What several actions do as one edit; each pick appears once, as it was and as it ends."""
    if not actions:
        raise InputError("edit: expected at least one action")
    first: dict[str, PickRow | None] = {}
    now = dict(picks)
    for action in actions:
        one = change(now, action, rev=rev)
        first.setdefault(one.id, one.before)
        now = applied(now, (one,))
    return tuple(Change(before=before, after=now.get(id_)) for id_, before in first.items())


def applied(picks: Mapping[str, PickRow], made: Sequence[Change]) -> dict[str, PickRow]:
    """The picks after some changes."""
    result = dict(picks)
    for one in made:
        if one.after is None:
            result.pop(one.id, None)
        else:
            result[one.id] = one.after
    return result


def reversed_changes(edit: Edit) -> tuple[Change, ...]:
    """What takes an edit back."""
    return tuple(Change(before=c.after, after=c.before) for c in edit.changes)


def conflict(picks: Mapping[str, PickRow], made: Sequence[Change]) -> str:
    """The id of the first pick that is not as some changes expect it; empty where all are."""
    for one in made:
        now = picks.get(one.id)
        expected = one.before
        if (now is None) != (expected is None):
            return one.id
        if now is not None and expected is not None and now.rev != expected.rev:
            return one.id
    return ""


def kind_of(actions: Sequence[Action]) -> str:
    """Words for the actions of an edit: ``add move``."""
    names = [type(action).__name__ for action in actions]
    words = ["set state" if name == "SetState" else name.lower() for name in names]
    return " ".join(dict.fromkeys(words))


def next_undo(log: Sequence[Edit], session: str) -> Edit | None:
    """The edit that a session's undo takes back: its last one that stands."""
    own = (e for e in reversed(log) if e.session == session and e.target is None)
    return next((e for e in own if e.undone == 0), None)


def next_redo(log: Sequence[Edit], session: str) -> Edit | None:
    """The edit that a session's redo makes again: its first undone one.

    A new edit has ended the redo of older ones.
    """
    own = (e for e in log if e.session == session and e.target is None)
    return next((e for e in own if e.undone == 1), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The picks of a set and the log that made them, in memory.

    Examples
    --------
    >>> pick = PickRow(id="a", image="m", position_angstrom=(1.0, 2.0))
    >>> history = History().edited([Add(pick=pick)], session="s")
    >>> history = history.edited([Delete(id="a")], session="s").undone("s")
    >>> history.picks["a"].state, len(history.log)
    ('manual', 3)
    """

    picks: Mapping[str, PickRow] = field(default_factory=dict[str, PickRow])
    log: tuple[Edit, ...] = ()

    def edited(self, actions: Sequence[Action], *, session: str) -> History:
        """Make an edit."""
        seq = len(self.log) + 1
        made = changes(self.picks, actions, rev=seq)
        return self._with(session, kind_of(actions), made, None)

    def undone(self, session: str) -> History:
        """Take a session's last edit back."""
        edit = next_undo(self.log, session)
        if edit is None:
            raise StoreError("nothing to undo in this session")
        return self._followed(edit, reversed_changes(edit), "undo")

    def redone(self, session: str) -> History:
        """Make a session's last undone edit again."""
        edit = next_redo(self.log, session)
        if edit is None:
            raise StoreError("nothing to redo in this session")
        return self._followed(edit, edit.changes, "redo")

    def _followed(self, edit: Edit, made: tuple[Change, ...], kind: str) -> History:
        changed_by_another = conflict(self.picks, made)
        state = 2 if changed_by_another else 1 if kind == "undo" else 0
        log = tuple(replace(e, undone=state) if e.seq == edit.seq else e for e in self.log)
        marked = replace(self, log=log)
        if changed_by_another:
            return marked
        return marked._with(edit.session, kind, made, edit.seq)

    def _with(
        self, session: str, kind: str, made: tuple[Change, ...], target: int | None
    ) -> History:
        entry = Edit(
            seq=len(self.log) + 1,
            user="",
            session=session,
            set_name="",
            kind=kind,
            changes=made,
            target=target,
        )
        log = self.log
        if target is None:
            # For good: the new edit may be undone itself, and must then be the one to redo.
            log = tuple(
                replace(e, undone=2) if e.session == session and e.undone == 1 else e for e in log
            )
        return History(picks=applied(self.picks, made), log=(*log, entry))


def _finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(v) for v in values)
