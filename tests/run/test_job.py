"""The declaration: frozen, complete, and telling its own meaning."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError

from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param
from cryopick.run.machine import free_bytes
from toy_jobs import JOB, ToyParams


class Bounded(Params):
    edge_px: int = param(8, description="Edge.", unit="px", ge=2, le=64)
    low_angstrom: float = param(..., description="Low.", unit="Å", gt=0, lt=100)
    deep: bool = param(False, description="Deep.", advanced=True, flag="--deeply")


@pytest.mark.parametrize(
    "values",
    [
        {"edge_px": 1, "low_angstrom": 5},
        {"edge_px": 65, "low_angstrom": 5},
        {"low_angstrom": 0},
        {"low_angstrom": 100},
        {"low_angstrom": float("nan")},
        {"low_angstrom": float("inf")},
        {"low_angstrom": "wide"},
        {},
        {"low_angstrom": 5, "lowangstrom": 6},
    ],
)
def test_what_is_out_of_bounds_unknown_or_missing_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Bounded.model_validate(values)


@pytest.mark.parametrize(("edge", "low"), [(2, 1e-9), (64, 99.9), (8, 50)])
def test_bounds_belong_to_the_range_as_declared(edge: int, low: float) -> None:
    assert Bounded(edge_px=edge, low_angstrom=low).low_angstrom == low


def test_parameters_are_frozen() -> None:
    params = Bounded(low_angstrom=5)
    with pytest.raises(ValidationError, match="frozen"):
        params.edge_px = 9  # type: ignore[misc]


def test_the_schema_tells_unit_group_and_flag() -> None:
    fields = Bounded.model_json_schema()["properties"]
    assert fields["edge_px"]["unit"] == "px"
    assert (fields["edge_px"]["minimum"], fields["edge_px"]["maximum"]) == (2, 64)
    assert fields["low_angstrom"]["exclusiveMinimum"] == 0
    assert fields["low_angstrom"]["exclusiveMaximum"] == 100
    assert fields["deep"]["advanced"] is True
    assert fields["deep"]["flag"] == "--deeply"
    assert fields["edge_px"]["advanced"] is False
    assert Bounded.model_json_schema()["required"] == ["low_angstrom"]


def test_parameters_read_back_from_json_exactly() -> None:
    params = ToyParams(names=["007", "1e5"], pixel_size_angstrom=0.1 + 0.2)
    assert ToyParams.model_validate_json(params.model_dump_json()) == params
    assert params.model_dump(mode="json")["names"] == ["007", "1e5"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (Cost(memory_bytes=1, seconds=1.0), "seconds"),
        (Item(id="a", inputs={}, cost=Cost(memory_bytes=1, seconds=1.0)), "id"),
        (Outcome(summary={}, sentence="x"), "sentence"),
        (Plot(title="x"), "title"),
        (JOB, "name"),
    ],
)
def test_values_of_a_job_are_frozen(value: object, field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, "other")


def test_defaults_of_outcomes_are_not_shared() -> None:
    one, other = Outcome(summary={}, sentence="1"), Outcome(summary={}, sentence="2")
    assert one.files is not other.files
    assert (one.plots, one.warnings, one.next_command) == ((), (), "")


def test_the_arguments_of_a_job_are_among_its_parameters() -> None:
    assert isinstance(JOB, Job)
    assert set(JOB.arguments) <= set(JOB.params.model_fields)


def test_a_worker_needs_only_its_folder_its_device_and_its_seed(tmp_path: Path) -> None:
    worker = Worker(folder=tmp_path, device="cpu", seed=1)
    assert worker.cores == 1
    assert 0 < worker.memory_bytes <= free_bytes() * 2
    assert worker.checkpoints.is_relative_to(tmp_path)
    worker.progress(0.25)  # to nobody
    assert list(tmp_path.iterdir()) == []  # the folder of checkpoints is made by who needs it


def test_a_worker_is_given_what_it_may_use(tmp_path: Path) -> None:
    heard: list[float] = []
    worker = Worker(
        folder=tmp_path / "a",
        device="cpu",
        seed=1,
        cores=8,
        memory_bytes=1 << 30,
        checkpoints=tmp_path / "b",
        progress=heard.append,
    )
    worker.progress(0.5)
    assert (worker.cores, worker.memory_bytes) == (8, 1 << 30)
    assert (worker.checkpoints, heard) == (tmp_path / "b", [0.5])
    assert dataclasses.replace(worker, folder=tmp_path).checkpoints == tmp_path / "b"
