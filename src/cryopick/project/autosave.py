"""`Autosave`: exports rewritten a moment after the last edit, not after each one."""

from __future__ import annotations

import time
from collections.abc import Callable

from cryopick.project.store import Project


class Autosave:
    """Remembers which sets were edited, and writes them when their editor has paused.

    The server calls `poll` a few times a second. Nothing is lost where it never gets there:
    the database holds every edit, and `unsaved` finds the sets whose file is behind.

    Parameters
    ----------
    write
        Writes one set, given its name.
    delay_s
        Seconds of quiet before a set is written.
    longest_s
        A set that is edited without a pause is written at least this often.
    clock
        Seconds that only rise.

    Examples
    --------
    >>> now, written = [0.0], []
    >>> autosave = Autosave(written.append, clock=lambda: now[0])
    >>> autosave.touch("picks")
    >>> now[0] = 1.9
    >>> autosave.poll()
    []
    >>> now[0] = 2.0
    >>> autosave.poll()
    ['picks']
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        delay_s: float = 2.0,
        longest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._delay_s = delay_s
        self._longest_s = longest_s
        self._clock = clock
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def touch(self, set_name: str) -> None:
        """Note an edit."""
        now = self._clock()
        self._first.setdefault(set_name, now)
        self._last[set_name] = now

    def poll(self) -> list[str]:
        """Write the sets that are due; returns their names."""
        now = self._clock()
        return self._written(
            [
                name
                for name, last in self._last.items()
                if now - last >= self._delay_s or now - self._first[name] >= self._longest_s
            ]
        )

    def flush(self) -> list[str]:
        """Write all that waits, as when a server stops."""
        return self._written(list(self._last))

    def _written(self, names: list[str]) -> list[str]:
        for name in names:
            # Forgotten only once it is written: a full disk must not make us forget.
            self._write(name)
            del self._first[name], self._last[name]
        return names


def unsaved(project: Project) -> list[str]:
    """Sets whose file on disk is older than their last edit, or was never written."""
    found = project.rows("SELECT name FROM sets WHERE exported_seq < changed_seq ORDER BY created")
    return [str(name) for (name,) in found]
