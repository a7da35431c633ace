"""Panels of a plot: a frame with two axes, and the marks that are drawn in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.jobs.plots.axis import Axis, drawable
from cryopick.jobs.plots.svg import PALE, SOFT, Key, keys_row, title, width_of, words

WIDTH_PX = 640
# Above: half a line of a label. Below: ticks, their labels, the axis' name.
_ABOVE_PX, _BELOW_PX, _RIM_PX, _BETWEEN_PX, _KEYS_PX = 10, 50, 16, 22, 26
_NAME_PX, _TICK_PX = 26, 5
# More points are not told apart, but make a report heavy.
MOST_POINTS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A frame on the drawing, in pixels of it, and what its axes show."""

    x: Axis
    y: Axis
    left_px: float
    top_px: float
    width_px: float
    height_px: float

    @property
    def floor_px(self) -> float:
        """Lower edge."""
        return self.top_px + self.height_px

    def across_px(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values of x lie."""
        return self.left_px + self.x.share(values) * self.width_px

    def up_px(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values of y lie."""
        return self.floor_px - self.y.share(values) * self.height_px


def panels_over(
    x: Axis, ys: Sequence[Axis], *, height_px: float, keys: bool = False
) -> tuple[list[Panel], float]:
    """Lay out panels one below another, over the same x, each ``height_px`` high.

    Parameters
    ----------
    x, ys
        The shared axis, and one for each panel.
    height_px
        Of the frame of each panel.
    keys
        Leave room above for `keys_of`.

    Returns
    -------
    panels, height
        Height of the whole drawing, which is 640 px wide.
    """
    left = _NAME_PX + _TICK_PX + 3 + max(width_of(text) for y in ys for text in ("0.0", *y.labels))
    top = _ABOVE_PX + (_KEYS_PX if keys else 0)
    panels = [
        Panel(
            x=x,
            y=y,
            left_px=left,
            top_px=top + i * (height_px + _BETWEEN_PX),
            width_px=WIDTH_PX - _RIM_PX - left,
            height_px=height_px,
        )
        for i, y in enumerate(ys)
    ]
    return panels, panels[-1].floor_px + _BELOW_PX


def frame(panel: Panel, *, names_x: bool = True) -> str:
    """Axes with ticks and names, and lines across the panel: to be drawn first.

    ``names_x`` is for the lowest panel over one x.
    """
    left, floor, right = panel.left_px, panel.floor_px, panel.left_px + panel.width_px
    x, y = panel.across_px(panel.x.ticks).tolist(), panel.up_px(panel.y.ticks).tolist()
    across = "".join(f"M{left:g} {at:.1f}H{right:g}" for at in y)
    down = "".join(f"M{at:.1f} {floor:g}v{_TICK_PX}" for at in x)
    parts = [
        f'<path d="{across}" stroke="{PALE}"/>',
        f'<path d="M{left:g} {floor:g}H{right:g}{down}" stroke="{SOFT}"/>',
    ]
    for at, label in zip(y, panel.y.labels, strict=True):
        parts.append(words(label, x_px=left - 8, y_px=round(at + 4.5, 1), anchor="end"))
    middle = round(panel.top_px + panel.height_px / 2, 1)
    parts.append(words(panel.y.name, x_px=15, y_px=middle, anchor="middle", upwards=True))
    if names_x:
        for at, label in zip(x, panel.x.labels, strict=True):
            parts.append(words(label, x_px=round(at, 1), y_px=floor + 20, anchor="middle"))
        middle = round(left + panel.width_px / 2, 1)
        parts.append(words(panel.x.name, x_px=middle, y_px=floor + 41, anchor="middle"))
    return "".join(parts)


def keys_of(panel: Panel, keys: Sequence[Key]) -> str:
    """Say above a panel what its marks are."""
    return keys_row(keys, left_px=panel.left_px, middle_px=panel.top_px - 17)


def dots(
    panel: Panel,
    x: ArrayLike,
    y: ArrayLike,
    *,
    colour: str,
    radius_px: float = 3.0,
    names: Sequence[str] = (),
) -> str:
    """Draw points, at most 4,000 of them, drawn at random; those not finite are left out."""
    shown = np.flatnonzero(drawable(x, y))
    if len(shown) > MOST_POINTS:
        shown = np.sort(np.random.default_rng(0).permutation(shown)[:MOST_POINTS])
    across = panel.across_px(x)[shown].tolist()
    up = panel.up_px(y)[shown].tolist()
    notes = [title(names[row]) if names else "" for row in shown.tolist()]
    points = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius_px:g}"' + (f">{n}</circle>" if n else "/>")
        for a, b, n in zip(across, up, notes, strict=True)
    )
    return f'<g fill="{colour}" fill-opacity="0.65">{points}</g>'


def line(panel: Panel, x: ArrayLike, y: ArrayLike, *, colour: str, width_px: float = 1.6) -> str:
    """Join points in their order; those not finite are left out."""
    shown = drawable(x, y)
    place = _joined(panel.across_px(x)[shown], panel.up_px(y)[shown])
    look = f'fill="none" stroke="{colour}" stroke-width="{width_px:g}" stroke-linejoin="round"'
    return f'<path d="M{place}" {look}/>' if place else ""


def band(panel: Panel, x: ArrayLike, low: ArrayLike, high: ArrayLike, *, colour: str) -> str:
    """Shade what lies between two lines."""
    shown = drawable(x, low, high)
    across = panel.across_px(x)[shown]
    there, back = panel.up_px(low)[shown], panel.up_px(high)[shown][::-1]
    place = _joined(np.concatenate([across, across[::-1]]), np.concatenate([there, back]))
    return f'<path d="M{place}Z" fill="{colour}" fill-opacity="0.15"/>' if place else ""


def error_bars(panel: Panel, x: ArrayLike, y: ArrayLike, half: ArrayLike, *, colour: str) -> str:
    """Draw upright bars from ``y - half`` to ``y + half``."""
    shown = drawable(x, y, half)
    middle, reach = np.asarray(y, dtype=np.float64)[shown], np.asarray(half)[shown]
    ends = (panel.across_px(x)[shown], panel.up_px(middle - reach), panel.up_px(middle + reach))
    rows = np.stack(ends, axis=1).tolist()
    lines = "".join(f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in rows)
    return f'<path d="{lines}" stroke="{colour}" stroke-opacity="0.65"/>' if lines else ""


def bars(panel: Panel, edges: ArrayLike, base: ArrayLike, top: ArrayLike, *, colour: str) -> str:
    """Fill the bars of a histogram, ``(n + 1,)`` edges, from ``base`` up to ``top``, ``(n,)``."""
    x = np.repeat(panel.across_px(edges), 2)[1:-1]
    low, high = np.repeat(panel.up_px(base), 2), np.repeat(panel.up_px(top), 2)
    place = _joined(np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]]))
    return f'<path d="M{place}Z" fill="{colour}"/>' if place else ""


def upright(panel: Panel, x: float, *, colour: str) -> str:
    """Draw a line from the floor to the top at one x; nothing outside the axis."""
    if not panel.x.low <= x <= panel.x.high:
        return ""
    at = float(panel.across_px(x))
    look = f'stroke="{colour}" stroke-width="1.6"'
    return f'<path d="M{at:.1f} {panel.floor_px:g}V{panel.top_px:g}" {look}/>'


def _joined(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
