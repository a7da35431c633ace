"""`summary.json`: each key's value, the order of warnings, plots as files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.run import InlineExecutor, Outcome, Plot, run_job
from cryopick.run.executor import Done
from cryopick.run.folder import JobFolder
from cryopick.run.record import Record, read_record
from cryopick.run.summary import OWN_KEYS, joined_warnings, write_summary
from toy_jobs import JOB, SVG, ToyParams

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    run_job(JOB, ToyParams(names=["a", "b"]), tmp_path / "job", executor=InlineExecutor())
    return read_record(tmp_path / "job")


def written(folder: Path, record: Record, outcome: Outcome, **given: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    given = {"done": {}, "failed": {}} | given
    write_summary(JobFolder(folder), record, outcome, **given)
    return json.loads((folder / "summary.json").read_text("utf-8"))


def test_every_key(tmp_path: Path, record: Record) -> None:
    outcome = Outcome(
        summary={"picks": 12, "threshold": {"mic": 0.5}},
        sentence="12 picks",
        files={"picks": "picks.star"},
        next_command="cryopick extract particles",
    )
    done = {name: Done(name, seconds) for name, seconds in (("a", 3.0), ("b", 1.0), ("c", 2.0))}
    failed = {"d": "d: is empty"}
    found = written(
        tmp_path / "x", record.model_copy(update={"seconds": 1.23456}), outcome,
        done=done, failed=failed,
    )  # fmt: skip
    assert set(found) == {*OWN_KEYS, "picks", "threshold"}
    assert found["items"] == {"total": 2, "done": 3, "failed": 1}
    assert found["seconds_per_item"] == 2.0  # the median, whatever the order
    assert found["seconds"] == 1.235
    assert found["failed"] == failed
    assert found["files"] == {"picks": "picks.star"}
    assert found["next_command"] == "cryopick extract particles"
    assert found["plots"] == []
    assert not (tmp_path / "x/plots").exists()


def test_nothing_done_has_no_time(tmp_path: Path, record: Record) -> None:
    found = written(tmp_path / "x", record, Outcome(summary={}, sentence="nothing"))
    assert found["seconds_per_item"] is None


@pytest.mark.parametrize("key", OWN_KEYS)
def test_every_reserved_key_is_refused(tmp_path: Path, record: Record, key: str) -> None:
    with pytest.raises(InputError, match=f"toy: its summary uses the reserved key '{key}'"):
        written(tmp_path / "x", record, Outcome(summary={key: 1}, sentence="x"))
    assert not (tmp_path / "x/summary.json").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", Path("x")])
def test_what_is_no_json_is_refused_and_nothing_is_written(
    tmp_path: Path, record: Record, value: object
) -> None:
    with pytest.raises(InputError, match="its summary cannot be written as JSON"):
        written(tmp_path / "x", record, Outcome(summary={"v": value}, sentence="x"))
    assert not (tmp_path / "x/summary.json").exists()


def test_plots_become_files_in_their_order(tmp_path: Path, record: Record) -> None:
    plots = [Plot(title="One", svg=SVG), Plot(title="Two", caption="Å", png=PNG)]
    found = written(tmp_path / "x", record, Outcome(summary={}, sentence="x", plots=plots))
    assert found["plots"] == [
        {"title": "One", "caption": "", "file": "plots/01.svg"},
        {"title": "Two", "caption": "Å", "file": "plots/02.png"},
    ]
    assert (tmp_path / "x/plots/01.svg").read_text("utf-8") == SVG
    assert (tmp_path / "x/plots/02.png").read_bytes() == PNG


def test_warnings_of_plan_items_and_collect_in_this_order_each_once(
    tmp_path: Path, record: Record
) -> None:
    outcome = Outcome(summary={}, sentence="x", warnings=["from collect", "from plan"])
    done = {"a": Done("a", 1.0, ("dark",)), "b": Done("b", 1.0, ("dark", "thick"))}
    record.warnings = ["from plan"]
    found = written(tmp_path / "x", record, outcome, done=done)
    assert found["warnings"] == ["from plan", "dark (a, b)", "thick (b)", "from collect"]


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=4),
        st.lists(st.sampled_from(["dark", "thick", "tilted"]), unique=True, max_size=3),
        max_size=8,
    )
)
def test_joined_warnings_lose_none(given_lines: dict[str, list[str]]) -> None:
    done = {name: Done(name, 1.0, tuple(lines)) for name, lines in given_lines.items()}
    joined = joined_warnings(done)
    lines = {line for each in given_lines.values() for line in each}
    assert {line.split(" (")[0] for line in joined} == lines
    assert len(joined) == len(lines)
    for line in joined:
        names = [name for name, each in given_lines.items() if line.split(" (")[0] in each]
        shown = line.split(" (", 1)[1].removesuffix(")")
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        assert shown == ", ".join(names[:3]) + more


def test_a_summary_replaces_the_earlier_one_whole(tmp_path: Path, record: Record) -> None:
    written(tmp_path / "x", record, Outcome(summary={"old": 1}, sentence="old"))
    found = written(tmp_path / "x", record, Outcome(summary={"new": 1}, sentence="new"))
    assert "old" not in found
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["summary.json"]


def test_the_sentence_of_a_job_without_results(tmp_path: Path) -> None:
    job = replace(JOB, collect=lambda *_: Outcome(summary={}, sentence="Nothing found."))
    run_job(job, ToyParams(names=["a"]), tmp_path / "out", executor=InlineExecutor())
    found = json.loads((tmp_path / "out/summary.json").read_text())
    assert (found["sentence"], found["state"], found["files"]) == ("Nothing found.", "finished", {})
