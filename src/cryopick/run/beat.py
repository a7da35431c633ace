"""`Beat`: passes on how far an item is, now and then."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from cryopick.run.executor import Advance

SECONDS_BETWEEN = 0.5
"""An item tells how far it is at most this often."""


class Beat:
    """What `cryopick.run.job.Worker.progress` is while an item is worked on.

    Any thread may call it as often as it likes; most calls cost a look at the clock.

    Parameters
    ----------
    item_id
        The item.
    tell
        Called with an `Advance`, by one thread at a time.
    clock
        Seconds that never go back.

    Examples
    --------
    >>> heard = []
    >>> beat = Beat("ts_01", heard.append)
    >>> beat(0.25)
    >>> beat(0.26)
    >>> heard
    [Advance(id='ts_01', fraction=0.25)]
    """

    def __init__(
        self,
        item_id: str,
        tell: Callable[[Advance], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id, self._tell, self._clock = item_id, tell, clock
        self._lock = threading.Lock()
        self._next = -math.inf

    def __call__(self, fraction: float) -> None:
        """Tell it, if the last time is long enough ago.

        A fraction beyond 0 or 1 is taken for that limit; one that is no number is not told.
        """
        if self._clock() < self._next or math.isnan(fraction):
            return
        with self._lock:
            if (now := self._clock()) < self._next:
                return
            self._next = now + SECONDS_BETWEEN
            self._tell(Advance(self._id, min(1.0, max(0.0, float(fraction)))))
