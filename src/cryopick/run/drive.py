"""The driver: plan, hand to an executor, keep the record, collect, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryopick.errors import InputError, JobError
from cryopick.run.beat import SECONDS_BETWEEN
from cryopick.run.checkpoints import close_checkpoints, keep_checkpoints
from cryopick.run.executor import Advance, Done, Executor, Failed, Order, Retried
from cryopick.run.folder import JobFolder, checked_items
from cryopick.run.hash_inputs import InputHash, changed_inputs, hash_inputs
from cryopick.run.in_flight import remove_in_flight, write_in_flight
from cryopick.run.job import Item, Job, Outcome, Params
from cryopick.run.local import choose_executor
from cryopick.run.lock import hold, is_cancelled
from cryopick.run.machine import find_devices, versions
from cryopick.run.progress import Pace, Progress
from cryopick.run.record import Record, new_record, read_record, write_record
from cryopick.run.report import write_report
from cryopick.run.summary import write_summary
from cryopick.run.work_item import heard_warnings

P = TypeVar("P", bound=Params)
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job would do: its items, and what planning warned of."""

    items: Sequence[Item]
    warnings: Sequence[str]


def plan_job(job: Job[P], params: P) -> Plan:
    """Plan a job without doing anything."""
    with heard_warnings() as warnings:
        items = checked_items(job.plan(params), job=job.name)
    return Plan(items=items, warnings=tuple(warnings))


def run_job(
    job: Job[P],
    params: P,
    folder: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    memory_bytes: int | None = None,
    device: str = "auto",
    seed: int | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    before: Record | None = None,
) -> Outcome:
    """Run a job into a folder.

    Parameters
    ----------
    job, params
        The declaration and its parameters.
    folder
        Made if need be; must not hold a job unless ``overwrite``.
    executor
        Where items are worked on; by default processes on this machine.
    workers
        Number of processes, for the default executor (one given has its own); by default one per
        core or GPU, as many as memory allows.
    memory_bytes
        What all workers together may use, for the default executor; by default what is free.
    device
        ``auto``, ``cpu`` or ``cuda:N``.
    seed
        Results are the same for the same seed, whatever the workers and their number. By default
        the parameter ``seed``, where the job has one, or 0.
    overwrite
        Delete the job that is in the folder.
    on_progress
        Called with a `Progress` about five times a second.
    before
        The record this run repeats: inputs that changed since are warned of.

    Returns
    -------
    Outcome
        What ``collect`` made of the items.

    Raises
    ------
    JobError
        Some items failed (the others are done and collected), or the job was cancelled.
    InputError
        Parameters, inputs or the folder cannot be used; nothing was written.
    """
    devices = find_devices(device, uses_gpu=job.uses_gpu)
    seed = _seed_of(params, seed)
    plan = plan_job(job, params)
    executor = _executor(
        executor, plan.items, workers=workers, memory_bytes=memory_bytes, devices=devices
    )
    place = JobFolder(folder)
    record = new_record(
        job,
        params,
        plan.items,
        seed=seed,
        device=device,
        devices=devices,
        executor=executor.name,
        workers=executor.workers,
        warnings=plan.warnings,
    )
    if before is not None:
        record.warnings += changed_inputs(before.inputs, record.inputs)
    _refuse_inputs_inside(place, record)
    record.inputs = _without_ours(record.inputs, place)
    place.make(overwrite=overwrite)
    with hold(place.path) as me:
        place.make(overwrite=overwrite)  # again: another driver may have come and gone
        place.clear()
        write_record(place.path, record)
        place.items.mkdir(exist_ok=True)
        place.log("started", job=job.name, items=len(plan.items), executor=executor.name)
        keep_checkpoints(place.path, _basis(record, record.inputs))
        return _Sitting(job, params, place, record, me).run(executor, on_progress)


def resume_job(
    job: Job[Any],
    folder: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    memory_bytes: int | None = None,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Go on with a job that was stopped, killed, or had items that failed.

    Items that are done are not done again; those that failed are tried again. One that was
    stopped half-way goes on from its checkpoints, where its job makes them. The other arguments are those of `run_job`; ``device`` is by default as it was.
    """
    place = JobFolder(folder)
    record = read_record(place.path)
    if record.job != job.name:
        raise InputError(f"{place.path}: holds a job {record.job!r}, not {job.name!r}")
    if device is not None:
        record.device = device
    devices = find_devices(record.device, uses_gpu=job.uses_gpu)
    params = params_of(job, record, place.path)
    with hold(place.path) as me, _started_from(record):
        record = read_record(place.path).model_copy(update={"device": record.device})
        # Checked once more: a record may have been edited, and ids become names of folders.
        items = checked_items([item.item() for item in record.items], job=job.name)
        executor = _executor(
            executor, items, workers=workers, memory_bytes=memory_bytes, devices=devices
        )
        place.items.mkdir(exist_ok=True)
        place.clean_parts()
        now = hash_inputs([record.params, [item.inputs for item in items]])
        for sentence in changed_inputs(record.inputs, now):
            if sentence not in record.warnings:
                record.warnings.append(sentence)
        record.sittings += 1
        record.state, record.finished = "running", None
        record.devices, record.executor = list(devices), executor.name
        record.workers = executor.workers
        write_record(place.path, record)
        keep_checkpoints(place.path, _basis(record, now), done=place.done(items))
        place.log("resumed", sitting=record.sittings, executor=executor.name)
        return _Sitting(job, params, place, record, me).run(executor, on_progress)


def params_of(job: Job[P], record: Record, path: str | Path) -> P:
    """Rebuild the parameters of a record."""
    from pydantic import ValidationError

    try:
        return job.params.model_validate(record.params)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: parameter {name} = {first['input']!r} does not fit this version of "
            f"{job.name} ({first['msg']}); it was written by cryopick "
            f"{record.versions.get('cryopick', '?')}: start the job anew"
        ) from error


class _Sitting:
    """One run of the driver over what is still to do."""

    def __init__(
        self, job: Job[Any], params: Any, place: JobFolder, record: Record, me: dict[str, Any]
    ) -> None:
        self.job, self.params, self.place, self.record, self.me = job, params, place, record, me
        self.items = [item.item() for item in record.items]
        self.done = place.done(self.items)
        self.failed: dict[str, str] = {}
        self.begun = time.monotonic()
        self.earlier = record.seconds
        self.cancelled = False
        self.news, self.told = False, -SECONDS_BETWEEN

    def run(self, executor: Executor, on_progress: OnProgress | None) -> Outcome:
        try:
            cancelled = self._work(executor, on_progress or _silent)
            if cancelled:
                # A worker may have put an item in place after the last word that was heard of it.
                self.done = self.place.done(self.items)
                self._close("cancelled")
                raise JobError(
                    f"{self.place.path}: cancelled with {len(self.done)} of {len(self.items)} "
                    f"items done; go on with: cryopick resume {self.place.path}"
                )
            outcome = self._collect()
        except BaseException:
            if self.record.state == "running":
                self._close("interrupted")
            raise
        if self.failed:
            raise JobError(failure_line(self.place.path, self.failed, len(self.items)))
        return outcome

    def _work(self, executor: Executor, on_progress: OnProgress) -> bool:
        todo = [item for item in self.items if item.id not in self.done]
        pace = Pace(todo, done=len(self.done))
        on_progress(pace.progress())
        if not todo:
            return False
        for item in todo:
            self.place.forget_failure(item.id)

        def hear(event: Any) -> None:
            note = self._note(event, pace)
            self._tell_others(pace)
            on_progress(pace.progress(note))
            if not self.cancelled and is_cancelled(self.place.path, self.me):
                self.cancelled = True
                executor.cancel()

        order = Order(
            job=self.job,
            params=self.params,
            items=todo,
            folder=self.place.path,
            seed=self.record.seed,
            devices=self.record.devices,
            tell=hear,
        )
        with contextlib.closing(_stream(executor, order)) as events:
            for event in events:
                hear(event)
        self.place.clean_parts(all_of_them=True)
        return self.cancelled and len(self.done) + len(self.failed) < len(self.items)

    def _note(self, event: Any, pace: Pace) -> str:
        if isinstance(event, Advance):
            pace.advanced(event.id, event.fraction)
            self.news = True
        elif isinstance(event, Done):
            self.done[event.id] = event
            pace.ended(event.id)
            self.place.log("done", id=event.id, seconds=round(event.seconds, 4))
        elif isinstance(event, Failed):
            self.failed[event.id] = event.line
            pace.ended(event.id, failed=True)
            self.place.note_failure(event)
            self.place.log("failed", id=event.id, line=event.line)
            return event.line
        elif isinstance(event, Retried):
            self.place.log("retried", id=event.id, line=event.line)
            return event.line
        return ""

    def _tell_others(self, pace: Pace) -> None:
        if self.news and (now := time.monotonic()) - self.told >= SECONDS_BETWEEN:
            self.news, self.told = False, now
            write_in_flight(self.place.path, self.me, pace.spans())

    def _collect(self) -> Outcome:
        ready = [item for item in self.items if item.id in self.done]
        if not ready:
            outcome = Outcome(summary={}, sentence="No item could be done.")
        else:
            with heard_warnings() as heard:
                outcome = self.job.collect(self.place.path, ready, self.params)
            self.record.warnings += [line for line in heard if line not in self.record.warnings]
        self._close("failed" if self.failed else "finished")
        write_summary(self.place, self.record, outcome, done=self.done, failed=self.failed)
        write_report(self.place.path)
        return outcome

    def _close(self, state: Any) -> None:
        record = self.record
        record.state = state
        record.finished = time.time()
        record.seconds = self.earlier + time.monotonic() - self.begun
        record.timings = {name: round(done.seconds, 4) for name, done in self.done.items()}
        self.place.clean_parts(all_of_them=True)
        close_checkpoints(self.place.path, done=self.done)
        remove_in_flight(self.place.path)
        write_record(self.place.path, record)
        self.place.log(state, done=len(self.done), failed=len(self.failed))


def failure_line(folder: Path, failed: dict[str, str], total: int) -> str:
    """One line that names the items that failed, the first of them with its reason."""
    names = ", ".join(list(failed)[:10]) + (f" and {len(failed) - 10} more" * (len(failed) > 10))
    reason = next(iter(failed.values()))
    return (
        f"{len(failed)} of {total} items failed: {names}; the first because: {reason}; "
        f"see {folder / 'failed'}, then: cryopick resume {folder}"
    )


def _stream(executor: Executor, order: Order) -> Any:
    """Call it a generator: ``closing`` ends the workers when the driver is interrupted."""
    yield from executor.run(order)


def _seed_of(params: Params, seed: int | None) -> int:
    own = getattr(params, "seed", None)
    if own is not None and seed not in (None, own):
        raise InputError(f"--seed: {seed} differs from the parameter seed = {own}; give one")
    seed = own if seed is None else seed
    if seed is not None and seed < 0:
        raise InputError(f"--seed: {seed} is negative; give 0 or more")
    return seed or 0


def _executor(
    given: Executor | None,
    items: Sequence[Item],
    *,
    workers: int | None,
    memory_bytes: int | None,
    devices: tuple[str, ...],
) -> Executor:
    if given is not None:
        for name, value in (("workers", workers), ("memory_bytes", memory_bytes)):
            if value is not None:
                raise InputError(
                    f"{name}: the executor given has its own number; give one of the two"
                )
        return given
    return choose_executor(
        workers=workers,
        devices=devices,
        item_bytes=max(item.cost.memory_bytes for item in items),
        items=len(items),
        memory_bytes=memory_bytes,
    )


def _basis(record: Record, inputs: dict[str, InputHash]) -> Any:
    """List what results depend on: half an item is of use only to who goes on with the same."""
    return {
        "params": record.params,
        "seed": record.seed,
        "devices": sorted({device.partition(":")[0] for device in record.devices}),
        "versions": versions(),
        "items": [[item.id, item.inputs] for item in record.items],
        "inputs": {
            name: [found.kind, found.size_bytes, found.sha256]
            for name in record.inputs
            if (found := inputs.get(name)) is not None
        },
    }


def _without_ours(inputs: dict[str, InputHash], place: JobFolder) -> dict[str, InputHash]:
    """Leave out a folder that holds the job's own: it changes with what the job writes."""
    return {
        name: found
        for name, found in inputs.items()
        if found.kind != "folder" or not place.path.is_relative_to(Path(name).absolute())
    }


def _started_from(record: Record) -> contextlib.AbstractContextManager[None]:
    """Go where the job was started, so that relative names mean the same files."""
    start = Path(record.folder_at_start)
    if start.is_dir() and start != Path.cwd():
        return contextlib.chdir(start)
    return contextlib.nullcontext()


def _refuse_inputs_inside(place: JobFolder, record: Record) -> None:
    for name in record.inputs:
        path = Path(name).absolute()
        if path == place.path or path.is_relative_to(place.path):
            raise InputError(f"--out: {place.path} holds the input {name}; give another folder")


def _silent(progress: Progress) -> None:
    """Nobody is listening."""
