"""Placing pixel positions in the specimen, and specimen positions in pixels, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Frame
from cryopick.model import Grid, Picks

# Texts become rectangular arrays: one giant value would be paid for in every row.
_LONGEST_TEXT = 512


def own_name(path: Path, frame: Frame, *, ending: str = "") -> str:
    """Name of the image of a file that does not name it: as given, else the file's own name.

    Examples
    --------
    >>> own_name(Path("info/mic1_info.json"), Frame(), ending="_info")
    'mic1'
    """
    if frame.image_name is not None:
        return frame.image_name
    name = path.name.removesuffix(".gz")
    name = name[: name.rfind(".")] if name.rfind(".") > 0 else name
    return image_name(name.removesuffix(ending))


def names_of(name: str, n: int) -> NDArray[np.str_]:
    """The same image name for ``n`` picks."""
    return np.full(n, name, dtype=f"<U{max(len(name), 1)}")


def text_column(path: Path, texts: Sequence[str], *, column: str) -> NDArray[np.str_]:
    """A column of texts, unless one giant value would blow up all others.

    Examples
    --------
    >>> text_column(Path("a.json"), ["007", "1e5"], column="image").tolist()
    ['007', '1e5']
    """
    longest = max(map(len, texts), default=0)
    if longest > _LONGEST_TEXT:
        raise FormatError(path, f"column {column}: a text of {longest} characters", "shorten it")
    return np.array(texts, dtype=f"<U{max(longest, 1)}")


def one_image(picks: Picks, path: Path, frame: Frame) -> str:
    """The only image of picks that go to a file which holds picks of one image."""
    images = np.unique(picks.image)
    if len(images) > 1:
        raise InputError(
            f"{path}: this format holds the picks of one image, got {len(images)} images "
            f"({images[0]}, {images[1]}, ...); write one file per image"
        )
    return str(images[0]) if len(images) else own_name(path, frame)


def groups_of(names: NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    """Rows of each name, in the order in which the names appear.

    Examples
    --------
    >>> {name: rows.tolist() for name, rows in groups_of(np.array(["b", "a", "b"])).items()}
    {'b': [0, 2], 'a': [1]}
    """
    order: dict[str, int] = {}
    place = np.array([order.setdefault(name, len(order)) for name in names.tolist()], np.int64)
    ranked = np.argsort(place, kind="stable")
    cuts = np.cumsum(np.bincount(place, minlength=len(order)))[:-1]
    return dict(zip(order, np.split(ranked, cuts), strict=True)) if order else {}


def to_specimen(
    position_px: NDArray[np.float64],
    image: NDArray[np.str_],
    *,
    path: Path,
    frame: Frame,
    own_angstrom: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Turn ``(n, d)`` pixel positions (0 = centre of the first pixel) into specimen positions in Å.

    The images that the caller names decide; without them the pixel size given; without that the
    pixel sizes ``own_angstrom`` ``(n,)`` that the file states.

    Examples
    --------
    >>> frame = Frame(pixel_size_angstrom=2.0)
    >>> to_specimen(np.array([[1.0, 2.0]]), np.array(["a"]), path=Path("a.box"), frame=frame)
    array([[2., 4.]])
    """
    if not np.all(np.abs(position_px) < 1e9):
        raise FormatError(path, "a position lies over 1e9 pixels away", "correct the row")
    position = np.empty_like(position_px)
    for name, rows in groups_of(image).items():
        grid = _fitting_grid(frame, name, position_px.shape[1], path)
        if grid is not None:
            position[rows] = grid.to_angstrom(position_px[rows])
        elif frame.pixel_size_angstrom is None and own_angstrom is not None:
            position[rows] = position_px[rows] * own_angstrom[rows, None]
        else:
            position[rows] = position_px[rows] * frame.pixel_size(name, path)
    return position


def to_px(picks: Picks, *, path: Path, frame: Frame) -> NDArray[np.float64]:
    """Turn the positions of picks into pixels of their images, ``(n, d)``."""
    position_px = np.empty_like(picks.position_angstrom)
    for name, rows in groups_of(picks.image).items():
        grid = _fitting_grid(frame, name, picks.ndim, path)
        position = picks.position_angstrom[rows]
        position_px[rows] = (
            position / frame.pixel_size(name, path) if grid is None else grid.to_px(position)
        )
    return position_px


def pixel_sizes(image: NDArray[np.str_], *, path: Path, frame: Frame) -> NDArray[np.float64]:
    """Pixel size of each pick's image in Å."""
    sizes = np.empty(len(image))
    for name, rows in groups_of(image).items():
        sizes[rows] = frame.pixel_size(name, path)
    return sizes


def _fitting_grid(frame: Frame, image: str, ndim: int, path: Path) -> Grid | None:
    grid = frame.known_grid(image)
    if grid is not None and grid.ndim != ndim:
        raise InputError(
            f"{path}: image {image}: {ndim}D picks, but the image is {grid.ndim}D; "
            "name the image that was picked with --image"
        )
    return grid


def box_to_write(picks: Picks, path: Path, frame: Frame) -> tuple[int, tuple[str, ...]]:
    """Edge in pixels of the boxes to write, and what was assumed to find it.

    The box is an edge only: the centre of each pick does not depend on it.
    """
    if frame.box_size_px is not None:
        return max(round(frame.box_size_px), 1), ()
    if picks.diameter_angstrom is not None and np.any(np.isfinite(picks.diameter_angstrom)):
        size = pixel_sizes(picks.image, path=path, frame=frame)
        box = 2 * round(0.75 * float(np.nanmax(picks.diameter_angstrom / size)))
        return max(box, 2), (f"box of {max(box, 2)} px: 1.5 times the largest diameter",)
    return 100, ("box of 100 px: no box size was given; centres do not depend on it",)
