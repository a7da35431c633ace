"""The pure reducer: each action, several at once, undo and redo of one and of two sessions."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError, StoreError
from cryopick.project.edits import (
    Action,
    Add,
    Delete,
    History,
    Move,
    PickRow,
    Regroup,
    Relabel,
    Restore,
    SetState,
    Turn,
    applied,
    change,
    changes,
    conflict,
    kind_of,
    next_redo,
    next_undo,
)

AUTO = PickRow(id="a", image="m", position_angstrom=(1.0, 2.0), state="auto", group="007")
HAND = PickRow(id="h", image="m", position_angstrom=(3.0, 4.0))
PICKS = {"a": AUTO, "h": HAND}


def after(action: Action, picks: Mapping[str, PickRow] = PICKS):
    result = change(picks, action, rev=9).after
    assert result is not None
    assert result.rev == 9
    return result


def test_move_marks_an_auto_pick_as_edited_and_keeps_its_group():
    moved = after(Move(id="a", position_angstrom=(5.0, 6.0)))
    assert (moved.position_angstrom, moved.state, moved.group) == ((5.0, 6.0), "edited", "007")


def test_a_manual_pick_stays_manual_when_moved():
    assert after(Move(id="h", position_angstrom=(5.0, 6.0))).state == "manual"


def test_delete_keeps_the_pick_with_its_reason_and_restore_takes_it_back():
    gone = after(Delete(id="a", reason="edge"))
    assert (gone.state, gone.reason, gone.position_angstrom) == ("deleted", "edge", (1.0, 2.0))
    back = after(Restore(id="a"), {"a": gone})
    assert (back.state, back.reason) == ("edited", "")


def test_the_other_actions_change_their_own_field():
    assert after(Relabel(id="a", label="ribosome")).label == "ribosome"
    assert after(Regroup(id="a", group="1e5")).group == "1e5"
    assert after(Turn(id="a", orientation=(0.0, 1.0, 0.0, 0.0))).orientation == (0, 1, 0, 0)
    assert after(SetState(id="a", state="manual")).state == "manual"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Move(id="x", position_angstrom=(0.0, 0.0)), "pick x: not in this set"),
        (Move(id="a", position_angstrom=(0.0, 0.0, 0.0)), "pick a: expected 2 coordinates, got 3"),
        (Move(id="a", position_angstrom=(float("nan"), 0.0)), "pick a: expected 2 or 3 finite"),
        (Delete(id="a", reason="dull"), "reason dull: use one of manual, below threshold"),
        (Restore(id="a"), "pick a: is not deleted"),
        (SetState(id="a", state="deleted"), "pick a: delete it with a reason"),
        (SetState(id="a", state="odd"), "state odd: use one of auto"),
        (Turn(id="a", orientation=(1.0, 1.0, 0.0, 0.0)), "expected a unit quaternion"),
        (Add(pick=AUTO), "pick a: exists already"),
    ],
)
def test_what_cannot_be_done_is_told(action: Action, message: str):
    with pytest.raises(InputError, match=message):
        change(PICKS, action, rev=1)


def test_a_deleted_pick_must_be_restored_before_it_moves():
    gone = applied(PICKS, [change(PICKS, Delete(id="a"), rev=1)])
    with pytest.raises(InputError, match="pick a: is deleted; restore it first"):
        change(gone, Move(id="a", position_angstrom=(0.0, 0.0)), rev=2)


def test_several_actions_on_one_pick_are_one_change():
    made = changes(
        PICKS,
        [Move(id="a", position_angstrom=(9.0, 9.0)), Relabel(id="a", label="x"), Delete(id="h")],
        rev=3,
    )
    assert [one.id for one in made] == ["a", "h"]
    first = made[0]
    assert first.before is AUTO
    assert first.after is not None
    assert (first.after.position_angstrom, first.after.label) == ((9.0, 9.0), "x")


def test_nothing_changes_in_place():
    before = dict(PICKS)
    applied(PICKS, changes(PICKS, [Delete(id="a"), Add(pick=HAND_2)], rev=1))
    assert before == PICKS


HAND_2 = PickRow(id="n", image="m", position_angstrom=(0.0, 0.0))


def test_an_empty_edit_is_an_error():
    with pytest.raises(InputError, match="expected at least one action"):
        changes(PICKS, [], rev=1)


def test_kind_in_words():
    assert kind_of([Move(id="a", position_angstrom=(0.0, 0.0)), SetState(id="a", state="auto"),
                    Move(id="h", position_angstrom=(0.0, 0.0))]) == "move set state"  # fmt: skip


def test_a_row_with_a_reason_but_not_deleted_is_refused():
    with pytest.raises(InputError, match="a reason is given where a pick is deleted"):
        PickRow(id="q", image="m", position_angstrom=(0.0, 0.0), reason="edge")


def move(x: float, id_: str = "a") -> Move:
    return Move(id=id_, position_angstrom=(x, 0.0))


def where(history: History, id_: str = "a") -> float:
    return history.picks[id_].position_angstrom[0]


def test_undo_and_redo_walk_the_edits_of_a_session():
    history = History(picks=PICKS)
    for x in (10.0, 20.0, 30.0):
        history = history.edited([move(x)], session="s")
    seen = []
    for step in ("undone", "undone", "undone", "redone", "redone", "redone"):
        history = getattr(history, step)("s")
        seen.append(where(history))
    assert seen == [20, 10, 1, 10, 20, 30]
    assert next_redo(history.log, "s") is None
    assert len(history.log) == 9


def test_a_new_edit_ends_the_redo():
    history = History(picks=PICKS).edited([move(10.0)], session="s").undone("s")
    history = history.edited([move(50.0)], session="s")
    assert next_redo(history.log, "s") is None
    assert where(history.undone("s")) == 1.0


def test_undo_of_an_add_takes_the_pick_out_and_redo_puts_it_in():
    history = History().edited([Add(pick=HAND)], session="s")
    assert list(history.undone("s").picks) == []
    assert list(history.undone("s").redone("s").picks) == ["h"]


def test_sessions_do_not_undo_each_other():
    history = History(picks=PICKS).edited([move(10.0)], session="s")
    history = history.edited([move(5.0, "h")], session="t")
    history = history.undone("s")
    assert (where(history), where(history, "h")) == (1.0, 5.0)
    with pytest.raises(StoreError, match="nothing to undo in this session"):
        history.undone("s")


def test_an_edit_another_session_built_upon_is_passed_over():
    history = History(picks=PICKS).edited([move(5.0, "h")], session="s")
    history = history.edited([move(10.0)], session="s").edited([move(20.0)], session="t")
    history = history.undone("s")
    assert where(history) == 20.0
    assert history.log[1].undone == 2
    history = history.undone("s")
    assert where(history, "h") == 3.0


def test_conflict_names_the_pick():
    made = changes(PICKS, [move(1.0)], rev=5)
    assert conflict(PICKS, made) == ""
    assert conflict({}, made) == "a"
    assert conflict(applied(PICKS, made), made) == "a"


ids = st.sampled_from(["p", "q", "r"])
actions = st.one_of(
    st.builds(lambda i, x: Move(id=i, position_angstrom=(x, 0.0)), ids, st.floats(-1e6, 1e6)),
    st.builds(lambda i: Delete(id=i), ids),
    st.builds(lambda i: Restore(id=i), ids),
    st.builds(lambda i, t: Relabel(id=i, label=t), ids, st.text(max_size=3)),
    st.builds(lambda i: Add(pick=PickRow(id=i, image="m", position_angstrom=(0.0, 0.0))), ids),
)


@given(st.lists(actions, max_size=20))
def test_undoing_everything_gives_the_beginning_and_redoing_everything_the_end(wanted: list[Any]):
    beginning = History(picks={"p": PickRow(id="p", image="m", position_angstrom=(0.0, 0.0))})
    history, made = beginning, 0
    for action in wanted:
        try:
            history = history.edited([action], session="s")
        except InputError:
            continue
        made += 1
    end = history.picks
    for _ in range(made):
        history = history.undone("s")
    assert history.picks == beginning.picks
    assert next_undo(history.log, "s") is None
    for _ in range(made):
        history = history.redone("s")
    assert history.picks == end


@given(st.lists(st.tuples(st.sampled_from("st"), actions), max_size=20))
def test_the_log_alone_rebuilds_the_picks(wanted: list[Any]):
    history = History()
    for session, action in wanted:
        try:
            history = history.edited([action], session=session)
            history = history.undone(session) if len(history.log) % 3 == 0 else history
        except (InputError, StoreError):
            continue
    rebuilt: dict[str, PickRow] = {}
    for entry in history.log:
        rebuilt = applied(rebuilt, entry.changes)
    assert rebuilt == history.picks


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"position_angstrom": (1.0,)}, "expected 2 or 3 finite coordinates"),
        ({"position_angstrom": (1.0, float("inf"))}, "expected 2 or 3 finite coordinates"),
        ({"orientation": (1.0, 0.0, 0.0)}, "expected a unit quaternion"),
        ({"orientation": (float("nan"), 0.0, 0.0, 0.0)}, "expected a unit quaternion"),
        ({"score": float("nan")}, "expected a finite score or none, got nan"),
        ({"diameter_angstrom": float("inf")}, "expected a finite diameter or none, got inf"),
        ({"state": "deleted"}, "a reason is given where a pick is deleted"),
        ({"state": "gone"}, "state gone: use one of auto, manual, edited, deleted"),
    ],
)
def test_rows_that_cannot_be(fields: dict[str, Any], message: str):
    with pytest.raises(InputError, match=f"pick x: {message}"):
        PickRow(**{"id": "x", "image": "m", "position_angstrom": (0.0, 0.0), **fields})


def test_undo_in_one_session_redo_stays_in_it():
    history = History(picks=PICKS).edited([move(10.0)], session="s").undone("s")
    assert next_redo(history.log, "t") is None
    assert next_redo(history.log, "s") is not None
    with pytest.raises(StoreError, match="nothing to redo in this session"):
        history.redone("t")


def test_redo_does_not_overwrite_the_work_of_others():
    history = History(picks=PICKS).edited([move(10.0)], session="s").undone("s")
    history = history.edited([move(77.0)], session="t")
    history = history.redone("s")
    assert where(history) == 77.0
    assert history.log[0].undone == 2
    assert next_redo(history.log, "s") is None


def test_another_session_that_undid_its_own_work_is_no_conflict():
    history = History(picks=PICKS).edited([move(10.0)], session="s")
    history = history.edited([move(20.0)], session="t").undone("t")
    history = history.undone("s")
    assert where(history) == 1.0
    assert where(history.redone("s")) == 10.0


def test_an_edit_of_many_picks_is_undone_whole_or_not_at_all():
    many = [move(10.0), move(10.0, "h")]
    history = History(picks=PICKS).edited(many, session="s")
    history = history.edited([move(20.0, "h")], session="t")
    history = history.undone("s")
    assert (where(history), where(history, "h")) == (10.0, 20.0)
    free = History(picks=PICKS).edited(many, session="s").undone("s")
    assert (where(free), where(free, "h")) == (1.0, 3.0)


def test_every_action_can_be_undone():
    done: list[Action] = [
        Move(id="a", position_angstrom=(8.0, 8.0)),
        Turn(id="a", orientation=(0.5, 0.5, 0.5, 0.5)),
        Relabel(id="a", label="ribosome"),
        Regroup(id="a", group="1e5"),
        SetState(id="a", state="manual"),
        Delete(id="a", reason="outside mask"),
        Restore(id="a"),
        Add(pick=PickRow(id="n", image="m", position_angstrom=(0.0, 0.0))),
    ]
    history = History(picks=PICKS)
    seen = [history.picks]
    for action in done:
        history = history.edited([action], session="s")
        seen.append(history.picks)
    for expected in reversed(seen[:-1]):
        history = history.undone("s")
        assert history.picks == expected
    for expected in seen[1:]:
        history = history.redone("s")
        assert history.picks == expected
    assert len(history.log) == 3 * len(done)
