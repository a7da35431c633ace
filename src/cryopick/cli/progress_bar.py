"""Progress on stderr: a bar with the time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from cryopick.run.progress import Progress
from cryopick.run.report import format_seconds

LINE_SECONDS = 30.0
NAMED = 2
"""So many items in flight are told each by its name."""


class ProgressBar:
    """Shows a job's progress; call it with each `Progress`.

    Parameters
    ----------
    title
        The job.
    silent
        Show nothing but notes about items that failed.
    """

    def __init__(self, title: str, *, silent: bool) -> None:
        self._title = title
        self._silent = silent
        self._bar: Any = None
        self._task: Any = None
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressBar:
        if not self._silent and sys.stderr.isatty():
            self._bar = _rich_bar()
            self._task = self._bar.add_task(self._title, total=None, left="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""
        if progress.note:
            self._say(f"cryopick: {progress.note}")
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=progress.fraction * progress.total,
                total=progress.total,
                left=", ".join(filter(None, (in_flight_words(progress), left_words(progress)))),
            )
        elif not self._silent and time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            self._say(progress_line(self._title, progress))

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)


def progress_line(title: str, progress: Progress) -> str:
    """Say progress in one line."""
    line = f"{title}: {progress.done + progress.failed} of {progress.total} items"
    if progress.failed:
        line += f" ({progress.failed} failed)"
    return ", ".join(filter(None, (line, in_flight_words(progress), left_words(progress))))


def in_flight_words(progress: Progress) -> str:
    """Say how far the items in flight are, of few by name and of many together."""
    if not progress.in_flight:
        return ""
    if len(progress.in_flight) <= NAMED:
        return ", ".join(f"{name} {share:.0%}" for name, share in progress.in_flight.items())
    return f"{progress.fraction:.0%} in all"


def left_words(progress: Progress) -> str:
    """Say the rate and the time left."""
    if progress.seconds_left is None:
        return ""
    rate = progress.items_per_second
    pace = f"{rate:.1f} items/s" if rate >= 1 else f"{1 / max(rate, 1e-9):.1f} s per item"
    return f"{pace}, {format_seconds(progress.seconds_left)} left"


def _rich_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),  # of whole items; the bar shows their parts too
        TextColumn("{task.fields[left]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
