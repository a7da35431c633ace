"""``cryopick cancel`` stops a running job soon, and only a running one."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from toy_program import done_items, run, start, wait_for_items, wait_until


def test_cancel_then_resume(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    names = [f"i{index}" for index in range(30)]
    program = start("toy", *names, "--sleep", 0.1, "--workers", 2, "-o", folder)
    wait_for_items(folder, 2)
    workers = psutil.Process(program.pid).children(recursive=True)
    done = run("cancel", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}: stopped; go on with: cryopick resume {folder}\n"
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert f"cancelled with {len(done_items(folder))} of 30 items done" in errors
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert json.loads((folder / "job.json").read_text())["state"] == "cancelled"
    assert run("status", folder).stdout.startswith("toy: cancelled, ")
    assert not (folder / "summary.json").exists()
    done = run("resume", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"]["done"] == 30


def test_cancel_ends_a_long_item(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    program = start("toy", "a", "--sleep", 600, "-o", folder)
    wait_until(lambda: list(folder.glob("items/.*.part")))
    assert run("cancel", folder).returncode == 0
    program.communicate(timeout=60)
    assert program.returncode == 1
    assert list((folder / "items").iterdir()) == []


def test_nothing_to_cancel(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("toy", "a", "-o", folder)
    done = run("cancel", folder)
    assert done.returncode == 2
    assert done.stderr == (
        f"cryopick: {folder}: no job is running here; see: cryopick status {folder}\n"
    )


def test_a_stale_marker_does_not_stop_the_next_run(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("toy", "a", "bad", "-o", folder)
    (folder / "cancel.json").write_text((folder / "lock").read_text())
    assert "items failed" in run("resume", folder).stderr
    assert not (folder / "cancel.json").exists()


def test_a_cancelled_resume_does_not_show_the_old_result(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("toy", "a", "bad1", "c", "-o", folder)
    (folder / "items/c/done.json").unlink()
    record = (folder / "job.json").read_text()
    (folder / "job.json").write_text(
        record.replace('"sleep_seconds": 0.0', '"sleep_seconds": 60.0')
    )
    program = start("resume", folder, "--json")
    wait_until(lambda: list(folder.glob("items/.*.part")))
    assert run("cancel", folder).returncode == 0
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "cancelled with 1 of 3 items done" in json.loads(out)["error"]
    assert "cancelled with 1 of 3 items done" in errors
