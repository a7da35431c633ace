"""`Executor`: the protocol by which the items of a job are worked on, somewhere.

An executor takes an `Order` and yields events in the order they happen. It writes nothing but the
item folders (through `cryopick.run.work_item`); the driver keeps the record, so that an executor
for another place (a cluster, a scheduler) is one class with two methods.

The contract, checked for every executor by the same tests:

- each item ends in exactly one `Done` or `Failed`, unless the run is cancelled;
- an item that fails does not stop the others;
- the files written do not depend on the executor, the number of workers or the order;
- some event, at least a `Pulse`, comes twice a second or more while items are being worked on,
  where the executor can (one that works in the driver's own process yields it between items);
- what an item tells of its progress comes as an `Advance`: in the stream, or through
  ``Order.tell`` where the stream has to wait for the item;
- items worked on at the same time share the cores and the memory: what each may use is its `Share`;
- after ``cancel()``, and when the stream is closed early, no worker is left running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryopick.run.job import Item, Job
from cryopick.run.machine import free_bytes


@dataclass(frozen=True, slots=True)
class Advance:
    """An item in flight has come so far, from 0 to 1; the first one says where it started."""

    id: str
    fraction: float


def _nobody_listens(advance: Advance) -> None:
    """Take the progress of an item that nobody asked about."""


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
    tell
        Takes an `Advance` from an executor whose stream waits while an item is worked on.
    """

    job: Job[Any]
    params: Any
    items: Sequence[Item]
    folder: Path
    seed: int
    devices: Sequence[str]
    tell: Callable[[Advance], None] = _nobody_listens


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one item may use of the machine.

    Attributes
    ----------
    cores
        Threads that it may keep busy.
    memory_bytes
        Memory, all that its process takes.

    Examples
    --------
    >>> Share(cores=8, memory_bytes=1000).among(3)
    Share(cores=2, memory_bytes=333)
    """

    cores: int = 1
    memory_bytes: int = field(default_factory=free_bytes)

    def among(self, items: int) -> Share:
        """Split it among so many items at a time; each has one core at least."""
        return Share(
            cores=max(1, self.cores // items), memory_bytes=max(1, self.memory_bytes // items)
        )


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


Event = Done | Failed | Retried | Advance | Pulse


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
