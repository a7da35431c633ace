"""A few pictures side by side, each with a title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from cryopick.jobs.plots.picture import WIDTH_PX, PlaneView, view_of, view_part
from cryopick.jobs.plots.svg import INK, drawing, words

_GAP_PX, _TITLE_PX = 12.0, 24.0


def montage_svg(
    planes: Sequence[tuple[str, NDArray[Any]]],
    *,
    columns: int,
    longest_px: int,
    cut_percent: float,
    marks: Sequence[Callable[[PlaneView], str]] = (),
) -> str:
    """Show ``(ny, nx)`` planes in rows, each in its own contrast and below its title.

    Parameters
    ----------
    planes
        Titles and grey values.
    columns
        Pictures in a row.
    longest_px
        As for `view_of`.
    cut_percent
        Share of the darkest and of the brightest pixels that is cut off.
    marks
        What to draw on each, where given: see `rings` and `tracks`.

    Returns
    -------
    str
        A whole ``<svg>`` element.

    Examples
    --------
    >>> import numpy as np
    >>> two = [("before", np.eye(8)), ("after", np.ones((8, 8)))]
    >>> montage_svg(two, columns=2, longest_px=100, cut_percent=0).count("<image")
    2
    """
    width_px = (WIDTH_PX - (columns - 1) * _GAP_PX) / columns
    views = [
        view_of(plane, longest_px=longest_px, cut_percent=cut_percent, width_px=width_px)
        for _, plane in planes
    ]
    parts: list[str] = []
    top = 0.0
    for first in range(0, len(views), columns):
        row = range(first, min(first + columns, len(views)))
        for column, i in enumerate(row):
            left = column * (width_px + _GAP_PX)
            middle = left + width_px / 2
            title = words(planes[i][0], x_px=middle, y_px=top + 16, anchor="middle", colour=INK)
            drawn = marks[i](views[i]) if marks else ""
            inside = left + (width_px - views[i].width_px) / 2
            parts.append(title)
            parts.append(view_part(views[i], drawn, left_px=inside, top_px=top + _TITLE_PX))
        top += _TITLE_PX + max(views[i].height_px for i in row) + _GAP_PX
    return drawing(parts, width_px=WIDTH_PX, height_px=max(top - _GAP_PX, 1.0))
