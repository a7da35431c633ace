"""The rules of ``select``, one after the other, on any kind of subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.choice import Choice, Limits, parse_numbers, reject_classes
from cryopick.curate.duplicates import duplicates
from cryopick.curate.image_statistics import image_statistics, outlying
from cryopick.curate.parts import regroup, split_parts
from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.io.particles import read_particle_images
from cryopick.io.picks.dialect import Frame
from cryopick.jobs.select_inputs import Subject
from cryopick.jobs.select_params import SelectParams
from cryopick.model import Image

_SCALE = "rlnGroupScaleCorrection"
_BATCH_BYTES = 1 << 26


def choose(subject: Subject, params: SelectParams, frame: Frame) -> Choice:
    """Apply every rule that was asked for.

    The cheap rules come first, so that duplicates are sought among what is left.
    """
    choice = Choice(len(subject))
    _earlier(subject, choice)
    if params.keep is not None:
        choice.reject(~subject.listed(params.keep, frame), reason="manual")
    if params.reject is not None:
        choice.reject(subject.listed(params.reject, frame), reason="manual")
    wanted = wanted_classes(subject, params)
    if wanted is not None:
        reject_classes(subject.labels(), wanted, choice)
    for text in params.where:
        limits = Limits.parse(text)
        limits.apply(subject.numbers(limits.column), choice)
    if params.max_image_deviation_sd is not None:
        values = image_statistics(_batches(subject))
        odd = outlying(values, deviation_sd=params.max_image_deviation_sd)
        choice.reject(odd, reason="image statistics")
    if params.min_distance_angstrom is not None:
        _drop_duplicates(subject, params, params.min_distance_angstrom, choice)
    return choice


def wanted_classes(subject: Subject, params: SelectParams) -> frozenset[int] | None:
    """Numbers of the classes to keep; None where classes do not matter."""
    entries = subject.entries
    if params.class_averages is not None:
        if subject.kind == "classes":
            raise InputError(
                f"--class-averages: {subject.path} holds class averages already; give one of both"
            )
        entries = read_classes(params.class_averages)
    if params.min_class_score is not None and not entries:
        raise InputError("--min-class-score: give --class-averages, where the scores are")
    numbers = {entry.number for entry in entries} or _numbers_in(subject, params)
    kept: frozenset[int] | None = None
    if params.classes is not None:
        kept = _known(parse_numbers(params.classes), numbers, "--classes")
    if params.reject_classes is not None:
        bad = _known(parse_numbers(params.reject_classes), numbers, "--reject-classes")
        kept = frozenset(numbers) - bad
    if params.min_class_score is not None:
        best = _scoring(entries, params.min_class_score, params.class_averages or subject.path)
        kept = best if kept is None else kept & best
    if kept is None and params.class_averages is not None:
        if all(entry.keep is None for entry in entries):
            raise InputError(
                f"--class-averages: {params.class_averages} marks no classes as selected; give "
                "--classes or --min-class-score"
            )
        kept = frozenset(entry.number for entry in entries if entry.keep)
    return kept


def parts_of(choice: Choice, params: SelectParams) -> NDArray[np.int64]:
    """Part ``(n,)`` from 0 of each kept row, -1 for all others and where nothing is split."""
    part = np.full(len(choice.reason), -1, dtype=np.int64)
    if params.split_parts is None and params.split_size is None:
        return part
    kept = choice.kept
    part[kept] = split_parts(
        int(kept.sum()),
        parts=params.split_parts,
        size=params.split_size,
        seed=params.seed if params.split_order == "random" else None,
    )
    return part


def groups_of(subject: Subject, choice: Choice, params: SelectParams) -> NDArray[np.int64] | None:
    """Group ``(n,)`` from 0 of each kept particle, -1 for all others; None where not asked for."""
    if params.regroup is None:
        return None
    particles = subject.particles
    if particles is None:
        raise InputError(f"--regroup: {subject.path} holds no particles")
    kept = choice.kept
    if subject.table is not None and _SCALE in subject.table:
        intensity = subject.numbers(_SCALE)
    elif particles.defocus is not None:
        intensity = particles.defocus[:, :2].mean(axis=1)
    else:
        raise InputError(
            f"--regroup: {subject.path} has neither {_SCALE} nor a defocus to tell which "
            "micrographs are alike"
        )
    group = np.full(len(kept), -1, dtype=np.int64)
    group[kept] = regroup(particles.picks.image[kept], intensity[kept], groups=params.regroup)
    return group


def _earlier(subject: Subject, choice: Choice) -> None:
    """What an earlier step deleted stays deleted, for its own reason."""
    if subject.kind != "picks" or (subject.table is not None and not _has_states(subject)):
        return
    picks = subject.read()
    if picks.state is None:
        return
    gone = picks.state == "deleted"
    reason = np.full(len(picks), "manual") if picks.reason is None else picks.reason
    for text in np.unique(reason[gone]).tolist():
        choice.reject(gone & (reason == text), reason=text or "manual")


def _has_states(subject: Subject) -> bool:
    return subject.table is not None and "cryopickState" in subject.table


def _numbers_in(subject: Subject, params: SelectParams) -> set[int]:
    """Classes that the rows name, where they are asked about."""
    if params.classes is None and params.reject_classes is None:
        return set()
    return {int(text) for text in set(subject.labels()) if text.isdecimal()}


def _known(wanted: frozenset[int], numbers: set[int], flag: str) -> frozenset[int]:
    unknown = sorted(wanted - numbers)
    if unknown:
        raise InputError(
            f"{flag}: there is no class {unknown[0]}; the highest is {max(numbers, default=0)}"
        )
    return wanted


def _scoring(entries: tuple[ClassEntry, ...], least: float, path: str | Path) -> frozenset[int]:
    if all(entry.score is None for entry in entries):
        raise InputError(f"--min-class-score: {path} has no scores (rlnClassScore); give --classes")
    return frozenset(e.number for e in entries if e.score is not None and e.score >= least)


def _drop_duplicates(
    subject: Subject, params: SelectParams, distance_angstrom: float, choice: Choice
) -> None:
    if subject.kind not in ("picks", "particles"):
        raise InputError(f"--min-distance: {subject.path} holds {subject.kind}, without positions")
    picks = subject.read()
    position = picks.position_angstrom
    if subject.particles is not None and subject.particles.shift_angstrom is not None:
        # The particle is shown off the centre of its box by what centres it.
        position = position - subject.particles.shift_angstrom
    better = picks.score if params.better is None else subject.numbers(params.better)
    rows = np.flatnonzero(choice.kept)
    drop = duplicates(
        position[rows],
        picks.image[rows],
        distance_angstrom=distance_angstrom,
        better=None if better is None else better[rows],
    )
    gone = np.zeros(len(picks), dtype=bool)
    gone[rows[drop]] = True
    choice.reject(gone, reason="duplicate")


def _batches(subject: Subject) -> Iterator[NDArray[np.float32]]:
    """Images of the rows, some at a time."""
    if subject.particles is not None:
        particles = subject.particles
        rows = max(1, _BATCH_BYTES // (4 * particles.box_px**2))
        for first in range(0, len(particles), rows):
            some = np.arange(first, min(first + rows, len(particles)))
            yield read_particle_images(particles, some)
    elif subject.kind == "micrographs":
        for path in subject.micrograph_paths():
            image = open_image(path)
            if not isinstance(image, Image):
                raise InputError(f"{path}: is a stack; its statistics are not one image's")
            yield image.read()[None]
    else:
        raise InputError(f"--max-image-deviation: {subject.path} holds {subject.kind}, not images")
