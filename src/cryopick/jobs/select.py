"""``cryopick select``: keep the good ones, and everything else with the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.choice import Choice, Limits, reject_classes
from cryopick.curate.recentre import mass_centre_px
from cryopick.errors import InputError, MissingFileError
from cryopick.io.atomic import atomic_open
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.jobs.class_images import class_images
from cryopick.jobs.select_inputs import Subject, frame_of, open_subject
from cryopick.jobs.select_outputs import VERDICT, collect_selection
from cryopick.jobs.select_params import SelectParams, check
from cryopick.jobs.select_rules import choose, groups_of, parts_of, wanted_classes
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

ITEM = "selection"
_BYTES_PER_ROW, _SECONDS_PER_ROW = 3_000, 2e-5
_SECONDS_PER_IMAGE_READ = 2e-4


def plan(params: SelectParams) -> list[Item]:
    """One item: rows are judged beside each other. Columns, classes and lists are checked here."""
    check(params)
    subject = open_subject(params.input, frame_of(params))
    for text in params.where:
        subject.numbers(Limits.parse(text).column)
    wanted_classes(subject, params)
    for path in (params.keep, params.reject):
        if path is not None and not Path(path).exists():
            raise MissingFileError(path)
    if params.particles is not None and _their_particles(subject, params).particles is None:
        raise InputError(f"--particles: {params.particles} holds no particles")
    if params.recentre:
        chosen_entries(subject, params, frozenset())
    n = len(subject)
    read = n if params.max_image_deviation_sd is not None else 0
    return [
        Item(
            id=ITEM,
            inputs={
                "path": params.input,
                "kind": subject.kind,
                "rows": n,
                "class_averages": params.class_averages,
                "particles": params.particles,
                "keep": params.keep,
                "reject": params.reject,
            },
            cost=Cost(
                memory_bytes=200_000_000 + n * _BYTES_PER_ROW,
                seconds=1 + n * _SECONDS_PER_ROW + read * _SECONDS_PER_IMAGE_READ,
            ),
        )
    ]


def work(item: Item, params: SelectParams, worker: Worker) -> None:
    """Judge every row."""
    del item  # the parameters say it all
    frame = frame_of(params)
    subject = open_subject(params.input, frame)
    choice = choose(subject, params, frame)
    rows, judged = subject, choice
    found: dict[str, Any] = {"reason": choice.reason}
    if params.particles is not None:
        rows = _their_particles(subject, params)
        kept = frozenset(e.number for e, ok in zip(subject.entries, choice.kept, strict=True) if ok)
        judged = Choice(len(rows))
        reject_classes(rows.labels(), kept, judged)
        found["particle_reason"] = judged.reason
    found["part"] = parts_of(judged, params)
    group = groups_of(rows, judged, params)
    if group is not None:
        found["group"] = group
    numbers = _kept_classes(subject, params, choice)
    if numbers is not None:
        found["classes"] = np.array(sorted(numbers), dtype=np.int64)
        found["centre_angstrom"] = _centres(subject, params, numbers)
    with atomic_open(worker.folder / VERDICT, "wb") as file:
        np.savez(file, **found)


def collect(folder: Path, items: Sequence[Item], params: SelectParams) -> Outcome:
    """Write what is kept and what is not."""
    return collect_selection(folder, items, params)


def chosen_entries(
    subject: Subject, params: SelectParams, numbers: frozenset[int]
) -> tuple[list[ClassEntry], Path]:
    """Entries of some classes, and the file that lists them."""
    if subject.kind == "classes":
        entries, star = subject.entries, subject.path
    elif params.class_averages is not None:
        entries, star = read_classes(params.class_averages), Path(params.class_averages)
    else:
        raise InputError("--recentre: give --class-averages, whose masses are to be centred")
    return [entry for entry in entries if entry.number in numbers], star


def _kept_classes(subject: Subject, params: SelectParams, choice: Choice) -> frozenset[int] | None:
    """Numbers of the classes whose averages are handed on; None where there are no averages."""
    if subject.kind == "classes":
        pairs = zip(subject.entries, choice.kept.tolist(), strict=True)
        return frozenset(entry.number for entry, ok in pairs if ok)
    return wanted_classes(subject, params) if params.class_averages is not None else None


def _centres(
    subject: Subject, params: SelectParams, numbers: frozenset[int]
) -> NDArray[np.float64]:
    """Where the mass of each kept average lies, ``(k, 2)`` in Å by number; 0 where not asked."""
    if not params.recentre or not numbers:
        return np.zeros((len(numbers), 2))
    entries, star = chosen_entries(subject, params, numbers)
    images, size = class_images(tuple(entries), star, None)
    return mass_centre_px(images[np.array(sorted(numbers)) - 1]) * size


def _their_particles(subject: Subject, params: SelectParams) -> Subject:
    if subject.kind != "classes" or params.particles is None:
        raise InputError(
            f"--particles: is for an input of class averages; {subject.path} holds {subject.kind}"
        )
    return open_subject(params.particles, frame_of(params))


JOB = Job(
    name="select",
    title="Choose particles, picks, micrographs or classes by any measure",
    params=SelectParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("input",),
    example="cryopick select classes/particles.star --class-averages classes/class_averages.star "
    "--min-class-score 0.5 -o select",
    uses_gpu=False,
)
