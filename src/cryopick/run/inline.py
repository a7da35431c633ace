"""`InlineExecutor`: items one after another in the calling process.

For notebooks, for a debugger, and for jobs whose functions live in ``__main__``.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryopick.errors import InputError
from cryopick.run.executor import Advance, Event, Order, Pulse
from cryopick.run.local import machine_share
from cryopick.run.work_item import work_item


class InlineExecutor:
    """Works on items in the driver's own process, in their order.

    A cancel takes effect between items, and where an item tells its progress. A crash of ``work``
    (not an exception: a crash) takes the driver with it;
    `cryopick.run.local.LocalExecutor` survives that.

    Parameters
    ----------
    cores
        Given to each item; by default all that may be used.
    memory_bytes
        Given to each item; by default what is free when an order begins.
    """

    name = "inline"
    workers = 1

    def __init__(self, *, cores: int | None = None, memory_bytes: int | None = None) -> None:
        if cores is not None and cores < 1:
            raise InputError(f"cores: {cores} is not a number of cores; give 1 or more")
        self._cores, self._memory_bytes = cores, memory_bytes
        self._cancelled = False

    def run(self, order: Order) -> Iterator[Event]:
        """Work on all items of an order; yield what happens."""
        self._cancelled = False
        share = machine_share(cores=self._cores, memory_bytes=self._memory_bytes)

        def tell(advance: Advance) -> None:
            order.tell(advance)
            if self._cancelled:
                raise _CancelledError

        for item in order.items:
            yield Pulse()
            if self._cancelled:
                return
            try:
                done = work_item(order, item, device=order.devices[0], share=share, tell=tell)
            except _CancelledError:
                return
            yield done

    def cancel(self) -> None:
        """Begin no further item; the one in flight ends where it next tells its progress."""
        self._cancelled = True


class _CancelledError(BaseException):
    """Ends the item in flight; not an `Exception`, which would be the item's failure."""
