"""`Progress`: how far a job is and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from cryopick.run.job import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    done, failed, total
        Items; those done in an earlier sitting count as done.
    items_per_second
        In this sitting; 0 until an item has ended.
    seconds_left
        By the share of the planned cost that is still to do; None until an item has ended.
    note
        A sentence about what just happened, or nothing.
    """

    done: int
    failed: int
    total: int
    items_per_second: float = 0.0
    seconds_left: float | None = None
    note: str = ""


class Pace:
    """Counts items and foretells the end.

    Parameters
    ----------
    todo
        Items of this sitting.
    done
        Number of items done before.
    now
        Seconds on a clock that never goes back.
    """

    def __init__(self, todo: Sequence[Item], *, done: int, now: float | None = None) -> None:
        # An item that is said to cost nothing still counts, so that a share can be taken.
        self._cost = {item.id: max(item.cost.seconds, 1e-6) for item in todo}
        self._total_cost = sum(self._cost.values())
        self._spent_cost = 0.0
        self._begun = time.monotonic() if now is None else now
        self._before = done
        self._total = done + len(todo)
        self._done = self._failed = 0

    def ended(self, item_id: str, *, failed: bool = False) -> None:
        """Count one item."""
        self._spent_cost += self._cost[item_id]
        if failed:
            self._failed += 1
        else:
            self._done += 1

    def progress(self, note: str = "", *, now: float | None = None) -> Progress:
        """Tell how far it is."""
        elapsed = max((time.monotonic() if now is None else now) - self._begun, 1e-9)
        count = self._done + self._failed
        left = None
        if count:
            left = elapsed * (self._total_cost - self._spent_cost) / self._spent_cost
        return Progress(
            done=self._before + self._done,
            failed=self._failed,
            total=self._total,
            items_per_second=count / elapsed if count else 0.0,
            seconds_left=max(0.0, left) if left is not None else None,
            note=note,
        )
