"""Many sessions, edits of many picks: laws of undo and redo that hold whatever was done."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

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
    next_redo,
    next_undo,
)

IDS = ("p", "q", "r", "007", "1e5")
SESSIONS = st.sampled_from(["ann", "bob", "eve"])

ids = st.sampled_from(IDS)
places = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(
        lambda id_, place: Add(pick=PickRow(id=id_, image="m", position_angstrom=place)),
        ids,
        places,
    ),
    st.builds(Move, id=ids, position_angstrom=places),
    st.builds(Turn, id=ids, orientation=st.sampled_from([None, (0.0, 0.0, 0.0, 1.0)])),
    st.builds(Delete, id=ids, reason=st.sampled_from(["manual", "edge", "duplicate"])),
    st.builds(Restore, id=ids),
    st.builds(Relabel, id=ids, label=st.text(max_size=2)),
    st.builds(Regroup, id=ids, group=st.sampled_from(["", "007"])),
    st.builds(SetState, id=ids, state=st.sampled_from(["auto", "manual", "edited"])),
)


class HistoryMachine(RuleBasedStateMachine):
    """Random commands of three sessions on one set of picks."""

    @initialize()
    def begin(self):
        first = PickRow(id="p", image="m", position_angstrom=(0.0, 0.0), state="auto")
        self.beginning = {"p": first}
        self.history = History(picks=self.beginning)

    @rule(session=SESSIONS, wanted=st.lists(actions, min_size=1, max_size=3))
    def edit(self, session: str, wanted: list[Action]):
        before = self.history
        try:
            self.history = before.edited(wanted, session=session)
        except InputError:
            assert self.history is before
            return
        assert next_redo(self.history.log, session) is None
        found = next_undo(self.history.log, session)
        assert found is not None
        assert found.seq == len(self.history.log)

    @rule(session=SESSIONS)
    def undo_then_redo_is_nothing(self, session: str):
        if next_undo(self.history.log, session) is None:
            return
        before = self.history.picks
        undone = self.history.undone(session)
        if len(undone.log) == len(self.history.log):
            assert undone.picks == before  # overtaken: left as it is
            self.history = undone
            return
        self.history = undone.redone(session)
        assert self.history.picks == before

    @rule(session=SESSIONS)
    def undo(self, session: str):
        self.step(session, back=True)

    @rule(session=SESSIONS)
    def redo(self, session: str):
        self.step(session, back=False)

    def step(self, session: str, *, back: bool):
        ask = next_undo if back else next_redo
        target = ask(self.history.log, session)
        before = self.history
        try:
            self.history = before.undone(session) if back else before.redone(session)
        except StoreError:
            assert target is None
            return
        assert target is not None
        touched = {one.id for one in target.changes}
        untouched = set(IDS) - touched
        for id_ in untouched:
            assert self.history.picks.get(id_) == before.picks.get(id_)

    @invariant()
    def the_log_only_grows_and_rebuilds_the_picks(self):
        picks = self.beginning
        for place, entry in enumerate(self.history.log, 1):
            assert entry.seq == place
            for one in entry.changes:
                assert one.before == picks.get(one.id)
            picks = applied(picks, entry.changes)
        assert picks == self.history.picks

    @invariant()
    def a_rev_names_the_edit_that_gave_the_form(self):
        for pick in self.history.picks.values():
            if pick.rev:
                entry = self.history.log[pick.rev - 1]
                assert entry.target is None
                assert pick in [one.after for one in entry.changes]

    @invariant()
    def deleted_picks_have_a_reason_and_others_none(self):
        for pick in self.history.picks.values():
            assert (pick.state == "deleted") == bool(pick.reason)


HistoryMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_laws_of_undo_and_redo = HistoryMachine.TestCase


def test_redo_makes_the_newest_undone_edit_again():
    """An edit that was undone before a new one was made is gone for good."""
    first = PickRow(id="p", image="m", position_angstrom=(0.0, 0.0), state="auto")
    late = PickRow(id="q", image="m", position_angstrom=(0.0, 0.0))
    history = History(picks={"p": first}).edited([Add(pick=late)], session="s").undone("s")
    history = history.edited([Relabel(id="p", label="new")], session="s")
    after = history.picks
    history = history.undone("s").redone("s")
    assert history.picks == after
    assert next_redo(history.log, "s") is None
