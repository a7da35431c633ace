"""`Beat`: at most twice a second, never wrong, from any thread."""

from __future__ import annotations

import math
import threading

import pytest

from cryopick.run.beat import SECONDS_BETWEEN, Beat
from cryopick.run.executor import Advance


def beat(heard: list[Advance], seconds: list[float]) -> Beat:
    return Beat("a", heard.append, clock=lambda: seconds[0])


def test_at_most_twice_a_second() -> None:
    heard: list[Advance] = []
    seconds = [0.0]
    tell = beat(heard, seconds)
    for tick in range(1000):
        seconds[0] = tick / 100
        tell(tick / 1000)
    assert [advance.fraction for advance in heard] == pytest.approx(
        [tick / 1000 for tick in range(0, 1000, 50)]
    )
    assert SECONDS_BETWEEN == 0.5


def test_the_first_is_told_whatever_the_clock_shows() -> None:
    heard: list[Advance] = []
    beat(heard, [-1e9])(0.5)
    assert heard == [Advance("a", 0.5)]


@pytest.mark.parametrize(
    ("given", "told"), [(-0.1, 0.0), (1.1, 1.0), (math.inf, 1.0), (1, 1.0), (0.25, 0.25)]
)
def test_fractions_stay_between_0_and_1(given: float, told: float) -> None:
    heard: list[Advance] = []
    beat(heard, [0.0])(given)
    assert heard == [Advance("a", told)]
    assert isinstance(heard[0].fraction, float)


def test_what_is_no_number_is_not_told_and_costs_no_turn() -> None:
    heard: list[Advance] = []
    tell = beat(heard, [0.0])
    tell(math.nan)
    assert heard == []
    tell(0.5)
    assert heard == [Advance("a", 0.5)]


def test_many_threads_have_one_turn() -> None:
    heard: list[Advance] = []
    tell = beat(heard, [0.0])
    together = threading.Barrier(8)

    def call() -> None:
        together.wait(30)
        tell(0.5)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [Advance("a", 0.5)]


def test_an_error_of_the_listener_comes_through_and_blocks_nobody() -> None:
    seconds = [0.0]

    def stop(advance: Advance) -> None:
        raise KeyboardInterrupt

    tell = Beat("a", stop, clock=lambda: seconds[0])
    with pytest.raises(KeyboardInterrupt):
        tell(0.1)
    tell(0.2)  # not its turn
    seconds[0] = 1.0
    with pytest.raises(KeyboardInterrupt):
        tell(0.3)
