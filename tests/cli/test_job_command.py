"""A job as a command: results, exit codes, JSON, dry runs, configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cryopick.cli.job_command import command_of, job_options
from cryopick.errors import InputError
from cryopick.run.drive import run_job
from cryopick.run.job import Job, Params, param
from toy_jobs import JOB, ToyParams
from toy_program import run
from toy_steps import shares_given


class SeededParams(ToyParams):
    seed: int = param(8, description="Seed of the draws.", ge=0)


SEEDED = replace(JOB, params=SeededParams)


def test_result_in_words(tmp_path: Path) -> None:
    done = run("toy", "a", "b", "--count", 4, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "8 numbers from 2 items",
        "  totals     out/totals.json",
        "  report     out/report.html",
        "next: cryopick toy again",
    ]
    assert "warning: numbers are random" in done.stderr


def test_json_is_all_there_is_on_stdout(tmp_path: Path) -> None:
    done = run("toy", "print1", "warn1", "-o", "out", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["folder"] == str(tmp_path / "out")
    assert found["items"] == {"total": 2, "done": 2, "failed": 0}
    assert found["numbers"] == 6
    assert found["warnings"] == [
        "header says 1 Å; give --pixel-size (warn1)",
        "numbers are random",
    ]
    assert "chatter of a library" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_failed_items_are_named_and_the_others_done(tmp_path: Path, workers: int) -> None:
    done = run(
        "toy", "a", "bad1", "bug1", "-o", "out", "--workers", workers, "--json", cwd=tmp_path
    )
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["items"] == {"total": 3, "done": 1, "failed": 2}
    assert found["failed"] == {
        "bad1": "bad1: value of pixels is NaN; leave it out",
        "bug1": "bug1: internal error: ZeroDivisionError: division by nothing",
    }
    assert "2 of 3 items failed: bad1, bug1; the first because: bad1: value" in done.stderr
    assert "Traceback" not in done.stderr
    detail = json.loads((tmp_path / "out/failed/bug1.json").read_text())["detail"]
    assert "ZeroDivisionError" in detail


def test_all_items_failed(tmp_path: Path) -> None:
    done = run("toy", "bad1", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "1 of 1 items failed: bad1" in done.stderr
    assert (tmp_path / "out/report.html").is_file()


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = run(
        "toy", "a", "b", "--sleep", 2, "--workers", 2, "--dry-run", "-o", "out", cwd=tmp_path
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert done.stdout.splitlines() == [
        "toy: 2 items, nothing is written",
        "  a  (1.0 MiB, 2.0 s)",
        "  b  (1.0 MiB, 2.0 s)",
        "workers  2 on cpu",
        "memory   2.0 MiB",
        "time     about 2.0 s",
    ]


def test_dry_run_json_needs_no_folder(tmp_path: Path) -> None:
    done = run(
        "toy", "a", "b", "c", "--sleep", 2, "--workers", 2, "--dry-run", "--json", cwd=tmp_path
    )
    found = json.loads(done.stdout)
    assert found["seconds"] == 3.0
    assert [item["id"] for item in found["items"]] == ["a", "b", "c"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a"], "--out: is missing"),
        (["-o", "out"], "NAMES: is missing; give it: Names of the items"),
        (["a", "-o", "out", "--count", "x"], "--count: 'x' should be a valid integer"),
        (["a", "-o", "out", "--count", "0"], "--count: '0' should be greater than or equal to 1"),
        (["a", "-o", "out", "--count", "2.5"], "--count: '2.5' should be a valid integer"),
        (["a", "-o", "out", "--pixel-size", "-1"], "--pixel-size: '-1' should be greater than 0"),
        (["a", "-o", "out", "--pixel-size", "nan"], "--pixel-size: 'nan' should be"),
        (["a", "-o", "out", "--pixel-size-angstrom", "1"], "Unknown option: --pixel-size-angstrom"),
        (["a", "-o", "out", "--workers", "0"], "--workers: '0' is not a whole number of 1 or more"),
        (["a", "-o", "out", "--seed", "-4"], "--seed: '-4' is not a whole number of 0 or more"),
        (["a", "-o", "out", "--device", "gpu"], "--device: 'gpu' is not a device"),
        (
            ["a", "-o", "out", "--device", "cuda:0"],
            "--device: cuda:0 cannot be used, this job runs",
        ),
        (["a", "-o", "out", "--on", "moon"], "--on: 'moon' is not a place to work at; give local"),
        (["a", "-o", "out", "--count", "1", "--count", "2"], "--count specified multiple times"),
        (["a", "-o", "", "--count", "1"], "--out: is empty"),
        (["a", "a", "-o", "out"], "two items are called 'a'"),
        (["..", "-o", "out"], "item id '..' cannot name a folder"),
        (["a", "-o", "out", "--config", "none.toml"], "none.toml: no such file"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    tmp_path: Path, words: list[str], line: str
) -> None:
    done = run("toy", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_twice_into_a_folder(tmp_path: Path) -> None:
    assert run("toy", "a", "b", "-o", "out", cwd=tmp_path).returncode == 0
    (tmp_path / "out/mine.txt").write_text("keep")
    again = run("toy", "c", "-o", "out", cwd=tmp_path)
    assert again.returncode == 2
    assert "already holds a job; give another name, --overwrite, or continue it" in again.stderr
    assert (tmp_path / "out/items/a").is_dir()
    assert run("toy", "c", "-o", "out", "--overwrite", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "out/items").iterdir()) == ["c"]
    assert (tmp_path / "out/mine.txt").read_text() == "keep"


def test_a_folder_of_others_is_never_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years")
    done = run("toy", "a", "-o", "out", "--overwrite", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not empty and holds no job" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]
    (tmp_path / "out/job.json").write_text('{"job": "of another program"}')
    done = run("toy", "a", "-o", "out", "--overwrite", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not the record of a job" in done.stderr
    assert (tmp_path / "out/thesis.tex").is_file()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = run("toy", "a", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be used as a folder" in done.stderr


def test_the_folder_must_not_hold_an_input(tmp_path: Path) -> None:
    assert run("toy", "a", "-o", "out", cwd=tmp_path).returncode == 0
    (tmp_path / "out/number.txt").write_text("1")
    done = run("toy", "out/number.txt", "-o", "out", "--overwrite", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds the input out/number.txt; give another folder" in done.stderr
    assert (tmp_path / "out/number.txt").is_file()
    assert (tmp_path / "out/items/a").is_dir()


def test_configuration_lies_between_defaults_and_command_line(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        'names = ["a", "b"]\ncount = 7\npixel-size = 1.5\nvoltage_kv = 200\nseed = 5\n'
    )
    done = run("toy", "--count", 2, "--config", "c.toml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out/job.json").read_text())
    assert record["params"] == {
        "names": ["a", "b"],
        "count": 2,
        "pixel_size_angstrom": 1.5,
        "voltage_kv": 200.0,
        "sleep_seconds": 0.0,
        "double": False,
        "mode": "plain",
    }
    assert record["seed"] == 5


def test_switches(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("double = true\n")
    words = ["toy", "a", "--config", "c.toml", "--dry-run", "--json"]
    for extra in ([], ["--no-double"], ["--double"]):
        assert run(*words, *extra, cwd=tmp_path).returncode == 0
    run("toy", "a", "--config", "c.toml", "--no-double", "-o", "no", cwd=tmp_path)
    run("toy", "a", "--config", "c.toml", "-o", "yes", cwd=tmp_path)
    values = [
        json.loads((tmp_path / name / "job.json").read_text())["params"]["double"]
        for name in ("no", "yes")
    ]
    assert values == [False, True]


def test_help_shows_units_defaults_bounds_and_an_example(tmp_path: Path) -> None:
    shown = " ".join(run("toy", "--help").stdout.replace("│", " ").split())
    assert shown.startswith("Usage: cryopick toy NAMES... [OPTIONS] Make numbers.")
    assert "--count INT Numbers per item. [≥ 1; ≤ 1000; default: 3]" in shown
    assert "--pixel-size NUMBER Sampling. [Å; > 0; default: none]" in shown
    assert "--voltage-kv NUMBER Voltage. [kV; default: 300]" in shown
    assert "--double --no-double" in shown
    assert "Example: cryopick toy a b c --count 5 -o numbers" in shown
    assert shown.index("─ Advanced ─") < shown.index("--sleep NUMBER")


def test_every_parameter_of_every_option_is_listed_once() -> None:
    options = job_options(JOB)
    assert {option.name for option in options} >= set(JOB.params.model_fields)
    flags = [flag for option in options for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_a_parameter_must_not_shadow_a_common_option() -> None:
    class Clash(Params):
        workers: int = param(1, description="Mine.")

    job = Job(
        name="clash",
        title="",
        params=Clash,
        plan=JOB.plan,
        work=JOB.work,
        collect=JOB.collect,
    )
    with pytest.raises(InputError, match="its parameter workers is a common option"):
        job_options(job)


def test_a_job_may_hold_its_seed_itself() -> None:
    options = [option for option in job_options(SEEDED) if option.name == "seed"]
    assert len(options) == 1
    assert options[0].help == "Seed of the draws. [≥\u00a00; default: 8]"


@pytest.mark.parametrize(("words", "seed"), [([], 8), (["--seed", "4"], 4)])
def test_the_seed_of_such_a_job_is_its_parameter(
    tmp_path: Path, words: list[str], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert command_of(SEEDED)(["a", *words, "-o", str(out)]) == 0
    record = json.loads((out / "job.json").read_text())
    assert record["seed"] == record["params"]["seed"] == seed
    with pytest.raises(InputError, match=f"--seed: 99 differs from the parameter seed = {seed}"):
        run_job(SEEDED, SeededParams(names=["a"], seed=seed), tmp_path / "other", seed=99)


class LimitedParams(ToyParams):
    memory_gb: float = param(4.0, description="Per item.", unit="GB", gt=0, flag="--memory")


def test_a_job_may_limit_the_memory_of_its_items_itself() -> None:
    options = job_options(replace(JOB, params=LimitedParams))
    assert [option.name for option in options if "--memory" in option.flags] == ["memory_gb"]
    assert [option.name for option in job_options(JOB) if "--memory" in option.flags] == ["memory"]


@pytest.mark.parametrize(("gb", "workers"), [("0.002", 1), ("1", 2)])
def test_memory_lowers_the_number_of_workers(tmp_path: Path, gb: str, workers: int) -> None:
    """Two items of a MiB each do not fit into 2 MB, but one does."""
    words = ("toy", "a", "b", "--workers", 2, "--memory", gb, "-o", "out")
    planned = json.loads(run(*words, "--dry-run", "--json", cwd=tmp_path).stdout)
    assert (planned["workers"], planned["memory_bytes"]) == (workers, workers << 20)
    assert run(*words, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "out/job.json").read_text())["workers"] == workers


def test_memory_comes_from_the_configuration_and_reaches_the_items(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("memory = 3\nworkers = 1\n")
    words = ("steps", "a", "--marks", f"@{tmp_path}", "--config", "c.toml", "-o", "out")
    assert run(*words, cwd=tmp_path).returncode == 0
    assert shares_given(tmp_path)["a"][1] == 3_000_000_000
    (tmp_path / "out/items/a/done.json").unlink()
    assert run("resume", "out", "--memory", 2, "--workers", 1, cwd=tmp_path).returncode == 0
    assert shares_given(tmp_path)["a"][1] == 2_000_000_000


def test_a_resumed_or_repeated_job_takes_a_limit(tmp_path: Path) -> None:
    assert run("toy", "a", "-o", "out", cwd=tmp_path).returncode == 0
    for words in (("resume", "out"), ("rerun", "out", "-o", "again")):
        refused = run(*words, "--memory", "no", cwd=tmp_path)
        assert refused.returncode == 2
        assert "--memory: 'no' is not a size above 0" in refused.stderr
    assert run("rerun", "out", "-o", "again", "--memory", 1, cwd=tmp_path).returncode == 0
