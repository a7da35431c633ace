"""The search of a prepared tomogram for one template: plan, search, background, pool, refinement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.engine import Plan, plan_search, spherical_hull
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.local_deviation import local_deviation
from cryopick.pick.matching.noise_template import correct_background, phase_randomised
from cryopick.pick.matching.pool import Pool, pool_from_map
from cryopick.pick.matching.prepare import Prepared
from cryopick.pick.matching.random_poses import random_pose_sigma
from cryopick.pick.matching.refine import refine_poses
from cryopick.pick.matching.scaled import scaled_template
from cryopick.pick.matching.search import Cones, Means, SearchResult
from cryopick.pick.matching.search_bank import search_bank
from cryopick.pick.matching.seeds import best_rotations
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template
from cryopick.pick.matching.weighting import template_weight

# Maxima below this many standard deviations of one trial are not worth a refinement.
_POOL_FLOOR_SD = 3.0
_NOISE_EVERY = 10
# Components of the bank that only proposes orientations, where the exact engine searched.
_SEED_RANK = 256
# How far a refined centre may move, in voxels of the search.
_SHIFT_SCREEN_PX = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemplateRun:
    """What the search for one template found.

    Attributes
    ----------
    pool
        Candidates, refined.
    plan
        Engine, rotations, rank.
    result
        Maps and statistics of the search.
    score
        ``(z, y, x)``: the map, less the background where that is corrected.
    sigma_refined
        Standard deviation of the score of random poses at the voxel of the refinement.
    """

    pool: Pool
    plan: Plan
    result: SearchResult
    score: NDArray[np.float32]
    sigma_refined: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemplateSearch:
    """A prepared tomogram and how it is searched; `run` does it for one template.

    Attributes
    ----------
    prepared, imaging, settings
        The tomogram, how it was made, how it is searched.
    region
        ``(z, y, x)`` of the screen grid; None: everywhere.
    cones
        Allowed directions on the screen grid.
    rotations
        Own list, or None.
    seed
        Of the phase-randomised template.
    """

    prepared: Prepared
    imaging: Imaging
    settings: MatchSettings
    region: NDArray[np.bool_] | None = None
    cones: Cones | None = None
    rotations: NDArray[np.float64] | None = None
    seed: int = 0

    def run(self, template: Template, *, index: int, means: Means) -> TemplateRun:
        """Search for a template, the ``index``-th of its list."""
        pixel = self.prepared.screen_grid.pixel_size_angstrom
        coarse = scaled_template(template, pixel)
        weight = self._weight(coarse)
        plan = plan_search(
            coarse,
            weight=weight,
            settings=self.settings,
            rotations=self.rotations,
            voxels=self._voxels(),
            device=means.device,
        )
        # The noise takes a tenth of the rotations, or all of them.
        noise_share = {"none": 0.0, "smooth": 0.1, "pytom": 0.45}[self.settings.noise]
        spans = (0.0, 0.75 * (1 - noise_share), 0.75, 1.0)
        result = self._searched(plan, weight, _part(means, "search", spans[0], spans[1]))
        score = np.asarray(result.score)
        if self.settings.noise != "none":
            noise = self._noise(plan, coarse, _part(means, "noise", spans[1], spans[2]))
            score = self._corrected(score, noise, template)
        pool = self._pool(score, result, plan, template, index)
        refining = _part(means, "refine", spans[2], spans[3])
        sigma = None
        if self.settings.refine and len(pool) > 0:
            pool, sigma = self._refined(pool, plan, template, means=refining)
        return TemplateRun(pool=pool, plan=plan, result=result, score=score, sigma_refined=sigma)

    def _voxels(self) -> int:
        if self.region is None:
            return self.prepared.screen.size
        return int(np.count_nonzero(self.region))

    def _weight(self, template: Template) -> NDArray[np.float32]:
        return template_weight(
            template.box_px,
            template.pixel_size_angstrom,
            imaging=self.imaging,
            band=self.settings.band,
            whitening=self.prepared.whitening,
        )

    def _searched(self, plan: Plan, weight: NDArray[np.float32], means: Means) -> SearchResult:
        if plan.bank is None:
            return search_exact(
                self.prepared.screen,
                plan.template,
                plan.rotations,
                weight=weight,
                region=self.region,
                cones=self.cones,
                means=means,
            )
        return search_bank(
            self.prepared.screen,
            plan.bank,
            deviation=local_deviation(
                self.prepared.screen, plan.template.mask, device=means.device
            ),
            rotations=plan.rotations,
            region=self.region,
            cones=self.cones,
            first=plan.first,
            means=means,
        )

    def _noise(self, plan: Plan, coarse: Template, means: Means) -> SearchResult:
        """What a template without meaningful phases scores."""
        noise = phase_randomised(coarse, seed=self.seed)
        every = 1 if self.settings.noise == "pytom" else _NOISE_EVERY
        settings = replace(self.settings, engine=plan.engine)  # type: ignore[arg-type]
        rotations = plan.rotations[::every]
        weight = self._weight(noise)
        noise_plan = plan_search(
            noise,
            weight=weight,
            settings=settings,
            rotations=rotations,
            voxels=self._voxels(),
            device=means.device,
        )
        return self._searched(replace(noise_plan, first=None), weight, means)

    def _corrected(
        self, score: NDArray[np.float32], noise: SearchResult, template: Template
    ) -> NDArray[np.float32]:
        smooth = 0.0
        if self.settings.noise == "smooth":
            pixel = self.prepared.screen_grid.pixel_size_angstrom
            smooth = template.diameter_angstrom / 2 / pixel
        return correct_background(score, np.asarray(noise.score), smooth_px=smooth)

    def _pool(
        self,
        score: NDArray[np.float32],
        result: SearchResult,
        plan: Plan,
        template: Template,
        index: int,
    ) -> Pool:
        distance = self.settings.min_distance_angstrom or template.diameter_angstrom / 2
        grid = self.prepared.screen_grid
        return pool_from_map(
            score,
            result.rotation,
            plan.rotations,
            grid=grid,
            floor=_POOL_FLOOR_SD * result.sigma,
            min_distance_px=distance / grid.pixel_size_angstrom,
            max_candidates=self.settings.pool_size,
            region=self.region,
            template=index,
        )

    def _refined(
        self, pool: Pool, plan: Plan, template: Template, *, means: Means
    ) -> tuple[Pool, float]:
        """Refine every candidate at the fine voxel, and measure the background there."""
        grid, screen = self.prepared.fine_grid, self.prepared.screen_grid
        fine = scaled_template(template, grid.pixel_size_angstrom)
        weight = self._weight(fine)
        refined = refine_poses(
            self.prepared.fine,
            grid.to_px(pool.position_angstrom),
            self._seeds(pool, plan, _part(means, "seeds", 0.0, 0.1)),
            template=fine,
            weight=weight,
            step_deg=plan.step_deg,
            max_shift_px=_SHIFT_SCREEN_PX * screen.pixel_size_angstrom / grid.pixel_size_angstrom,
            means=_part(means, "poses", 0.1, 1.0),
        )
        sigma = random_pose_sigma(
            self.prepared.fine, fine, weight=weight, seed=self.seed, device=means.device
        )
        found = replace(
            pool,
            position_angstrom=grid.to_angstrom(refined.position_px),
            orientation=refined.orientation,
            score=refined.score,
        )
        return found[np.argsort(-found.final_score, kind="stable")], sigma

    def _seeds(self, pool: Pool, plan: Plan, means: Means) -> NDArray[np.float64]:
        """Best distinct orientations of each candidate at the voxel of the search."""
        bank = plan.bank
        if bank is None:
            ball = spherical_hull(plan.template)
            bank = build_bank(ball, plan.rotations, weight=self._weight(ball), max_rank=_SEED_RANK)
        grid = self.prepared.screen_grid
        place = np.rint(grid.to_px(pool.position_angstrom)).astype(np.int64)[:, ::-1]
        voxel = np.clip(place, 0, np.asarray(grid.shape) - 1)
        seeds = best_rotations(
            self.prepared.screen,
            voxel,
            bank,
            rotations=plan.rotations,
            count=self.settings.seeds,
            apart_deg=1.5 * plan.step_deg,
            symmetry=plan.template.symmetry,
            cones=self.cones,
            means=means,
        )
        # What the search itself found comes first; it saw all components and the mask.
        return np.concatenate([pool.orientation[:, None], seeds], axis=1)


def _part(means: Means, name: str, first: float, last: float) -> Means:
    """The same means for one stage: its own checkpoints, and its share of the progress."""
    folder = means.checkpoints
    return replace(
        means,
        checkpoints=None if folder is None else folder / name,
        progress=lambda done: means.progress(first + done * (last - first)),
    )
