"""Picking jobs: open for later sittings, or finished with their first output."""

from pathlib import Path

import pytest

from cryopick.errors import InputError
from cryopick.project.pick_table import insert_picks
from cryopick.project.sittings import (
    FinishWhen,
    finish_sitting,
    hand_out,
    keep_view,
    reopen_sitting,
    sitting,
    sittings,
    start_sitting,
)
from cryopick.project.store import Project, open_project
from project_maker import Clock, pick_set, project_with_picks, some_picks


def another(project: Project) -> str:
    return insert_picks(project, pick_set(project.fresh_name("picks")), some_picks(4)).name


def test_a_person_picks_for_days(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        job = start_sitting(project, "by hand")
        assert job.is_open
        assert hand_out(project, job.id, "picks").is_open
        assert hand_out(project, job.id, another(project)).outputs == ("picks", "picks2")
        assert not finish_sitting(project, job.id).is_open


def test_a_pipeline_goes_on_with_the_first_output(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        job = start_sitting(project, "overnight", finish_when="output")
        assert job.is_open
        assert job.finish_when is FinishWhen.OUTPUT
        done = hand_out(project, job.id, "picks")
        assert not done.is_open
        assert done.outputs == ("picks",)


def test_a_finished_job_opens_again_with_what_it_showed(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        job = start_sitting(project, "by hand")
        keep_view(project, job.id, {"threshold": 0.25, "image": "007"})
        keep_view(project, job.id, {"image": "1e5", "filters": [["gaussian", 2.0]]})
        finish_sitting(project, job.id)
    with open_project(tmp_path / "p") as project:
        again = reopen_sitting(project, job.id)
        assert again.is_open
        assert again.view == {"threshold": 0.25, "image": "1e5", "filters": [["gaussian", 2.0]]}


def test_the_same_output_twice_is_one(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        job = start_sitting(project, "x")
        hand_out(project, job.id, "picks")
        assert hand_out(project, job.id, "picks").outputs == ("picks",)


def test_jobs_are_listed_oldest_first(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        made = [start_sitting(project, name).id for name in ("b", "a", "b")]
        assert [job.id for job in sittings(project)] == made
        assert [job.name for job in sittings(project)] == ["b", "a", "b"]


def test_when_it_finished_is_the_projects_clock(tmp_path: Path):
    clock = Clock(100.0)
    with project_with_picks(tmp_path / "p", clock=clock) as project:
        job = start_sitting(project, "x")
        clock.now = 250.0
        finish_sitting(project, job.id)
        assert project.rows("SELECT started, finished FROM sittings") == [(100.0, 250.0)]
        reopen_sitting(project, job.id)
        assert project.rows("SELECT finished FROM sittings") == [(None,)]


def test_what_is_wrong_is_told(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        with pytest.raises(InputError, match="finish when never: use one of closed, output"):
            start_sitting(project, "x", finish_when="never")
        with pytest.raises(InputError, match="picking job 7: not in this project"):
            finish_sitting(project, 7)
        job = start_sitting(project, "x")
        with pytest.raises(InputError, match="set nope: not in this project"):
            hand_out(project, job.id, "nope")
        with pytest.raises(InputError, match="view: expected JSON values"):
            keep_view(project, job.id, {"threshold": float("nan")})
        with pytest.raises(InputError, match="view: expected JSON values"):
            keep_view(project, job.id, {"threshold": object()})
        assert sitting(project, job.id).view == {}
