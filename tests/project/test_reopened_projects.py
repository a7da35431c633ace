"""What a project remembers when it is closed: undo, sittings, sets, any text; and what it copies."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError, MissingFileError, StoreError
from cryopick.io.picks.registry import read_picks
from cryopick.model import Picks
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project import backup
from cryopick.project.autosave import unsaved
from cryopick.project.edit_log import edit, edits_since, last_seq, redo, undo
from cryopick.project.edits import (
    Add,
    Delete,
    Move,
    PickRow,
    Regroup,
    Relabel,
    Restore,
    SetState,
    Turn,
)
from cryopick.project.exporting import export_set, frame_of, save_set
from cryopick.project.pick_table import insert_picks, new_ids, read_picks_of, rows_of_image
from cryopick.project.sittings import (
    finish_sitting,
    hand_out,
    keep_view,
    reopen_sitting,
    sittings,
    start_sitting,
)
from cryopick.project.store import JournalChoice, Project, create_project, open_project
from project_maker import JOURNALS, micrographs, pick_set, project_with_picks


def state_of(project: Project) -> dict[str, PickRow]:
    rows = (row for image in ("007", "1e5", "mic_a", "mic_b", "mic_c")
            for row in rows_of_image(project, "picks", image))  # fmt: skip
    return {row.id: replace(row, rev=0) for row in rows}


def every_action(project: Project) -> list[list[object]]:
    a, b, c = (row.id for row in rows_of_image(project, "picks", "007"))
    new = PickRow(id=new_ids(1)[0], image="1e5", position_angstrom=(1.0, 2.0), label="new")
    return [
        [Move(id=a, position_angstrom=(1.25, -2.5))],
        [Turn(id=a, orientation=(0.0, 0.6, 0.8, 0.0))],
        [Delete(id=b, reason="edge"), Relabel(id=c, label="«27S» 'x' \"y\"")],
        [Restore(id=b), Regroup(id=b, group="007")],
        [Add(pick=new), Move(id=new.id, position_angstrom=(3.0, 4.0))],
        [SetState(id=c, state="manual"), Delete(id=new.id)],
    ]


@pytest.mark.parametrize("journal", JOURNALS)
def test_every_edit_is_undone_and_redone_after_the_project_was_closed(
    tmp_path: Path, journal: JournalChoice
):
    folder = tmp_path / "p"
    with project_with_picks(folder, journal=journal) as project:
        states = [state_of(project)]
        for actions in every_action(project):
            edit(project, "picks", actions, session="s")
            states.append(state_of(project))
    assert len({str(sorted(s.items())) for s in states}) == len(states)
    for expected in states[-2::-1]:
        with open_project(folder, journal=journal) as project:
            undo(project, session="s")
            assert state_of(project) == expected
    with open_project(folder, journal=journal) as project:
        with pytest.raises(StoreError, match="nothing to undo in this session"):
            undo(project, session="s")
        assert last_seq(project) == 12
    for expected in states[1:]:
        with open_project(folder, journal=journal) as project:
            redo(project, session="s")
            assert state_of(project) == expected
    with open_project(folder, journal=journal) as project:
        with pytest.raises(StoreError, match="nothing to redo in this session"):
            redo(project, session="s")
        kinds = [each.kind for each in edits_since(project, 0)]
    assert kinds == ["move", "turn", "delete relabel", "restore regroup", "add move",
                     "set state delete", *["undo"] * 6, *["redo"] * 6]  # fmt: skip


def test_another_session_has_its_own_undo(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        a, b, _ = (row.id for row in rows_of_image(project, "picks", "007"))
        edit(project, "picks", [Delete(id=a)], session="one")
        edit(project, "picks", [Delete(id=b)], session="two")
    with open_project(tmp_path / "p") as project:
        undo(project, session="one")
        gone = [i for i, row in state_of(project).items() if row.state == "deleted"]
        assert gone == [b]
        with pytest.raises(StoreError, match="nothing to undo"):
            undo(project, session="three")


def test_a_new_edit_ends_the_redo_of_a_reopened_project(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        a, b, _ = (row.id for row in rows_of_image(project, "picks", "007"))
        edit(project, "picks", [Delete(id=a)], session="s")
        undo(project, session="s")
    with open_project(tmp_path / "p") as project:
        edit(project, "picks", [Delete(id=b)], session="s")
        with pytest.raises(StoreError, match="nothing to redo"):
            redo(project, session="s")


def test_a_client_that_was_away_follows_the_log(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        rows = {row.id: row for row in rows_of_image(project, "picks", "007")}
        a, b, _ = rows
        edit(project, "picks", [Delete(id=a)], session="s")
        seen = last_seq(project)
        edit(project, "picks", [Move(id=b, position_angstrom=(9.0, 9.0))], session="t", user="Ana")
        undo(project, session="s")
    with open_project(tmp_path / "p", read_only=True) as project:
        missed = edits_since(project, seen)
        assert [(each.kind, each.user, each.session) for each in missed] == [
            ("move", "Ana", "t"), ("undo", "", "s"),
        ]  # fmt: skip
        for each in missed:
            for one in each.changes:
                assert one.after is not None
                rows[one.id] = one.after
        now = {row.id: row for row in rows_of_image(project, "picks", "007")}
        assert rows == now
        assert edits_since(project, last_seq(project)) == []
        assert edits_since(project, 0, set_name="other") == []


def test_a_reader_beside_a_writer_changes_nothing(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        a = rows_of_image(project, "picks", "007")[0].id
        with open_project(tmp_path / "p", read_only=True) as reader:
            with pytest.raises(StoreError, match="is open read-only; nothing was changed"):
                edit(reader, "picks", [Delete(id=a)], session="s")
            edit(project, "picks", [Delete(id=a)], session="s")
            assert state_of(reader)[a].state == "deleted"


def test_sittings_outlive_the_program(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        by_hand = start_sitting(project, "Monday")
        at_night = start_sitting(project, "night", finish_when="output")
        keep_view(project, by_hand.id, {"threshold": 0.25, "image": "007"})
        assert not hand_out(project, at_night.id, "picks").is_open
    with open_project(tmp_path / "p") as project:
        one, other = sittings(project)
        assert (one.name, one.is_open, one.view) == (
            "Monday", True, {"threshold": 0.25, "image": "007"})  # fmt: skip
        assert (other.is_open, other.outputs) == (False, ("picks",))
        keep_view(project, one.id, {"threshold": 0.5})
        hand_out(project, one.id, "picks")
        finish_sitting(project, one.id)
    with open_project(tmp_path / "p") as project:
        one = sittings(project)[0]
        assert (one.is_open, one.outputs, one.view["image"]) == (False, ("picks",), "007")
        assert reopen_sitting(project, one.id).is_open
        with pytest.raises(InputError, match="picking job 9: not in this project"):
            finish_sitting(project, 9)
        with pytest.raises(InputError, match="expected JSON values"):
            keep_view(project, one.id, {"threshold": float("nan")})


def test_an_older_copy_brings_back_what_was_there(tmp_path: Path):
    folder = tmp_path / "p"
    with project_with_picks(folder) as project:
        before = state_of(project)
        copy = project.back_up()
        for row in rows_of_image(project, "picks", "007"):
            edit(project, "picks", [Delete(id=row.id)], session="s")
        with pytest.raises(InputError, match="the set picks was made from it; drop that first"):
            project.drop("micrographs")
        project.drop("picks")
        project.drop("micrographs")
    for name in ("project.sqlite-wal", "project.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "project.sqlite").write_bytes(copy.read_bytes())
    with open_project(folder) as project:
        project.check()
        assert state_of(project) == before
        assert last_seq(project) == 0


@pytest.mark.parametrize("n_bytes", [0, 1, 100, 4000])
def test_a_cut_file_is_one_line_that_points_to_the_copies(tmp_path: Path, n_bytes: int):
    folder = tmp_path / "p"
    with project_with_picks(folder) as project:
        project.back_up()
    data = (folder / "project.sqlite").read_bytes()
    (folder / "project.sqlite").write_bytes(data[:n_bytes])
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"project\.sqlite: .*restore a copy from .*backups"):
            open_project(folder, read_only=read_only).check()
    assert not (folder / "project.lock").exists() or open_lock_is_free(folder)


def open_lock_is_free(folder: Path) -> bool:
    from cryopick.project.lock import owner_of

    return owner_of(folder / "project.lock") is None


def test_copies_keep_edits_of_the_moment(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        a = rows_of_image(project, "picks", "007")[0].id
        with project.transaction():
            edit(project, "picks", [Delete(id=a)], session="s")
        copy = project.back_up()
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as found:
            state = found.execute("SELECT state FROM picks WHERE id = ?", (a,)).fetchone()
        assert state == ("deleted",)
        assert backup.last_backup(project.folder) == project.clock()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.floats(-1e6, 1e6), st.none() | st.floats(-1, 1)),
                min_size=1, max_size=8))  # fmt: skip
def test_any_picks_come_back_from_the_table(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any") / "p"
    n = len(rows)
    picks = Picks(
        position_angstrom=np.array([[r[2], -r[2]] for r in rows]),
        image=np.full(n, "1e5"),
        label=np.array([r[0] for r in rows]),
        group=np.array([r[1] for r in rows]),
        score=np.array([np.nan if r[3] is None else r[3] for r in rows]),
    )
    with create_project(folder) as project:
        project.put(micrographs())
        insert_picks(project, pick_set(), picks)
    with open_project(folder, read_only=True) as project:
        found = read_picks_of(project, "picks")
    np.testing.assert_array_equal(found.position_angstrom, picks.position_angstrom)
    if found.score is not None:
        np.testing.assert_array_equal(found.score, picks.score)
    else:
        assert np.isnan(picks.score).all()
    for name in ("label", "group"):
        kept = getattr(found, name)
        expected = [text.rstrip("\0") for text in getattr(picks, name).tolist()]
        assert (kept is None and not any(expected)) or kept.tolist() == expected


def test_names_that_sql_could_misread_are_names(tmp_path: Path):
    name = "x'; DROP TABLE picks; --"
    with create_project(tmp_path / "p") as project:
        member = Member(name=name, size_px=(40, 30))
        images = Dataset(name="images", kind=SetKind.MICROGRAPHS, members=(member,),
                         pixel_size_angstrom=2.0)  # fmt: skip
        project.put(images)
        dataset = Dataset(name="picks", kind=SetKind.PICKS, members=(member,),
                          pixel_size_angstrom=2.0, precedents=("images",))  # fmt: skip
        insert_picks(project, dataset, Picks.of([[1.0, 2.0]], image=name))
        [row] = rows_of_image(project, "picks", name)
        edit(project, "picks", [Relabel(id=row.id, label=name)], session=name, user=name)
        undo(project, session=name)
        assert len(read_picks_of(project, "picks")) == 1


def test_what_was_edited_is_on_disk_once_it_is_saved(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        assert set(unsaved(project)) == {"micrographs", "picks"}
        for name in ("micrographs", "picks"):
            save_set(project, name)
        assert unsaved(project) == []
        a = rows_of_image(project, "picks", "007")[0].id
        edit(project, "picks", [Delete(id=a)], session="s")
    with open_project(tmp_path / "p") as project:
        assert unsaved(project) == ["picks"]
        path = save_set(project, "picks")
        frame = frame_of(project, project.get("picks"))
        assert len(read_picks(path, frame).picks) == 11
        export_set(project, "picks", tmp_path / "gone.star", which="deleted")
        export_set(project, "picks", tmp_path / "all.star", which="all")
        gone = read_picks(tmp_path / "gone.star", frame).picks
        assert gone.extra["cryopickReason"].tolist() == ["manual"]
        assert len(read_picks(tmp_path / "all.star", frame).picks) == 12


def test_folders_that_are_no_projects(tmp_path: Path):
    with pytest.raises(MissingFileError, match=r"make a project with: cryopick new"):
        open_project(tmp_path)
    (tmp_path / "x").write_text("x")
    for name in (".", "x", "x/below"):
        with pytest.raises(InputError, match=r"is not an empty folder|cannot be made"):
            create_project(tmp_path / name)
    create_project(tmp_path / "p").close()
    with pytest.raises(InputError, match="is a project already; see it with: cryopick status"):
        create_project(tmp_path / "p")
