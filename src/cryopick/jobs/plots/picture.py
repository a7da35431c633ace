"""Pictures of images: grey, shrunk to fit, with circles where the particles are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.plots.colours import colour_table, score_colours
from cryopick.jobs.plots.svg import drawing, grey_image, title, width_of, words, written
from cryopick.ops.resample import mean_bin

# Shown for a particle whose size nobody knows.
_UNKNOWN_SIZE_PX = 20.0
WIDTH_PX = 880.0
_BAR_WIDTH_PX, _BAR_HEIGHT_PX, _BELOW_PX = 180, 10, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneView:
    """A plane as it is shown.

    Attributes
    ----------
    grey
        ``(ny, nx)`` grey values of what is shown.
    scale
        Pixels of the drawing per pixel of the plane.
    width_px, height_px
        Of the picture, in pixels of the drawing.
    """

    grey: NDArray[np.uint8]
    scale: float
    width_px: float
    height_px: float

    def shown_px(self, place_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels of the plane, x and y first, to pixels of the picture, ``(n, 2)``."""
        return (np.asarray(place_px, dtype=np.float64)[:, :2] + 0.5) * self.scale


def view_of(
    plane: NDArray[Any], *, longest_px: int, cut_percent: float, width_px: float = WIDTH_PX
) -> PlaneView:
    """Make a view of a ``(ny, nx)`` plane, neither wider nor higher than ``width_px``.

    Parameters
    ----------
    plane
        Grey values; what is not finite is shown as the mean.
    longest_px
        Blocks of pixels are averaged until less than twice as many are left.
    cut_percent
        Share of the darkest and of the brightest pixels that is cut off.
    width_px
        Of the picture, in pixels of the drawing.

    Examples
    --------
    >>> view = view_of(np.eye(50), longest_px=50, cut_percent=0, width_px=100)
    >>> view.scale, view.shown_px(np.array([[49.5, -0.5]])).tolist()
    (2.0, [[100.0, 0.0]])
    """
    small, factor = shrunk(plane, longest_px=longest_px)
    low, high = np.percentile(small, (cut_percent, 100 - cut_percent))
    share = np.clip((small - low) / max(high - low, 1e-12), 0, 1)
    ny, nx = small.shape
    scale = width_px / (factor * max(ny, nx))
    return PlaneView(
        grey=np.rint(255 * share).astype(np.uint8),
        scale=scale,
        width_px=nx * factor * scale,
        height_px=ny * factor * scale,
    )


def shrunk(plane: NDArray[Any], *, longest_px: int) -> tuple[NDArray[np.float32], int]:
    """Average blocks of a ``(ny, nx)`` plane until it is less than twice as long as wanted.

    Returns
    -------
    pixels, factor
        All finite: what is not becomes the mean; and pixels of the plane per pixel shown.

    Examples
    --------
    >>> small, factor = shrunk(np.arange(12.0).reshape(2, 6), longest_px=3)
    >>> small, factor
    (array([[3.5, 5.5, 7.5]], dtype=float32), 2)
    """
    factor = min(max(1, max(plane.shape) // longest_px), *plane.shape)
    small = mean_bin(plane, factor)
    finite = small[np.isfinite(small)]
    mean = float(finite.mean()) if finite.size else 0.0
    return np.nan_to_num(small, nan=mean, posinf=mean, neginf=mean), factor


def view_part(view: PlaneView, marks: str = "", *, left_px: float = 0, top_px: float = 0) -> str:
    """Show a view with marks on it, cut off at its rim; part of a drawing."""
    size = f'width="{view.width_px:g}" height="{view.height_px:g}"'
    image = grey_image(view.grey, width_px=view.width_px, height_px=view.height_px)
    return f'<svg x="{left_px:g}" y="{top_px:g}" {size}>{image}{marks}</svg>'


def rings(
    view: PlaneView,
    place_px: NDArray[np.float64],
    size_px: NDArray[np.float64],
    *,
    colour: str | Sequence[str],
    line_px: float = 1.8,
    names: Sequence[str] = (),
) -> str:
    """Circles on a view.

    Parameters
    ----------
    view
        What they lie on.
    place_px
        ``(n, d)`` centres, x and y first, in pixels of the plane; those not finite are left out.
    size_px
        ``(n,)`` diameters, in pixels of the plane; not finite: not known.
    colour
        Of all, or of each.
    line_px
        Width of the line, in pixels of the drawing.
    names
        What shows where the mouse rests on each.
    """
    colours = [""] * len(place_px) if isinstance(colour, str) else list(colour)
    size = np.where(np.isfinite(size_px), size_px, _UNKNOWN_SIZE_PX)
    across = np.concatenate([view.shown_px(place_px), size[:, None] * view.scale / 2], axis=1)
    found: list[str] = []
    for row in np.flatnonzero(np.isfinite(across).all(axis=1)).tolist():
        x, y, radius = across[row].tolist()
        look = f' stroke="{colours[row]}"' if colours[row] else ""
        note = title(names[row]) if names else ""
        found.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"{look}>{note}</circle>')
    same = f' stroke="{colour}"' if isinstance(colour, str) else ""
    # Seen through, a circle is found by the mouse anywhere inside.
    return f'<g fill-opacity="0"{same} stroke-width="{line_px:g}">{"".join(found)}</g>'


def tracks(
    view: PlaneView, places_px: NDArray[np.float64], *, colour: str, line_px: float = 1.5
) -> str:
    """Lines on a view, each through the ``m`` points of ``(n, m, 2)``, in pixels of the plane."""
    found: list[str] = []
    for points in places_px:
        shown = view.shown_px(points).tolist()
        found.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shown))
    d = "".join(found)
    return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{line_px:g}"/>' if d else ""


def scored_picture_svg(
    view: PlaneView,
    place_px: NDArray[np.float64],
    size_px: NDArray[np.float64],
    score: NDArray[np.float64] | None,
) -> str:
    """A view with circles around particles, coloured by score: a whole ``<svg>`` element.

    The colours reach from the 5th to the 95th percentile: a lump of ice may score ten times as
    high as any particle.

    Examples
    --------
    >>> view = view_of(np.eye(50), longest_px=50, cut_percent=0)
    >>> place, size = np.full((1, 2), 25.0), np.array([9.0])
    >>> scored_picture_svg(view, place, size, np.array([1.5])).count("<circle")
    1
    """
    known = np.zeros(0) if score is None else score[np.isfinite(score)]
    if score is None or not len(known):
        marks = rings(view, place_px, size_px, colour=colour_table(2)[1])
        return drawing([view_part(view, marks)], width_px=view.width_px, height_px=view.height_px)
    low, high = np.percentile(known, (5, 95)).tolist()
    marks = rings(
        view,
        place_px,
        size_px,
        colour=score_colours(score, low=low, high=high),
        names=[f"score {written(value)}" for value in score.tolist()],
    )
    scale = _colour_bar(low, high, top_px=view.height_px + _BELOW_PX - 18)
    height_px = view.height_px + _BELOW_PX
    return drawing([view_part(view, marks), scale], width_px=view.width_px, height_px=height_px)


def _colour_bar(low: float, high: float, *, top_px: float) -> str:
    """The colours of scores, between the lowest and the highest of them."""
    text = f"score up to {written(low)}"
    left = 1 + width_of(text) + 8
    colours = colour_table(6)
    stops = "".join(
        f'<stop offset="{i / (len(colours) - 1):g}" stop-color="{colour}"/>'
        for i, colour in enumerate(colours)
    )
    place = f'x="{left:g}" y="{top_px:g}" width="{_BAR_WIDTH_PX}" height="{_BAR_HEIGHT_PX}"'
    return (
        f'<linearGradient id="score-colours">{stops}</linearGradient>'
        f'<rect {place} rx="2" fill="url(#score-colours)"/>'
        + words(text, x_px=left - 8, y_px=top_px + 9.5, anchor="end")
        + words(f"{written(high)} and more", x_px=left + _BAR_WIDTH_PX + 8, y_px=top_px + 9.5)
    )
