"""What ``classify`` leaves behind: class averages, RELION's tables, particles, the report."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.features import FEATURES
from cryopick.curate.classes.ranking import ClassRanking, rank_classes
from cryopick.curate.classes.state import ClassState
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_classes import ClassEntry
from cryopick.io.metadata.relion_model_write import (
    ClassModel,
    noise_power_of_white,
    write_class_averages,
    write_model,
)
from cryopick.io.particles import read_particles, write_particles
from cryopick.io.picks.relion_output import full_names
from cryopick.jobs.classify_params import ClassifyParams
from cryopick.jobs.classify_state import HISTORY, STATE, load_state, read_history
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.plots.axis import axis_over
from cryopick.jobs.plots.panel import WIDTH_PX, dots, frame, line, panels_over
from cryopick.jobs.plots.svg import BLUE, ORANGE, drawing
from cryopick.model import Particles, SetKind
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

AVERAGES = "class_averages.mrcs"
_SHOWN = 200


def collect_classes(folder: Path, item: Item, params: ClassifyParams) -> Outcome:
    """Write what the last iteration found."""
    place = folder / "items" / item.id
    state = load_state(place / STATE)
    if state is None:
        return Outcome(summary={"classes": 0, "particles": 0}, sentence="no classes were made")
    ranking = rank_classes(
        state,
        mask_diameter_angstrom=item.inputs["mask_diameter_angstrom"],
        keep_above=params.min_class_score,
    )
    keep = ranking.keep
    entries = class_entries(state, ranking, named_from_here(folder / AVERAGES))
    particles = classified(read_particles(params.particles), state)
    model, data = (
        f"run_it{state.iteration:03d}_model.star",
        f"run_it{state.iteration:03d}_data.star",
    )
    write_mrc(folder / AVERAGES, state.average, state.pixel_size_angstrom, stack=True)
    write_class_averages(folder / "class_averages.star", entries)
    write_model(folder / model, class_model(state, entries, particles, params.regularisation))
    write_particles(folder / data, particles)
    write_particles(folder / "particles.star", particles)
    taken = int(state.class_size[keep].sum())
    kept = int(keep.sum())
    return Outcome(
        summary=_summary(state, ranking, item),
        sentence=f"{counted(len(particles), SetKind.PARTICLES)} in {len(keep)} classes; "
        f"{kept} of them, with {taken:,} particles, look good",
        files={
            "class_averages": AVERAGES,
            "class_averages_star": "class_averages.star",
            "model": model,
            "data": data,
            "particles": "particles.star",
        },
        plots=_plots(state, ranking, read_history(place / HISTORY)),
        warnings=_warnings(state, keep),
        next_command=_next_command(folder, params),
    )


def classified(particles: Particles, state: ClassState) -> Particles:
    """The particles with class, in-plane angle, shift and half set of the classification."""
    label = np.array([str(k + 1) if k >= 0 else "" for k in state.class_index.tolist()])
    likelihood = np.where(np.isfinite(state.log_likelihood), state.log_likelihood, -999.0)
    extra = {
        **particles.picks.extra,
        "rlnLogLikeliContribution": likelihood,
        "rlnMaxValueProbDistribution": np.nan_to_num(state.probability),
        "cryopickClassProbability": np.nan_to_num(state.class_probability),
    }
    picks = replace(
        particles.picks,
        label=label,
        orientation=quaternion_from_psi_deg(state.psi_deg),
        extra=extra,
    )
    return replace(
        particles,
        picks=picks,
        shift_angstrom=state.shift_px * state.pixel_size_angstrom,
        half=state.half,
    )


def class_entries(state: ClassState, ranking: ClassRanking, stack: str) -> tuple[ClassEntry, ...]:
    """One entry per class, in the order of their numbers."""
    resolution = state.resolution_angstrom
    share = state.class_size / max(int(state.class_size.sum()), 1)
    return tuple(
        ClassEntry(
            number=k + 1,
            image=f"{k + 1:06d}@{stack}",
            fraction=float(share[k]),
            resolution_angstrom=float(resolution[k]) if np.isfinite(resolution[k]) else None,
            score=float(ranking.score[k]),
            keep=bool(ranking.keep[k]),
        )
        for k in range(len(share))
    )


def class_model(
    state: ClassState,
    entries: tuple[ClassEntry, ...],
    particles: Particles,
    regularisation: float,
) -> ClassModel:
    """The model of the last iteration in RELION's units."""
    box = state.average.shape[-1]
    looked = np.isfinite(state.log_likelihood)
    group = particles.optics_group
    group = np.zeros(len(particles), np.int64) if group is None else group
    sizes = np.bincount(group, minlength=len(particles.optics)).tolist()
    names = [optics.group for optics in particles.optics]
    if len(set(names)) < len(names):
        names = [f"opticsGroup{i + 1}" for i in range(len(names))]
    return ClassModel(
        entries=entries,
        box_px=box,
        pixel_size_angstrom=state.pixel_size_angstrom,
        signal_power=ring_power(state.average),
        signal_to_noise=state.ssnr,
        noise_power=state.noise_power * noise_power_of_white(1.0, box),
        frc=state.frc,
        regularisation=regularisation,
        shift_sd_angstrom=state.offset_sigma_px * state.pixel_size_angstrom,
        log_likelihood=float(state.log_likelihood[looked].sum()),
        mean_best_probability=float(state.probability[looked].mean()) if looked.any() else 0.0,
        group_sizes=dict(Counter(full_names(particles.picks, "rlnMicrographName").tolist())),
        optics_groups=dict(zip(names, sizes, strict=True)),
    )


def ring_power(averages: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean power ``(K, box // 2 + 1)`` on each Fourier ring, in the unit of RELION's models.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) * np.ones((8, 1))
    >>> ring_power(wave[None])[0].round(3)
    array([0.   , 0.031, 0.   , 0.   , 0.   ])
    """
    box = averages.shape[-1]
    power = np.abs(np.fft.fft2(averages.astype(np.float64)) / box**2) ** 2 / 2
    frequency = np.fft.fftfreq(box) * box
    ring = np.rint(np.hypot(frequency[:, None], frequency)).astype(np.int64).ravel()
    rings = box // 2 + 1
    inside = ring < rings
    count = np.bincount(ring[inside], minlength=rings)
    total = [np.bincount(ring[inside], p.ravel()[inside], minlength=rings) for p in power]
    return np.stack(total) / count


def named_from_here(path: Path) -> str:
    """A file as RELION names it: from the folder where commands run, where it lies in that."""
    here = Path.cwd()
    absolute = path.absolute()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _summary(state: ClassState, ranking: ClassRanking, item: Item) -> dict[str, Any]:
    size, resolution = state.class_size, state.resolution_angstrom
    best = float(resolution.min())
    return {
        "particles": len(state.class_index),
        "classes": len(size),
        "iterations": state.iteration,
        "ctf": item.inputs["ctf"],
        "mask_diameter_angstrom": item.inputs["mask_diameter_angstrom"],
        "precision": state.precision,
        "best_resolution_angstrom": best if np.isfinite(best) else None,
        "changed_in_last_iteration": float(state.changed),
        "classes_to_keep": (np.flatnonzero(ranking.keep) + 1).tolist(),
        "particles_to_keep": int(size[ranking.keep].sum()),
        "class_table": {
            str(k + 1): {
                "particles": int(size[k]),
                "resolution_angstrom": float(resolution[k]) if np.isfinite(resolution[k]) else None,
                "score": round(float(ranking.score[k]), 4),
                "features": dict(zip(FEATURES, ranking.features[k].round(4).tolist(), strict=True)),
                "proposal": "keep" if ranking.keep[k] else "reject",
            }
            for k in range(len(size))
        },
    }


def _plots(
    state: ClassState,
    ranking: ClassRanking,
    history: list[dict[str, Any]],
) -> list[Plot]:
    plots: list[Plot] = []
    for title, wanted in (("Classes to keep", True), ("Classes to reject", False)):
        rows = [k for k in ranking.order.tolist() if bool(ranking.keep[k]) is wanted][:_SHOWN]
        if rows:
            captions = [_caption(state, ranking, k) for k in rows]
            plots.append(
                Plot(
                    title=title,
                    caption="Best rank first: class number, particles; resolution, score.",
                    png=gallery_png(state.average[rows], captions=captions),
                )
            )
    if len(history) > 1:
        plots.append(_course(history))
    return plots


def _caption(state: ClassState, ranking: ClassRanking, k: int) -> str:
    resolution = state.resolution_angstrom[k]
    detail = f"{resolution:.1f} Å" if np.isfinite(resolution) else "unresolved"
    return f"{k + 1}: {state.class_size[k]:,}\n{detail}, {float(ranking.score[k]):.2f}"


def _course(history: list[dict[str, Any]]) -> Plot:
    order = [entry["iteration"] for entry in history]
    changed_percent = [100 * entry["changed"] for entry in history]
    detail_angstrom = [entry["used_resolution_angstrom"] for entry in history]
    x = axis_over(order, "iteration", whole=True, most_ticks=10)
    ys = (
        axis_over([], "changed class (%)", low=0, high=103),
        axis_over(detail_angstrom, "detail used (Å)", low=0),
    )
    panels, height_px = panels_over(x, ys, height_px=140)
    parts: list[str] = []
    for panel, y, colour in zip(
        panels, (changed_percent, detail_angstrom), (BLUE, ORANGE), strict=True
    ):
        parts.append(frame(panel, names_x=panel is panels[-1]))
        parts.append(line(panel, order, y, colour=colour))
        parts.append(dots(panel, order, y, colour=colour))
    return Plot(
        title="Course of the classification",
        caption="Share of the particles whose class changed, and finest detail used to align.",
        svg=drawing(parts, width_px=WIDTH_PX, height_px=height_px),
    )


def _warnings(state: ClassState, keep: NDArray[np.bool_]) -> list[str]:
    lines: list[str] = []
    if not keep.any():
        lines.append("no class scores well enough: look at the pictures before particles are lost")
    empty = int(np.sum(state.class_size == 0))
    if empty:
        lines.append(f"classes without any particles: {empty}; fewer --classes would do")
    return lines


def _next_command(folder: Path, params: ClassifyParams) -> str:
    words = ["cryopick", "select", str(folder / "particles.star")]
    words += ["--class-averages", str(folder / "class_averages.star")]
    words += ["--min-class-score", f"{params.min_class_score:g}", "-o", "select"]
    return shlex.join(words)
