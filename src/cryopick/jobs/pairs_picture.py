"""Both views of a tilt pair side by side, with pairs, residuals and the outline of the first view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.pair_affine import PairAffine, to_tilted
from cryopick.jobs.plots.colours import score_colours
from cryopick.jobs.plots.picture import PlaneView, rings, tracks, view_of, view_part
from cryopick.jobs.plots.svg import drawing
from cryopick.model import Grid, Image, PickPairs, Picks

RESIDUALS_TIMES = 5.0
_LONGEST_PX = 500
# Cyan is none of the colours of pairs.
_OUTLINE, _RESIDUALS = "#ecc94b", "#00e0ff"
_VIEW_PX, _GAP_PX = 438.0, 4.0


def pair_svg(
    views: Sequence[Image],
    pairs: PickPairs,
    *,
    left: Sequence[Picks],
    fit: Mapping[str, Any] | None,
) -> str:
    """Draw a tilt pair.

    Parameters
    ----------
    views
        The untilted and the tilted micrograph.
    pairs
        Linked picks; the two of a pair have one colour.
    left
        Picks without a partner, of both views.
    fit
        ``matrix`` and ``shift_angstrom`` of the map, as in ``pairs.json``; None: not known.

    Returns
    -------
    str
        A whole ``<svg>`` element.
    """
    colours = _colours(pairs.untilted.position_angstrom)
    shown = [
        view_of(view.read(), longest_px=_LONGEST_PX, cut_percent=1, width_px=_VIEW_PX)
        for view in views
    ]
    parts: list[str] = []
    for place, (view, picks) in enumerate(zip(views, (pairs.untilted, pairs.tilted), strict=True)):
        marks = _rings(shown[place], view.grid, left[place], colour="#a0aec0", line_px=0.8)
        marks += _rings(shown[place], view.grid, picks, colour=colours, line_px=1.6)
        if fit is not None and place == 1:
            marks += _fit(shown, views, pairs, fit)
        parts.append(view_part(shown[place], marks, left_px=place * (_VIEW_PX + _GAP_PX)))
    height_px = max(view.height_px for view in shown)
    return drawing(parts, width_px=2 * _VIEW_PX + _GAP_PX, height_px=height_px)


def _fit(
    shown: Sequence[PlaneView], views: Sequence[Image], pairs: PickPairs, fit: Mapping[str, Any]
) -> str:
    """What the untilted view shows, and the residuals: drawn on the tilted one."""
    affine = PairAffine(
        matrix=np.asarray(fit["matrix"]), shift_angstrom=np.asarray(fit["shift_angstrom"])
    )
    grid = views[1].grid
    outline = grid.to_px(to_tilted(affine, _corners(views[0].grid)))
    vectors = residual_vectors_px(grid, pairs, affine)
    ends = vectors[:, :2] + RESIDUALS_TIMES * vectors[:, 2:]
    residuals = np.stack([vectors[:, :2], ends], axis=1)
    return tracks(shown[1], outline[None], colour=_OUTLINE) + tracks(
        shown[1], residuals, colour=_RESIDUALS, line_px=1.4
    )


def residual_vectors_px(grid: Grid, pairs: PickPairs, affine: PairAffine) -> NDArray[np.float64]:
    """From where the map puts each partner to its pick, ``(n, 4)``: x, y and dx, dy in pixels."""
    predicted = grid.to_px(to_tilted(affine, pairs.untilted.position_angstrom))
    return np.hstack([predicted, grid.to_px(pairs.tilted.position_angstrom) - predicted])


def _rings(
    view: PlaneView, grid: Grid, picks: Picks, *, colour: str | Sequence[str], line_px: float
) -> str:
    if not len(picks):
        return ""
    known = picks.diameter_angstrom
    size_angstrom = np.full(len(picks), np.nan) if known is None else np.asarray(known)
    size_px = size_angstrom / grid.pixel_size_angstrom
    return rings(view, grid.to_px(picks.position_angstrom), size_px, colour=colour, line_px=line_px)


def _corners(grid: Grid) -> NDArray[np.float64]:
    """Corners of a micrograph in Å, the first one again at the end."""
    nx, ny = grid.size_px
    corners = [[-0.5, -0.5], [nx - 0.5, -0.5], [nx - 0.5, ny - 0.5], [-0.5, ny - 0.5], [-0.5, -0.5]]
    return grid.to_angstrom(corners)


def _colours(place: NDArray[np.float64]) -> list[str]:
    """A colour for each pair, by where it lies: neighbours differ little."""
    rank = np.argsort(np.argsort(place[:, 0] + place[:, 1])).astype(np.float64)
    return score_colours(rank, low=0, high=max(len(place) - 1, 1))
