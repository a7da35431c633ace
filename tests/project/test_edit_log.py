"""The log in SQLite against the plain reference, in both journal modes."""

import tempfile
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cryopick.errors import InputError, StoreError
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.edit_log import edit, edits_since, last_seq, redo, undo
from cryopick.project.edits import (
    Action,
    Add,
    Delete,
    History,
    Move,
    PickRow,
    Relabel,
    Restore,
    applied,
    next_redo,
    next_undo,
)
from cryopick.project.pick_table import new_ids, read_picks_of, rows_of_image
from cryopick.project.store import Project, open_project
from project_maker import JOURNALS, Clock, micrographs, project_with_picks


@pytest.fixture(params=JOURNALS)
def project(request: pytest.FixtureRequest, tmp_path: Path):
    with project_with_picks(tmp_path / "p", journal=request.param) as opened:
        yield opened


def rows(project: Project, image: str = "mic_a"):
    return rows_of_image(project, "picks", image)


def test_an_edit_is_there_after_closing(project: Project):
    pick = rows(project)[0]
    made = edit(project, "picks", [Move(id=pick.id, position_angstrom=(7.5, 8.25))], session="s")
    project.close()
    with open_project(project.folder) as again:
        found = rows(again)[0]
        assert (found.id, found.position_angstrom) == (pick.id, (7.5, 8.25))
        assert (found.state, found.rev) == ("edited", made.seq)
        assert found.group == pick.group


def test_counts_follow_deletions_additions_and_undo(project: Project):
    def count():
        return next(m.count for m in project.get("picks").members if m.name == "mic_a")

    assert count() == 3
    ids = [row.id for row in rows(project)]
    edit(project, "picks", [Delete(id=i) for i in ids[:2]], session="s")
    assert count() == 1
    new = PickRow(id=new_ids(1)[0], image="mic_a", position_angstrom=(1.0, 2.0))
    edit(project, "picks", [Add(pick=new)], session="s")
    assert count() == 2
    undo(project, session="s")
    undo(project, session="s")
    assert count() == 3
    assert len(rows(project)) == 3


def test_a_deleted_pick_stays_in_the_set_with_its_reason(project: Project):
    pick = rows(project)[1]
    edit(project, "picks", [Delete(id=pick.id, reason="outside mask")], session="s")
    picks = read_picks_of(project, "picks")
    gone = picks[picks.state == "deleted"]
    assert gone.extra["id"].tolist() == [pick.id]
    assert gone.reason is not None
    assert gone.reason.tolist() == ["outside mask"]


def test_edits_keep_the_order_of_the_picks(project: Project):
    before = [row.id for row in rows(project)]
    edit(project, "picks", [Move(id=before[0], position_angstrom=(0.0, 0.0))], session="s")
    assert [row.id for row in rows(project)] == before


def test_all_of_an_edit_or_nothing(project: Project):
    pick = rows(project)[0]
    good = Move(id=pick.id, position_angstrom=(0.0, 0.0))
    with pytest.raises(InputError, match="pick nobody: not in this set"):
        edit(project, "picks", [good, Delete(id="nobody")], session="s")
    assert rows(project)[0] == pick
    assert last_seq(project) == 0


def test_a_client_that_was_away_catches_up(project: Project):
    known = {row.id: row for row in rows(project)}
    first, second = list(known)[:2]
    edit(project, "picks", [Relabel(id=first, label="a")], session="s")
    seen = last_seq(project)
    edit(project, "picks", [Delete(id=second)], session="t", user="ann")
    undo(project, session="s")
    news = edits_since(project, seen)
    assert [(e.kind, e.session, e.user) for e in news] == [
        ("delete", "t", "ann"),
        ("undo", "s", ""),
    ]
    for entry in edits_since(project, 0):
        known = applied(known, entry.changes)
    assert known == {row.id: row for row in rows(project)}
    assert edits_since(project, 0, set_name="others") == []


def test_what_the_client_saw_is_checked(project: Project):
    pick = rows(project)[0]
    edit(project, "picks", [Relabel(id=pick.id, label="a")], session="t")
    stale = {pick.id: pick.rev}
    with pytest.raises(StoreError, match=f"pick {pick.id} was changed by somebody else since"):
        edit(project, "picks", [Delete(id=pick.id)], session="s", revs=stale)
    assert rows(project)[0].state == "edited"


def test_undo_does_not_overwrite_the_work_of_others(project: Project):
    pick = rows(project)[0]
    edit(project, "picks", [Relabel(id=pick.id, label="a")], session="s")
    edit(project, "picks", [Relabel(id=pick.id, label="b")], session="t")
    with pytest.raises(StoreError, match="changed by somebody else since; it is left as it is"):
        undo(project, session="s")
    assert rows(project)[0].label == "b"
    with pytest.raises(StoreError, match="nothing to undo in this session"):
        undo(project, session="s")


def test_only_picks_of_the_set_in_images_of_the_set(project: Project):
    project.put(
        Dataset(name="others", kind=SetKind.PICKS, members=(Member(name="mic_a", count=0),))
    )
    pick = rows(project)[0]
    with pytest.raises(InputError, match=f"pick {pick.id}: not in this set"):
        edit(project, "others", [Delete(id=pick.id)], session="s")
    with pytest.raises(InputError, match=f"pick {pick.id}: exists already"):
        edit(project, "others", [Add(pick=pick)], session="s")
    strange = PickRow(id="x", image="elsewhere", position_angstrom=(0.0, 0.0))
    with pytest.raises(InputError, match="set picks: image elsewhere: not in this set"):
        edit(project, "picks", [Add(pick=strange)], session="s")
    deep = PickRow(id="x", image="mic_a", position_angstrom=(0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="expected 2 coordinates for pick x"):
        edit(project, "picks", [Add(pick=deep)], session="s")
    with pytest.raises(InputError, match="holds micrographs; only picks can be edited"):
        edit(project, "micrographs", [Delete(id=pick.id)], session="s")


def test_the_time_of_an_edit_is_the_projects_clock(tmp_path: Path):
    clock = Clock(5000.0)
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        clock.now = 6000.0
        edit(project, "picks", [Delete(id=rows(project)[0].id)], session="s")
        assert edits_since(project, 0)[0].time == 6000.0


SESSIONS = st.sampled_from(["s", "t"])
IDS = st.sampled_from(["p", "q", "r"])


class EditLogMachine(RuleBasedStateMachine):
    """SQLite and the reference get the same commands, and must agree after each."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.project = project_with_picks(Path(self.folder.name) / "p", n=4)
        self.project.put(
            Dataset(
                name="edited",
                kind=SetKind.PICKS,
                members=tuple(Member(name=m.name, count=0) for m in micrographs().members),
            )
        )
        self.model = History()

    def teardown(self):
        self.project.close()
        self.folder.cleanup()

    def both(self, actions: list[Action], session: str):
        try:
            self.model = self.model.edited(actions, session=session)
        except InputError as expected:
            message = expected.args
        else:
            message = None
        if message is not None:
            with pytest.raises(InputError) as found:
                edit(self.project, "edited", actions, session=session)
            assert found.value.args == message
            return
        made = edit(self.project, "edited", actions, session=session)
        assert made.changes == self.model.log[-1].changes

    @rule(session=SESSIONS, id_=IDS)
    def add(self, session: str, id_: str):
        row = PickRow(id=id_, image="007", position_angstrom=(1.0, 2.0), group="1e5")
        self.both([Add(pick=row)], session)

    @rule(session=SESSIONS, id_=IDS, x=st.floats(-1e4, 1e4))
    def move(self, session: str, id_: str, x: float):
        self.both([Move(id=id_, position_angstrom=(x, 0.1))], session)

    @rule(session=SESSIONS, id_=IDS, other=IDS)
    def delete_two(self, session: str, id_: str, other: str):
        self.both([Delete(id=id_), Delete(id=other)], session)

    @rule(session=SESSIONS, id_=IDS)
    def restore(self, session: str, id_: str):
        self.both([Restore(id=id_)], session)

    @rule(session=SESSIONS, back=st.booleans())
    def undo_or_redo(self, session: str, back: bool):
        follow, ask = (undo, next_undo) if back else (redo, next_redo)
        possible = ask(self.model.log, session) is not None
        before = len(self.model.log)
        if possible:
            step = self.model.undone if back else self.model.redone
            self.model = step(session)
        if len(self.model.log) > before:
            follow(self.project, session=session)
        else:
            with pytest.raises(StoreError):
                follow(self.project, session=session)

    @invariant()
    def same_picks_and_same_log(self):
        found = {row.id: row for row in rows_of_image(self.project, "edited", "007")}
        assert found == self.model.picks
        log = edits_since(self.project, 0)
        assert [(e.seq, e.kind, e.target, e.undone, e.changes) for e in log] == [
            (e.seq, e.kind, e.target, e.undone, e.changes) for e in self.model.log
        ]
        alive = sum(row.state != "deleted" for row in self.model.picks.values())
        assert len(self.project.get("edited")) == alive


EditLogMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
test_the_log_agrees_with_the_reference = EditLogMachine.TestCase


def test_many_threads_edit_one_project(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:

        def add_some(session: str) -> None:
            for i in range(20):
                row = PickRow(id=new_ids(1)[0], image="007", position_angstrom=(i, 0.0))
                edit(project, "picks", [Add(pick=row)], session=session)
                if i % 4 == 0:
                    undo(project, session=session)

        threads = [Thread(target=add_some, args=(f"s{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = edits_since(project, 0)
        assert [entry.seq for entry in log] == list(range(1, 101))
        assert len(rows(project, "007")) == 3 + 4 * 15
        assert all(sum(e.session == f"s{i}" for e in log) == 25 for i in range(4))


def test_redo_makes_the_newest_undone_edit_again(project: Project):
    first, second = rows(project)[:2]
    edit(project, "picks", [Relabel(id=first.id, label="old")], session="s")
    undo(project, session="s")
    edit(project, "picks", [Relabel(id=second.id, label="new")], session="s")
    undo(project, session="s")
    redo(project, session="s")
    labels = {row.id: row.label for row in rows(project)}
    assert labels[second.id] == "new"
    assert labels[first.id] != "old"
    with pytest.raises(StoreError, match="nothing to redo"):
        redo(project, session="s")
