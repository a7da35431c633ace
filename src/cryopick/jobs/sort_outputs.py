"""What ``sort`` leaves behind: particles in order, columns of scores, histograms, galleries."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.difference_features import FEATURES as DIFFERENCES
from cryopick.curate.junk import PROPOSED_CUT
from cryopick.curate.self_consistency import NAMES
from cryopick.curate.sorting import UNUSABLE_Z, ParticleFeatures, Ranking, rank
from cryopick.io.particles import read_particle_images, read_particles, write_particles
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.plots.histogram import histogram_svg
from cryopick.jobs.plots.svg import written
from cryopick.jobs.sort_params import SortParams
from cryopick.model import Particles, SetKind
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

FEATURES = "features.npz"
SELECT_Z = "rlnParticleSelectZScore"
SCREENING = "cryopickScreeningScore"
CORRELATION = "cryopickReferenceCorrelation"
# A share of junk from which on the scale of the scores suffers.
_MUCH_JUNK = 0.15


def collect_ranking(folder: Path, items: Sequence[Item], params: SortParams) -> Outcome:
    """Join the features of all items that are done, rank, and write."""
    particles = read_particles(params.particles)
    rows, features, facts = _joined(folder, items)
    if not len(rows):
        return Outcome(summary={"particles": 0}, sentence="no particles were sorted")
    mine = particles[rows]
    settings = params.settings()
    ranking = rank(features, settings)
    order = _order(ranking, params)
    sorted_ones = with_scores(mine, features, ranking)[order]
    write_particles(folder / "particles.star", sorted_ones)
    return Outcome(
        summary=_summary(ranking, features, params),
        sentence=_sentence(ranking),
        files={"particles": "particles.star"},
        plots=_plots(mine, ranking, params),
        warnings=_warnings(ranking, features, facts, params),
        next_command=_next_command(folder),
    )


def with_scores(particles: Particles, features: ParticleFeatures, ranking: Ranking) -> Particles:
    """The particles with a column for every score."""
    extra: dict[str, NDArray[Any]] = {
        **particles.picks.extra,
        SELECT_Z: ranking.z_score,
        SCREENING: ranking.score,
    }
    extra |= {f"cryopick{name.capitalize()}Oddness": v for name, v in ranking.groups.items()}
    if np.isfinite(features.correlation).any():
        extra[CORRELATION] = features.correlation.astype(np.float64)
        for i, name in enumerate(DIFFERENCES):
            extra[f"cryopickDifference{name.capitalize()}"] = features.difference[:, i].astype(
                np.float64
            )
    return replace(particles, picks=replace(particles.picks, extra=extra))


def _joined(
    folder: Path, items: Sequence[Item]
) -> tuple[NDArray[np.int64], ParticleFeatures, dict[str, Any]]:
    rows: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    descriptors = [np.zeros((0, len(NAMES)), np.float32)]
    difference = [np.zeros((0, len(DIFFERENCES)), np.float32)]
    correlation = [np.zeros(0, np.float32)]
    facts: dict[str, Any] = {}
    for item in items:
        path = folder / "items" / item.id / FEATURES
        if not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as found:
            n = len(found["descriptors"])
            rows.append(int(found["first"]) + np.arange(n))
            descriptors.append(found["descriptors"])
            difference.append(found["difference"])
            correlation.append(found["correlation"])
            facts = json.loads(str(found["facts"]))
    features = ParticleFeatures(
        descriptors=np.concatenate(descriptors),
        difference=np.concatenate(difference),
        correlation=np.concatenate(correlation),
    )
    return np.concatenate(rows), features, facts


def _order(ranking: Ranking, params: SortParams) -> NDArray[np.int64]:
    """Rows, best first; equal ones stay in the order they came."""
    if params.order == "none":
        return np.arange(len(ranking.score))
    worst_first = ranking.z_score if params.order == "z-score" else -ranking.score
    # NaN (unusable) sorts last.
    return np.argsort(worst_first, kind="stable")


def _sentence(ranking: Ranking) -> str:
    n = len(ranking.score)
    junk = int(n - np.sum(ranking.score >= PROPOSED_CUT))
    words = f"{counted(n, SetKind.PARTICLES)} sorted"
    return f"{words}; {junk:,} of them ({junk / n:.1%}) look like junk"


def _summary(ranking: Ranking, features: ParticleFeatures, params: SortParams) -> dict[str, Any]:
    usable = np.isfinite(ranking.score)
    compared = int(np.isfinite(features.correlation).sum())
    summary: dict[str, Any] = {
        "particles": len(ranking.score),
        "unusable_images": int((~usable).sum()),
        "compared_with_references": compared,
        "proposed_cut": PROPOSED_CUT,
        "below_proposed_cut": int(np.sum(ranking.score[usable] < PROPOSED_CUT)),
        "screening_score": _quantiles(ranking.score[usable]),
        "select_z_score": _quantiles(ranking.z_score[ranking.z_score != UNUSABLE_Z]),
        "order": params.order,
    }
    if compared:
        known = features.correlation[np.isfinite(features.correlation)]
        summary["reference_correlation"] = _quantiles(known.astype(np.float64))
    return summary


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    found = np.percentile(values, (0, 5, 50, 95, 100)).round(4).tolist()
    return dict(zip(("min", "p5", "median", "p95", "max"), found, strict=True))


def _warnings(
    ranking: Ranking, features: ParticleFeatures, facts: dict[str, Any], params: SortParams
) -> list[str]:
    lines: list[str] = []
    unusable = int(np.isnan(ranking.score).sum())
    if unusable:
        lines.append(f"{unusable} images are flat or not finite: they come last, unscored")
    usable = ranking.score[np.isfinite(ranking.score)]
    if len(usable) and float(np.mean(usable < PROPOSED_CUT)) > _MUCH_JUNK:
        lines.append(
            "much of this set is junk, which widens the scale that scores are measured by: sort "
            "once more after select"
        )
    if facts.get("normalised_here"):
        lines.append(
            "the background of the particles was not of mean 0 and standard deviation 1: "
            "it was brought there for the comparison (the stacks are unchanged)"
        )
    alone = int(np.isnan(features.correlation).sum()) - unusable
    if params.references is not None and alone:
        lines.append(
            f"{alone} particles name no class: {SELECT_Z} of -1, judged without a reference"
        )
    return lines


def _next_command(folder: Path) -> str:
    where = f"{SCREENING}:{PROPOSED_CUT:g}:"
    words = ["cryopick", "select", str(folder / "particles.star"), "--where", where]
    return shlex.join([*words, "-o", "select"])


def _plots(particles: Particles, ranking: Ranking, params: SortParams) -> list[Plot]:
    usable = np.flatnonzero(np.isfinite(ranking.score))
    if not len(usable):
        return []
    best_first = usable[np.argsort(-ranking.score[usable], kind="stable")]
    n = min(params.shown, len(best_first))
    near = best_first[np.argsort(np.abs(ranking.score[best_first] - PROPOSED_CUT), kind="stable")]
    border = np.sort(near[: min(n, 20)])
    return [
        _histogram(ranking.score[usable], "Screening score", line=PROPOSED_CUT,
                   caption="High is good. Red: the cut that is proposed."),
        _histogram(ranking.z_score[usable], SELECT_Z, line=None,
                   caption="Low is good: the mean of how far each feature is too large."),
        _gallery(particles, ranking, best_first[:n], "Best particles"),
        _gallery(particles, ranking, border, "Particles at the proposed cut"),
        _gallery(particles, ranking, best_first[::-1][:n], "Worst particles"),
    ]  # fmt: skip


def _gallery(particles: Particles, ranking: Ranking, rows: NDArray[np.int64], title: str) -> Plot:
    images = read_particle_images(particles, rows)
    captions = [f"{score:.1f}" for score in ranking.score[rows].tolist()]
    png = gallery_png(images, columns=10, captions=captions, tile_px=72)
    return Plot(title=title, caption="Below each: its screening score.", png=png)


def _histogram(values: NDArray[np.float64], name: str, *, line: float | None, caption: str) -> Plot:
    svg = histogram_svg(
        {"particles": values},
        x_name=name,
        y_name="particles",
        lines={} if line is None else {f"proposed cut {written(line)}": line},
    )
    return Plot(title=name, caption=caption, svg=svg)
