"""`Executor`: the protocol by which the items of a job are worked on, somewhere.

An executor takes an `Order` and yields events in the order they happen. It writes nothing but the
item folders (through `cryopick.run.work_item`); the driver keeps the record, so that an executor
for another place (a cluster, a scheduler) is one class with two methods.

The contract, checked for every executor by the same tests:

- each item ends in exactly one `Done` or `Failed`, unless the run is cancelled;
- an item that fails does not stop the others;
- the files written do not depend on the executor, the number of workers or the order;
- a `Pulse` comes at least twice a second while items are being worked on, where the executor can
  (one that works in the driver's own process yields it between items);
- after ``cancel()``, and when the stream is closed early, no worker is left running.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryopick.run.job import Item, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an executor is asked to do.

    Attributes
    ----------
    job, params
        The declaration and its parameters.
    items
        Those still to be done.
    folder
        The job folder, absolute.
    seed
        The job's seed.
    devices
        ``cpu`` or ``cuda:N``; workers are spread over them.
    """

    job: Job[Any]
    params: Any
    items: Sequence[Item]
    folder: Path
    seed: int
    devices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Done:
    """One item is done and its folder is in place."""

    id: str
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """One item cannot be done.

    ``line`` is for the user; ``detail`` (a traceback) for whoever mends the program.
    """

    id: str
    line: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Retried:
    """A worker died under an item; the item will be tried once more."""

    id: str
    line: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """Nothing happened; the driver may look at the clock and at the cancel marker."""


Event = Done | Failed | Retried | Pulse


class Executor(Protocol):
    """Where items are worked on."""

    @property
    def name(self) -> str:
        """The word for it in records (``local``, ``inline``)."""
        ...

    @property
    def workers(self) -> int:
        """How many items are worked on at a time, at most."""
        ...

    def run(self, order: Order) -> Iterator[Event]:
        """Work on all items of an order; yield what happens."""
        ...

    def cancel(self) -> None:
        """End the running order soon: items in flight are dropped, no new one is begun."""
        ...
