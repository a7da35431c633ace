"""How a job stands, while it runs and after."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cryopick.cli.status import status_lines
from cryopick.errors import MissingFileError
from cryopick.run.status import Status, job_status
from toy_program import run, start, wait_for_items, wait_until


def test_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    names = [f"i{index}" for index in range(40)]
    program = start("toy", *names, "--sleep", 0.2, "--workers", 2, "-o", folder)
    wait_for_items(folder, 2)
    status = job_status(folder)
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    assert (status.job, status.state, status.total) == ("toy", "running", 40)
    assert 2 <= status.done < 40
    assert status.seconds_left is not None
    assert status.seconds_left > 0
    assert status.runner is not None
    assert status.runner["pid"] == program.pid
    after = job_status(folder)
    assert (after.state, after.runner, after.seconds_left) == ("interrupted", None, None)


def test_time_left_of_a_resumed_job_leaves_out_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("toy", *[f"i{index}" for index in range(6)], "-o", folder)
    for index in range(3):
        (folder / f"items/i{index}/done.json").unlink()
    for index in range(3, 6):
        os.utime(folder / f"items/i{index}/done.json", (1e9, 1e9))
    record = (folder / "job.json").read_text()
    (folder / "job.json").write_text(
        record.replace('"sleep_seconds": 0.0', '"sleep_seconds": 20.0')
    )
    program = start("resume", folder, "--workers", 2)
    wait_for_items(folder, 3)
    while (status := job_status(folder)).runner is None and program.poll() is None:
        pass
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=60)
    assert (status.done, status.seconds_left) == (3, None)  # none of this sitting has ended


def test_no_job(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        job_status(tmp_path)


def test_words() -> None:
    status = Status(
        job="pick log",
        folder="out",
        state="running",
        done=3,
        total=9,
        failed={"a": "a.mrc: is empty"},
        seconds_left=75.0,
        runner={"pid": 17, "host": "node3"},
        sentence="",
    )
    assert status_lines(status) == [
        "pick log: running, 3 of 9 items done",
        "run by process 17 on node3",
        "1 min 15 s left",
        "failed: a: a.mrc: is empty",
    ]


def test_items_in_flight_are_told_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (tmp_path / "hold").touch()
    words = ("steps", "a", "b", "--hold-at", 3, "--marks", f"@{tmp_path}", "-o", folder)
    program = start(*words, "--workers", 2)
    wait_until((folder / "job.json").exists)
    wait_until(lambda: job_status(folder).in_flight == {"a": 0.5, "b": 0.5})
    status = job_status(folder)
    shown = run("status", folder).stdout.splitlines()
    program.kill()
    program.communicate()
    assert (status.done, status.total, status.state) == (0, 2, "running")
    assert status.seconds_left is not None  # though no item has ended
    assert shown[0] == "steps: running, 0 of 2 items done"
    assert shown[2:4] == ["a: 50%", "b: 50%"]
    assert shown[4].endswith(" left")
    after = job_status(folder)  # what the dead driver left is no news
    assert (after.state, after.in_flight, after.seconds_left) == ("interrupted", {}, None)
