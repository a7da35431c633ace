"""What a command says when it is done, in words and as JSON; what a dry run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cryopick.cli.common_options import Common
from cryopick.cli.output import (
    SHOWN_ITEMS,
    format_bytes,
    print_json,
    print_plan,
    run_and_print,
)
from cryopick.errors import InputError, JobError
from cryopick.run.drive import Plan, plan_job, run_job
from cryopick.run.inline import InlineExecutor
from toy_jobs import JOB, ToyParams

Captured = pytest.CaptureFixture[str]


def ran(folder: Path, names: list[str], common: Common) -> int:
    def run(show: Any) -> object:
        params = ToyParams(names=names)
        return run_job(JOB, params, folder, executor=InlineExecutor(), on_progress=show)

    return run_and_print("toy", folder, common, run)


def test_words_name_the_files_and_the_next_step(tmp_path: Path, capsys: Captured) -> None:
    assert ran(tmp_path / "out", ["a", "b"], Common()) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "6 numbers from 2 items",
        f"  totals     {tmp_path / 'out' / 'totals.json'}",
        f"  report     {tmp_path / 'out' / 'report.html'}",
        "next: cryopick toy again",
    ]
    assert err == "cryopick: warning: numbers are random\n"


def test_json_holds_the_folder_and_the_whole_summary(tmp_path: Path, capsys: Captured) -> None:
    assert ran(tmp_path / "out", ["a"], Common(json=True)) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found.pop("folder") == str(tmp_path / "out")
    assert found == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "warning: numbers are random" in err


def test_failed_items_give_1_and_the_result_of_the_others(tmp_path: Path, capsys: Captured) -> None:
    assert ran(tmp_path / "out", ["a", "bad1"], Common()) == 1
    out, err = capsys.readouterr()
    assert out.startswith("3 numbers from 1 items")
    assert "1 of 2 items failed: bad1" in err
    assert "value of pixels is NaN; leave it out" in err


def test_wrong_input_is_not_ours_to_print(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(InputError, match="is not empty and holds no job"):
        ran(tmp_path / "out", ["a"], Common())


def test_an_interrupt_names_the_way_on(tmp_path: Path) -> None:
    def run(_show: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(JobError, match=rf"^stopped; go on with: cryopick resume {tmp_path}$"):
        run_and_print("toy", tmp_path, Common(), run)


def test_a_cancelled_job_has_no_result_to_print(tmp_path: Path, capsys: Captured) -> None:
    ran(tmp_path / "out", ["a"], Common())
    capsys.readouterr()

    def run(_show: object) -> object:
        raise JobError("toy: cancelled")

    with pytest.raises(JobError, match="toy: cancelled"):
        run_and_print("toy", tmp_path / "out", Common(), run)
    assert capsys.readouterr().out == ""


def test_json_has_no_nan(capsys: Captured) -> None:
    """NaN is no JSON: a reader in another language would stumble."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"a": float("nan")})
    print_json({"b": None, "c": "µ"})
    assert json.loads(capsys.readouterr().out) == {"b": None, "c": "µ"}


def planned(names: list[str], **more: Any) -> Plan:
    return plan_job(JOB, ToyParams(names=names, **more))


def test_a_plan_in_words(capsys: Captured) -> None:
    print_plan(JOB, planned(["a", "b"], sleep_seconds=90), Common(workers=1, device="cpu"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "toy: 2 items, nothing is written"
    assert lines[1].startswith("  a  (1.0 MiB, ")
    assert lines[3:] == [
        "workers  1 on cpu",
        "memory   1.0 MiB",
        lines[5],
    ]
    assert lines[5].startswith("time     about 3 min")  # two items of a minute and a half


def test_a_long_plan_is_cut_short(capsys: Captured) -> None:
    names = [f"i{n}" for n in range(SHOWN_ITEMS + 7)]
    print_plan(JOB, planned(names), Common(workers=2))
    out = capsys.readouterr().out
    assert f"  i{SHOWN_ITEMS - 1}  (" in out
    assert f"  i{SHOWN_ITEMS}  (" not in out
    assert "  and 7 more\n" in out


@pytest.mark.parametrize(
    ("items", "workers", "seconds"),
    [(1, 4, 10.0), (4, 1, 40.0), (4, 2, 20.0), (4, 4, 10.0), (3, 2, 15.0)],
)
def test_time_is_work_over_workers_and_never_below_the_longest_item(
    capsys: Captured, items: int, workers: int, seconds: float
) -> None:
    names = [f"i{n}" for n in range(items)]
    plan = planned(names, sleep_seconds=10.0)
    print_plan(JOB, plan, Common(workers=workers, json=True, device="cpu"))
    found = json.loads(capsys.readouterr().out)
    assert found["seconds"] == pytest.approx(seconds)
    assert found["workers"] == min(items, workers)
    assert found["memory_bytes"] == found["workers"] * (1 << 20)
    assert (found["job"], found["dry_run"], found["devices"]) == ("toy", True, ["cpu"])
    assert [item["id"] for item in found["items"]] == names


def test_warnings_of_a_plan_go_to_stderr(capsys: Captured) -> None:
    plan = planned(["a"])
    warned = Plan(items=plan.items, warnings=("header says 1 Å",))
    print_plan(JOB, warned, Common(json=True))
    out, err = capsys.readouterr()
    assert err == "cryopick: warning: header says 1 Å\n"
    assert json.loads(out)["warnings"] == ["header says 1 Å"]


def test_a_device_that_is_none_is_told_before_anything_is_done() -> None:
    with pytest.raises(InputError, match="--device: 'abacus' is not a device"):
        print_plan(JOB, planned(["a"]), Common(device="abacus"))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1024.0 KiB"),
        (1 << 30, "1.0 GiB"),
        (1 << 40, "1.0 TiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert format_bytes(count) == words
