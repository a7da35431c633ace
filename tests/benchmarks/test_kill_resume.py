"""What is compared after kill -9, and that a difference is seen."""

import json
import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import kill_resume
from cryopick.io.images import open_image
from kill_resume import (
    Tally,
    differing,
    done_markers,
    is_kept,
    killed_edits,
    results_of,
    victim_of,
    write_micrographs,
)


@pytest.fixture
def job(tmp_path):
    item = tmp_path / "items" / "mic000"
    item.mkdir(parents=True)
    for name in ("picks.npz", "scores.mrc", "threshold.json", "done.json"):
        (item / name).write_bytes(name.encode())
    (tmp_path / "picks.star").write_bytes(b"star")
    summary = {"picks": 3, "picks_per_image": {"mic000": 3}, "thresholds": {}, "discarded": {}}
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"seconds": 1.5}))
    return tmp_path


def test_results_are_all_files_and_the_counts(job):
    found = results_of(job)
    assert set(found) == {
        "picks.star",
        "items/mic000/picks.npz",
        "items/mic000/scores.mrc",
        "items/mic000/threshold.json",
        "summary.json",
    }


def test_another_duration_is_no_difference_another_count_is(job):
    before = results_of(job)
    summary = json.loads((job / "summary.json").read_text())
    (job / "summary.json").write_text(json.dumps(summary | {"seconds": 9.9}))
    assert differing(before, results_of(job)) == []
    (job / "summary.json").write_text(json.dumps(summary | {"picks": 4}))
    assert differing(before, results_of(job)) == ["summary.json"]


def test_a_changed_and_a_missing_file_are_seen(job):
    before = results_of(job)
    (job / "picks.star").write_bytes(b"stars")
    (job / "items" / "mic000" / "scores.mrc").unlink()
    assert differing(before, results_of(job)) == ["items/mic000/scores.mrc", "picks.star"]


def test_an_item_done_again_has_another_marker(job):
    before = done_markers(job)
    assert list(before) == ["mic000"]
    marker = job / "items" / "mic000" / "done.json"
    new = marker.with_name("new")
    new.write_bytes(b"again")
    new.replace(marker)
    assert done_markers(job) != before


def test_the_victim_is_the_driver_or_one_of_its_workers():
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    process = kill_resume.subprocess.Popen(
        [sys.executable, "-c", program], stdin=kill_resume.subprocess.PIPE
    )
    try:
        assert victim_of(process, "driver") == process.pid
        worker = None
        while worker is None and process.poll() is None:
            worker = victim_of(process, "worker")
        assert worker != process.pid
        assert kill_resume.kill(worker)
    finally:
        process.communicate()
    assert not kill_resume.kill(process.pid)


def test_micrographs_are_seeded_and_hold_dark_discs(tmp_path):
    (tmp_path / "again").mkdir()
    one = write_micrographs(tmp_path, 2, seed=4)
    two = write_micrographs(tmp_path / "again", 2, seed=4)
    pixels = [open_image(path).read() for path in one]
    np.testing.assert_array_equal(pixels[0], open_image(two[0]).read())
    assert not np.array_equal(pixels[0], pixels[1])
    covered = 25 * np.pi * 30**2 / 1024**2
    assert pixels[0].mean() == pytest.approx(-0.7 * covered, abs=0.01)


def test_an_edit_is_kept_if_the_log_has_just_that():
    entry = SimpleNamespace(kind="move", changes=[SimpleNamespace(id="p1")])
    assert is_kept("4 move p1", {4: entry})
    assert not is_kept("5 move p1", {4: entry})
    assert not is_kept("4 delete p1", {4: entry})
    assert not is_kept("4 move p2", {4: entry})


def test_killed_client_loses_nothing(tmp_path):
    found = killed_edits(tmp_path, "local", kills=2, seed=1)
    assert found["equal"]
    assert found["lost"] == 0
    assert found["kept_unacknowledged"] <= 2


def test_tally_counts_all_kills():
    tally = Tally(moments=random.Random(0))
    tally.kills["driver"] += 2
    tally.kills["worker"] += 1
    assert tally.n_kills == 3
