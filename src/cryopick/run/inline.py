"""`InlineExecutor`: items one after another in the calling process.

For notebooks, for a debugger, and for jobs whose functions live in ``__main__``.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryopick.run.executor import Event, Order, Pulse
from cryopick.run.work_item import work_item


class InlineExecutor:
    """Works on items in the driver's own process, in their order.

    A cancel takes effect between items. A crash of ``work`` (not an exception: a crash) takes the
    driver with it; `cryopick.run.local.LocalExecutor` survives that.
    """

    name = "inline"
    workers = 1

    def __init__(self) -> None:
        self._cancelled = False

    def run(self, order: Order) -> Iterator[Event]:
        """Work on all items of an order; yield what happens."""
        self._cancelled = False
        for item in order.items:
            yield Pulse()
            if self._cancelled:
                return
            yield work_item(order, item, device=order.devices[0])

    def cancel(self) -> None:
        """Begin no further item."""
        self._cancelled = True
