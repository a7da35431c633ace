"""The in-plane angles and shifts at which particles are compared with references.

A coarse grid of cells is searched; the best cells are divided into 2 angles by 2 x 2 shifts. Both
grids are moved a little in each iteration, so that what lies between their points is not missed
for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SUB_ANGLES = 2
SUB_SHIFTS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseGrid:
    """Coarse cells and their divisions.

    Attributes
    ----------
    angle_deg
        ``(P,)`` coarse angles from x towards y, evenly over a turn; ``P`` is a multiple of 4.
    fine_angle_deg
        ``(2 P,)``: angles ``2 i`` and ``2 i + 1`` divide cell ``i``.
    shift_px
        ``(T, 2)`` coarse shifts ``x, y`` to add to an image.
    sub_shift_px
        ``(4, 2)``, relative to the coarse shift of a cell.
    """

    angle_deg: NDArray[np.float64]
    fine_angle_deg: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    sub_shift_px: NDArray[np.float64]

    @property
    def fine_shift_px(self) -> NDArray[np.float64]:
        """``(4 T, 2)``: shifts ``4 i`` to ``4 i + 3`` divide cell ``i``."""
        return (self.shift_px[:, None] + self.sub_shift_px).reshape(-1, 2)


def pose_grid(
    *,
    psi_step_deg: float,
    offset_range_px: float,
    offset_step_px: float,
    rng: np.random.Generator | None = None,
) -> PoseGrid:
    """Make the grids, moved at random by up to half a cell where a generator is given.

    Parameters
    ----------
    psi_step_deg, offset_step_px
        Of the fine grid; the coarse one is twice as wide.
    offset_range_px
        Furthest coarse shift.
    rng
        Draws the displacement of the grids.

    Examples
    --------
    >>> grid = pose_grid(psi_step_deg=6, offset_range_px=5, offset_step_px=1)
    >>> len(grid.angle_deg), len(grid.shift_px), grid.fine_angle_deg[:2].tolist()
    (32, 21, [-2.8125, 2.8125])
    """
    count = 4 * max(1, int(np.ceil(90 / (2 * psi_step_deg) - 1e-9)))
    step = 360 / count
    angle = np.arange(count, dtype=np.float64) * step
    coarse = 2 * offset_step_px
    most = int(np.floor(offset_range_px / coarse + 1e-9))
    line = np.arange(-most, most + 1) * coarse
    y, x = (one.ravel() for one in np.meshgrid(line, line, indexing="ij"))
    shift = np.stack([x, y], axis=1)[np.hypot(x, y) <= offset_range_px + 1e-9].astype(np.float64)
    if rng is not None:
        angle = angle + rng.uniform(-0.5, 0.5) * step
        shift = shift + rng.uniform(-0.5, 0.5, 2) * offset_step_px
    fine = (angle[:, None] + np.array([-0.25, 0.25]) * step).ravel()
    quarter = coarse / 4
    sub = np.array([[-quarter, -quarter], [quarter, -quarter], [-quarter, quarter], [quarter] * 2])
    return PoseGrid(angle_deg=angle, fine_angle_deg=fine, shift_px=shift, sub_shift_px=sub)
