"""Figures of a comparison, as SVG text that is the same for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.evaluate.curve import Curve

_COLOUR = "#1f6feb"
_PALE = "#8b949e"
_MOST_POINTS = 2000


def precision_recall_svg(curve: Curve) -> str:
    """Precision over recall, with the point of the best F1."""

    def draw(axes: Any) -> None:
        rows = _thinned(len(curve.recall))
        axes.step(curve.recall[rows], curve.precision[rows], where="post", color=_COLOUR)
        best = int(np.argmax(curve.f1))
        axes.plot(
            curve.recall[best],
            curve.precision[best],
            "o",
            color=_COLOUR,
            label=f"best F1 {curve.f1[best]:.3f}",
        )
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", frameon=False)

    return _figure(draw)


def f1_svg(curve: Curve) -> str:
    """F1, precision and recall over the score threshold."""

    def draw(axes: Any) -> None:
        finite = np.flatnonzero(np.isfinite(curve.threshold))
        rows = finite[_thinned(len(finite))]
        axes.plot(curve.threshold[rows], curve.f1[rows], color=_COLOUR, label="F1")
        for values, line, name in (
            (curve.precision, "--", "precision"),
            (curve.recall, ":", "recall"),
        ):
            axes.plot(curve.threshold[rows], values[rows], line, color=_PALE, label=name)
        axes.set(ylim=(0, 1.02), xlabel="threshold of the score", ylabel="")
        axes.legend(loc="best", frameon=False)

    return _figure(draw)


def histogram_svg(values: NDArray[np.float64], *, name: str) -> str:
    """Histogram of errors, with the median."""

    def draw(axes: Any) -> None:
        top = max(float(values.max()), 1e-9)
        axes.hist(values, bins=min(40, max(5, len(values) // 5)), range=(0, top), color=_COLOUR)
        median = float(np.median(values))
        axes.axvline(median, color="black", linestyle="--", label=f"median {median:.3g}")
        axes.set(xlabel=name, ylabel="matches")
        axes.legend(loc="best", frameon=False)

    return _figure(draw)


def _thinned(n: int) -> NDArray[np.int64]:
    """At most so many points, first and last included: more do not show and weigh megabytes."""
    return np.unique(np.linspace(0, n - 1, min(n, _MOST_POINTS)).astype(np.int64))


def _figure(draw: Callable[[Any], None]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # A fixed salt and no date make the same figure the same text; text stays text.
    with mpl.rc_context({"svg.hashsalt": "cryopick", "svg.fonttype": "none"}):
        figure = Figure(figsize=(5.0, 3.4), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]
