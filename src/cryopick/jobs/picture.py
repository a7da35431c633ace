"""Pictures of images for reports: grey, shrunk to fit, with circles where the particles are."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.plots.picture import shrunk

# Shown for a particle whose size nobody knows.
_UNKNOWN_SIZE_PX = 20.0


def show_grey(axes: Any, plane: NDArray[Any], *, longest_px: int, cut_percent: float) -> None:
    """Show a plane in grey, in its own pixels, the darkest and brightest percent cut off."""
    small, factor = shrunk(plane, longest_px=longest_px)
    low, high = np.percentile(small, (cut_percent, 100 - cut_percent))
    ny, nx = small.shape
    extent = (-0.5, nx * factor - 0.5, ny * factor - 0.5, -0.5)
    axes.imshow(small, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), extent=extent)
    axes.set_axis_off()


def whole_picture(plane: NDArray[Any], *, longest_px: int, cut_percent: float) -> tuple[Any, Any]:
    """A figure that the plane fills, and its axes, to draw on in pixels of the plane."""
    from matplotlib.figure import Figure

    ny, nx = plane.shape
    figure = Figure(figsize=(8, 8 * ny / nx))
    axes = figure.add_axes((0, 0, 1, 1))
    show_grey(axes, plane, longest_px=longest_px, cut_percent=cut_percent)
    return figure, axes


def add_circles(
    axes: Any, place_px: NDArray[np.float64], size_px: NDArray[np.float64], **look: Any
) -> Any:
    """Circles of diameter ``size_px`` ``(n,)`` around ``place_px`` ``(n, d)``: x, y first."""
    from matplotlib.collections import EllipseCollection

    size = np.where(np.isfinite(size_px), size_px, _UNKNOWN_SIZE_PX)
    circles = EllipseCollection(
        size, size, np.zeros(len(size)), units="xy", offsets=place_px[:, :2],
        offset_transform=axes.transData, facecolor="none", **look,
    )  # fmt: skip
    axes.add_collection(circles)
    return circles


def png_of(figure: Any) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return buffer.getvalue()


def svg_of(figure: Any) -> str:
    """The figure as one ``<svg>`` element."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
