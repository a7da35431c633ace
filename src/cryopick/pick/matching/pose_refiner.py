"""`PoseRefiner`: a few candidates at a time from their seeds to their best poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import (
    IDENTITY,
    angle_between_deg,
    from_rotation_vector,
    multiply,
    normalise,
    rotate,
)
from cryopick.pick.matching.pose_ascent import Climb, PoseAscent

if TYPE_CHECKING:
    import torch

_FIRST_EVALUATIONS = 5
_LAST_EVALUATIONS = 10
_ROUNDS_OF_TURNING_MASKS = 2
_PROBE_PX = 0.25
_KEPT = 2
_SAME_DEG = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefinedPoses:
    """Refined candidates, in the order of the input.

    Attributes
    ----------
    position_px
        ``(n, 3)`` x, y, z.
    orientation
        ``(n, 4)`` unit quaternions, ``w >= 0``.
    score
        ``(n,)``, -1 to 1.
    """

    position_px: NDArray[np.float64]
    orientation: NDArray[np.float64]
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseRefiner:
    """Refines a few candidates at a time.

    Attributes
    ----------
    volume
        ``(z, y, x)``, filtered.
    level, whole_variance
        Mean and variance of the volume.
    ascent
        For the template.
    """

    volume: NDArray[np.float32]
    level: float
    whole_variance: float
    ascent: PoseAscent

    def refine(self, position_px: NDArray[np.float64], seeds: NDArray[np.float64]) -> RefinedPoses:
        """Refine candidates ``(m, 3)`` x, y, z from ``(m, s, 4)`` seeds; NaN: fewer than ``s``."""
        owner, column = np.nonzero(np.isfinite(seeds).all(axis=-1))
        orientation = normalise(seeds[owner, column])
        centre = np.rint(position_px[owner]).astype(np.int64)
        anchor = position_px[owner] - centre
        shift = self._best_shift(centre, orientation, anchor)
        centre, anchor = centre + shift, anchor - shift
        climb = self._climbed(centre, orientation, anchor, evaluations=_FIRST_EVALUATIONS)
        rows = _best_rows(climb, owner)
        climb, owner, centre = climb[rows], owner[rows], centre[rows]
        # On the way the nearest voxel has changed, and a mask that turns.
        spherical = self.ascent.scores.template.spherical_mask
        for _ in range(1 if spherical else _ROUNDS_OF_TURNING_MASKS):
            moved = np.rint(climb.shift_px).astype(np.int64)
            centre = centre + moved
            climb = self._climbed(
                centre,
                climb.orientation,
                climb.anchor_px - moved,
                shift_px=climb.shift_px - moved,
                evaluations=_LAST_EVALUATIONS,
            )
        top = self._highest(centre + climb.shift_px, climb.orientation, owner)
        return top if spherical else self._polished(top, position_px)

    def _climbed(
        self,
        centre: NDArray[np.int64],
        orientation: NDArray[np.float64],
        anchor_px: NDArray[np.float64],
        *,
        evaluations: int,
        shift_px: NDArray[np.float64] | None = None,
    ) -> Climb:
        moments = self._moments(centre, orientation)
        shift_px = np.zeros(anchor_px.shape) if shift_px is None else shift_px
        start = self.ascent.start(moments, orientation, shift_px=shift_px, anchor_px=anchor_px)
        return self.ascent.climb(moments, start, evaluations=evaluations)

    def moments_of(self, position_px: NDArray[np.float64]) -> torch.Tensor:
        """`TurnedScores.moments` of the nearest voxels, with the mask as it is unturned."""
        centre = np.rint(position_px).astype(np.int64)
        return self._moments(centre, np.tile(IDENTITY, (len(centre), 1)))

    def _best_shift(
        self,
        centre: NDArray[np.int64],
        orientation: NDArray[np.float64],
        anchor: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Whole voxels ``(m, 3)`` by which each start is best moved."""
        import torch

        scores = self.ascent.scores
        n, reach = scores.template.box_px, self.ascent.max_shift_px
        axis = np.arange(-int(reach + 1), int(reach + 1) + 1)
        moves = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        # No move at all comes first and is always allowed: of equals the first is taken.
        moves = moves[np.argsort(np.sum(moves**2, axis=1), kind="stable")]
        moves = moves[np.abs(moves).max(axis=1) <= (n - 1) // 2]
        place = torch.from_numpy(np.mod(moves, n) @ np.array([1, n, n * n])).to(scores.device)
        best = np.zeros((len(centre), 3), dtype=np.int64)
        image = torch.empty(0)
        for i in range(len(centre)):
            # One at a time: a Fourier transform may round differently in a row of others.
            row = slice(i, i + 1)
            if not self._is_as_before(centre, i):
                image = scores.spectrum(
                    self._boxes(centre[row]), orientation[row], whole_variance=self.whole_variance
                )
            turned = torch.zeros((1, n**3), device=scores.device)
            turned[:, scores.inside] = scores.values(orientation[row])
            product = image * torch.fft.rfftn(turned.view(1, n, n, n), dim=(1, 2, 3)).conj()
            value = torch.fft.irfftn(product, s=(n, n, n), dim=(1, 2, 3)).flatten()[place].cpu()
            away = np.linalg.norm(moves - anchor[i], axis=1)
            allowed = (away <= reach) | (np.arange(len(moves)) == 0)
            best[i] = moves[np.argmax(np.where(allowed, value.numpy(), -np.inf))]
        return best

    def _moments(self, centre: NDArray[np.int64], orientation: NDArray[np.float64]) -> torch.Tensor:
        import torch

        scores = self.ascent.scores
        parts: list[torch.Tensor] = []
        for i in range(len(centre)):
            row = slice(i, i + 1)
            if self._is_as_before(centre, i):
                parts.append(parts[-1])
                continue
            projected = scores.projected(
                self._boxes(centre[row]), orientation[row], whole_variance=self.whole_variance
            )
            parts.append(scores.moments(projected))
        return torch.cat(parts)

    def _is_as_before(self, centre: NDArray[np.int64], row: int) -> bool:
        """Tell whether a box and its mask are those of the row before."""
        spherical = self.ascent.scores.template.spherical_mask
        return spherical and row > 0 and bool(np.all(centre[row] == centre[row - 1]))

    def _highest(
        self,
        position_px: NDArray[np.float64],
        orientation: NDArray[np.float64],
        owner: NDArray[np.intp],
    ) -> RefinedPoses:
        """Score exactly; of each owner's poses take the highest, of equals the first."""
        centre = np.rint(position_px).astype(np.int64)
        value = self._exact(centre, orientation, position_px - centre)
        order = np.lexsort((np.arange(len(owner)), -value, owner))
        first = order[np.unique(owner[order], return_index=True)[1]]
        return RefinedPoses(
            position_px=position_px[first],
            orientation=normalise(orientation[first]),
            score=value[first],
        )

    def _polished(self, top: RefinedPoses, start_px: NDArray[np.float64]) -> RefinedPoses:
        """One more step, uphill of exact scores: the climb held a mask that turns."""
        centre = np.rint(top.position_px).astype(np.int64)
        rest, anchor = top.position_px - centre, start_px - centre
        slope = np.empty((len(centre), 6))
        for direction in range(6):
            step = _PROBE_PX * np.eye(3)[direction % 3]
            ends: list[NDArray[np.float64]] = []
            for way in (step, -step):
                orientation, shift = top.orientation, rest
                if direction < 3:
                    turn = from_rotation_vector(way / self.ascent.lever_px)
                    orientation = multiply(orientation, turn)
                else:
                    shift = shift + rotate(orientation, way)
                ends.append(self._exact(centre, orientation, shift))
            slope[:, direction] = (ends[0] - ends[1]) / (2 * _PROBE_PX)
        orientation, shift = self.ascent.stepped(
            top.orientation, rest, anchor, value=top.score, slope=slope
        )
        both = np.concatenate([top.position_px, centre + shift])
        return self._highest(
            both, np.concatenate([top.orientation, orientation]), np.arange(len(both)) % len(centre)
        )

    def _exact(
        self,
        centre: NDArray[np.int64],
        orientation: NDArray[np.float64],
        rest_px: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Scores ``(m,)``, one at a time: no pose may depend on those beside it."""
        score = self.ascent.scores.exact
        values = [
            score(
                self._boxes(centre[row]),
                orientation[row],
                rest_px[row],
                whole_variance=self.whole_variance,
            )
            for row in (slice(i, i + 1) for i in range(len(centre)))
        ]
        return np.concatenate(values)

    def _boxes(self, centre: NDArray[np.int64]) -> NDArray[np.float32]:
        """Boxes ``(m, n, n, n)`` around voxels ``(m, 3)`` x, y, z; the level outside, which is 0."""
        n = self.ascent.scores.template.box_px
        boxes = np.zeros((len(centre), n, n, n), dtype=np.float32)
        shape = np.array(self.volume.shape)
        for box, place in zip(boxes, centre, strict=True):
            start = place[::-1] - n // 2
            low, high = np.clip(start, 0, shape), np.clip(start + n, 0, shape)
            source = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            target = tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))
            box[target] = self.volume[source] - np.float32(self.level)
        return boxes


def _best_rows(climb: Climb, owner: NDArray[np.intp]) -> NDArray[np.intp]:
    """The best starts of each owner; one that has come to the same pose as a better one is left out."""
    order = np.lexsort((-climb.value, owner))
    kept: list[int] = []
    for row in order:
        rivals = [other for other in kept[-_KEPT:] if owner[other] == owner[row]]
        if len(rivals) < _KEPT and not any(_is_same(climb, row, other) for other in rivals):
            kept.append(int(row))
    return np.array(kept, dtype=np.intp)


def _is_same(climb: Climb, row: int, other: int) -> bool:
    angle = angle_between_deg(climb.orientation[row], climb.orientation[other])
    return bool(angle < _SAME_DEG)
