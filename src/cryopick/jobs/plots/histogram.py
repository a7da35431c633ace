"""Histograms: how many things have how much of something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.jobs.plots.axis import axis_over, drawable
from cryopick.jobs.plots.panel import WIDTH_PX, bars, frame, keys_of, panels_over, upright
from cryopick.jobs.plots.svg import BLUE, GREY, RED, Key, drawing

_BINS, _HEIGHT_PX = 60, 240


def histogram_svg(
    groups: Mapping[str, ArrayLike],
    *,
    x_name: str,
    y_name: str,
    lines: Mapping[str, float] | None = None,
    colours: Sequence[str] = (BLUE, GREY),
) -> str:
    """Count values in 60 bins, the groups piled one upon another.

    A few values far out would press all others into one bar: those beyond the inner 99 % and half
    as much again on either side are counted in the outermost bars, and the axis says so.

    Parameters
    ----------
    groups
        Values by what they are, the lowest first; those that are not finite are left out. One
        group alone needs no words.
    x_name, y_name
        What the values are, with their unit, and what is counted.
    lines
        Upright red lines, by what they are.
    colours
        Of the groups.

    Returns
    -------
    str
        A whole ``<svg>`` element.

    Examples
    --------
    >>> svg = histogram_svg({"picks": [1.0, 2.0]}, x_name="score", y_name="picks")
    >>> svg.startswith("<svg")
    True
    """
    marks = {name: at for name, at in (lines or {}).items() if drawable(at)}
    arrays = [np.asarray(values, dtype=np.float64).ravel() for values in groups.values()]
    finite = [values[drawable(values)] for values in arrays]
    every = np.concatenate([*finite, np.zeros(0)])
    low, high = _ends(every)
    beyond = bool(every.size) and (every.min() < low or every.max() > high)
    edges = np.histogram_bin_edges(np.clip(every, low, high), bins=_BINS)
    span = [*edges, *marks.values()] if every.size else list(marks.values())
    x = axis_over(span, f"{x_name} (outermost bars: and beyond)" if beyond else x_name)
    counts = [np.histogram(np.clip(values, low, high), bins=edges)[0] for values in finite]
    piled = np.cumsum([np.zeros(_BINS), *counts], axis=0)
    y = axis_over(piled, y_name, low=0, high=max(1.0, 1.06 * float(piled.max())), whole=True)
    many = len(groups) + len(marks) > 1
    (panel,), height_px = panels_over(x, [y], height_px=_HEIGHT_PX, keys=many)
    parts = [frame(panel)]
    for base, top, colour in zip(piled[:-1], piled[1:], colours, strict=False):
        parts.append(bars(panel, edges, base, top, colour=colour))
    parts += [upright(panel, at, colour=RED) for at in marks.values()]
    if many:
        kinds: list[Key] = [
            ("area", colour, name) for name, colour in zip(groups, colours, strict=False)
        ]
        parts.append(keys_of(panel, [*kinds, *(("line", RED, name) for name in marks)]))
    return drawing(parts, width_px=WIDTH_PX, height_px=height_px)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Between which values bars of their own are drawn."""
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (0.5, 99.5)).tolist()
    room = (high - low) / 2
    return max(low - room, float(values.min())), min(high + room, float(values.max()))
