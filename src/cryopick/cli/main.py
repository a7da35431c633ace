"""``cryopick``: find the command, run it, turn errors into one line and an exit code.

Exit codes: 0 done; 1 some items failed (named), stopped, or a defect of the program; 2 wrong usage
or unusable input. Only what a command needs is imported, so that ``--help`` answers at once.
"""

from __future__ import annotations

import difflib
import json
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType

from cryopick import __version__
from cryopick.cli.commands import Command, all_commands, find_command
from cryopick.errors import CryopickError, InputError, JobError

DONE, FAILED, UNUSABLE = 0, 1, 2


def main(argv: list[str] | None = None) -> int:
    """Run one command line; gives the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        with _terminate_as_interrupt():
            code = _dispatch(argv)
            sys.stdout.flush()
            return code
    except JobError as error:
        return _fail(str(error), FAILED, argv)
    except CryopickError as error:
        return _fail(str(error), UNUSABLE, argv)
    except KeyboardInterrupt:
        return _fail("stopped", FAILED, argv)
    except BrokenPipeError:
        # Who read our output has gone (`| head`); nothing is left to say, and the interpreter
        # must not try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the user never sees a traceback
        return _fail(_internal(error, show="-v" in argv or "--verbose" in argv), FAILED, argv)


def _dispatch(argv: list[str]) -> int:
    commands = all_commands()
    if not argv or argv[0] in ("--help", "-h"):
        print(root_help(commands))
        return DONE
    if argv[0] in ("--version", "-V"):
        print(f"cryopick {__version__}")
        return DONE
    if found := find_command(argv, commands):
        command, rest = found
        return command.load()(rest)
    group = {words: c for words, c in commands.items() if words.startswith(f"{argv[0]} ")}
    if group and argv[1:2] and argv[1] in ("--help", "-h"):
        print(f"Usage: cryopick {argv[0]} COMMAND ...\n\n" + "\n".join(_rows(group)))
        return DONE
    raise InputError(_unknown(argv, commands, group))


def root_help(commands: dict[str, Command]) -> str:
    """Give the help of the program."""
    jobs = {words: command for words, command in commands.items() if command.is_job}
    others = {words: command for words, command in commands.items() if not command.is_job}
    return "\n".join(
        [
            "cryopick finds particles in cryo-EM micrographs and cryo-ET tomograms.",
            "",
            "Usage: cryopick COMMAND ... -o DIR",
            "",
            "Jobs (each writes a folder with its results, job.json and report.html):",
            *_rows(jobs),
            "",
            "Other commands:",
            *_rows(others),
            "",
            "cryopick COMMAND --help explains a command; cryopick --version tells the version.",
        ]
    )


def _rows(commands: dict[str, Command]) -> list[str]:
    width = max(map(len, commands), default=0)
    return [f"  {words:<{width}}  {command.title}" for words, command in commands.items()]


def _unknown(argv: list[str], commands: dict[str, Command], group: dict[str, Command]) -> str:
    if group:
        known = ", ".join(words.partition(" ")[2] for words in group)
        given = f"{argv[1]!r} is not a command of {argv[0]}" if argv[1:] else "what?"
        return f"{argv[0]}: {given}; give one of: {known}"
    near = difflib.get_close_matches(" ".join(argv[:2]), commands, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(argv[0], commands, n=1, cutoff=0.6)
    hint = f"; did you mean: cryopick {near[0]}" if near else ""
    return f"{argv[0]!r} is not a command{hint}; see: cryopick --help"


def _fail(message: str, code: int, argv: list[str]) -> int:
    line = " ".join(message.split())
    print(f"cryopick: {line}", file=sys.stderr)
    if "--json" in argv:
        print(json.dumps({"error": line, "exit_code": code}))
    return code


def _internal(error: Exception, *, show: bool) -> str:
    text = "".join(traceback.format_exception(error))
    if show:
        print(text, file=sys.stderr)
    with tempfile.NamedTemporaryFile(
        "w", prefix="cryopick-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"cryopick {__version__}: {' '.join(sys.argv)}\n{text}")
    reason = f"{type(error).__name__}: {error}"
    return f"internal error: {reason}; please report it, details are in {file.name}"


class _terminate_as_interrupt:  # noqa: N801 - a context manager, read as a phrase
    """Let a SIGTERM (a scheduler's preemption) end a job as Ctrl-C does: resumable."""

    def __enter__(self) -> None:
        try:
            self._before = signal.signal(signal.SIGTERM, _interrupt)
        except ValueError:  # not the main thread: whoever owns that decides
            self._before = None

    def __exit__(self, *_error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
