"""What is compared after a killed search, and how often it is killed."""

import json
import random

import pytest

import match_kill
from match_kill import Tally, disturb, results_of, state_of


@pytest.fixture
def job(tmp_path):
    item = tmp_path / "items" / "t"
    item.mkdir(parents=True)
    for name in ("scores.mrc", "angles.mrc", "pool.npz", "facts.json", "done.json"):
        (item / name).write_bytes(name.encode())
    (tmp_path / "picks.star").write_bytes(b"star")
    (tmp_path / "job.json").write_text('{"state": "finished"}')
    return tmp_path


def test_results_are_maps_and_picks_not_records(job):
    assert set(results_of(job)) == {
        "picks.star", "items/t/scores.mrc", "items/t/angles.mrc", "items/t/pool.npz"
    }  # fmt: skip


def test_one_changed_voxel_is_a_difference(job):
    before = results_of(job)
    (job / "items" / "t" / "scores.mrc").write_bytes(b"scores.mrd")
    assert match_kill.differing(before, results_of(job)) == ["items/t/scores.mrc"]


def test_state(job):
    assert state_of(job) == "finished"


class Process:
    """A job that lasts a number of waits and ends as finished."""

    def __init__(self, waits, out):
        self.waits, self.out, self.pid = waits, out, 1

    def wait(self, timeout=None):
        if self.waits > 0 and timeout is not None and timeout < match_kill.PATIENCE_SECONDS:
            self.waits -= 1
            raise match_kill.subprocess.TimeoutExpired("job", timeout)
        (self.out / "job.json").write_text(json.dumps({"state": "finished"}))


@pytest.fixture
def world(monkeypatch, tmp_path):
    """Jobs that live through three waits each; every kill hits."""
    started = []
    (tmp_path / "job.json").write_text('{"state": "running"}')

    def start(*words):
        started.append(words)
        return Process(3, tmp_path)

    monkeypatch.setattr(match_kill, "start", start)
    monkeypatch.setattr(match_kill, "victim_of", lambda process, who: 1)
    monkeypatch.setattr(match_kill, "kill", lambda pid: True)
    return started


def test_dead_drivers_are_resumed_until_enough_kills(world, tmp_path):
    tally = Tally(moments=random.Random(1))
    disturb(["match", "t"], tmp_path, tally, kills=4, longest=1.0)
    assert 1 <= tally.n_kills <= 4
    assert tally.resumes == tally.kills["driver"] == len(world) - 1
    assert world[0] == ("match", "t", "-o", tmp_path)
    assert all(words[:2] == ("resume", tmp_path) for words in world[1:])
    assert tally.kills_per_job == [tally.n_kills]
    assert len(tally.at_seconds) == tally.n_kills


def test_no_kill_where_nobody_is_there_to_kill(world, monkeypatch, tmp_path):
    monkeypatch.setattr(match_kill, "victim_of", lambda process, who: None)
    tally = Tally(moments=random.Random(1))
    disturb(["match", "t"], tmp_path, tally, kills=4, longest=1.0)
    assert tally.n_kills == 0
    assert tally.kills_per_job == [0]


def test_an_item_that_was_given_up_is_tried_again(world, monkeypatch, tmp_path):
    tries = []

    def resume(*words):
        tries.append(words)
        (tmp_path / "job.json").write_text('{"state": "finished"}')

    monkeypatch.setattr(match_kill, "cryopick", resume)
    monkeypatch.setattr(
        Process,
        "wait",
        lambda self, timeout=None: (tmp_path / "job.json").write_text('{"state": "failed"}'),
    )
    tally = Tally(moments=random.Random(1))
    disturb(["match", "t"], tmp_path, tally, kills=4, longest=1.0)
    assert [words[:2] for words in tries] == [("resume", tmp_path)]
    assert tally.resumes == 1
