"""Figures of picked micrographs: drawn for every set, also for the odd ones."""

import re

import pytest

from cryopick.jobs.merit_plots import background_plot, micrographs_plot
from cryopick.pick.merit.defocus_trend import DefocusTrend

TREND = DefocusTrend(
    centre_um=1.5, location=(0.1, -0.2), log_scale=(-2.0, -0.3), lowest_um=1.0, highest_um=2.0
)


def markers(plot):
    """Number of points drawn."""
    return len(re.findall(r"<circle ", plot.svg))


def test_picks_over_defocus():
    counts = {f"m{i}": 10 * i for i in range(5)}
    plot = micrographs_plot(
        counts, dict.fromkeys(counts, 0.9), {name: 1.0 + i for i, name in enumerate(counts)}
    )
    assert plot.title == "Picks against defocus"
    assert plot.svg.startswith("<svg")
    without = micrographs_plot(
        counts, dict.fromkeys(counts), {name: 1.0 + i for i, name in enumerate(counts)}
    )
    assert markers(plot) == markers(without) + 5


def test_picks_in_order_where_defocus_is_not_known():
    plot = micrographs_plot({"a": 3, "b": 0}, {"a": 0.5, "b": None}, {"a": 1.0, "b": None})
    assert plot.title == "Picks of each micrograph"


@pytest.mark.parametrize("trend", [None, TREND])
def test_background_over_defocus(trend):
    background = {"a": (0.1, 0.05), "b": (0.0, 0.04), "c": (0.3, 0.1)}
    plot = background_plot(background, {"a": 1.0, "b": 2.0, "c": None}, trend)
    assert plot.title == "Background against defocus"
    assert plot.svg.count("</svg>") == 1


def test_nothing_to_draw():
    assert micrographs_plot({}, {}, {}).svg.startswith("<svg")
    assert background_plot({}, {}, TREND).svg.startswith("<svg")
