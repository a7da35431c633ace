"""`compare_hands`: whether a template or its mirror image fits a tomogram better.

A map from single particles can have the wrong hand, and so can a tomogram. Both templates are
given the same chance at the same places: all orientations of one grid, then the same refinement.
The score of each place with one hand minus that with the other is a sample; their mean, measured
in its own standard error, says how sure the answer is.

The places were found with the template, so noise that looks like it is more common there than
noise that looks like its mirror image: with weak particles, places found without a template (by
hand, or by a blob picker) make a fairer question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import angle_between_deg
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.local_deviation import volume_moments
from cryopick.pick.matching.pose_ascent import PoseAscent
from cryopick.pick.matching.pose_refiner import PoseRefiner, RefinedPoses
from cryopick.pick.matching.refine import refine_poses
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.template import Template
from cryopick.pick.matching.turned_scores import TurnedScores

if TYPE_CHECKING:
    import torch

_SEEDS = 3
_ROTATIONS_AT_ONCE = 64
# Reached by chance about once in 100 times with ten places, in 300 with many.
SURE = 3.0
FEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandComparison:
    """How the two hands fit.

    Attributes
    ----------
    template, mirror
        ``(n,)``: scores of each place with the template and with its mirror image.
    """

    template: NDArray[np.float64]
    mirror: NDArray[np.float64]

    @property
    def difference(self) -> float:
        """Mean of template minus mirror image."""
        return float(np.mean(self.template - self.mirror))

    @property
    def standard_errors(self) -> float:
        """The difference, in its own standard errors; 0 with fewer than `FEWEST` places."""
        paired = self.template - self.mirror
        if len(paired) < FEWEST:
            return 0.0
        error = float(paired.std(ddof=1)) / len(paired) ** 0.5
        # Scores are exact to about a part in a million.
        return self.difference / max(error, 1e-6)

    @property
    def verdict(self) -> str:
        """``template``, ``mirror`` or ``cannot tell``."""
        if abs(self.standard_errors) < SURE:
            return "cannot tell"
        return "template" if self.difference > 0 else "mirror"


def mirrored(template: Template) -> Template:
    """Give the mirror image of a template: x to -x, about the centre ``n // 2``.

    Examples
    --------
    >>> values = np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    >>> template = Template(
    ...     density=values, mask=np.ones_like(values), pixel_size_angstrom=10.0,
    ...     name="steps", diameter_angstrom=40.0,
    ... )
    >>> mirrored(template).density[0, 0]
    array([0., 3., 2., 1.], dtype=float32)
    """
    return replace(template, density=_flipped(template.density), mask=_flipped(template.mask))


def compare_hands(
    volume: NDArray[np.float32],
    position_px: NDArray[np.float64],
    *,
    template: Template,
    weight: NDArray[np.float32] | None,
    step_deg: float = 12.0,
    max_shift_px: float = 2.0,
    means: Means | None = None,
) -> HandComparison:
    """Score places with a template and with its mirror image, each in its best orientation.

    Parameters
    ----------
    volume
        ``(z, y, x)``, filtered.
    position_px
        ``(n, 3)`` x, y, z: the best few dozen picks.
    template, weight
        At the voxel size of the volume.
    step_deg
        Of the grid of orientations that are tried for both.
    max_shift_px
        Furthest that a place may move.
    means
        Cores and device.
    """
    position_px = np.asarray(position_px, dtype=np.float64)
    if position_px.ndim != 2 or position_px.shape[1] != 3 or len(position_px) == 0:
        raise InputError(
            f"hands: expected one or more positions (n, 3), got {position_px.shape} values"
        )
    means = Means() if means is None else means
    found = [
        _best(
            volume, position_px, template=hand, weight=weight, step_deg=step_deg,
            max_shift_px=max_shift_px, means=means,
        )
        for hand in (template, mirrored(template))
    ]  # fmt: skip
    return HandComparison(template=found[0].score, mirror=found[1].score)


def _best(
    volume: NDArray[np.float32],
    position_px: NDArray[np.float64],
    *,
    template: Template,
    weight: NDArray[np.float32] | None,
    step_deg: float,
    max_shift_px: float,
    means: Means,
) -> RefinedPoses:
    seeds = _grid_seeds(
        volume, position_px, template=template, weight=weight, step_deg=step_deg, means=means
    )
    return refine_poses(
        volume, position_px, seeds, template=template, weight=weight, step_deg=step_deg,
        max_shift_px=max_shift_px, means=means,
    )  # fmt: skip


def _grid_seeds(
    volume: NDArray[np.float32],
    position_px: NDArray[np.float64],
    *,
    template: Template,
    weight: NDArray[np.float32] | None,
    step_deg: float,
    means: Means,
) -> NDArray[np.float64]:
    """Best orientations ``(n, seeds, 4)`` of a whole grid, with the mask as it is unturned."""
    import torch

    scores = TurnedScores(template, weight, device=means.device)
    grid = rotation_grid(step_deg, symmetry=template.symmetry)
    level, variance = volume_moments(volume)
    ascent = PoseAscent(scores, step_deg=step_deg, max_shift_px=0.0)
    refiner = PoseRefiner(volume=volume, level=level, whole_variance=variance, ascent=ascent)
    images = refiner.moments_of(position_px)[:, 0]
    spread = torch.from_numpy(ascent.spread.at(grid)[0]).to(images)
    value = torch.empty((len(grid), len(images)), dtype=torch.float32)
    for i in range(0, len(grid), _ROTATIONS_AT_ONCE):
        rows = slice(i, i + _ROTATIONS_AT_ONCE)
        value[rows] = (scores.values(grid[rows]) @ images.T / spread[rows, None]).cpu()
    return np.stack([_distinct(column, grid, 1.5 * step_deg) for column in value.T])


def _distinct(
    value: torch.Tensor, grid: NDArray[np.float64], apart_deg: float
) -> NDArray[np.float64]:
    """The best rotations of a grid that are not neighbours ``(seeds, 4)``; NaN where too few are."""
    left = value.double().numpy().copy()
    seeds = np.full((_SEEDS, 4), np.nan)
    for seed in seeds:
        best = int(np.argmax(left))
        if left[best] == -np.inf:
            break
        seed[:] = grid[best]
        left[angle_between_deg(grid, grid[best]) < apart_deg] = -np.inf
    return seeds


def _flipped(cube: NDArray[np.float32]) -> NDArray[np.float32]:
    other = np.flip(cube, axis=2)
    # In an even box voxel 0 has no partner: it stays.
    return np.ascontiguousarray(np.roll(other, 1, axis=2) if cube.shape[2] % 2 == 0 else other)
