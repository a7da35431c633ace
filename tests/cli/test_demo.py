"""``cryopick demo``: its options and what it says; the demonstration itself is tested as a job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.jobs import demo as jobs_demo
from cryopick.jobs.demo import STAGES

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the command asks of the demonstration, which only announces its stages here."""
    seen: dict[str, object] = {}

    def run_demo(folder: object, *, overwrite: bool, on_stage: object) -> Path:
        seen.update(folder=folder, overwrite=overwrite, stages=0)
        for stage in STAGES:
            assert callable(on_stage(stage))  # type: ignore[operator]
            seen["stages"] = int(str(seen["stages"])) + 1
        return Path(str(folder)) / "report.html"

    monkeypatch.setattr(jobs_demo, "run_demo", run_demo)
    return seen


def test_it_needs_no_arguments(asked: dict[str, object], capsys: Captured) -> None:
    assert main(["demo"]) == 0
    assert asked == {"folder": "demo", "overwrite": False, "stages": len(STAGES)}
    out, err = capsys.readouterr()
    assert out.splitlines() == ["report: demo/report.html", "next: cryopick pick log --help"]
    lines = [line for line in err.splitlines() if line[:1].isdigit()]
    assert lines == [
        f"{number}/{len(STAGES)} {stage.heading} ({stage.job})"
        for number, stage in enumerate(STAGES, 1)
    ]


def test_json_is_all_there_is(asked: dict[str, object], capsys: Captured) -> None:
    assert main(["demo", "-o", "here", "--overwrite", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"report": "here/report.html"}
    assert err == ""
    assert (asked["folder"], asked["overwrite"]) == ("here", True)


def test_wrong_input_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise InputError("--out: demo already holds a job; give another name")

    monkeypatch.setattr(jobs_demo, "run_demo", refuse)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == (
        "cryopick: --out: demo already holds a job; give another name\n"
    )


def test_every_stage_is_a_job_with_parameters_of_its_own() -> None:
    from cryopick.jobs.registry import load_job

    assert len({stage.name for stage in STAGES}) == len(STAGES)
    for stage in STAGES:
        fields = load_job(stage.job).params.model_fields
        assert set(stage.params) <= set(fields), stage.name
