"""Figures of a set of picked micrographs: picks, estimated precision and background over defocus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cryopick.jobs.picture import svg_of
from cryopick.run.job import Plot

if TYPE_CHECKING:
    from cryopick.pick.merit.defocus_trend import DefocusTrend

_PICKS, _OTHER = "#2b6cb0", "#2f855a"


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
    from matplotlib.figure import Figure

    known = all(value is not None for value in defocus_um.values()) and len(counts) > 0
    x = [defocus_um[name] for name in counts] if known else list(range(1, len(counts) + 1))
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(x, list(counts.values()), ".", color=_PICKS)
    upper.set_ylim(0, 1.05 * max([1, *counts.values()]))
    upper.set_ylabel("picks")
    estimated = [precision.get(name) for name in counts]
    lower.plot(x, [np.nan if v is None else v for v in estimated], ".", color=_OTHER)
    lower.set(ylim=(0, 1.03), ylabel="estimated precision")
    lower.set_xlabel("defocus (µm)" if known else "micrograph, in order")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return Plot(
        title="Picks against defocus" if known else "Picks of each micrograph",
        caption="Precision is estimated from the scores alone, without any truth.",
        svg=svg_of(figure),
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
    from matplotlib.figure import Figure

    rows = [
        (defocus, *background[name]) for name, defocus in defocus_um.items() if defocus is not None
    ]
    x, level, spread = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(x, level, yerr=spread, fmt=".", color="#718096", lw=0.8, label="micrographs")
    if trend is not None and len(x):
        line = np.linspace(float(x.min()), float(x.max()), 100)
        middle, width = trend.at(line)
        axes.plot(line, middle, color=_PICKS, label="trend taken out of the scores")
        axes.fill_between(line, middle - width, middle + width, color=_PICKS, alpha=0.15)
    axes.set(xlabel="defocus (µm)", ylabel="merit of background")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return Plot(
        title="Background against defocus",
        caption="Level and spread of the whole map's merit, from its lower half.",
        svg=svg_of(figure),
    )
