"""`Record`: all that is needed to know, repeat and resume a job; the file ``job.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.atomic import write_text
from cryopick.run.hash_inputs import InputHash, hash_inputs
from cryopick.run.job import Cost, Item, Job
from cryopick.run.machine import host_facts, versions

RECORD = "job.json"
RECORD_BYTES = 256 << 20
"""No record is larger; a larger file is something else."""

State = Literal["running", "finished", "failed", "cancelled", "interrupted"]


class ItemRecord(BaseModel):
    """One planned item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    inputs: dict[str, Any]
    memory_bytes: int
    seconds: float

    def item(self) -> Item:
        """Give it back as the executor's `Item`."""
        cost = Cost(memory_bytes=self.memory_bytes, seconds=self.seconds)
        return Item(id=self.id, inputs=self.inputs, cost=cost)


class Meaning(BaseModel):
    """What a parameter is, so that a report needs nothing but the record."""

    model_config = ConfigDict(frozen=True)

    description: str = ""
    unit: str = ""
    default: Any = None


class Record(BaseModel):
    """The record of one job.

    Attributes
    ----------
    format
        Version of this format.
    job, title
        Which job.
    state
        ``running`` until the driver ends in order; a driver that was killed leaves ``running``.
    params
        Every parameter as used, defaults included.
    meanings
        Description, unit and default of each parameter.
    seed, device, devices, executor, workers
        How it ran: the device asked for, and those used.
    folder_at_start
        The working folder, which relative names refer to.
    inputs
        Hashes of the files named in parameters and items, as first read.
    items
        The plan.
    warnings
        From planning.
    started, finished
        Seconds since 1970.
    seconds
        Time at work, over all sittings.
    sittings
        How often the job was started or resumed.
    timings
        Seconds per item that is done.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    job: str
    title: str
    state: State
    params: dict[str, Any]
    meanings: dict[str, Meaning] = Field(default_factory=dict[str, Meaning])
    seed: int
    device: str
    devices: list[str]
    executor: str
    workers: int
    folder_at_start: str
    versions: dict[str, str]
    host: dict[str, Any]
    inputs: dict[str, InputHash]
    items: list[ItemRecord]
    warnings: list[str] = Field(default_factory=list[str])
    started: float
    finished: float | None = None
    seconds: float = 0.0
    sittings: int = 1
    timings: dict[str, float] = Field(default_factory=dict[str, float])


def new_record(
    job: Job[Any],
    params: Any,
    items: Sequence[Item],
    *,
    seed: int,
    device: str,
    devices: Sequence[str],
    executor: str,
    workers: int,
    warnings: Sequence[str] = (),
) -> Record:
    """Make the record of a job that is about to start."""
    values = params.model_dump(mode="json")
    planned = [
        ItemRecord(
            id=item.id,
            inputs=dict(item.inputs),
            memory_bytes=item.cost.memory_bytes,
            seconds=item.cost.seconds,
        )
        for item in items
    ]
    _check_texts(job.name, [values, [(item.id, item.inputs) for item in planned]])
    return Record(
        job=job.name,
        title=job.title,
        state="running",
        params=values,
        meanings=_meanings(job),
        seed=seed,
        device=device,
        devices=list(devices),
        executor=executor,
        workers=workers,
        folder_at_start=str(Path.cwd()),
        versions=versions(),
        host=host_facts(),
        inputs=hash_inputs([values, [item.inputs for item in planned]]),
        items=planned,
        warnings=list(warnings),
        started=time.time(),
    )


def write_record(folder: Path, record: Record) -> None:
    """Write ``job.json`` whole."""
    write_text(folder / RECORD, record.model_dump_json(indent=1) + "\n")


def read_record(path: str | Path) -> Record:
    """Read a record from a ``job.json`` or from the job folder that holds it."""
    path = Path(path)
    if path.is_dir():
        path = path / RECORD
    try:
        with path.open("rb") as file:
            text = file.read(RECORD_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingFileError(path, "give a job folder or its job.json") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a job.json") from error
    if len(text) > RECORD_BYTES:
        raise FormatError(path, "is too large for the record of a job", "give a job.json")
    try:
        return Record.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        problem = "is not the record of a job"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            problem += f" ({place + ': ' if place else ''}{first['msg']})"
        raise FormatError(path, problem, "give a job.json written by cryopick") from error


def _check_texts(job: str, values: Any) -> None:
    """Refuse names of files that are not UTF-8: no JSON can hold them."""
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        word = str(error.object)[max(0, error.start - 20) : error.end + 20]
        raise InputError(f"{job}: {word!r}: the name of a file is not UTF-8; rename it") from error


def _meanings(job: Job[Any]) -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}
    defaults: Mapping[str, Any] = job.params.model_construct().model_dump(
        mode="json", warnings=False
    )
    for name, field in job.params.model_fields.items():
        extra = cast("dict[str, Any]", field.json_schema_extra or {})
        unit = str(extra.get("unit", ""))
        found[name] = Meaning(
            description=field.description or "", unit=unit, default=defaults.get(name)
        )
    return found
