"""The search of a prepared tomogram for one template: plan, search, background, pool, refinement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.engine import Plan, plan_search, spherical_hull
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.hands import HandComparison, compare_hands
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.noise_template import (
    background_map,
    extreme_value_scale,
    phase_randomised,
    sparse_rotations,
)
from cryopick.pick.matching.pool import Pool, pool_from_map
from cryopick.pick.matching.prepare import Prepared
from cryopick.pick.matching.random_poses import random_pose_sigma
from cryopick.pick.matching.refine import refine_poses
from cryopick.pick.matching.scaled import scaled_template
from cryopick.pick.matching.search import Cones, Means, SearchResult
from cryopick.pick.matching.search_bank import search_bank, thinned_rows
from cryopick.pick.matching.seeds import best_rotations
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.strips import (
    Strip,
    joined_results,
    strip_of,
    strips_along_x,
    within,
)
from cryopick.pick.matching.template import Template
from cryopick.pick.matching.weighting import template_weight

# Maxima below this many standard deviations of one trial are not worth a refinement.
_POOL_FLOOR_SD = 3.0
_NOISE_FRACTION = 0.1
# Components of the bank that only proposes orientations, where the exact engine searched.
_SEED_RANK = 256
_SEED_STEP_DEG = 14.0
# Candidates that the hands are compared on.
_HANDS = 40
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
        Standard deviation of the score of random poses at the voxel of the refinement, or, without
        one, at that of the search where only part of the tomogram was searched.
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
        result = self._searched(plan, _part(means, "search", spans[0], spans[1]))
        score = np.asarray(result.score)
        background = None
        if self.settings.noise != "none":
            background = self._background(plan, coarse, _part(means, "noise", spans[1], spans[2]))
            score = score - background
        spread = self._spread(result, plan, means)
        floor = _POOL_FLOOR_SD * spread
        pool = self._pool(
            score, background, result, plan, template=template, index=index, floor=floor
        )
        refining = _part(means, "refine", spans[2], spans[3])
        sigma = spread if spread < result.sigma else None
        if self.settings.refine and len(pool) > 0:
            pool, sigma = self._refined(pool, plan, template, means=refining)
        return TemplateRun(pool=pool, plan=plan, result=result, score=score, sigma_refined=sigma)

    def hands(self, template: Template, pool: Pool, *, means: Means) -> HandComparison:
        """Compare a template with its mirror image at the best candidates."""
        grid = self.prepared.fine_grid
        fine = scaled_template(template, grid.pixel_size_angstrom)
        best = np.argsort(-pool.final_score, kind="stable")[:_HANDS]
        return compare_hands(
            self.prepared.fine,
            grid.to_px(pool.position_angstrom[best]),
            template=fine,
            weight=self._weight(fine),
            means=replace(means, checkpoints=None, progress=lambda _: None),
        )

    def _voxels(self) -> int:
        if self.region is None:
            return self.prepared.screen.size
        return int(np.count_nonzero(self.region))

    def _weight(
        self, template: Template, place_angstrom: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        return template_weight(
            template.box_px,
            template.pixel_size_angstrom,
            imaging=self.imaging,
            band=self.settings.band,
            whitening=self.prepared.whitening,
            position_angstrom=place_angstrom,
        )

    def _searched(self, plan: Plan, means: Means) -> SearchResult:
        """Search strip by strip, each with the weight of its own defocus."""
        strips = strips_along_x(self.prepared.screen_grid, self.imaging)
        results: list[SearchResult] = []
        for number, strip in enumerate(strips):
            region = within(strip, self.prepared.screen.shape, self.region)
            is_last = number + 1 == len(strips)
            # Where no strip is left to search, the last one gives empty maps.
            if region is not None and not region.any() and (results or not is_last):
                continue
            first, last = number / len(strips), (number + 1) / len(strips)
            part = means if len(strips) == 1 else _part(means, f"strip{number}", first, last)
            results.append(self._searched_strip(plan, strip, region=region, means=part))
        return joined_results(results)

    def _searched_strip(
        self,
        plan: Plan,
        strip: Strip,
        *,
        region: NDArray[np.bool_] | None,
        means: Means,
    ) -> SearchResult:
        volume, template = self.prepared.screen, plan.template
        weight = self._weight(template, strip.place_angstrom)
        if plan.bank is None:
            return search_exact(
                volume,
                template,
                plan.rotations,
                weight=weight,
                region=region,
                cones=self.cones,
                means=means,
            )
        bank = plan.bank
        if strip.place_angstrom is not None:
            bank = build_bank(
                template, plan.rotations, weight=weight, max_rank=bank.rank, device=means.device
            )
        return search_bank(
            volume,
            bank,
            rotations=plan.rotations,
            region=region,
            cones=self.cones,
            first=plan.first,
            means=means,
        )

    def _background(self, plan: Plan, coarse: Template, means: Means) -> NDArray[np.float32]:
        """What a template without meaningful phases scores, less its mean over the tomogram."""
        noise = phase_randomised(coarse, seed=self.seed)
        weight = self._weight(noise)
        rotations, smooth_px = plan.rotations, 0.0
        if self.settings.noise == "smooth":
            rotations = sparse_rotations(plan.rotations, fraction=_NOISE_FRACTION, seed=self.seed)
            pixel = self.prepared.screen_grid.pixel_size_angstrom
            smooth_px = coarse.diameter_angstrom / 2 / pixel
        settings = replace(
            self.settings,
            engine="exact" if plan.bank is None else "bank",
            first_round_kept=1.0,
        )
        own = plan_search(
            noise,
            weight=weight,
            settings=settings,
            rotations=rotations,
            voxels=self._voxels(),
            device=means.device,
        )
        found = self._searched(own, means)
        return background_map(
            np.asarray(found.score),
            smooth_px=smooth_px,
            scale=extreme_value_scale(len(plan.rotations), len(rotations)),
            region=self.region,
        )

    def _spread(self, result: SearchResult, plan: Plan, means: Means) -> float:
        """Standard deviation of background scores; near particles alone that of the search is wider."""
        if self.region is None and self.cones is None:
            return result.sigma
        anywhere = random_pose_sigma(
            self.prepared.screen,
            plan.template,
            weight=self._weight(plan.template),
            seed=self.seed,
            device=means.device,
        )
        return min(result.sigma, anywhere)

    def _pool(
        self,
        score: NDArray[np.float32],
        background: NDArray[np.float32] | None,
        result: SearchResult,
        plan: Plan,
        *,
        template: Template,
        index: int,
        floor: float,
    ) -> Pool:
        """Local maxima of the corrected map; the pool keeps score and background apart."""
        distance = self.settings.min_distance_angstrom or template.diameter_angstrom / 2
        grid = self.prepared.screen_grid
        pool = pool_from_map(
            score,
            result.rotation,
            plan.rotations,
            grid=grid,
            floor=floor,
            min_distance_px=distance / grid.pixel_size_angstrom,
            max_candidates=self.settings.pool_for(
                self._voxels() * grid.pixel_size_angstrom**3, template.diameter_angstrom
            ),
            region=self.region,
            template=index,
        )
        if background is None or len(pool) == 0:
            return pool
        taken_off = background[tuple(self._voxel(pool).T)].astype(np.float64)
        return replace(pool, map_score=pool.map_score + taken_off, background=taken_off)

    def _voxel(self, pool: Pool) -> NDArray[np.int64]:
        """Voxels ``(n, 3)`` z, y, x of the screen grid that are nearest to the candidates."""
        grid = self.prepared.screen_grid
        place = np.rint(grid.to_px(pool.position_angstrom)).astype(np.int64)[:, ::-1]
        return np.clip(place, 0, np.asarray(grid.shape) - 1)

    def _refined(
        self, pool: Pool, plan: Plan, template: Template, *, means: Means
    ) -> tuple[Pool, float]:
        """Refine every candidate at the fine voxel, and measure the background there."""
        grid, screen = self.prepared.fine_grid, self.prepared.screen_grid
        fine = scaled_template(template, grid.pixel_size_angstrom)
        seeds = self._seeds(pool, plan, _part(means, "seeds", 0.0, 0.1))
        position_px = grid.to_px(pool.position_angstrom)
        shift_px = _SHIFT_SCREEN_PX * screen.pixel_size_angstrom / grid.pixel_size_angstrom
        position, orientation = position_px.copy(), pool.orientation.copy()
        score = np.full(len(pool), np.nan)
        strips = strips_along_x(grid, self.imaging)
        owner = strip_of(strips, position_px[:, 0])
        for number, strip in enumerate(strips):
            mine = np.flatnonzero(owner == number)
            if len(mine) == 0:
                continue
            share = 0.1 + 0.9 * np.array([number, number + 1]) / len(strips)
            refined = refine_poses(
                self.prepared.fine,
                position_px[mine],
                seeds[mine],
                template=fine,
                weight=self._weight(fine, strip.place_angstrom),
                step_deg=plan.step_deg,
                max_shift_px=shift_px,
                means=_part(means, f"poses{number}", float(share[0]), float(share[1])),
            )
            position[mine], orientation[mine] = refined.position_px, refined.orientation
            score[mine] = refined.score
        sigma = random_pose_sigma(
            self.prepared.fine,
            fine,
            weight=self._weight(fine),
            seed=self.seed,
            device=means.device,
        )
        found = replace(
            pool,
            position_angstrom=grid.to_angstrom(position),
            orientation=orientation,
            score=score,
        )
        return found[np.argsort(-found.final_score, kind="stable")], sigma

    def _seeds(self, pool: Pool, plan: Plan, means: Means) -> NDArray[np.float64]:
        """Best distinct orientations of each candidate at the voxel of the search."""
        bank, rotations = plan.bank, plan.rotations
        if bank is None:
            ball = spherical_hull(plan.template)
            rows = thinned_rows(rotations, step_deg=max(plan.step_deg, _SEED_STEP_DEG))
            rotations = rotations[rows] if len(rows) else rotations
            bank = build_bank(ball, rotations, weight=self._weight(ball), max_rank=_SEED_RANK)
        seeds = best_rotations(
            self.prepared.screen,
            self._voxel(pool),
            bank,
            rotations=rotations,
            count=self.settings.seeds,
            beside=pool.orientation,
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
