"""`Dialect`: what a program's pick files mean, and `Frame`: what they take for granted.

A pick file gives numbers; what they mean depends on the program that wrote it. Each dialect is
one module with one `Dialect` value, which names its conventions and reads and writes `Picks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryopick.errors import MissingFrameError
from cryopick.model import Grid, Picks

EVERY_COLUMN = frozenset(
    {"orientation", "score", "label", "group", "diameter_angstrom", "image", "extra", "state"}
)
"""What `Dialect.keeps` of a dialect that loses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The images that the coordinates of a pick file refer to.

    Attributes
    ----------
    grids
        Grid of each image, by name (`Image.name`).
    default_grid
        Grid of every image not in ``grids``.
    pixel_size_angstrom
        Pixel size of images whose grid is not known; enough for dialects that count pixels from
        the first one, not for those that count from the centre or flip y.
    tilt_series_pixel_angstrom
        Pixel size of the unbinned tilt series, where it is not the pixel size of the tomogram.
    tilt_series_pixels_angstrom
        The same by image, where they differ; goes before the one value.
    box_size_px
        Box edge in pixels of the image, for dialects that store corners of boxes.
    files
        File of each image as the program that reads the picks shall find it, by name; default:
        the file the picks came with, else the name.
    image_name
        Name for picks of files that do not name their image; default: the file's own name.
    """

    grids: Mapping[str, Grid] = field(default_factory=dict[str, Grid])
    default_grid: Grid | None = None
    pixel_size_angstrom: float | None = None
    tilt_series_pixel_angstrom: float | None = None
    tilt_series_pixels_angstrom: Mapping[str, float] = field(default_factory=dict[str, float])
    box_size_px: float | None = None
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    image_name: str | None = None

    def known_grid(self, image: str) -> Grid | None:
        """The grid of an image, where it is known."""
        return self.grids.get(image, self.default_grid)

    def grid(self, image: str, path: str | Path) -> Grid:
        """The grid of an image, or a `MissingFrameError` that says how to give it."""
        grid = self.known_grid(image)
        if grid is None:
            raise MissingFrameError(
                f"{path}: image {image}: its shape is needed to place the picks; "
                "name it with --image"
            )
        return grid

    def pixel_size(self, image: str, path: str | Path) -> float:
        """The pixel size of an image, or a `MissingFrameError` that says how to give it."""
        grid = self.known_grid(image)
        if grid is not None:
            return grid.pixel_size_angstrom
        if self.pixel_size_angstrom is None:
            raise MissingFrameError(
                f"{path}: image {image}: its pixel size is needed; "
                "give --pixel-size, or the image with --image"
            )
        return self.pixel_size_angstrom


@dataclass(frozen=True, slots=True, kw_only=True)
class PickFile:
    """Picks read from a file, and what had to be assumed to read them.

    Attributes
    ----------
    picks
        In the specimen frame.
    box_size_px
        Box size the file carries, in pixels of its image; None where it carries none.
    assumed
        One sentence per assumption: origin, flip, binning, Euler convention.
    warnings
        One sentence per oddity.
    """

    picks: Picks
    box_size_px: float | None = None
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of writing picks down.

    Attributes
    ----------
    name
        Short name, as given to ``--from`` and ``--to``.
    title
        The program and the file, in words.
    suffixes
        File suffixes it is usually found under, lower case with the dot.
    dimensions
        2, 3 or both.
    origin, unit, euler
        Its conventions, in words, for the documentation and for the report of ``convert``;
        ``euler`` is empty where it stores no angles.
    decimals
        Digits after the point that it writes for positions.
    sniff
        ``sniff(path, head)`` tells how sure one can be from the name and the first 64 KiB that a
        file is in this dialect: 0 no, 1 possible, 2 likely (suffix and shape fit), 3 certain.
    read
        ``read(path, frame)``; raises `FormatError` for content it cannot use.
    write
        ``write(picks, path, frame)`` writes the *active* picks whole; None: read only. Returns one sentence
        per assumption.
    keeps
        Which columns of `Picks` survive a round trip, of `EVERY_COLUMN`.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    dimensions: tuple[int, ...]
    origin: str
    unit: str
    euler: str = ""
    decimals: int | None = None
    sniff: Callable[[Path, bytes], int]
    read: Callable[[Path, Frame], PickFile]
    write: Callable[[Picks, Path, Frame], tuple[str, ...]] | None = None
    keeps: frozenset[str] = frozenset()
