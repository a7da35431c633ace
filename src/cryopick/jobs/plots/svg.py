"""The elements that figures are made of: a whole drawing, words, and a grey image inside it."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

INK, SOFT, PALE = "#1b2430", "#5b6776", "#e3e8ee"
BLUE, GREEN, RED, GREY, ORANGE = "#2b6cb0", "#2f855a", "#c53030", "#c3cdd9", "#c05621"
SERIES = (BLUE, ORANGE, GREEN, "#6b46c1", "#97266d", "#b7791f", "#2c7a7b", RED)
_FONT = "system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
FONT_PX = 13
# Kind of mark, its colour, what it is.
Key = tuple[Literal["area", "line", "dot"], str, str]
# Of a digit or a small letter; a drawing cannot measure its words.
_LETTER_PX = 7.0
_CRISP = 4


def drawing(parts: Iterable[str], *, width_px: float, height_px: float) -> str:
    """A whole ``<svg>`` element.

    Examples
    --------
    >>> drawing(['<path d="M0 0H8"/>'], width_px=8, height_px=1).startswith("<svg")
    True
    """
    size = f'viewBox="0 0 {width_px:g} {height_px:g}" width="{width_px:g}" height="{height_px:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" '
        f'font-size="{FONT_PX}">{"".join(parts)}</svg>\n'
    )


def words(
    text: str,
    *,
    x_px: float,
    y_px: float,
    anchor: Literal["start", "middle", "end"] = "start",
    colour: str = SOFT,
    upwards: bool = False,
) -> str:
    """Text on a line at ``y_px``; any text, it is escaped.

    Examples
    --------
    >>> words("a < b", x_px=1, y_px=2)
    '<text x="1" y="2" text-anchor="start" fill="#5b6776">a &lt; b</text>'
    """
    place = f'x="{x_px:g}" y="{y_px:g}" text-anchor="{anchor}" fill="{colour}"'
    turn = f' transform="rotate(-90 {x_px:g} {y_px:g})"' if upwards else ""
    return f"<text {place}{turn}>{_printable(text)}</text>"


def title(text: str) -> str:
    """What shows where the mouse rests on the element around it; nothing for no text."""
    return f"<title>{_printable(text)}</title>" if text else ""


def keys_row(keys: Sequence[Key], *, left_px: float, middle_px: float) -> str:
    """Say in a row what the marks of a figure are.

    Examples
    --------
    >>> keys_row([("dot", "red", "picks")], left_px=0, middle_px=10).count("<circle")
    1
    """
    parts: list[str] = []
    for kind, colour, text in keys:
        if kind == "dot":
            parts.append(f'<circle cx="{left_px + 7:g}" cy="{middle_px:g}" r="3" fill="{colour}"/>')
        else:
            tall = 10 if kind == "area" else 2
            place = f'x="{left_px:g}" y="{middle_px - tall / 2:g}" width="14" height="{tall}"'
            parts.append(f'<rect {place} fill="{colour}"/>')
        parts.append(words(text, x_px=left_px + 20, y_px=middle_px + 4.5))
        left_px += 20 + width_of(text) + 22
    return "".join(parts)


def width_of(text: str) -> float:
    """About how wide words are, in pixels."""
    return _LETTER_PX * len(text)


def written(value: float) -> str:
    """A number in four digits, with the minus that people write.

    Examples
    --------
    >>> written(-0.16421), written(1200.0)
    ('−0.1642', '1200')
    """
    return f"{value:.4g}".replace("-", "−")


def grey_png(grey: NDArray[np.uint8]) -> bytes:
    """A ``(ny, nx)`` plane of 8-bit grey values as PNG.

    Examples
    --------
    >>> grey_png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    ny, nx = grey.shape
    rows = np.zeros((ny, nx + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = grey
    head = struct.pack(">IIBBBBB", nx, ny, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def grey_image(grey: NDArray[np.uint8], *, width_px: float, height_px: float) -> str:
    """An element that shows a ``(ny, nx)`` plane of grey values, stretched to a size."""
    source = b64encode(grey_png(grey)).decode("ascii")
    # Few pixels are shown as the squares that they are.
    crisp = 'style="image-rendering:pixelated" ' if width_px > _CRISP * grey.shape[1] else ""
    return (
        f'<image width="{width_px:g}" height="{height_px:g}" preserveAspectRatio="none" {crisp}'
        f'href="data:image/png;base64,{source}"/>'
    )


def _printable(text: str) -> str:
    """Escaped, and without the control characters that no XML may hold."""
    return escape("".join(c if c.isprintable() else " " for c in text))
