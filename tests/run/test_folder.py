"""The folder of a job: what is ours, what is not, and what a plan may ask for."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.run import InlineExecutor, run_job
from cryopick.run.executor import Failed
from cryopick.run.folder import JobFolder, checked_items
from cryopick.run.job import Cost, Item
from toy_jobs import JOB, ToyParams

COST = Cost(memory_bytes=1, seconds=1.0)


def ran(folder: Path, *names: str) -> JobFolder:
    run_job(JOB, ToyParams(names=list(names or "ab")), folder, executor=InlineExecutor())
    return JobFolder(folder)


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    place = JobFolder(tmp_path / "deep/down/out")
    place.make(overwrite=False)
    assert place.path.is_dir()
    place.make(overwrite=False)  # still empty: may be used
    (place.path / "lock").touch()
    place.make(overwrite=False)  # a lock alone is left by a job that wrote nothing


def test_relative_names_become_absolute_without_following_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert JobFolder("link/../out").path == tmp_path / "out"
    assert JobFolder("link/job").path == tmp_path / "link/job"


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_of_others_are_never_taken(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"--out: .* is not empty and holds no job; give the name"):
        JobFolder(tmp_path).make(overwrite=overwrite)
    assert (tmp_path / "notes.txt").read_text() == "x"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="cannot be used as a folder"):
        JobFolder(tmp_path / "out").make(overwrite=True)
    with pytest.raises(InputError, match="cannot be used as a folder"):
        JobFolder(tmp_path / "out/below").make(overwrite=False)


def test_a_job_is_replaced_only_to_overwrite(tmp_path: Path) -> None:
    place = ran(tmp_path / "out")
    with pytest.raises(InputError, match=r"already holds a job; .* --overwrite, or continue it"):
        place.make(overwrite=False)
    place.make(overwrite=True)


def test_a_record_of_another_program_is_not_ours_to_delete(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"job": "something else"}')
    with pytest.raises(FormatError, match="is not the record of a job"):
        JobFolder(tmp_path).make(overwrite=True)
    assert (tmp_path / "job.json").exists()


def test_clearing_leaves_what_the_user_put_there(tmp_path: Path) -> None:
    place = ran(tmp_path / "out")
    (place.path / "my notes.txt").write_text("x")
    (place.path / "mine").mkdir()
    place.clear()
    assert sorted(p.name for p in place.path.iterdir()) == ["lock", "mine", "my notes.txt"]


def test_clearing_does_not_follow_links_out(tmp_path: Path) -> None:
    place = ran(tmp_path / "out")
    (tmp_path / "precious").write_text("x")
    (place.path / "totals.json").unlink()
    (place.path / "totals.json").symlink_to(tmp_path / "precious")
    place.clear()
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"files": 3}', '{"files": {"a": 5}}', "\0"])
def test_a_damaged_summary_is_an_empty_one(tmp_path: Path, text: str) -> None:
    place = ran(tmp_path / "out")
    (place.path / "summary.json").write_text(text)
    assert not place.summary() or set(place.summary()) == {"files"}
    place.clear()
    assert not (place.path / "summary.json").exists()


def test_failures_are_noted_forgotten_and_read_in_order(tmp_path: Path) -> None:
    place = JobFolder(tmp_path)
    assert place.failures() == {}
    for name in ("b", "a.1", "007"):
        place.note_failure(Failed(name, f"{name}: «no»", "Traceback"))
    assert place.failures() == {"007": "007: «no»", "a.1": "a.1: «no»", "b": "b: «no»"}
    facts = json.loads((place.failed / "b.json").read_text("utf-8"))
    assert facts["detail"] == "Traceback"
    assert facts["time"] > 1.6e9
    place.note_failure(Failed("b", "b: again"))
    place.forget_failure("a.1")
    place.forget_failure("a.1")  # twice is once
    assert place.failures() == {"007": "007: «no»", "b": "b: again"}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '"x"', '{"id": "z"}', "null"])
def test_a_damaged_failure_is_left_out(tmp_path: Path, text: str) -> None:
    place = JobFolder(tmp_path)
    place.note_failure(Failed("a", "a: why"))
    (place.failed / "z.json").write_text(text)
    assert place.failures() == {"a": "a: why"}


def test_the_log_is_one_object_a_line_whatever_the_values(tmp_path: Path) -> None:
    place = JobFolder(tmp_path)
    place.log("failed", id="a\nb", line='say "no"\u2028')
    place.log("done", seconds=0.5)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().split("\n")[:-1]]
    assert [line["event"] for line in lines] == ["failed", "done"]
    assert lines[0]["id"] == "a\nb"
    assert lines[0]["line"] == 'say "no"\u2028'
    assert lines[0]["time"] <= lines[1]["time"]


def test_the_log_of_a_job_tells_its_story(tmp_path: Path) -> None:
    place = ran(tmp_path / "out", "a", "b")
    lines = [json.loads(line) for line in (place.path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("id")) for line in lines] == [
        ("started", None),
        ("done", "a"),
        ("done", "b"),
        ("finished", None),
    ]
    assert lines[0]["executor"] == "inline"


def test_items_that_are_done_are_those_with_a_marker(tmp_path: Path) -> None:
    place = ran(tmp_path / "out", "a", "b", "c")
    items = JOB.plan(ToyParams(names=["c", "b", "a", "new"]))
    (place.items / "b/done.json").unlink()
    assert list(place.done(items)) == ["c", "a"]


def test_parts_with_a_dot_in_the_name_of_the_item(tmp_path: Path) -> None:
    place = JobFolder(tmp_path)
    for name in ("a.b.c", "a.12.b"):
        (place.items / f".{name}.{os.getpid()}.t_x.part").mkdir(parents=True)
        (place.items / f".{name}.4194304999.t_x.part").mkdir()
    assert place.clean_parts() == 2  # process ids end at 2**22: those are dead
    assert len(list(place.items.iterdir())) == 2


def test_parts_of_no_process_are_rubbish(tmp_path: Path) -> None:
    place = JobFolder(tmp_path)
    for pid in ("x", "", "99999999999999999999999"):
        (place.items / f".a.{pid}.t.part").mkdir(parents=True)
    assert place.clean_parts() == 3


def test_the_folder_of_an_item_can_be_read_by_others(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        place = ran(tmp_path / "out", "a")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((place.items / "a").stat().st_mode) == 0o750


def items_called(*names: str) -> list[Item]:
    return [Item(id=name, inputs={"n": 1}, cost=COST) for name in names]


@pytest.mark.parametrize("name", ["007", "1e5", "a b", "é", "x" * 200, "é" * 100, "a.b..c", "-rf"])
def test_ids_that_can_name_a_folder(tmp_path: Path, name: str) -> None:
    [item] = checked_items(items_called(name), job="toy")
    (tmp_path / item.id).mkdir()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_length_of_an_id_counts_bytes() -> None:
    with pytest.raises(InputError, match="cannot name a folder"):
        checked_items(items_called("é" * 101), job="toy")


def test_the_duplicate_is_named() -> None:
    with pytest.raises(InputError, match="toy: two items are called 'b'; rename one"):
        checked_items(items_called("a", "b", "c", "b"), job="toy")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=8), max_size=6),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
)
def test_a_checked_plan_is_what_its_json_reads_back(names: list[str], value: object) -> None:
    plan = [Item(id=name, inputs={"value": value}, cost=COST) for name in names]
    try:
        checked = checked_items(plan, job="toy")
    except Exception as error:  # noqa: BLE001 - its kind is what is tested
        assert type(error).__module__ == "cryopick.errors"
        assert str(error).startswith("toy: ")
        return
    assert [item.id for item in checked] == names
    assert len(set(names)) == len(names)
    assert json.loads(json.dumps(checked[0].inputs)) == checked[0].inputs
