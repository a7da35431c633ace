"""The picture of a slab: a tomogram from the side, with the planes of top and bottom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.picture import png_of, show_grey
from cryopick.model import Image
from cryopick.ops.slab_mask import Slab

_SHOWN_PX = 700
# Sections that are averaged, so that the ice stands out from the noise.
_AVERAGED = 9


def slab_picture(image: Image, slab: Slab) -> bytes:
    """Draw the means of xz and of yz sections in the middle with both planes; gives PNG."""
    from matplotlib.figure import Figure

    _, ny, nx = image.grid.shape
    x, y = np.arange(nx), np.arange(ny)
    figure = Figure(figsize=(9, 6), layout="constrained")
    for place, axis, along, mid in ((1, 1, x, ny // 2), (2, 2, y, nx // 2)):
        axes: Any = figure.add_subplot(2, 1, place)
        show_grey(axes, _side(image, axis), longest_px=_SHOWN_PX, cut_percent=0.5)
        for plane in (slab.top, slab.bottom):
            height = plane.height(along, mid) if axis == 1 else plane.height(mid, along)
            axes.plot(along, height, color="tab:orange", linewidth=1.2)
        axes.set_title(f"xz, y = {mid} px" if axis == 1 else f"yz, x = {mid} px")
        axes.set_ylim(-0.5, image.grid.shape[0] - 0.5)  # z grows upwards
    return png_of(figure)


def _side(image: Image, axis: int) -> NDArray[np.float32]:
    """Mean of a few sections square to y (axis 1) or x (axis 2), ``(nz, n)``."""
    n = image.grid.shape[axis]
    first = max(0, n // 2 - _AVERAGED // 2)
    part: list[slice] = [slice(None)] * 3
    part[axis] = slice(first, first + _AVERAGED)
    return np.asarray(image.data[tuple(part)], dtype=np.float32).mean(axis=axis)
