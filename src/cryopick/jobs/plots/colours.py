"""Colours for scores: dark violet to bright yellow, evenly lighter, seen well on grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Lightness and hue rise together, so that the order is seen by those who tell few hues apart.
_ANCHORS = ("#5a2ca0", "#9b2fae", "#d43d87", "#f3704d", "#fbac3a", "#fdf05a")
UNKNOWN = "#8fd3ff"
_STEPS = 64


def score_colours(score: NDArray[np.float64], *, low: float, high: float) -> list[str]:
    """The colour of each score, from ``low`` and less to ``high`` and more.

    Examples
    --------
    >>> score_colours(np.array([0.0, 1.0, np.nan]), low=0, high=1)
    ['#5a2ca0', '#fdf05a', '#8fd3ff']
    """
    table = [*colour_table(_STEPS), UNKNOWN]
    share = (score - low) / (high - low) if high > low else np.full(len(score), 0.5)
    step = np.clip(np.nan_to_num(share, nan=0.0), 0, 1) * (_STEPS - 1)
    step = np.where(np.isnan(score), _STEPS, np.rint(step))
    return [table[i] for i in step.astype(int).tolist()]


def colour_table(n: int) -> list[str]:
    """``n`` colours, darkest first."""
    anchors = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in _ANCHORS])
    places, at = np.linspace(0, 1, len(anchors)), np.linspace(0, 1, n)
    mixed = np.stack([np.interp(at, places, anchors[:, i]) for i in range(3)], axis=1)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(mixed).astype(int).tolist()]
