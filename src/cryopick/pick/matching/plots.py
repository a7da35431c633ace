"""Figures of a search: scores with their background, precision and recall, slices with picks.

SVG and PNG that are the same for the same numbers.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Image, Picks, active
from cryopick.pick.matching.verdict import Verdict

_PICKS = "#2b6cb0"
_REST = "#cbd5e0"
_BACKGROUND = "#4a5568"
_PARTICLES = "#2f855a"
_CUT = "#c53030"
_BINS = 60
_DPI = 110


def score_histogram_svg(score: NDArray[np.float64], verdict: Verdict) -> str:
    """Scores of all candidates of one template, with the fitted background and the cut-off.

    Parameters
    ----------
    score
        ``(n,)``: those that the statistics rest on.
    verdict
        The fit and the cut-off.
    """
    values = np.asarray(score)[np.isfinite(score)]

    def draw(axes: Any) -> None:
        top = max([*values.tolist(), verdict.cut_off])
        low = min([*values.tolist(), verdict.cut_off])
        bins = np.linspace(low, top + 1e-9, _BINS + 1)
        taken = values >= verdict.cut_off
        axes.hist(
            [values[taken], values[~taken]], bins=bins, stacked=True, color=[_PICKS, _REST],
            label=[f"{taken.sum():,} at or above the cut-off", f"{(~taken).sum():,} below"],
        )  # fmt: skip
        highest = 1.0
        if len(values):
            highest = float(np.histogram(values, bins)[0].max())
        if verdict.model is not None:
            _draw_model(axes, verdict, bins)
        axes.axvline(verdict.cut_off, color=_CUT, lw=1, label=f"cut-off {verdict.cut_off:.4g}")
        if len(values):
            # On a linear scale the background would hide the few picks.
            axes.set_yscale("log")
        axes.set(xlabel="score", ylabel="candidates", ylim=(0.5, 2 * highest))
        axes.legend(frameon=False, fontsize=8)

    return _svg(draw)


def _draw_model(axes: Any, verdict: Verdict, bins: NDArray[np.float64]) -> None:
    if verdict.model is None:
        return
    width = float(bins[1] - bins[0])
    x = np.linspace(max(float(bins[0]), verdict.model.background.start), float(bins[-1]), 300)
    background = verdict.model.background.density(x) * width
    axes.plot(x, np.maximum(background, 1e-3), color=_BACKGROUND, lw=1.2, label="background")
    if verdict.model.particles is not None:
        particles = verdict.model.particles.density(x) * width
        axes.plot(x, np.maximum(particles, 1e-3), color=_PARTICLES, lw=1.2, label="particles")


def estimated_curve_svg(verdict: Verdict) -> str | None:
    """Estimated precision over recall, with the cut-off; None where the scores show no particles."""
    curve = verdict.curve
    if curve is None:
        return None

    def draw(axes: Any) -> None:
        axes.plot(curve.recall, curve.precision, color=_PICKS)
        precision, recall = curve.at(verdict.cut_off)
        axes.plot(recall, precision, "o", color=_CUT, label=f"cut-off {verdict.cut_off:.4g}")
        best = curve.best
        axes.plot(
            curve.recall[best], curve.precision[best], "s", mfc="none", color=_BACKGROUND,
            label=f"best F1 {curve.f1[best]:.2f} at {curve.best_cut_off:.4g}",
        )  # fmt: skip
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set(xlabel="estimated recall", ylabel="estimated precision")
        axes.legend(loc="lower left", frameon=False, title=f"RUC {curve.ruc:.2f}")

    return _svg(draw)


def slices_png(image: Image, picks: Picks, *, thickness_angstrom: float, count: int = 3) -> bytes:
    """Slices of a volume one beside the other, with circles around the picks in them.

    Parameters
    ----------
    image
        A tomogram or a score map.
    picks
        Those that are deleted are left out; colours follow the scores.
    thickness_angstrom
        Each slice is the mean of so much.
    count
        Slices, evenly spaced.
    """
    from matplotlib.figure import Figure

    nz, ny, nx = image.grid.shape
    middle = np.linspace(0, nz - 1, count + 2)[1:-1]
    half = thickness_angstrom / 2 / image.grid.pixel_size_angstrom
    step = max(1, max(ny, nx) // 500)
    figure = Figure(figsize=(4.0 * count, 4.0 * ny / nx + 0.3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, count))
    shown = active(picks)
    for place, z in zip(axes, middle, strict=True):
        low, high = max(0, round(z - half)), min(nz, round(z + half) + 1)
        plane = np.asarray(image.data[low:high, ::step, ::step], dtype=np.float32).mean(axis=0)
        _draw_slice(place, plane, step, z * image.grid.pixel_size_angstrom)
        _draw_circles(place, image, shown, float(z), half)
    return _png(figure)


def _draw_slice(axes: Any, plane: NDArray[np.float32], step: int, height: float) -> None:
    finite = plane[np.isfinite(plane)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    ny, nx = plane.shape
    extent = (-0.5, nx * step - 0.5, ny * step - 0.5, -0.5)
    axes.imshow(plane, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), extent=extent)
    axes.set_title(f"z = {height:,.0f} Å", fontsize=8)
    axes.set_axis_off()


def _draw_circles(axes: Any, image: Image, picks: Picks, z: float, half: float) -> None:
    from matplotlib.collections import EllipseCollection

    if len(picks) == 0:
        return
    place = image.grid.to_px(picks.position_angstrom)
    near = np.flatnonzero(np.abs(place[:, 2] - z) <= half)
    size = np.full(len(picks), 20.0)
    if picks.diameter_angstrom is not None:
        size = picks.diameter_angstrom / image.grid.pixel_size_angstrom
    circles = EllipseCollection(
        size[near], size[near], np.zeros(len(near)), units="xy", offsets=place[near, :2],
        offset_transform=axes.transData, facecolor="none", cmap="plasma", linewidth=1.2,
    )  # fmt: skip
    if picks.score is not None:
        circles.set_array(picks.score[near])
        circles.set_clim(float(np.nanmin(picks.score)), float(np.nanmax(picks.score)) + 1e-9)
    axes.add_collection(circles)


def _svg(draw: Callable[[Any], None]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # A fixed salt and no date make the same figure the same text; text stays text.
    with mpl.rc_context({"svg.hashsalt": "cryopick", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.0, 3.4))
        axes = figure.add_axes((0.11, 0.15, 0.86, 0.8))
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png", metadata={"Software": None})
    return buffer.getvalue()
