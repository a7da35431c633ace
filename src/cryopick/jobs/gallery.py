"""Pictures of many small images side by side: particles, class averages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cryopick.jobs.picture import png_of

_GAP_PX = 2
_LINE_INCH, _POINTS = 0.13, 7
_DPI = 110  # of `png_of`


def gallery_png(
    images: NDArray[np.float32],
    *,
    columns: int = 10,
    captions: Sequence[str] | None = None,
    tile_px: int = 96,
    cut_percent: float = 0.5,
) -> bytes:
    """Show images in rows, each in its own contrast.

    Parameters
    ----------
    images
        ``(n, b, b)``, ``n`` of 1 or more.
    columns
        Images in a row.
    captions
        ``n`` texts, of one or more lines, one below each image.
    tile_px
        About how wide an image is shown.
    cut_percent
        Share of the darkest and of the brightest pixels that is cut off.

    Returns
    -------
    bytes
        A PNG.

    Examples
    --------
    >>> gallery_png(np.eye(8, dtype=np.float32)[None], captions=["one"])[1:4]
    b'PNG'
    """
    from matplotlib.figure import Figure

    n, tall, wide = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    inch = tile_px / _DPI
    lines = 0 if captions is None else max(text.count("\n") + 1 for text in captions)
    # All in one picture, in pixels of the images: many small pictures take seconds to draw.
    below = round((lines + (0.4 if lines else 0)) * _LINE_INCH / inch * tall)
    step_y, step_x = tall + below + _GAP_PX, wide + _GAP_PX
    whole = np.ones((rows * step_y, columns * step_x), np.float32)
    for i in range(n):
        top, left = i // columns * step_y, i % columns * step_x
        whole[top : top + tall, left : left + wide] = _grey(images[i], cut_percent)
    height, width = whole.shape
    figure = Figure(figsize=(width / wide * inch, height / wide * inch))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    extent = (0, width, height, 0)
    axes.imshow(whole, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="bilinear")
    for i, text in enumerate(captions or ()):
        x, y = i % columns * step_x + wide / 2, i // columns * step_y + tall
        axes.text(x, y, text, ha="center", va="top", fontsize=_POINTS)
    return png_of(figure)


def _grey(image: NDArray[np.float32], cut_percent: float) -> NDArray[np.float32]:
    """Bring grey values to 0 to 1; what is not finite becomes the middle."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return np.full(image.shape, 0.5, np.float32)
    low, high = np.percentile(finite, (cut_percent, 100 - cut_percent))
    if high <= low:
        return np.full(image.shape, 0.5, np.float32)
    return np.nan_to_num(np.clip((image - low) / (high - low), 0, 1), nan=0.5).astype(np.float32)
