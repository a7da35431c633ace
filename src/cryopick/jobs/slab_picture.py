"""The picture of a slab: a tomogram from the side, with the planes of top and bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.plots.montage import montage_svg
from cryopick.jobs.plots.picture import PlaneView, tracks
from cryopick.model import Image
from cryopick.ops.slab_mask import Slab

_SHOWN_PX = 700
_ORANGE = "#f6851f"
# Sections that are averaged, so that the ice stands out from the noise.
_AVERAGED = 9


def slab_svg(image: Image, slab: Slab) -> str:
    """Draw the means of xz and of yz sections in the middle with both planes."""
    nz, ny, nx = image.grid.shape
    x, y = np.arange(nx), np.arange(ny)
    xz = [plane.height(x, ny // 2) for plane in (slab.top, slab.bottom)]
    yz = [plane.height(nx // 2, y) for plane in (slab.top, slab.bottom)]

    def planes(along: NDArray[Any], heights: Sequence[NDArray[Any]]) -> Callable[[PlaneView], str]:
        # Rows of a picture run downwards, z grows upwards.
        ends = [0, -1]  # of a straight line
        places = np.array([np.stack([along, nz - 1 - h], axis=1)[ends] for h in heights])
        return lambda view: tracks(view, places, colour=_ORANGE, line_px=1.8)

    return montage_svg(
        [(f"xz, y = {ny // 2} px", _side(image, 1)[::-1]),
         (f"yz, x = {nx // 2} px", _side(image, 2)[::-1])],
        columns=1, longest_px=_SHOWN_PX, cut_percent=0.5, marks=[planes(x, xz), planes(y, yz)],
    )  # fmt: skip


def _side(image: Image, axis: int) -> NDArray[np.float32]:
    """Mean of a few sections square to y (axis 1) or x (axis 2), ``(nz, n)``."""
    n = image.grid.shape[axis]
    first = max(0, n // 2 - _AVERAGED // 2)
    part: list[slice] = [slice(None)] * 3
    part[axis] = slice(first, first + _AVERAGED)
    return np.asarray(image.data[tuple(part)], dtype=np.float32).mean(axis=axis)
