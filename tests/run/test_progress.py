"""Time left follows the planned costs; seeds and devices; the words for seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.run.job import Cost, Item
from cryopick.run.machine import core_count, find_devices, free_bytes, versions
from cryopick.run.progress import Pace, Span
from cryopick.run.report import format_seconds
from cryopick.run.seeds import item_seed


def items(*seconds: float) -> list[Item]:
    return [
        Item(id=f"i{index}", inputs={}, cost=Cost(memory_bytes=0, seconds=cost))
        for index, cost in enumerate(seconds)
    ]


def test_time_left_by_cost() -> None:
    pace = Pace(items(1, 1, 8), done=2, now=100.0)
    before = pace.progress(now=101.0)
    assert (before.done, before.total, before.seconds_left) == (2, 5, None)
    pace.ended("i0")
    pace.ended("i1", failed=True)
    now = pace.progress("note", now=104.0)
    assert (now.done, now.failed, now.total, now.note) == (3, 1, 5, "note")
    assert now.items_per_second == pytest.approx(0.5)
    assert now.seconds_left == pytest.approx(16.0)  # 2 of 10 took 4 s


def test_items_that_cost_nothing_still_count() -> None:
    pace = Pace(items(0, 0, 0, 0), done=0, now=0.0)
    pace.ended("i3")
    assert pace.progress(now=2.0).seconds_left == pytest.approx(6.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_nothing_is_left_at_the_end(costs: list[float]) -> None:
    pace = Pace(items(*costs), done=0, now=0.0)
    for item in items(*costs):
        pace.ended(item.id)
    assert pace.progress(now=5.0).seconds_left == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.5, "500 ms"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_words_for_seconds(seconds: float, words: str) -> None:
    assert format_seconds(seconds) == words


def test_seeds_are_golden() -> None:
    # SHA-256 of "0\0mic_001", its first 8 bytes big-endian, shifted right by 11: must never change,
    # or old records would not repeat.
    assert item_seed(0, "mic_001") == 7_583_654_957_747_384


@given(st.integers(0, 2**60), st.text(max_size=20))
def test_seeds_are_exact_in_json_and_differ(seed: int, name: str) -> None:
    found = item_seed(seed, name)
    assert 0 <= found < 2**53
    assert int(float(found)) == found
    assert found != item_seed(seed + 1, name)
    assert found != item_seed(seed, name + "x")


def test_cpu_and_auto_without_gpu_use() -> None:
    assert find_devices("cpu") == ("cpu",)
    assert find_devices("auto", uses_gpu=False) == ("cpu",)


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cuda:99999"])
def test_what_is_no_device(name: str) -> None:
    with pytest.raises(InputError, match="is not a device; give auto, cpu or cuda:N"):
        find_devices(name)


def test_a_gpu_that_is_not_here() -> None:
    with pytest.raises(InputError, match="--device: cuda:9999 is not here"):
        find_devices("cuda:9999")
    with pytest.raises(InputError, match="this job runs on the CPU"):
        find_devices("cuda:0", uses_gpu=False)


def test_machine() -> None:
    assert core_count() >= 1
    assert free_bytes() > 0
    assert list(versions())[:2] == ["python", "cryopick"]


def test_parts_of_items_count() -> None:
    pace = Pace(items(4, 4, 8), done=1, now=100.0)
    pace.advanced("i0", 0.0)
    assert pace.progress(now=101.0).seconds_left is None  # nothing was done yet
    pace.advanced("i0", 0.5)
    now = pace.progress(now=102.0)
    assert (now.done, now.total, now.in_flight) == (1, 4, {"i0": 0.5})
    assert now.fraction == pytest.approx(1.5 / 4)
    assert now.seconds_left == pytest.approx(14.0)  # 2 of 16 took 2 s
    assert now.items_per_second == pytest.approx(0.25)


def test_an_end_takes_the_place_of_its_parts() -> None:
    pace = Pace(items(1, 1), done=0, now=0.0)
    pace.advanced("i0", 0.0)
    pace.advanced("i0", 0.9)
    pace.ended("i0")
    pace.advanced("i0", 0.95)  # a thread of it was late
    now = pace.progress(now=4.0)
    assert (now.done, now.in_flight, now.fraction) == (1, {}, 0.5)
    assert now.seconds_left == pytest.approx(4.0)
    assert pace.spans() == {}


def test_what_checkpoints_held_was_not_done_in_this_sitting() -> None:
    pace = Pace(items(10), done=0, now=0.0)
    pace.advanced("i0", 0.8)
    assert pace.progress(now=1.0).seconds_left is None
    pace.advanced("i0", 0.9)
    now = pace.progress(now=5.0)
    assert now.in_flight == {"i0": 0.9}
    assert now.seconds_left == pytest.approx(5.0)  # a tenth took 5 s, a tenth is left
    assert pace.spans() == {"i0": Span(0.8, 0.9)}


def test_an_item_that_falls_back_has_lost_the_time() -> None:
    pace = Pace(items(10), done=0, now=0.0)
    for fraction in (0.0, 0.5, 0.2):
        pace.advanced("i0", fraction)
    assert pace.progress(now=4.0).seconds_left == pytest.approx(16.0)


def test_an_item_of_another_sitting_is_not_counted() -> None:
    pace = Pace(items(1), done=1, now=0.0)
    pace.advanced("done before", 0.5)
    assert pace.progress(now=1.0).in_flight == {}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=30),
    st.lists(st.floats(0, 1e6), min_size=4, max_size=4),
)
def test_no_news_makes_nonsense(news: list[tuple[int, float]], costs: list[float]) -> None:
    pace = Pace(items(*costs), done=0, now=0.0)
    for index, fraction in news:
        pace.advanced(f"i{index}", fraction)
    now = pace.progress(now=1.0)
    assert 0 <= now.fraction <= 1
    assert now.seconds_left is None or now.seconds_left >= 0
    assert now.items_per_second >= 0
