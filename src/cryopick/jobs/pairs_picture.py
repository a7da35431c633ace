"""Both views of a tilt pair side by side, with pairs, residuals and the outline of the first view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.pair_affine import PairAffine, to_tilted
from cryopick.jobs.picture import add_circles, png_of, show_grey
from cryopick.model import Grid, Image, PickPairs, Picks

RESIDUALS_TIMES = 5.0
_LONGEST_PX = 500
_INCHES = 6.0


def pair_png(
    views: Sequence[Image],
    pairs: PickPairs,
    *,
    left: Sequence[Picks],
    fit: Mapping[str, Any] | None,
) -> bytes:
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
    bytes
        A PNG.
    """
    from matplotlib.figure import Figure

    tall = max(view.grid.shape[0] / view.grid.shape[1] for view in views)
    figure = Figure(figsize=(2 * _INCHES, _INCHES * tall))
    colour = _colours(pairs.untilted.position_angstrom)
    for place, (view, picks) in enumerate(zip(views, (pairs.untilted, pairs.tilted), strict=True)):
        axes = figure.add_axes((place / 2 + 0.002, 0, 0.496, 1))
        show_grey(axes, view.read(), longest_px=_LONGEST_PX, cut_percent=1)
        _rings(axes, view.grid, left[place], edgecolor="0.6", linewidth=0.6)
        _rings(axes, view.grid, picks, edgecolor=colour, linewidth=1.4)
    if fit is not None:
        affine = PairAffine(
            matrix=np.asarray(fit["matrix"]), shift_angstrom=np.asarray(fit["shift_angstrom"])
        )
        axes, grid = figure.axes[1], views[1].grid
        outline = grid.to_px(to_tilted(affine, _corners(views[0].grid)))
        axes.plot(outline[:, 0], outline[:, 1], color="#ecc94b", lw=1.5)
        _arrows(axes, grid, pairs, affine)
        # The outline may leave the view, which stays as it is.
        axes.set_xlim(-0.5, grid.shape[1] - 0.5)
        axes.set_ylim(grid.shape[0] - 0.5, -0.5)
    return png_of(figure)


def residual_vectors_px(grid: Grid, pairs: PickPairs, affine: PairAffine) -> NDArray[np.float64]:
    """From where the map puts each partner to its pick, ``(n, 4)``: x, y and dx, dy in pixels."""
    predicted = grid.to_px(to_tilted(affine, pairs.untilted.position_angstrom))
    return np.hstack([predicted, grid.to_px(pairs.tilted.position_angstrom) - predicted])


def _arrows(axes: Any, grid: Grid, pairs: PickPairs, affine: PairAffine) -> None:
    from matplotlib.collections import LineCollection

    vectors = residual_vectors_px(grid, pairs, affine)
    ends = vectors[:, :2] + RESIDUALS_TIMES * vectors[:, 2:]
    # One collection: hundreds of single lines take seconds to draw.
    lines = np.stack([vectors[:, :2], ends], axis=1)
    axes.add_collection(LineCollection(list(lines), colors="#e53e3e", linewidths=1.2))


def _rings(axes: Any, grid: Grid, picks: Picks, **look: Any) -> None:
    if not len(picks):
        return
    size = picks.diameter_angstrom
    known = np.full(len(picks), np.nan) if size is None else size
    place = grid.to_px(picks.position_angstrom)
    add_circles(axes, place, np.asarray(known) / grid.pixel_size_angstrom, **look)


def _corners(grid: Grid) -> NDArray[np.float64]:
    """Corners of a micrograph in Å, the first one again at the end."""
    nx, ny = grid.size_px
    corners = [[-0.5, -0.5], [nx - 0.5, -0.5], [nx - 0.5, ny - 0.5], [-0.5, ny - 0.5], [-0.5, -0.5]]
    return grid.to_angstrom(corners)


def _colours(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """A colour for each pair, ``(n, 4)``, by where it lies: neighbours differ little."""
    from matplotlib import colormaps

    if not len(place):
        return np.zeros((0, 4))
    rank = np.argsort(np.argsort(place[:, 0] + place[:, 1]))
    return np.asarray(colormaps["turbo"](rank / max(len(place) - 1, 1)))
