"""kill -9, Ctrl-C and SIGTERM at any moment: resume finishes, and nothing differs."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from toy_program import done_items, results, run, start, wait_for_items, wait_until

NAMES = [f"i{index:02d}" for index in range(50)]
WORDS = ("toy", *NAMES, "--sleep", 0.01, "--workers", 2, "--seed", 3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    assert run(*WORDS, "-o", folder).returncode == 0
    found = results(folder)
    assert len(found) == 51
    return found


def markers(folder: Path) -> dict[str, tuple[int, int]]:
    """When and as which file each item was done."""
    return {
        path.parent.name: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.glob("items/[!.]*/done.json")
    }


def times_resumed(folder: Path) -> int:
    log = folder / "log.jsonl"
    return log.read_text().count('"resumed"') if log.exists() else 0


def is_clean(folder: Path) -> bool:
    return not list(folder.glob("items/.*")) and not list(folder.glob(".*.part"))


@pytest.mark.parametrize("seed", range(5))
def test_driver_killed_at_random_moments(
    tmp_path: Path, undisturbed: dict[str, bytes], seed: int
) -> None:
    moments = random.Random(seed)
    folder = tmp_path / "out"
    program = start(*WORDS, "-o", folder)
    wait_until((folder / "job.json").exists)
    for sitting in range(1, 5):
        time.sleep(moments.uniform(0, 0.25))
        program.kill()
        program.communicate()
        before = markers(folder)
        program = start("resume", folder, "--workers", 2)
        wait_until(lambda count=sitting: times_resumed(folder) == count)
        assert before.items() <= markers(folder).items()
    program.kill()
    program.communicate()
    before = markers(folder)
    done = run("resume", folder)
    assert done.returncode == 0, done.stderr
    assert before.items() <= markers(folder).items()  # no item that was done is done again
    assert results(folder) == undisturbed
    assert json.loads((folder / "job.json").read_text())["state"] == "finished"
    wait_until(lambda: is_clean(folder), patience=10)


def test_workers_end_with_a_killed_driver(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    program = start("toy", "a", "b", "c", "--sleep", 60, "--workers", 2, "-o", folder)
    wait_until(lambda: len(list(folder.glob("items/.*.part"))) == 2)
    workers = psutil.Process(program.pid).children(recursive=True)
    assert len(workers) == 3  # and the process that forks them
    program.kill()
    program.communicate()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    assert run("status", folder).stdout.startswith("toy: interrupted, 0 of 3 items done")


@pytest.mark.parametrize("seed", range(3))
def test_workers_killed_at_random_moments(
    tmp_path: Path, undisturbed: dict[str, bytes], seed: int
) -> None:
    moments = random.Random(seed)
    folder = tmp_path / "out"
    program = start(*WORDS, "-o", folder)
    driver = psutil.Process(program.pid)
    wait_for_items(folder, 1)
    killed = 0
    while program.poll() is None and killed < 6:
        time.sleep(moments.uniform(0, 0.1))
        if workers := driver.children(recursive=True):
            moments.choice(workers).kill()
            killed += 1
    _, errors = program.communicate(timeout=100)
    assert killed > 0
    if program.returncode != 0:  # one item was hit twice: it is named, the others are done
        assert "its worker ended 2 times (killed by SIGKILL)" in errors
        done = run("resume", folder)
        assert done.returncode == 0, done.stderr
    assert results(folder) == undisturbed
    assert not (folder / "failed").exists() or not list((folder / "failed").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_order(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "out"
    program = start("toy", *NAMES, "--sleep", 0.05, "--workers", 2, "-o", folder)
    wait_for_items(folder, 3)
    workers = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(number)
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert out == ""
    assert f"cryopick: stopped; go on with: cryopick resume {folder}" in errors
    assert "Traceback" not in errors
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert is_clean(folder)
    assert json.loads((folder / "job.json").read_text())["state"] == "interrupted"
    before = done_items(folder)
    assert 3 <= len(before) < 50
    words = run("status", folder).stdout
    assert words.startswith(f"toy: interrupted, {len(before)} of 50 items done")
    assert f"go on with: cryopick resume {folder}" in words


def test_nothing_to_resume_collects_again(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("toy", "a", "b", "-o", folder)
    before = markers(folder)
    (folder / "totals.json").unlink()
    done = run("resume", folder, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["sentence"] == "6 numbers from 2 items"
    assert markers(folder) == before
    assert (folder / "totals.json").is_file()


def test_failed_items_are_tried_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    folder = tmp_path / "out"
    done = run("toy", "a", "crash1", "-o", folder, "--workers", 2)
    assert done.returncode == 1
    assert "crash1: its worker ended (killed by SIGKILL); tried again later" in done.stderr
    assert "crash1: its worker ended 2 times" in run("status", folder).stdout
    again = run("resume", folder)
    assert again.returncode == 1
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in log if line.get("id") == "crash1"] == 2 * [
        "retried",
        "failed",
    ]
    assert [line["event"] for line in log if line.get("id") == "a"] == ["done"]


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    folder = tmp_path / "out"
    done = run("toy", "a", "once1", "b", "--mode", state, "-o", folder, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert done_items(folder) == {"a", "b", "once1"}


def test_a_changed_input_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("1.0")
    run("toy", "n.txt", "bad1", "-o", "out", cwd=tmp_path)
    (tmp_path / "n.txt").write_text("2.0")
    done = run("resume", "out", cwd=tmp_path)
    assert "warning: input n.txt changed since the job was started" in done.stderr
    found = json.loads((tmp_path / "out/summary.json").read_text())
    assert found["warnings"][0] == "input n.txt changed since the job was started"


def test_relative_inputs_are_found_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("1000.0")
    run("toy", "n.txt", "bad1", "-o", "out", cwd=tmp_path)
    value = results(tmp_path / "out")["n"]
    (tmp_path / "out/items/n/done.json").unlink()
    away = tmp_path / "away"
    away.mkdir()
    run("resume", "../out", cwd=away)
    assert results(tmp_path / "out")["n"] == value


def test_two_drivers_do_not_meet(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    program = start("toy", "a", "--sleep", 30, "-o", folder)
    wait_until(lambda: list(folder.glob("items/.*.part")))
    for words in (("resume", folder), ("toy", "b", "-o", folder, "--overwrite")):
        done = run(*words)
        assert done.returncode == 2
        assert f"a job is running here (process {program.pid} on " in done.stderr
    assert run("status", folder).stdout.startswith("toy: running, 0 of 1 items done")
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)


def test_a_record_of_an_unknown_job(tmp_path: Path) -> None:
    run("toy", "a", "-o", tmp_path / "out")
    path = tmp_path / "out/job.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"job": "pick unicorns"}))
    done = run("resume", tmp_path / "out")
    assert done.returncode == 2
    assert "'pick unicorns' is not a job of this version" in done.stderr
    path.write_text(json.dumps(record | {"params": {"names": ["a"], "count": -1}}))
    done = run("resume", tmp_path / "out")
    assert done.returncode == 2
    assert "parameter count = -1 does not fit this version of toy" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = run("toy", "a", "-o", tmp_path / "out")
    tmp_path.chmod(0o755)
    assert done.returncode == 2
    assert "cannot be used as a folder" in done.stderr
