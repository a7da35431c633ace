"""What ``pick template`` and ``candidates`` leave of micrographs: candidates, picks, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import atomic_open, write_text
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.jobs.image_inputs import open_single
from cryopick.jobs.merit_plots import background_plot, micrographs_plot
from cryopick.jobs.pick_outputs import PICKS, outcome_of_picks
from cryopick.jobs.pick_template_params import PeakParams
from cryopick.model import Grid, concatenate
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pool import JudgedPool
from cryopick.pick.merit.set_choice import Candidates, SetChoice, SetRules, choose_in_set
from cryopick.run.job import Item, Outcome, Plot

MICROGRAPHS = "micrographs.json"
SAMPLES = "samples.npz"
# RELION's window, where its suppression must be told before anything is known of the scores.
RELION_THRESHOLD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrographFacts:
    """What the choice of picks needs to know of a micrograph.

    Attributes
    ----------
    name, path, pixel_size_angstrom
        Of the micrograph; the pixel size as given, None: its header's.
    shape, grid_pixel_angstrom, origin_angstrom
        Its Grid.
    location, scale
        Level and spread of its background's merit.
    defocus_um
        None: not known.
    particle_diameter_angstrom, box_angstrom
        Of the references.
    labels
        Names of the references; empty: their numbers from 1.
    mask
        File of the mask that was used, in the item's folder or with its path; None: none.
    """

    name: str
    path: str
    pixel_size_angstrom: float | None
    shape: tuple[int, ...]
    grid_pixel_angstrom: float
    origin_angstrom: tuple[float, ...]
    location: float
    scale: float
    defocus_um: float | None
    particle_diameter_angstrom: float
    box_angstrom: float
    labels: tuple[str, ...] = ()
    mask: str | None = None

    @property
    def grid(self) -> Grid:
        """Grid of the micrograph."""
        return Grid(
            shape=tuple(self.shape),
            pixel_size_angstrom=self.grid_pixel_angstrom,
            origin_angstrom=tuple(self.origin_angstrom),
        )


def save_candidates(
    folder: Path, judged: Sequence[JudgedPool], facts: Sequence[MicrographFacts]
) -> None:
    """Write the candidates of the micrographs of one item."""
    save_picks(concatenate([one.picks for one in judged]), folder / PICKS)
    samples: dict[str, Any] = {
        str(i): one.sample.astype(np.float32) for i, one in enumerate(judged)
    }
    samples["candidates"] = np.array([len(one.picks) for one in judged])
    with atomic_open(folder / SAMPLES, "wb") as file:
        np.savez(file, **samples)
    write_text(folder / MICROGRAPHS, json.dumps([asdict(one) for one in facts]))


def load_facts(folder: Path) -> list[MicrographFacts]:
    """Facts of the micrographs of an item; none where it is not done."""
    path = folder / MICROGRAPHS
    if not path.is_file():
        return []
    try:
        return [MicrographFacts(**one) for one in json.loads(path.read_text("utf-8"))]
    except (TypeError, ValueError) as error:
        raise FormatError(path, f"does not describe micrographs ({error})") from error


def peak_rules(params: PeakParams) -> PeakRules:
    """The rules for one micrograph; the threshold is found later, but for RELION's suppression."""
    relion = params.suppression == "relion"
    asked = RELION_THRESHOLD if params.threshold is None else params.threshold
    return PeakRules(
        threshold=asked if relion else float("-inf"),
        min_distance_angstrom=params.min_distance_angstrom,
        max_noise_sd=params.max_noise_sd,
        min_noise_mean=params.min_noise_mean,
        suppression=params.suppression,
        border_angstrom=params.border_angstrom,
    )


def check_peak_params(params: PeakParams) -> None:
    """Refuse rules that contradict each other."""
    if params.threshold is not None and params.fdr is not None:
        raise InputError("--threshold and --fdr: give one of them")
    if params.suppression == "relion":
        if params.normalise_scores:
            raise InputError(
                "--normalise-scores: goes with --suppression keep-better; RELION's rule needs its "
                "threshold before the scores of all micrographs are known"
            )
        if params.fdr is not None:
            raise InputError("--fdr: goes with --suppression keep-better; give --threshold")
    peak_rules(params)


def collect_merit(
    folder: Path, items: Sequence[Item], params: PeakParams, *, next_command: str
) -> Outcome:
    """Choose the picks of all micrographs that are done by one threshold, and write them down."""
    candidates: dict[str, Candidates] = {}
    facts: dict[str, MicrographFacts] = {}
    for item in items:
        place = folder / "items" / item.id
        of_item = load_facts(place)
        if not of_item:
            continue
        picks = load_picks(place / PICKS)
        samples, ends = _load_samples(place / SAMPLES, len(of_item))
        for one, sample, end, start in zip(of_item, samples, ends, [0, *ends], strict=False):
            facts[one.name] = one
            candidates[one.name] = Candidates(
                picks=picks[start:end],
                location=one.location,
                scale=one.scale,
                sample=sample,
                defocus_um=one.defocus_um,
            )
    whole = params.suppression == "keep-better"
    rules = SetRules(
        threshold=params.threshold if whole else peak_rules(params).threshold,
        fdr=params.fdr,
        normalise=params.normalise_scores,
        max_picks=params.max_picks,
    )
    chosen = choose_in_set(candidates, rules)
    first = next(iter(facts.values()), None)
    outcome = outcome_of_picks(
        folder,
        chosen.parts,
        frame=Frame(
            grids={name: one.grid for name, one in facts.items()},
            files={name: one.path for name, one in facts.items()},
        ),
        ndim=2,
        first=None if first is None else open_single(first.path, first.pixel_size_angstrom),
        thresholds=dict.fromkeys(facts, chosen.threshold),
        next_command=next_command,
    )
    return replace(
        outcome,
        summary={**outcome.summary, **_summary(chosen, facts)},
        plots=[*outcome.plots, *_plots(chosen, candidates)],
        warnings=[*outcome.warnings, *_notes(chosen, params)],
    )


def _load_samples(path: Path, count: int) -> tuple[list[NDArray[np.float64]], list[int]]:
    """Samples of the micrographs of an item, and where the candidates of each one end."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            ends: list[int] = np.cumsum(archive["candidates"]).tolist()
            return [archive[str(i)].astype(np.float64) for i in range(count)], ends
    # A damaged archive fails in zlib, zipfile or numpy, each with its own exception.
    except Exception as error:
        raise FormatError(path, f"is no archive of scores ({error})") from error


def _summary(chosen: SetChoice, facts: Mapping[str, MicrographFacts]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "threshold": chosen.threshold,
        "threshold_rule": chosen.rule,
        "estimated_precision": chosen.mean_precision,
        "estimated_recall": chosen.recall,
        "estimated_particles": chosen.particles,
        "estimated_precision_per_image": dict(chosen.precision),
        "defocus_um": {name: one.defocus_um for name, one in facts.items()},
    }
    if chosen.trend is not None:
        found["trend_of_background"] = asdict(chosen.trend)
    return found


def _plots(chosen: SetChoice, candidates: Mapping[str, Candidates]) -> list[Plot]:
    if not candidates:
        return []
    defocus = {name: one.defocus_um for name, one in candidates.items()}
    counts = {
        name: int(np.sum(np.asarray(picks.state) != "deleted"))
        for name, picks in chosen.parts.items()
    }
    plots = [micrographs_plot(counts, chosen.precision, defocus)]
    if any(value is not None for value in defocus.values()):
        plots.append(
            background_plot(
                {name: (one.location, one.scale) for name, one in candidates.items()},
                defocus,
                chosen.trend,
            )
        )
    return plots


def _notes(chosen: SetChoice, params: PeakParams) -> list[str]:
    if chosen.rule == "sd above background" and chosen.parts:
        return [
            "there are too few candidates to tell particles from background: the threshold is five "
            "standard deviations above it; look at the picks, and give --threshold"
        ]
    if chosen.rule == "given" and params.threshold is None and params.suppression == "relion":
        return [f"--threshold: {RELION_THRESHOLD:g} taken, RELION's own; give another where wanted"]
    if chosen.skewed and params.threshold is None:
        how = (
            "the logarithms of the scores decide"
            if chosen.rule != "two groups"
            else "the threshold parts them into two groups, and how many are particles is not known"
        )
        return [
            "the scores are not those of few particles in much background (dense sets, lumps, film "
            f"edges, or references of very different strength): {how}; look at the picks, and "
            "give --threshold where they are not what you want"
        ]
    if chosen.particles is not None and chosen.particles < 1 and chosen.parts:
        return ["the scores show no particles beside the background: look at the picks"]
    return []
