"""The program from outside: help, exit codes, one-line errors, what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cryopick import __version__
from cryopick.cli import commands, main
from cryopick.errors import CryopickError, InputError, JobError
from toy_program import run

HEAVY = ("numpy", "scipy", "torch", "pydantic", "matplotlib", "rich", "cyclopts", "h5py", "zarr")

OF_JOBS = ["status", "resume", "cancel", "rerun", "report"]


def loaded_by(*words: str) -> set[str]:
    """Which heavy packages a command line imports."""
    code = (
        "import sys; from cryopick.cli.main import main; "
        f"main({list(words)!r}); "
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [["--help"], ["--version"], [], ["simulate", "--help"], ["nope"]])
def test_root_help_imports_nothing_heavy(words: list[str]) -> None:
    assert loaded_by(*words) == set()


def test_help_of_a_job_does_not_import_torch() -> None:
    assert "torch" not in loaded_by("pick", "log", "--help")


def test_root_help_lists_every_command_with_its_title() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in commands.all_commands().values():
        if command.words != "toy":
            assert f"{command.words} " in done.stdout
            assert command.title in done.stdout
    assert done.stderr == ""


def test_no_arguments_is_help() -> None:
    assert run().stdout == run("-h").stdout


def test_version() -> None:
    assert run("--version").stdout == f"cryopick {__version__}\n"


def test_unknown_command_suggests() -> None:
    done = run("resum", "x")
    assert done.returncode == 2
    assert done.stderr == (
        "cryopick: 'resum' is not a command; did you mean: cryopick resume; see: cryopick --help\n"
    )
    assert done.stdout == ""


def test_unknown_word_of_a_group_names_the_known() -> None:
    done = run("pick", "lob")
    assert done.returncode == 2
    assert "'lob' is not a command of pick; give one of: log" in done.stderr


def test_group_alone_and_its_help() -> None:
    assert run("pick").returncode == 2
    done = run("pick", "--help")
    assert done.returncode == 0
    assert "pick log" in done.stdout


def test_longest_words_win() -> None:
    known = commands.all_commands()
    found = commands.find_command(["pick", "log", "a.mrc", "-o", "x"], known)
    assert found is not None
    assert found[0].words == "pick log"
    assert found[1] == ["a.mrc", "-o", "x"]
    assert commands.find_command(["pick"], known) is None
    assert commands.find_command([], known) is None


@pytest.mark.parametrize("words", list(commands.OWN))
def test_every_own_command_loads_and_explains_itself(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: cryopick {words} ")
    if words in OF_JOBS:
        assert commands.OWN[words][1] in " ".join(shown.split())
        assert f"Example: cryopick {words} " in shown


@pytest.mark.parametrize("words", OF_JOBS)
def test_every_command_of_jobs_needs_its_folder(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([words]) == 2
    assert "is missing; see: cryopick" in capsys.readouterr().err


@pytest.mark.parametrize("words", OF_JOBS)
def test_every_command_of_jobs_refuses_what_is_no_job(
    words: str, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["-o", f"{tmp_path}/new"] if words == "rerun" else []
    assert main.main([words, f"{tmp_path}", *extra]) == 2
    assert "job.json: no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a.star: column x: 'abc' is not a number"), 2),
        (CryopickError("two\nlines   here"), 2),
        (JobError("1 of 2 items failed: a"), 1),
        (KeyboardInterrupt(), 1),
    ],
)
def test_errors_are_one_line_with_their_code(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(main, "_dispatch", fail)
    assert main.main(["x"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("cryopick: ")
    assert shown.err.count("\n") == 1


def test_json_errors_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["resume", "/no/such/place", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 2
    assert found["error"].startswith("/no/such/place: no such file")


def test_a_defect_leaves_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    def fail(_argv: list[str]) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(main, "_dispatch", fail)
    monkeypatch.setattr(main.tempfile, "tempdir", str(tmp_path))
    assert main.main(["x"]) == 1
    line = capsys.readouterr().err
    assert line.startswith("cryopick: internal error: ZeroDivisionError: oh; please report it")
    assert "Traceback" not in line
    path = line.split("details are in ")[1].strip()
    assert "Traceback" in Path(path).read_text("utf-8")
    assert main.main(["x", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_closed_pipe_is_silent() -> None:
    code = "from cryopick.cli.main import main; import sys; sys.exit(main(['--help']))"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" | true',
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
