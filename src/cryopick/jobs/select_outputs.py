"""What ``select`` leaves behind: the kept rows, their parts, the rejected ones with reasons."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.recentre import moved_images, recentred_shift_angstrom
from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.io.metadata.relion_model_write import write_class_averages
from cryopick.io.particles import read_particle_images, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.io.star_block import StarBlock, StarFile
from cryopick.io.star_write import write_star
from cryopick.jobs.class_images import class_images
from cryopick.jobs.classify_outputs import named_from_here
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.select_inputs import Subject, frame_of, open_subject
from cryopick.jobs.select_params import SelectParams
from cryopick.model import Particles, SetKind
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

VERDICT = "verdict.npz"
REASON = "cryopickReason"
AVERAGES = "class_averages.mrcs"
_GROUP_NAME, _GROUP_NUMBER = "rlnGroupName", "rlnGroupNumber"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """One table to be cut: its rows, their reasons, and how they are written."""

    subject: Subject
    reason: NDArray[np.str_]
    particles: Particles | None
    frame: Frame

    @property
    def kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.reason == "")

    def write(self, path: Path, rows: NDArray[np.int64], *, with_reason: bool = False) -> None:
        """Write some rows, with or without the reasons they were rejected for."""
        reason = self.reason[rows] if with_reason else None
        if self.particles is not None:
            write_particles(path, _reasoned(self.particles[rows], reason))
        elif self.subject.table is not None:
            _write_rows(path, self.subject, rows, reason)
        else:
            picks = self.subject.read()[rows]
            extra = {k: v for k, v in picks.extra.items() if k != REASON}
            extra |= {} if reason is None else {REASON: reason}
            shown = replace(picks, state=None, reason=None, extra=extra)
            name = "relion" if picks.ndim == 2 else "relion5"
            write_picks(shown, path, self.frame, name=name)


def collect_selection(folder: Path, items: Sequence[Item], params: SelectParams) -> Outcome:
    """Write everything, count, and draw."""
    path = folder / "items" / items[0].id / VERDICT
    if not path.is_file():
        return Outcome(summary={"kept": 0}, sentence="nothing was selected")
    with np.load(path, allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    frame = frame_of(params)
    subject = open_subject(params.input, frame)
    tables = [_Rows(subject=subject, reason=found["reason"], frame=frame,
                    particles=_changed(subject, found))]  # fmt: skip
    if "particle_reason" in found and params.particles is not None:
        theirs = open_subject(params.particles, frame)
        tables.append(
            _Rows(
                subject=theirs,
                reason=found["particle_reason"],
                frame=frame,
                particles=_changed(theirs, found),
            )
        )
    files: dict[str, str] = {}
    for table in tables:
        if table.subject.kind != "classes":
            files |= _write_table(folder, table, found["part"])
    plots = [plot for table in tables for plot in _particle_plots(table, params)]
    if "classes" in found:
        written, more = _write_averages(folder, subject, params, found)
        files |= written
        plots = [*more, *plots]
    return Outcome(
        summary=_summary(tables, found),
        sentence="; ".join(_sentence(table) for table in tables),
        files=files,
        plots=plots,
        warnings=[
            f"nothing of {table.subject.path.name} was kept"
            for table in tables
            if not table.kept.any()
        ],
        next_command=_next_command(folder, tables[-1], files),
    )


def _changed(subject: Subject, found: dict[str, Any]) -> Particles | None:
    """The particles with the shifts and groups that the selection gave them."""
    particles = subject.particles
    if particles is None:
        return None
    extra = {k: v for k, v in particles.picks.extra.items() if k != REASON}
    if "group" in found:
        extra = {k: v for k, v in extra.items() if k != _GROUP_NUMBER}
        before = extra.get(_GROUP_NAME, particles.picks.image)
        names = np.array([f"group_{number + 1}" for number in found["group"]])
        extra[_GROUP_NAME] = np.where(found["group"] >= 0, names, before)
    particles = replace(particles, picks=replace(particles.picks, extra=extra))
    centre = found.get("centre_angstrom")
    if centre is None or not np.any(centre) or particles.picks.label is None:
        return particles
    by_name = {str(n): xy for n, xy in zip(found["classes"].tolist(), centre, strict=True)}
    off = np.array([by_name.get(text, np.zeros(2)) for text in particles.picks.label.tolist()])
    n = len(particles)
    shift = particles.shift_angstrom
    pose = particles.picks.orientation
    return replace(
        particles,
        shift_angstrom=recentred_shift_angstrom(
            np.zeros((n, 2)) if shift is None else shift,
            np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)) if pose is None else pose,
            off.reshape(n, 2),
        ),
    )


def _reasoned(particles: Particles, reason: NDArray[np.str_] | None) -> Particles:
    if reason is None:
        return particles
    extra = {**particles.picks.extra, REASON: reason}
    return replace(particles, picks=replace(particles.picks, extra=extra))


def _write_rows(
    path: Path, subject: Subject, rows: NDArray[np.int64], reason: NDArray[np.str_] | None
) -> None:
    """Write rows of a STAR table as they stand in it; other tables stay as they are."""
    assert subject.star is not None
    assert subject.table is not None
    table = subject.table
    columns: dict[str, Any] = {
        name: table.text(name)[rows] for name in table.columns if name != REASON
    }
    if reason is not None:
        columns[REASON] = reason
    cut = StarBlock(name=table.name, columns=columns, comments=table.comments, path=path)
    blocks = [cut if block is table else block for block in subject.star.blocks]
    write_star(path, StarFile(blocks=tuple(blocks), path=path))


def _write_table(folder: Path, table: _Rows, part: NDArray[np.int64]) -> dict[str, str]:
    kind = table.subject.kind
    files = {kind: f"{kind}.star"}
    table.write(folder / files[kind], np.flatnonzero(table.kept))
    gone = np.flatnonzero(~table.kept)
    if len(gone):
        files["rejected"] = "rejected.star"
        table.write(folder / "rejected.star", gone, with_reason=True)
    for number in range(int(part.max(initial=-1)) + 1):
        name = f"{kind}_split{number + 1}"
        files[name] = f"{name}.star"
        table.write(folder / files[name], np.flatnonzero(part == number))
    return files


def _write_averages(
    folder: Path, subject: Subject, params: SelectParams, found: dict[str, Any]
) -> tuple[dict[str, str], list[Plot]]:
    """The kept class averages, in order of their numbers, centred where that was asked for."""
    star = subject.path if subject.kind == "classes" else Path(str(params.class_averages))
    entries = {entry.number: entry for entry in read_classes(star)}
    numbers: list[int] = found["classes"].tolist()
    images, size = class_images(tuple(entries.values()), star, None)
    kept = images[np.array(numbers, dtype=np.int64) - 1]
    files: dict[str, str] = {}
    if numbers:
        if params.recentre:
            kept = moved_images(kept, -found["centre_angstrom"] / size)
        write_mrc(folder / AVERAGES, kept, size, stack=True)
        stack = named_from_here(folder / AVERAGES)
        write_class_averages(
            folder / "class_averages.star",
            [
                replace(entries[number], image=f"{place:06d}@{stack}", keep=True)
                for place, number in enumerate(numbers, 1)
            ],
        )
        files = {"class_averages": AVERAGES, "class_averages_star": "class_averages.star"}
    others = [entry for number, entry in sorted(entries.items()) if number not in set(numbers)]
    plots = [
        *_class_plot(kept, [entries[number] for number in numbers], "Kept classes", params),
        *_class_plot(images[[e.number - 1 for e in others]], others, "Rejected classes", params),
    ]
    return files, plots


def _class_plot(
    images: NDArray[np.float32], entries: Sequence[ClassEntry], title: str, params: SelectParams
) -> list[Plot]:
    if not len(images):
        return []
    captions = [f"{entry.number}" for entry in entries[: params.shown]]
    png = gallery_png(images[: params.shown], columns=10, captions=captions, tile_px=72)
    return [Plot(title=title, caption="Below each: its number.", png=png)]


def _particle_plots(table: _Rows, params: SelectParams) -> list[Plot]:
    if table.particles is None:
        return []
    plots: list[Plot] = []
    for title, which in (("Kept particles", table.kept), ("Rejected particles", ~table.kept)):
        rows = np.flatnonzero(which)
        if not len(rows):
            continue
        shown = rows[
            np.unique(np.linspace(0, len(rows) - 1, min(len(rows), params.shown)).astype(int))
        ]
        reasons = table.reason[shown].tolist()
        png = gallery_png(
            read_particle_images(table.particles, shown),
            captions=reasons if any(reasons) else None,
            tile_px=72,
        )
        plots.append(Plot(title=title, caption="Evenly drawn from all, in order.", png=png))
    return plots


def _summary(tables: Sequence[_Rows], found: dict[str, Any]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for table in tables:
        reasons = Counter(text for text in table.reason.tolist() if text)
        summary[table.subject.kind] = {
            "rows": len(table.reason),
            "kept": int(table.kept.sum()),
            "rejected": dict(reasons.most_common()),
        }
    if "classes" in found:
        summary["classes_kept"] = found["classes"].tolist()
        summary["largest_recentring_angstrom"] = round(
            float(np.abs(found["centre_angstrom"]).max(initial=0.0)), 3
        )
    if "group" in found:
        summary["groups"] = int(found["group"].max(initial=-1)) + 1
    part = found["part"]
    if part.max(initial=-1) >= 0:
        summary["parts"] = np.bincount(part[part >= 0]).tolist()
    return summary


def _sentence(table: _Rows) -> str:
    kept = counted(int(table.kept.sum()), SetKind(table.subject.kind))
    reasons = Counter(text for text in table.reason.tolist() if text).most_common()
    words = f"{kept} of {len(table.reason):,} kept"
    why = ", ".join(f"{n:,} {reason}" for reason, n in reasons)
    return f"{words} (rejected: {why})" if why else words


def _next_command(folder: Path, table: _Rows, files: dict[str, str]) -> str:
    name = files.get(table.subject.kind)
    if name is None or not table.kept.any():
        return ""
    path = str(folder / name)
    if table.particles is None:
        return shlex.join(["cryopick", "info", path])
    if "class_averages_star" in files and table.particles.picks.orientation is not None:
        references = str(folder / files["class_averages_star"])
        return shlex.join(["cryopick", "sort", path, "--references", references, "-o", "sort"])
    return shlex.join(["cryopick", "classify", path, "-o", "classes"])
