"""Scatter plots of many points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cryopick.jobs.plots.axis import axis_over, drawable
from cryopick.jobs.plots.panel import WIDTH_PX, dots, frame, panels_over
from cryopick.jobs.plots.svg import BLUE, drawing

_HEIGHT_PX = 260


def scatter_svg(x: ArrayLike, y: ArrayLike, *, x_name: str, y_name: str) -> str:
    """Draw points, at most 4,000 of them, drawn at random.

    Parameters
    ----------
    x, y
        ``(n,)``; points that are not finite are left out.
    x_name, y_name
        Names of the axes, with their units.

    Returns
    -------
    str
        A whole ``<svg>`` element.

    Examples
    --------
    >>> scatter_svg(np.arange(3.0), np.arange(3.0), x_name="mean", y_name="sd").count("<circle")
    3
    """
    shown = drawable(x, y)
    across = axis_over(np.asarray(x)[shown], x_name)
    up = axis_over(np.asarray(y)[shown], y_name)
    (panel,), height_px = panels_over(across, [up], height_px=_HEIGHT_PX)
    parts = [frame(panel), dots(panel, x, y, colour=BLUE, radius_px=1.7)]
    return drawing(parts, width_px=WIDTH_PX, height_px=height_px)
