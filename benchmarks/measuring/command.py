"""Run a command and measure it from outside: wall time, processor time, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# The program of the environment that runs the benchmark.
CRYOPICK = Path(sys.executable).with_name("cryopick")
LAUNCHER = Path(__file__).with_name("launcher.py")
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run of a command took.

    Attributes
    ----------
    wall_seconds
        From start to end.
    cpu_seconds
        User and system time of the command and of the processes it waited for.
    peak_rss_mb
        Largest resident memory of any one of these processes, pages of mapped files included.
    peak_private_mb
        Largest resident memory of all of them together without mapped files, by sampling.
    stdout, stderr
        What it said.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    peak_private_mb: float
    stdout: str
    stderr: str


def cryopick(*words: object, cwd: Path | None = None) -> Measured:
    """Measure one command line of the program."""
    return measure([CRYOPICK, *words], cwd=cwd)


def measure(
    words: Sequence[object],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Run a command to its end with one thread per process.

    Raises
    ------
    RuntimeError
        When it does not exit with 0; with what it said.
    """
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(report), *map(str, words)]
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        out, err = process.communicate()
        sampler.finish()
        if process.returncode != 0:
            raise RuntimeError(f"{words[0]}: cannot be started: {err.strip()[-300:]}")
        figures = json.loads(report.read_text("utf-8"))
    code = figures.pop("code")
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {code}: {err.strip()[-500:]}")
    return Measured(**figures, peak_private_mb=sampler.peak_kb / 1024, stdout=out, stderr=err)


class _Sampler(threading.Thread):
    """Watches the private memory of the descendants of a process."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_kb = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            # The first is the launcher.
            total = sum(private_kb(pid) for pid in tree(self.pid)[1:])
            self.peak_kb = max(self.peak_kb, total)

    def finish(self) -> None:
        self._over.set()
        self.join()


def tree(pid: int) -> list[int]:
    """The process and all that descend from it, as far as they live."""
    found = [pid]
    for parent in found:
        try:
            files = list(Path(f"/proc/{parent}/task").glob("*/children"))
            found += [int(word) for file in files for word in file.read_text().split()]
        except OSError:  # it ended meanwhile
            continue
    return found


def private_kb(pid: int) -> int:
    """Resident memory of a process that is not pages of a file; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0
