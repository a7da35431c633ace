"""`PoseAscent`: from starting poses uphill to the nearest maximum of the score.

A quasi-Newton ascent (BFGS) over three turns and three moves, all in the template's own frame.
Its first guess of the curvature is the metric of the template (see `TurnedScores.metric`) times the
score, which is the curvature that a perfect match would have, so that it arrives in a few steps. A
step counts only if the score rises; else a shorter one is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import from_rotation_vector, multiply, rotate
from cryopick.pick.matching.turned_scores import TurnedScores
from cryopick.pick.matching.turned_spread import TurnedSpread, sampled_orientations

if TYPE_CHECKING:
    import torch

_SMALLEST_EIGENVALUE = 0.02
_LONGEST_MOVE_PX = 0.7
_SHORTER = 0.4
# A step this small compared with the angular step, or in voxels, is the last one.
_LAST_TURN = 1 / 32
_LAST_MOVE_PX = 0.03


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Climb:
    """Poses on their way up; arrays over ``m`` poses.

    Attributes
    ----------
    orientation
        ``(m, 4)``.
    shift_px
        ``(m, 3)`` from the centre of each box.
    anchor_px
        ``(m, 3)``: the middle of the places allowed, from the centre of the box.
    value
        ``(m,)``: the score, but for the approximations of `TurnedScores.slopes`.
    slope, curvature
        ``(m, 6)`` and inverse ``(m, 6, 6)``, in own turns times the lever and own moves.
    longest
        ``(m,)``: how far the next step may go, as a share of the longest.
    arrived
        ``(m,)``: the last step was small enough.
    """

    orientation: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    anchor_px: NDArray[np.float64]
    value: NDArray[np.float64]
    slope: NDArray[np.float64]
    curvature: NDArray[np.float64]
    longest: NDArray[np.float64]
    arrived: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Climb:
        return Climb(
            orientation=self.orientation[rows],
            shift_px=self.shift_px[rows],
            anchor_px=self.anchor_px[rows],
            value=self.value[rows],
            slope=self.slope[rows],
            curvature=self.curvature[rows],
            longest=self.longest[rows],
            arrived=self.arrived[rows],
        )


class PoseAscent:
    """Climbs the score of one template.

    Parameters
    ----------
    scores
        Of the template.
    step_deg
        Of the search that the poses come from: no step turns further than half of it.
    max_shift_px
        No pose goes further than this from its anchor.

    Attributes
    ----------
    lever_px
        Turns are counted in voxels at this radius, where they move as much as moves do.
    """

    def __init__(self, scores: TurnedScores, *, step_deg: float, max_shift_px: float) -> None:
        self.scores = scores
        sampled = sampled_orientations()
        self.spread = TurnedSpread.fitted(sampled, scores.spread(sampled), weight=scores.weight)
        self.max_shift_px = max_shift_px
        template = scores.template
        self.lever_px = 0.35 * template.diameter_angstrom / template.pixel_size_angstrom
        self._scale = np.array([1 / self.lever_px] * 3 + [1.0] * 3)
        self._longest_turn = 0.5 * np.deg2rad(step_deg) * self.lever_px
        self._last_turn = _LAST_TURN * np.deg2rad(step_deg) * self.lever_px
        metric = scores.metric() * self._scale[:, None] * self._scale
        size, axes = np.linalg.eigh(metric)
        # A symmetric template does not change with some turns: no step into the blue.
        size = np.maximum(size, _SMALLEST_EIGENVALUE * max(size[-1], 1e-12))
        self._curvature = (axes / size) @ axes.T

    def start(
        self,
        moments: torch.Tensor,
        orientation: NDArray[np.float64],
        *,
        shift_px: NDArray[np.float64],
        anchor_px: NDArray[np.float64],
    ) -> Climb:
        """Begin at poses ``m`` in boxes whose ``moments`` are given."""
        value, slope = self._evaluate(moments, orientation, shift_px)
        n = len(orientation)
        # Where the score is hardly above 0 the length of the step is bounded anyway.
        height = np.maximum(value, 0.01)[:, None, None]
        return Climb(
            orientation=orientation,
            shift_px=shift_px,
            anchor_px=anchor_px,
            value=value,
            slope=slope,
            curvature=self._curvature / height,
            longest=np.ones(n),
            arrived=np.zeros(n, dtype=bool),
        )

    def climb(self, moments: torch.Tensor, climb: Climb, *, evaluations: int) -> Climb:
        """Go on for a number of evaluations of each pose, fewer for those that arrive."""
        import torch

        for _ in range(evaluations):
            rows = np.flatnonzero(~climb.arrived)
            if len(rows) == 0:
                break
            held = moments if len(rows) == len(moments) else moments[torch.from_numpy(rows)]
            climb = _replaced(climb, rows, self._step(held, climb[rows]))
        return climb

    def stepped(
        self,
        orientation: NDArray[np.float64],
        shift_px: NDArray[np.float64],
        anchor_px: NDArray[np.float64],
        *,
        value: NDArray[np.float64],
        slope: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Orientations and shifts after one step from a slope ``(m, 6)`` measured elsewhere.

        The slope is per voxel, for turns per voxel at `lever_px`.
        """
        step = slope @ self._curvature / np.maximum(value, 0.01)[:, None]
        step = self._bounded(step, np.ones(len(step)))
        turned = multiply(orientation, from_rotation_vector(step[:, :3] / self.lever_px))
        return turned, self._within(shift_px + rotate(orientation, step[:, 3:]), anchor_px)

    def _step(self, moments: torch.Tensor, old: Climb) -> Climb:
        step = self._bounded(np.einsum("mab,mb->ma", old.curvature, old.slope), old.longest)
        orientation = multiply(old.orientation, from_rotation_vector(step[:, :3] / self.lever_px))
        shift = self._within(old.shift_px + rotate(old.orientation, step[:, 3:]), old.anchor_px)
        value, slope = self._evaluate(moments, orientation, shift)
        higher = value > old.value
        done = (np.linalg.norm(step[:, :3], axis=1) < self._last_turn) & (
            np.linalg.norm(step[:, 3:], axis=1) < _LAST_MOVE_PX
        )
        # What a failed step tells about the curvature is worth as much.
        curvature = _updated(old.curvature, step, old.slope - slope)
        length = np.max(self._shares(step), axis=1)
        return replace(
            old,
            orientation=np.where(higher[:, None], orientation, old.orientation),
            shift_px=np.where(higher[:, None], shift, old.shift_px),
            value=np.where(higher, value, old.value),
            slope=np.where(higher[:, None], slope, old.slope),
            curvature=curvature,
            longest=np.where(higher, np.minimum(2 * old.longest, 1.0), _SHORTER * length),
            arrived=done,
        )

    def _evaluate(
        self,
        moments: torch.Tensor,
        orientation: NDArray[np.float64],
        shift_px: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        product, slope = self.scores.slopes(moments, orientation, shift_px)
        spread, of_log = self.spread.at(orientation)
        value = product / spread
        slope = slope / spread[:, None]
        slope[:, :3] -= value[:, None] * of_log
        return value, slope * self._scale

    def _shares(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lengths of turn and move ``(m, 2)`` as shares of the longest allowed."""
        turn = np.linalg.norm(step[:, :3], axis=1) / self._longest_turn
        move = np.linalg.norm(step[:, 3:], axis=1) / _LONGEST_MOVE_PX
        return np.stack([turn, move], axis=1)

    def _bounded(
        self, step: NDArray[np.float64], longest: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        too_long = np.max(self._shares(step), axis=1) / longest
        return step / np.maximum(too_long, 1.0)[:, None]

    def _within(
        self, shift_px: NDArray[np.float64], anchor_px: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        away = shift_px - anchor_px
        length = np.linalg.norm(away, axis=1, keepdims=True)
        # The smallest normal number keeps 0 / 0 out.
        return anchor_px + away * np.minimum(1, self.max_shift_px / np.maximum(length, 1e-300))


def _updated(
    inverse: NDArray[np.float64], step: NDArray[np.float64], fall: NDArray[np.float64]
) -> NDArray[np.float64]:
    """BFGS update of inverse curvatures ``(m, 6, 6)``; ``fall`` is how the slope fell ``(m, 6)``."""
    along = np.einsum("ma,ma->m", step, fall)
    scale = np.linalg.norm(step, axis=1) * np.linalg.norm(fall, axis=1)
    is_hill = along > 1e-3 * np.maximum(scale, 1e-300)
    rho = 1 / np.where(is_hill, along, 1.0)
    left = np.eye(6) - rho[:, None, None] * step[:, :, None] * fall[:, None, :]
    new = left @ inverse @ np.swapaxes(left, 1, 2)
    new += rho[:, None, None] * step[:, :, None] * step[:, None, :]
    return np.where(is_hill[:, None, None], new, inverse)


def _replaced(climb: Climb, rows: NDArray[np.intp], part: Climb) -> Climb:
    def put(whole: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = whole.copy()
        whole[rows] = new
        return whole

    arrived = climb.arrived.copy()
    arrived[rows] = part.arrived
    return Climb(
        orientation=put(climb.orientation, part.orientation),
        shift_px=put(climb.shift_px, part.shift_px),
        anchor_px=climb.anchor_px,
        value=put(climb.value, part.value),
        slope=put(climb.slope, part.slope),
        curvature=put(climb.curvature, part.curvature),
        longest=put(climb.longest, part.longest),
        arrived=arrived,
    )
