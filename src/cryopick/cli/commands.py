"""Which commands there are, without importing any of them.

A command is one of two things:

a job
    declared in `cryopick.jobs.registry`; its options, help and behaviour follow from the
    declaration (`cryopick.cli.job_command`), and there is nothing to write here;
any other command
    a module ``cryopick.cli.NAME`` with a function ``command(argv: list[str]) -> int``, and one line
    in `OWN`. It is called with the arguments after its words and gives the exit code: 0 done,
    1 some items failed. For wrong usage or unusable input it raises a `CryopickError`, which `main`
    prints as one line before it exits with 2. It parses ``argv`` with `cryopick.cli.options.parse`
    (which answers ``--help``), prints results on stdout and everything else on stderr, and imports
    what is heavy inside its functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

OWN: dict[str, tuple[str, str]] = {
    "demo": ("cryopick.cli.demo", "See it at work: simulate, pick and score, in 2D and 3D"),
    "info": ("cryopick.cli.info", "Tell what files are: images, picks, tilts, CTF, anything"),
    "convert": ("cryopick.cli.convert", "Convert picks from any dialect to any other"),
    "new": ("cryopick.cli.new", "Make a project: a folder that remembers sets, picks and edits"),
    "import": ("cryopick.cli.import_", "Bring images, picks and metadata into a project"),
    "export": ("cryopick.cli.export", "Write a set of a project to a file, picks in any dialect"),
    "status": ("cryopick.cli.status", "Tell how a job or a project stands"),
    "resume": ("cryopick.cli.resume", "Go on with a job that was stopped or had failed items"),
    "cancel": ("cryopick.cli.cancel", "Stop a running job; it can be resumed"),
    "rerun": ("cryopick.cli.rerun", "Repeat a job from its job.json into a new folder"),
    "report": ("cryopick.cli.report", "Make report.html of a job again"),
}
"""Words: module, title."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, its title and how to run it."""

    words: str
    title: str
    module: str
    is_job: bool

    def load(self) -> Callable[[list[str]], int]:
        """Import it."""
        if not self.is_job:
            return importlib.import_module(self.module).command
        from cryopick.cli.job_command import command_of
        from cryopick.jobs.registry import load_job

        return command_of(load_job(self.words))


def all_commands() -> dict[str, Command]:
    """List every command, jobs first."""
    from cryopick.jobs.registry import JOBS

    return {
        words: Command(words, title, module, is_job=table is JOBS)
        for table in (JOBS, OWN)
        for words, (module, title) in table.items()
    }


def find_command(argv: list[str], commands: dict[str, Command]) -> tuple[Command, list[str]] | None:
    """Take the longest run of leading words that is a command; gives it and what follows."""
    for count in (3, 2, 1):
        words = " ".join(argv[:count])
        if len(argv) >= count and words in commands:
            return commands[words], argv[count:]
    return None
