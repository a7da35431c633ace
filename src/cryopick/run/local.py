"""`LocalExecutor`: long-lived worker processes on this machine.

One process per core (or one per GPU), forked from a nursery that has imported the libraries. These
are single-threaded, so that results do not depend on how many threads a sum was split
over; where fewer items than cores are left, an item may use several cores by threads of its own,
and more of the memory (its `Share`). A worker that
is killed (kill -9, out of memory, a crash in native code) is replaced; its item is tried once
more, after the others, and then given up with a line.
"""

from __future__ import annotations

import pickle
import signal
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait

from cryopick.errors import InputError, JobError
from cryopick.run.executor import (
    Advance,
    Done,
    Event,
    Executor,
    Failed,
    Order,
    Pulse,
    Retried,
    Share,
)
from cryopick.run.hands import Hand, Nursery, can_fork
from cryopick.run.machine import core_count, free_bytes
from cryopick.run.worker import BROKEN, READY

ATTEMPTS = 2
"""How often an item is begun before a worker's death under it counts as its failure."""

STILL_BORN = 8
"""How many workers may die in a row before they were ready, until the job is given up."""

PULSE_SECONDS = 0.2


class LocalExecutor:
    """Works on items in processes of this machine.

    Parameters
    ----------
    workers
        Number of processes.
    cores
        Shared by the items in flight; by default all that may be used.
    memory_bytes
        Shared by the items in flight; by default what is free when an order begins.
    """

    name = "local"

    def __init__(
        self, workers: int, *, cores: int | None = None, memory_bytes: int | None = None
    ) -> None:
        if workers < 1:
            raise InputError(f"--workers: {workers} is not a number of processes; give 1 or more")
        self.workers = workers
        self._cores, self._memory_bytes = cores, memory_bytes
        self._cancelled = False

    def run(self, order: Order) -> Iterator[Event]:
        """Work on all items of an order; yield what happens."""
        self._cancelled = False
        machine = machine_share(cores=self._cores, memory_bytes=self._memory_bytes)
        crew = _Crew(order, self.workers, machine)
        try:
            while crew.busy() and not self._cancelled:
                events = crew.turn()
                yield from events or [Pulse()]
        finally:
            crew.dismiss(at_once=self._cancelled or crew.busy())

    def cancel(self) -> None:
        """Kill the workers at the next turn; items in flight are dropped."""
        self._cancelled = True


class _Crew:
    """The workers of one order and what each is at."""

    def __init__(self, order: Order, size: int, machine: Share) -> None:
        self._order = order
        self._size = min(size, len(order.items))
        self._machine = machine
        self._waiting = deque(order.items)
        self._hands: list[Hand] = []
        self._nurseries: list[Nursery] = []
        self._deaths: dict[str, int] = {}
        self._still_born = 0
        self._packed = pack(order)

    def busy(self) -> bool:
        return bool(self._waiting) or any(hand.item for hand in self._hands)

    def turn(self) -> list[Event]:
        """Staff, hand out, listen once."""
        while len(self._hands) < min(self._size, len(self._waiting) + self._at_work()):
            self._hire()
        for hand in self._hands:
            if hand.ready and hand.item is None and self._waiting:
                hand.give(self._waiting.popleft(), self._share())
        heard = wait([hand.line for hand in self._hands], timeout=PULSE_SECONDS)
        return [
            event
            for hand in [hand for hand in self._hands if hand.line in heard]
            for event in self._listen(hand)
        ]

    def dismiss(self, *, at_once: bool) -> None:
        if at_once:
            self._close(at_once=True)
        for hand in self._hands:
            hand.leave()
        for hand in self._hands:
            hand.see_off()
        self._hands.clear()
        self._close(at_once=False)

    def _close(self, *, at_once: bool) -> None:
        for nursery in self._nurseries:
            nursery.close(at_once=at_once)
        self._nurseries.clear()

    def _at_work(self) -> int:
        return sum(hand.item is not None for hand in self._hands)

    def _share(self) -> Share:
        """Split the machine among the items that can still be in flight with the one given now."""
        # It only grows as items end, so what is given out never adds up to more than there is.
        return self._machine.among(min(self._size, 1 + len(self._waiting) + self._at_work()))

    def _hire(self) -> None:
        devices = self._order.devices
        device = min(devices, key=lambda name: sum(hand.device == name for hand in self._hands))
        self._hands.append(self._nursery(device).hire(device))

    def _nursery(self, device: str) -> Nursery:
        self._nurseries = [nursery for nursery in self._nurseries if not nursery.ended]
        forks = can_fork(device)
        if forks and (found := [nursery for nursery in self._nurseries if nursery.has_room]):
            return found[0]
        threads = 1 if device == "cpu" else max(1, core_count() // self._size)
        self._nurseries.append(Nursery(self._packed, threads=threads, forks=forks))
        return self._nurseries[-1]

    def _listen(self, hand: Hand) -> list[Event]:
        try:
            message = hand.line.recv()
        except (EOFError, OSError):
            return self._bury(hand)
        if isinstance(message, Advance):
            return [message]
        if isinstance(message, Done | Failed):
            hand.item = None
            return [message]
        word, line, detail = message
        if word == BROKEN:
            raise JobError(f"{self._order.job.name}: a worker cannot start: {line}\n{detail}")
        hand.ready = word == READY
        self._still_born = 0
        return []

    def _bury(self, hand: Hand) -> list[Event]:
        known = hand.nursery.ended  # one end of it is the end of many: counted once
        cause = _cause(hand.end())
        self._hands.remove(hand)
        if not hand.ready and not known:
            self._still_born += 1
            if self._still_born >= STILL_BORN:
                raise JobError(f"{self._order.job.name}: workers die as they start ({cause})")
        if hand.item is None:
            return []
        item, count = hand.item, self._deaths.get(hand.item.id, 0) + 1
        self._deaths[item.id] = count
        if count < ATTEMPTS:
            self._waiting.append(item)
            return [Retried(item.id, f"{item.id}: its worker ended ({cause}); tried again later")]
        line = (
            f"{item.id}: its worker ended {count} times ({cause}); "
            "if memory ran out, give fewer --workers, then: cryopick resume"
        )
        return [Failed(item.id, line)]


def pack(order: Order) -> bytes:
    """Pickle an order (without its items) for a worker."""
    for part in (order.job.work, order.job.params):
        if part.__module__ == "__main__":
            raise InputError(
                f"{order.job.name}: {part.__qualname__} is defined in __main__, where workers "
                "cannot import it; move it to a module, or give executor=InlineExecutor()"
            )
    bare = Order(
        job=order.job,
        params=order.params,
        items=(),
        folder=order.folder,
        seed=order.seed,
        devices=order.devices,
    )
    try:
        return pickle.dumps(bare)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"{order.job.name}: cannot be sent to a worker ({error}); "
            "define its functions at the top of a module, or give executor=InlineExecutor()"
        ) from error


def _cause(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exit code {returncode}"


def machine_share(*, cores: int | None, memory_bytes: int | None) -> Share:
    """Tell what all items together may use of this machine; None is all there is."""
    return Share(
        cores=core_count() if cores is None else cores,
        memory_bytes=free_bytes() if memory_bytes is None else memory_bytes,
    )


def choose_executor(
    *,
    workers: int | None,
    devices: tuple[str, ...],
    item_bytes: int,
    items: int,
    memory_bytes: int | None = None,
) -> Executor:
    """Give the executor for this machine: a worker per core or GPU, as many as memory allows.

    Parameters
    ----------
    workers
        Number of workers; by default one per core or GPU.
    devices
        As `cryopick.run.machine.find_devices` gives them.
    item_bytes
        What the largest item takes.
    items
        How many there are.
    memory_bytes
        What all workers together may use; it also lowers a number of workers that was given.
        By default what is free, which does not.
    """
    if memory_bytes is not None and memory_bytes < 1:
        raise InputError(f"--memory: {memory_bytes} bytes is nothing to work with; give more")
    fitting = items
    if item_bytes > 0 and memory_bytes is not None:
        fitting = memory_bytes // item_bytes
    elif item_bytes > 0 and workers is None and devices[0] == "cpu":
        fitting = free_bytes() // item_bytes
    if workers is None:
        workers = core_count() if devices[0] == "cpu" else len(devices)
    if workers > 0:
        workers = max(1, min(workers, items, fitting))
    return LocalExecutor(workers, memory_bytes=memory_bytes)
