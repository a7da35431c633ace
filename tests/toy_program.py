"""Run the program from outside, with the toy jobs among its commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent
PROGRAM = (
    "import sys; "
    "from cryopick.jobs import registry; "
    "registry.JOBS['toy'] = ('toy_jobs', 'Make numbers'); "
    "registry.JOBS['steps'] = ('toy_steps', 'Make numbers step by step'); "
    "from cryopick.cli.main import main; "
    "sys.exit(main())"
)


def _command(words: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *map(str, words)]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(TESTS), "COLUMNS": "100"}


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    return subprocess.run(
        _command(words),
        cwd=cwd,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def start(*words: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start one command line and come back at once."""
    return subprocess.Popen(
        _command(words),
        cwd=cwd,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done_items(folder: Path) -> set[str]:
    """Ids of the items that are done."""
    return {path.parent.name for path in folder.glob("items/[!.]*/done.json")}


def wait_for_items(folder: Path, count: int, *, patience: float = 60.0) -> None:
    """Wait until so many items are done."""
    wait_until(lambda: len(done_items(folder)) >= count, patience=patience)


def wait_until(true: object, *, patience: float = 60.0) -> None:
    """Wait until a question is answered with yes."""
    end = time.monotonic() + patience
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.01)


def results(folder: Path) -> dict[str, bytes]:
    """All that a toy job computed: the values of each item, and the joined totals."""
    found = {
        path.parent.name: np.load(path).tobytes() for path in folder.glob("items/[!.]*/values.npy")
    }
    return found | {"totals": (folder / "totals.json").read_bytes()}
