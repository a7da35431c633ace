"""The values of the protocol: frozen, comparable, and fit to be sent between processes."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

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
from cryopick.run.inline import InlineExecutor
from cryopick.run.local import LocalExecutor
from toy_jobs import JOB, ToyParams

EVENTS = [
    Done("a", 1.5, ("header says 1 Å",)),
    Failed("a", "a: is NaN", "Traceback ..."),
    Retried("a", "a: its worker ended"),
    Advance("a", 0.5),
    Pulse(),
]


def order() -> Order:
    params = ToyParams(names=["a", "b"])
    return Order(
        job=JOB,
        params=params,
        items=JOB.plan(params),
        folder=Path("/x"),
        seed=3,
        devices=("cpu",),
    )


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_events_cross_a_process_unchanged(event: Event) -> None:
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    assert hash(again) == hash(event)


@pytest.mark.parametrize("event", EVENTS[:3], ids=lambda e: type(e).__name__)
def test_events_are_frozen(event: Event) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.id = "b"  # type: ignore[union-attr, misc]


def test_an_order_crosses_a_process_with_its_job() -> None:
    again = pickle.loads(pickle.dumps(order()))
    assert again.params == order().params
    assert [item.id for item in again.items] == ["a", "b"]
    assert again.job.work is JOB.work
    assert (again.seed, again.devices, again.folder) == (3, ("cpu",), Path("/x"))


def test_orders_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Order(JOB, None, (), Path("/x"), 0, ("cpu",))  # type: ignore[misc]


def test_a_failure_without_detail_has_none() -> None:
    assert (Failed("a", "why").detail, Done("a", 0.0).warnings) == ("", ())


@pytest.mark.parametrize("made", [InlineExecutor(), LocalExecutor(2)], ids=["inline", "local"])
def test_both_places_offer_what_the_protocol_asks(made: Executor) -> None:
    wanted = {name for name in vars(Executor) if not name.startswith("_")}
    assert wanted == {"name", "workers", "run", "cancel"}
    assert all(hasattr(made, name) for name in wanted)
    assert made.workers >= 1
    assert made.name.islower()


@pytest.mark.parametrize(
    ("items", "cores", "memory_bytes"), [(1, 8, 1000), (3, 2, 333), (8, 1, 125), (2000, 1, 1)]
)
def test_a_share_never_adds_up_to_more_than_there_is(
    items: int, cores: int, memory_bytes: int
) -> None:
    share = Share(cores=8, memory_bytes=1000).among(items)
    assert share == Share(cores=cores, memory_bytes=memory_bytes)
    assert items > 8 or items * share.cores <= 8
    assert items > 1000 or items * share.memory_bytes <= 1000


def test_a_share_is_one_core_and_the_free_memory() -> None:
    assert Share().cores == 1
    assert Share().memory_bytes > 1 << 20


def test_nobody_need_listen_to_an_order(tmp_path: Path) -> None:
    params = ToyParams(names=["a"])
    order = Order(
        job=JOB, params=params, items=JOB.plan(params), folder=tmp_path, seed=0, devices=("cpu",)
    )
    order.tell(Advance("a", 0.5))
    assert list(tmp_path.iterdir()) == []
