"""Figures of a set of picked micrographs: picks, estimated precision and background over defocus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.plots.axis import axis_over
from cryopick.jobs.plots.panel import (
    WIDTH_PX,
    band,
    dots,
    error_bars,
    frame,
    keys_of,
    line,
    panels_over,
)
from cryopick.jobs.plots.svg import BLUE, GREEN, SOFT, Key, drawing
from cryopick.run.job import Plot

if TYPE_CHECKING:
    from cryopick.pick.merit.defocus_trend import DefocusTrend


def micrographs_plot(
    counts: Mapping[str, int],
    precision: Mapping[str, float | None],
    defocus_um: Mapping[str, float | None],
) -> Plot:
    """Picks of each micrograph and their estimated precision, over defocus where it is known.

    Parameters
    ----------
    counts, precision, defocus_um
        By micrograph.
    """
    known = all(value is not None for value in defocus_um.values()) and len(counts) > 0
    places = [defocus_um[name] for name in counts] if known else range(1, len(counts) + 1)
    x_um_or_order = np.array([*places], dtype=np.float64)
    picks = np.array([*counts.values()], dtype=np.float64)
    # None becomes NaN, which is not drawn.
    estimated = np.array([precision.get(name) for name in counts], dtype=np.float64)
    name = "defocus (µm)" if known else "micrograph, in order"
    x = axis_over(x_um_or_order, name, whole=not known, most_ticks=8)
    upper = axis_over(picks, "picks", low=0, high=1.05 * max([1.0, *picks]), whole=True)
    lower = axis_over(estimated, "estimated precision", low=0, high=1.03, most_ticks=6)
    (over, under), height_px = panels_over(x, [upper, lower], height_px=150)
    parts = [
        frame(over, names_x=False),
        frame(under),
        dots(over, x_um_or_order, picks, colour=BLUE, names=list(counts)),
        dots(under, x_um_or_order, estimated, colour=GREEN, names=list(counts)),
    ]
    return Plot(
        title="Picks against defocus" if known else "Picks of each micrograph",
        caption="Precision is estimated from the scores alone, without any truth.",
        svg=drawing(parts, width_px=WIDTH_PX, height_px=height_px),
    )


def background_plot(
    background: Mapping[str, tuple[float, float]],
    defocus_um: Mapping[str, float | None],
    trend: DefocusTrend | None,
) -> Plot:
    """Level and spread of the background's merit over defocus, with the trend that was taken out.

    Parameters
    ----------
    background
        Level and spread by micrograph.
    defocus_um
        By micrograph; those that are not known are left out.
    trend
        None: none was taken out.
    """
    known = {name: value for name, value in defocus_um.items() if value is not None}
    rows = [(defocus, *background[name]) for name, defocus in known.items()]
    x_um, level, spread = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    lines = [level - spread, level + spread]
    along_um, middle, width = _trend_line(x_um, trend)
    lines += [middle - width, middle + width]
    x = axis_over(x_um, "defocus (µm)", most_ticks=8)
    y = axis_over(np.concatenate(lines), "merit of background")
    (panel,), height_px = panels_over(x, [y], height_px=220, keys=True)
    keys: list[Key] = [("dot", SOFT, "micrographs")]
    parts = [frame(panel)]
    if len(along_um):
        keys.append(("line", BLUE, "trend taken out of the scores"))
        parts.append(band(panel, along_um, middle - width, middle + width, colour=BLUE))
        parts.append(line(panel, along_um, middle, colour=BLUE))
    parts.append(error_bars(panel, x_um, level, spread, colour=SOFT))
    parts.append(dots(panel, x_um, level, colour=SOFT, names=list(known)))
    parts.append(keys_of(panel, keys))
    return Plot(
        title="Background against defocus",
        caption="Level and spread of the whole map's merit, from its lower half.",
        svg=drawing(parts, width_px=WIDTH_PX, height_px=height_px),
    )


def _trend_line(
    x_um: NDArray[np.float64], trend: DefocusTrend | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places from the least defocus to the most, and the trend's level and spread there."""
    known = x_um[np.isfinite(x_um)]
    if trend is None or not len(known):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    along = np.linspace(float(known.min()), float(known.max()), 100)
    middle, width = trend.at(along)
    return along, middle, width
