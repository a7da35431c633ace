"""Template matching of one tomogram, from pixels to a pool of refined candidates.

Search every voxel and orientation coarsely, keep the local maxima, and score and refine only those
at the full resolution of the tomogram.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate
from cryopick.model import Grid, Image
from cryopick.pick.matching.hands import HandComparison
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.one_template import TemplateRun, TemplateSearch
from cryopick.pick.matching.pool import Pool
from cryopick.pick.matching.prepare import Prepared, prepare_tomogram
from cryopick.pick.matching.search import Cones, Means
from cryopick.pick.matching.search_facts import SearchFacts, TemplateFacts
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template

# Share of the time that goes by before the search, for the progress that the user sees.
_PREPARED = 0.06


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TomogramMatch:
    """What was found in one tomogram.

    Attributes
    ----------
    pool
        Candidates, the best first within each template.
    outside_cone
        Candidates whose orientation left its cone while it was refined.
    facts
        How the search was done, and its statistics.
    score, rotation
        ``(z, y, x)`` on ``facts.score_grid``: the best score of all templates, less the background
        where that is corrected, and the index of its rotation.
    template
        ``(z, y, x)``: which template that was; None where there is only one.
    rotations
        One list ``(m, 4)`` for each template.
    beads
        How many gold beads were filled.
    hands
        How each template and its mirror image fit the best candidates; empty where not asked for.
    sentences
        What a user should know: engine, energies, steps.
    """

    pool: Pool
    outside_cone: Pool
    facts: SearchFacts
    score: NDArray[np.float32]
    rotation: NDArray[np.int32]
    template: NDArray[np.int16] | None
    rotations: Sequence[NDArray[np.float64]]
    beads: int
    hands: Sequence[HandComparison]
    sentences: Sequence[str]


def match_tomogram(
    image: Image,
    templates: Sequence[Template],
    *,
    imaging: Imaging,
    settings: MatchSettings,
    means: Means,
    scratch: Path,
    region: Callable[[Grid], NDArray[np.bool_] | None] = lambda _: None,
    cones: Callable[[Grid], Cones | None] = lambda _: None,
    rotations: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> TomogramMatch:
    """Search a tomogram for templates.

    Parameters
    ----------
    image
        The tomogram.
    templates
        With the contrast of the tomogram, at its pixel size or another.
    imaging, settings
        How the tomogram was made, and how it is searched.
    means
        Cores, memory, device, checkpoints, progress.
    scratch
        Folder for volumes that do not fit in memory; its content may be deleted afterwards.
    region
        Gives, for a grid, the voxels to search; None: all.
    cones
        Gives, for a grid, the allowed directions; None: all.
    rotations
        Own list ``(m, 4)`` in the place of a regular grid.
    seed
        Of the phase-randomised templates.
    """
    if not templates:
        raise InputError("match: no template was given")
    means.progress(0.0)
    prepared = _prepared(image, templates, imaging, settings, means, scratch)
    means.progress(_PREPARED)
    search = TemplateSearch(
        prepared=prepared,
        imaging=imaging,
        settings=settings,
        region=_without_gold(prepared, region(prepared.screen_grid)),
        cones=cones(prepared.screen_grid),
        rotations=rotations,
        seed=seed,
    )
    runs = [
        search.run(template, index=index, means=_share(means, index, len(templates)))
        for index, template in enumerate(templates)
    ]
    hands: list[HandComparison] = []
    if settings.check_hand:
        hands = [
            search.hands(template, run.pool, means=means)
            for template, run in zip(templates, runs, strict=True)
        ]
    means.progress(1.0)
    return _joined(image, templates, runs, prepared, cones=search.cones, hands=hands)


def _prepared(
    image: Image,
    templates: Sequence[Template],
    imaging: Imaging,
    settings: MatchSettings,
    means: Means,
    scratch: Path,
) -> Prepared:
    smallest = min(templates, key=lambda template: template.diameter_angstrom)
    pixel, diameter = image.grid.pixel_size_angstrom, smallest.diameter_angstrom
    fine = settings.fine_pixel_for(diameter, pixel)
    screen = max(fine, settings.screen_pixel_for(diameter, pixel))
    if settings.engine == "exact" and settings.screen_pixel_angstrom is None:
        screen = fine
    return prepare_tomogram(
        image,
        imaging=imaging,
        settings=settings,
        fine_pixel_angstrom=fine,
        screen_pixel_angstrom=screen,
        box_px=round(smallest.box_px * smallest.pixel_size_angstrom / fine),
        means=means,
        scratch=scratch,
    )


def _without_gold(prepared: Prepared, region: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if prepared.gold is None:
        return region
    return ~prepared.gold if region is None else region & ~prepared.gold


def _share(means: Means, index: int, count: int) -> Means:
    """Checkpoints and progress of one of several templates."""
    folder = means.checkpoints
    width = (1 - _PREPARED) / count
    return replace(
        means,
        checkpoints=None if folder is None else folder / f"template{index}",
        progress=lambda done: means.progress(_PREPARED + (index + done) * width),
    )


def _joined(
    image: Image,
    templates: Sequence[Template],
    runs: Sequence[TemplateRun],
    prepared: Prepared,
    *,
    cones: Cones | None,
    hands: Sequence[HandComparison],
) -> TomogramMatch:
    score, rotation, which = runs[0].score, runs[0].result.rotation, None
    if len(runs) > 1:
        score, rotation = np.array(score), np.array(rotation)
        which = np.zeros(score.shape, np.int16)
    for index, run in enumerate(runs[1:], start=1):
        better = run.score > score
        score[better] = run.score[better]
        rotation[better] = np.asarray(run.result.rotation)[better]
        if which is not None:
            which[better] = index
    facts = SearchFacts(
        image=image.name,
        grid=image.grid,
        score_grid=prepared.screen_grid,
        angular_step_deg=runs[0].plan.step_deg,
        engine=runs[0].plan.engine,
        templates=tuple(
            TemplateFacts(
                name=template.name,
                diameter_angstrom=template.diameter_angstrom,
                symmetry=template.symmetry,
                # Where nothing has a score, as in a flat volume, 1 is the highest there can be.
                sigma=run.result.sigma or 1.0,
                tests=max(run.result.tests, 1.0),
                sigma_refined=run.sigma_refined,
            )
            for template, run in zip(templates, runs, strict=True)
        ),
    )
    sentences = [line for run in runs for line in run.plan.sentences]
    if prepared.beads:
        sentences.append(f"{prepared.beads} gold beads were filled and left out of the search")
    for template, hand in zip(templates, hands, strict=False):
        sentences.append(
            f"hand of {template.name}: {hand.verdict} (scores {hand.difference:+.3f} against the "
            f"mirror image, {hand.standard_errors:+.1f} standard errors)"
        )
    pool = Pool.joined([run.pool for run in runs])
    inside = _inside_cones(pool, prepared.screen_grid, cones)
    return TomogramMatch(
        pool=pool[inside],
        outside_cone=pool[~inside],
        hands=hands,
        facts=facts,
        score=score,
        rotation=rotation,
        template=which,
        rotations=[run.plan.rotations for run in runs],
        beads=prepared.beads,
        sentences=sentences,
    )


def _inside_cones(pool: Pool, grid: Grid, cones: Cones | None) -> NDArray[np.bool_]:
    """Which candidates keep to the cones of the voxels they ended at."""
    if cones is None or len(pool) == 0:
        return np.ones(len(pool), dtype=bool)
    place = np.rint(grid.to_px(pool.position_angstrom)).astype(np.int64)[:, ::-1]
    place = np.clip(place, 0, np.asarray(grid.shape) - 1)
    nearest = cones.nearest[tuple(place.T)]
    towards = rotate(pool.orientation, [0.0, 0.0, 1.0])
    cosine = np.sum(towards * cones.axis[nearest], axis=1)
    return (nearest >= 0) & (cosine >= np.cos(np.deg2rad(cones.half_angle_deg)) - 1e-9)
