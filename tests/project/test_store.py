"""Projects made, opened, locked, read by others, damaged and backed up."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cryopick.errors import InputError, MissingFileError, StoreError
from cryopick.model import Defocus, Optics
from cryopick.model.sets import Acquisition, Dataset, Member, SetKind
from cryopick.project.edit_log import edit
from cryopick.project.edits import Delete
from cryopick.project.pick_table import insert_picks, read_picks_of, rows_of_image
from cryopick.project.schema import STEPS
from cryopick.project.store import JournalChoice, create_project, open_project
from project_maker import (
    JOURNALS,
    Clock,
    micrographs,
    pick_set,
    project_with_picks,
    some_picks,
)


@pytest.mark.parametrize("journal", JOURNALS)
def test_a_set_comes_back_as_it_was(tmp_path: Path, journal: JournalChoice):
    dataset = Dataset(
        name="tomograms of 007",
        kind=SetKind.TOMOGRAMS,
        ndim=3,
        pixel_size_angstrom=13.48,
        box_size_px=31.5,
        members=(
            Member(
                name="1e5",
                path="/data/1e5.mrc",
                group="007",
                size_px=(10, 20, 30),
                origin_angstrom=(0.5, 1.0, -2.0),
                files={"half1": "a.mrc"},
                defocus=Defocus(u_um=1.5, v_um=1.25, astigmatism_angle_deg=30.0),
            ),
            Member(name="007"),
        ),
        acquisition=Acquisition(tilt_min_deg=-60, tilt_max_deg=54, tilt_step_deg=3),
        optics=Optics(voltage_kv=200.0, group="g1"),
    )
    with create_project(tmp_path / "p", journal=journal) as project:
        project.put(dataset)
    with open_project(tmp_path / "p", journal=journal) as project:
        assert project.get("tomograms of 007") == dataset
        assert project.names() == ["tomograms of 007"]
        assert project.names(SetKind.PICKS) == []


def test_a_name_is_taken_once(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(InputError, match="set picks: exists already; give --name, or picks2"):
            project.put(pick_set())
        assert project.fresh_name("picks") == "picks2"
        assert project.fresh_name("other") == "other"


def test_replacing_a_set_keeps_its_picks(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        project.put(replace(project.get("picks"), box_size_px=200), replace=True)
        assert project.get("picks").box_size_px == 200
        assert len(read_picks_of(project, "picks")) == 12


def test_a_set_others_were_made_from_is_not_dropped(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(InputError, match="the set picks was made from it; drop that first"):
            project.drop("micrographs")
        project.drop("picks")
        project.drop("micrographs")
        assert project.names() == []
        assert project.rows("SELECT COUNT(*) FROM picks")[0][0] == 0


def test_an_unknown_set_or_precedent_is_named(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(InputError, match=r"set nope: not in this project; it has micrographs"):
            project.get("nope")
        with pytest.raises(InputError, match="set nope: not in this project"):
            project.put(replace(pick_set("more"), precedents=("nope",)))
        assert "more" not in project.names()


def test_a_failed_change_leaves_nothing(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(ZeroDivisionError), project.transaction():
            project.put(micrographs("half"))
            _ = 1 / 0
        assert "half" not in project.names()
        strange = replace(some_picks(), image=some_picks().image.astype("<U9"))
        strange.image[3] = "elsewhere"
        with pytest.raises(InputError, match="name 1 images that it does not hold: elsewhere"):
            insert_picks(project, pick_set("new"), strange)
        assert "new" not in project.names()


def test_only_one_process_may_write(tmp_path: Path):
    with (
        project_with_picks(tmp_path / "p") as project,
        pytest.raises(StoreError, match=f"open in process {os.getpid()} on host"),
    ):
        open_project(project.folder)
    with open_project(tmp_path / "p") as again:
        assert not again.read_only


def test_the_url_of_the_owner_is_told(tmp_path: Path):
    create_project(tmp_path / "p").close()
    with (
        open_project(tmp_path / "p", url="http://localhost:8000/?token=x"),
        pytest.raises(StoreError, match=r"at http://localhost:8000/\?token=x; close it there"),
    ):
        open_project(tmp_path / "p")


def test_others_may_look_while_it_is_open_on_a_local_disk(tmp_path: Path):
    with (
        project_with_picks(tmp_path / "p") as project,
        open_project(project.folder, read_only=True) as reader,
    ):
        first = rows_of_image(project, "picks", "007")[0]
        edit(project, "picks", [Delete(id=first.id)], session="s")
        assert rows_of_image(reader, "picks", "007")[0].state == "deleted"
        with pytest.raises(StoreError, match="open read-only; nothing was changed"):
            reader.put(micrographs("more"))


def test_on_a_network_disk_the_owner_is_alone(tmp_path: Path):
    with (
        project_with_picks(tmp_path / "p", journal="network") as project,
        pytest.raises(StoreError, match="in use by another process, which alone may open it"),
    ):
        open_project(project.folder, read_only=True)
    with open_project(tmp_path / "p", read_only=True) as reader:
        assert reader.names() == ["micrographs", "picks"]


def test_the_network_journal_shares_no_memory(tmp_path: Path):
    with project_with_picks(tmp_path / "p", journal="network") as project:
        names = {path.name for path in project.folder.iterdir()}
        assert "project.sqlite-wal" in names
        assert "project.sqlite-shm" not in names
        assert project.rows("PRAGMA synchronous")[0][0] == 2


def test_a_looker_leaves_no_lock(tmp_path: Path):
    project_with_picks(tmp_path / "p").close()
    before = (tmp_path / "p" / "project.lock").read_text()
    open_project(tmp_path / "p", read_only=True).close()
    assert (tmp_path / "p" / "project.lock").read_text() == before == ""


def test_folders_that_are_no_place_for_a_project(tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(InputError, match="is not an empty folder"):
        create_project(tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is not an empty folder"):
        create_project(tmp_path / "file")
    create_project(tmp_path / "p").close()
    with pytest.raises(InputError, match="is a project already"):
        create_project(tmp_path / "p")
    with pytest.raises(MissingFileError, match="make a project with: cryopick new"):
        open_project(tmp_path / "full")


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be one " * 200])
def test_a_damaged_file_is_told_and_the_lock_given_back(tmp_path: Path, content: bytes):
    create_project(tmp_path / "p").close()
    for name in ("project.sqlite-wal", "project.sqlite-shm"):
        (tmp_path / "p" / name).unlink(missing_ok=True)
    (tmp_path / "p" / "project.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"project\.sqlite"):
        open_project(tmp_path / "p", read_only=True)
    if content:
        with pytest.raises(StoreError, match="restore a copy from"):
            open_project(tmp_path / "p")
        assert (tmp_path / "p" / "project.lock").read_text() == ""


def test_a_project_of_a_newer_program_is_left_alone(tmp_path: Path):
    create_project(tmp_path / "p").close()
    connection = sqlite3.connect(tmp_path / "p" / "project.sqlite")
    connection.execute(f"PRAGMA user_version={len(STEPS) + 1}")
    connection.close()
    for read_only in (True, False):
        with pytest.raises(StoreError, match="update cryopick"):
            open_project(tmp_path / "p", read_only=read_only)


def test_backups_take_turns(tmp_path: Path):
    clock = Clock(1_700_000_000.0)
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        assert project.back_up_if_due() is not None
        clock.now += 3599
        assert project.back_up_if_due() is None
        made = []
        for _ in range(5):
            clock.now += 3600
            made.append(project.back_up(keep=3))
        kept = sorted((project.folder / "backups").iterdir())
        assert kept == made[-3:]


def test_a_backup_is_a_whole_project(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        copy = project.back_up()
        ids = [row.id for row in rows_of_image(project, "picks", "007")]
    target = tmp_path / "restored"
    create_project(target).close()
    (target / "project.sqlite").write_bytes(copy.read_bytes())
    with open_project(target) as project:
        project.check()
        assert [row.id for row in rows_of_image(project, "picks", "007")] == ids


def test_paths_are_kept_relative_inside_and_absolute_outside(tmp_path: Path):
    with create_project(tmp_path / "p") as project:
        assert project.relative(project.folder / "sets" / "a.star") == "sets/a.star"
        outside = tmp_path / "data" / "a.mrc"
        assert project.relative(outside) == str(outside)
        assert project.resolve("sets/a.star") == project.folder / "sets" / "a.star"
        assert project.resolve(str(outside)) == outside


def test_a_closed_project_says_so(tmp_path: Path):
    project = project_with_picks(tmp_path / "p")
    project.close()
    project.close()
    with pytest.raises(StoreError, match="the project is closed; open it again"):
        project.names()
    with pytest.raises(StoreError, match="the project is closed; open it again"):
        project.put(micrographs("more"))


def test_a_block_within_a_block_is_a_part_of_it(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(InputError, match="set picks: exists already"), project.transaction():
            project.put(micrographs("first"))
            with project.transaction():
                project.put(micrographs("second"))
            project.put(pick_set())
        assert project.names() == ["micrographs", "picks"]
        with project.transaction():
            project.put(micrographs("first"))
        assert project.names() == ["micrographs", "picks", "first"]


def test_a_project_on_a_full_or_read_only_disk_is_told(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        project.rows(f"PRAGMA max_page_count={project.rows('PRAGMA page_count')[0][0]}")
        with pytest.raises(StoreError, match=r"project\.sqlite: database or disk is full"):
            insert_picks(project, pick_set("big"), some_picks(5000))
        assert "big" not in project.names()
        project.check()
        assert len(read_picks_of(project, "picks")) == 12


def test_damage_inside_the_file_is_found(tmp_path: Path):
    with project_with_picks(tmp_path / "p", n=4000) as project:
        project.check()
    path = tmp_path / "p" / "project.sqlite"
    data = bytearray(path.read_bytes())
    for place in range(40_000, len(data), 4096):
        data[place : place + 600] = b"\xff" * 600
    path.write_bytes(data)
    with (
        pytest.raises(StoreError, match=r"(damaged|malformed).*backups"),
        open_project(tmp_path / "p") as project,
    ):
        project.check()
