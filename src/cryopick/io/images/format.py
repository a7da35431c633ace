"""`ImageFormat`: one way of storing pixels, and `Content`: what a file turned out to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from cryopick.model import PixelSource

Kind = Literal["image", "volume", "stack"]
KINDS: tuple[Kind, ...] = ("image", "volume", "stack")

# Outside of this a voxel size in a header is an accident, not a length.
_LEAST_ANGSTROM, _MOST_ANGSTROM = 1e-3, 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds, before it becomes an `Image` or an `ImageStack`.

    Attributes
    ----------
    format
        Title of the format, for display.
    kind
        ``image`` (y, x), ``volume`` (z, y, x), or ``stack`` (n, y, x) or (n, z, y, x).
    data
        Pixels, read when sliced.
    pixel_size_angstrom
        As the file says; None where it says nothing usable.
    trusted
        Whether that size can be used without a warning.
    origin_angstrom
        Grid origin that cryopick had written, ``x, y(, z)``; empty for zero.
    facts
        Further facts as JSON types.
    warnings
        Oddities, one line each.
    """

    format: str
    kind: Kind
    data: PixelSource
    pixel_size_angstrom: float | None = None
    trusted: bool = False
    origin_angstrom: tuple[float, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()


class ImageWriter(Protocol):
    """How every format writes: the file appears whole or not at all."""

    def __call__(
        self,
        path: Path,
        data: PixelSource,
        pixel_size_angstrom: float,
        /,
        *,
        origin_angstrom: Sequence[float],
        dtype: str,
        stack: bool,
    ) -> None:
        """Write ``data``; an `InputError` for what the format cannot hold."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFormat:
    """One image format.

    Attributes
    ----------
    name, title
        Short name and words.
    suffixes
        Lower case, with the dot, without ``.gz``.
    sniff
        ``sniff(path, head)`` tells from the first bytes (after decompression) how sure one can be:
        0 no, 1 possible, 2 likely, 3 certain. For a folder ``head`` is empty.
    read
        ``read(path)`` gives the `Content`, or raises a `FormatError`.
    write
        Writes an array whole; see `ImageWriter`.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Path, bytes], int]
    read: Callable[[Path], Content]
    write: ImageWriter


def usable_pixel_size(value: float) -> bool:
    """Tell whether a number from a header can be the edge of a pixel in Å at all."""
    return _LEAST_ANGSTROM <= value <= _MOST_ANGSTROM


def bare_suffix(path: Path) -> str:
    """The suffix below ``.gz`` or ``.bz2``, in lower case."""
    name = path.name.lower()
    for compressed in (".gz", ".bz2"):
        name = name.removesuffix(compressed)
    return Path(name).suffix
