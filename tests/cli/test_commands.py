"""The table of commands: complete, unambiguous, and cheap to look into."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import cryopick.cli as package
from cryopick.cli.commands import OWN, Command, all_commands, find_command
from cryopick.jobs.registry import JOBS

COMMANDS = all_commands()


def test_jobs_come_first_and_nothing_is_lost() -> None:
    assert list(COMMANDS) == [*JOBS, *OWN]
    assert not set(JOBS) & set(OWN)
    assert [c.is_job for c in COMMANDS.values()] == [True] * len(JOBS) + [False] * len(OWN)


def test_every_module_with_a_command_is_in_the_table() -> None:
    with_command = {
        info.name
        for info in pkgutil.iter_modules(package.__path__)
        if hasattr(importlib.import_module(f"{package.__name__}.{info.name}"), "command")
    }
    assert {module.rpartition(".")[2] for module, _ in OWN.values()} == with_command


@pytest.mark.parametrize("words", OWN)
def test_an_own_command_takes_words_and_gives_a_code(words: str) -> None:
    run = COMMANDS[words].load()
    [parameter] = inspect.signature(run).parameters.values()
    assert str(parameter.annotation) == "list[str]"
    assert str(inspect.signature(run).return_annotation) == "int"


@pytest.mark.parametrize("words", JOBS)
def test_the_title_in_the_list_is_that_of_the_job(words: str) -> None:
    """It is written down twice, so that ``--help`` need not import the job."""
    job = importlib.import_module(JOBS[words][0]).JOB
    assert job.name == words
    assert job.title.rstrip(".") == COMMANDS[words].title.rstrip(".")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_titles_are_one_short_line_without_a_full_stop(command: Command) -> None:
    assert command.title
    assert len(command.title) <= 75
    assert not command.title.endswith(".")
    assert command.title[0].isupper()
    assert "\n" not in command.title


@pytest.mark.parametrize(
    ("argv", "words", "rest"),
    [
        (["pick", "log", "a.mrc"], "pick log", ["a.mrc"]),
        (["pick", "log"], "pick log", []),
        (["info", "pick", "log"], "info", ["pick", "log"]),
        (["simulate", "tomogram", "--help"], "simulate tomogram", ["--help"]),
        (["compare", "a", "b", "--", "-x"], "compare", ["a", "b", "--", "-x"]),
    ],
)
def test_a_command_line_is_taken_apart(argv: list[str], words: str, rest: list[str]) -> None:
    found = find_command(argv, COMMANDS)
    assert found is not None
    assert (found[0].words, found[1]) == (words, rest)


@pytest.mark.parametrize("argv", [[], ["pick"], ["log"], ["pick", "--help"], ["PICK", "LOG"], [""]])
def test_what_is_no_command(argv: list[str]) -> None:
    assert find_command(argv, COMMANDS) is None


def test_looking_into_the_table_imports_no_command() -> None:
    code = (
        "import sys; from cryopick.cli.commands import all_commands; all_commands(); "
        "print(*[m for m in sys.modules if m.startswith(('cryopick.cli', 'cryopick.jobs'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "cryopick.cli",
        "cryopick.cli.commands",
        "cryopick.jobs",
        "cryopick.jobs.registry",
    }
