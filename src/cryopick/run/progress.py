"""`Progress`: how far a job is and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryopick.run.job import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    done, failed, total
        Items; those done in an earlier sitting count as done.
    items_per_second
        In this sitting, parts of items counted; 0 until something was done.
    seconds_left
        By the share of the planned cost that is still to do; None until something was done.
    note
        A sentence about what just happened, or nothing.
    in_flight
        How far each item is that tells it, by id, from 0 to 1.

    Examples
    --------
    >>> Progress(done=1, failed=0, total=4, in_flight={"ts_02": 0.5}).fraction
    0.375
    """

    done: int
    failed: int
    total: int
    items_per_second: float = 0.0
    seconds_left: float | None = None
    note: str = ""
    in_flight: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def fraction(self) -> float:
        """The share of the items that is done, parts of items counted."""
        return (self.done + self.failed + sum(self.in_flight.values())) / max(self.total, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Where an item in flight started in this sitting, and how far it is."""

    start: float
    now: float


class Pace:
    """Counts items, and parts of items, and foretells the end.

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
        self._begun = time.monotonic() if now is None else now
        self._before = done
        self._total = done + len(todo)
        self._done = self._failed = 0
        self._left_cost = sum(self._cost.values())
        # What was gained in this sitting: not what the checkpoints of an earlier one held.
        self._gained_cost = self._gained_items = 0.0
        self._spans: dict[str, Span] = {}

    def advanced(self, item_id: str, fraction: float) -> None:
        """Take note how far an item in flight is; the first time, where it starts.

        One that falls back, to its last checkpoint, has done that part for nothing.
        """
        if item_id not in self._cost:
            return  # it has ended; a thread of it was late
        known = self._spans.get(item_id, Span(fraction, fraction))
        self._spans[item_id] = Span(min(known.start, fraction), fraction)

    def ended(self, item_id: str, *, failed: bool = False) -> None:
        """Count one item."""
        span = self._spans.pop(item_id, Span(0.0, 0.0))
        cost = self._cost.pop(item_id)
        self._left_cost -= cost
        self._gained_cost += cost * (1 - span.start)
        self._gained_items += 1 - span.start
        if failed:
            self._failed += 1
        else:
            self._done += 1

    def spans(self) -> dict[str, Span]:
        """Tell of the items in flight where they started and how far they are."""
        return dict(self._spans)

    def progress(self, note: str = "", *, now: float | None = None) -> Progress:
        """Tell how far it is."""
        elapsed = max((time.monotonic() if now is None else now) - self._begun, 1e-9)
        spans = [(self._cost[name], span) for name, span in self._spans.items()]
        gained = self._gained_cost + sum(cost * (span.now - span.start) for cost, span in spans)
        left = self._left_cost - sum(cost * span.now for cost, span in spans)
        items = self._gained_items + sum(span.now - span.start for _, span in spans)
        return Progress(
            done=self._before + self._done,
            failed=self._failed,
            total=self._total,
            items_per_second=items / elapsed,
            seconds_left=max(0.0, elapsed * left / gained) if gained > 0 else None,
            note=note,
            in_flight={name: span.now for name, span in self._spans.items()},
        )
