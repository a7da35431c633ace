"""Scatter plots of many points for reports, drawn without a plotting library."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _LEFT, _BELOW, _RIM = 560, 300, 70, 46, 12
# More points are not told apart, but make the report heavy.
_MOST_POINTS = 4000


def scatter_svg(x: NDArray[np.float64], y: NDArray[np.float64], *, x_name: str, y_name: str) -> str:
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
    shown = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(shown) > _MOST_POINTS:
        shown = np.random.default_rng(0).permutation(shown)[:_MOST_POINTS]
    x, y = x[shown], y[shown]
    (x_low, x_high), (y_low, y_high) = _range(x), _range(y)
    right, floor = _WIDTH - _RIM, _HEIGHT - _BELOW
    across = _LEFT + (x - x_low) / (x_high - x_low) * (right - _LEFT)
    up = floor - (y - y_low) / (y_high - y_low) * (floor - _RIM)
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.4"/>'
        for a, b in zip(across.tolist(), up.tolist(), strict=True)
    )
    middle = (_RIM + floor) / 2
    words = [
        _text(_LEFT, floor + 18, f"{x_low:.4g}", "start"),
        _text(right, floor + 18, f"{x_high:.4g}", "end"),
        _text((_LEFT + right) / 2, floor + 36, x_name, "middle"),
        _text(_LEFT - 6, floor, f"{y_low:.4g}", "end"),
        _text(_LEFT - 6, _RIM + 10, f"{y_high:.4g}", "end"),
        _text(14, middle, y_name, "middle", turn=f' transform="rotate(-90 14 {middle:g})"'),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<path d="M{_LEFT} {_RIM}V{floor}H{right}" fill="none" stroke="#4a5568"/>'
        f'<g fill="#2b6cb0" fill-opacity="0.6">{dots}</g>{"".join(words)}</svg>'
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Lowest and highest value, never the same."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high > low:
        return low, high
    half = abs(low) / 2 or 0.5
    return low - half, low + half


def _text(x: float, y: float, words: str, anchor: str, turn: str = "") -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"{turn}'
    return f'<text {place} fill="#4a5568">{escape(words)}</text>'
