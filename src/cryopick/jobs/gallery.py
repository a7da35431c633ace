"""Pictures of many small images side by side: particles, class averages."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAP_PX = 2
_FONT_PX, _LINE_PX, _PAPER = 11, 14, 255


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
        How wide an image is shown.
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
    # Not by matplotlib: importing it takes longer than all of this.
    from PIL import Image, ImageDraw

    n, tall, wide = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    high_px = max(1, round(tile_px * tall / wide))
    lines = 0 if captions is None else max(text.count("\n") + 1 for text in captions)
    below = lines * _LINE_PX + (_GAP_PX if lines else 0)
    step_x, step_y = tile_px + _GAP_PX, high_px + below + _GAP_PX
    sheet = Image.new("L", (columns * step_x - _GAP_PX, rows * step_y - _GAP_PX), _PAPER)
    pen, font = ImageDraw.Draw(sheet), _font()
    for i in range(n):
        left, top = i % columns * step_x, i // columns * step_y
        grey = np.rint(255 * _grey(images[i], cut_percent)).astype(np.uint8)
        tile = Image.fromarray(grey).resize((tile_px, high_px), Image.Resampling.BILINEAR)
        sheet.paste(tile, (left, top))
        for line, text in enumerate([] if captions is None else captions[i].split("\n")):
            place = (left + tile_px / 2, top + high_px + _GAP_PX + (line + 0.5) * _LINE_PX)
            pen.text(place, text, fill=0, font=font, anchor="mm")
    buffer = io.BytesIO()
    sheet.save(buffer, format="png")
    return buffer.getvalue()


def _font() -> Any:
    """The font that matplotlib brings along (its import would take longer than all the rest)."""
    from importlib.util import find_spec

    from PIL import ImageFont

    found = find_spec("matplotlib")
    places = [] if found is None else found.submodule_search_locations or []
    for place in places:
        path = Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), _FONT_PX)
    # Pillow's own font knows neither Å nor °.
    return ImageFont.load_default(_FONT_PX)


def _grey(image: NDArray[np.float32], cut_percent: float) -> NDArray[np.float32]:
    """Bring grey values to 0 to 1; what is not finite becomes the middle."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return np.full(image.shape, 0.5, np.float32)
    low, high = np.percentile(finite, (cut_percent, 100 - cut_percent))
    if high <= low:
        return np.full(image.shape, 0.5, np.float32)
    scaled = np.clip((image - low) / (high - low), 0, 1)
    return np.nan_to_num(scaled, nan=0.5).astype(np.float32)
