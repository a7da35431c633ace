"""Tilt angles: ``.tlt``, ``.rawtlt`` and ``.xtilt`` of IMOD, and lists of acquisition order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.number_list import read_number_list, write_number_list
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_integer, to_number

MAX_TILT_DEG = 180.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderList:
    """When each tilt was taken.

    Attributes
    ----------
    order
        ``(n,)`` place in the acquisition, counted from 1.
    tilt_deg
        ``(n,)`` nominal tilt.
    """

    order: NDArray[np.int64]
    tilt_deg: NDArray[np.float64]


def read_tilts(path: str | Path, *, column: int | None = None) -> NDArray[np.float64]:
    """Read tilt angles in degrees, one per image in the order of the stack.

    Parameters
    ----------
    path
        ``.tlt`` (refined), ``.rawtlt`` (nominal) or ``.xtilt`` (tilt about x).
    column
        Column of the angle in a file with several, counted from 0; default: there is one.

    Returns
    -------
    ndarray
        ``(n,)`` degrees.
    """
    tilts = read_number_list(path, what="tilt", column=column)
    check_tilts(tilts, path)
    return tilts


def check_tilts(tilt_deg: NDArray[np.float64], path: str | Path) -> None:
    """Refuse tilts that no stage reaches: they are some other column."""
    worst = float(np.abs(tilt_deg).max(initial=0.0))
    if worst > MAX_TILT_DEG:
        raise FormatError(path, f"tilt: {worst:g}° is not possible", "check the column")


def write_tilts(path: str | Path, tilt_deg: ArrayLike, *, decimals: int = 2) -> None:
    """Write tilt angles, one per line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.tlt"
    >>> write_tilts(path, [-60, -57.01])
    >>> read_tilts(path)
    array([-60.  , -57.01])
    """
    write_number_list(path, tilt_deg, decimals=decimals)


def read_order_list(path: str | Path) -> OrderList:
    """Read an order list: place in the acquisition (from 1) and tilt, by comma or space.

    A heading such as ``ImageNumber, TiltAngle`` is skipped. Lists that count from 0 are taken as
    such when the smallest number is 0.
    """
    order: list[int] = []
    tilts: list[float] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if not order and any(c.isalpha() and c not in "eE" for c in words[0]):
            continue
        place = f"line {number}"
        if len(words) != 2:
            raise FormatError(path, f"{place}: expected order and tilt, got {len(words)} values")
        order.append(to_integer(words[0], path, place))
        tilts.append(to_number(words[1], path, place))
    if not order:
        raise FormatError(path, "holds no rows of order and tilt")
    places = np.asarray(order, dtype=np.int64)
    places += 1 if places.min() == 0 else 0
    if np.unique(places).size != places.size or places.min() < 1:
        raise FormatError(path, "order: each place must come once, counted from 1")
    tilt_deg = np.asarray(tilts)
    check_tilts(tilt_deg, path)
    return OrderList(order=places, tilt_deg=tilt_deg)


def prior_exposure(
    exposure_e_per_a2: ArrayLike, order: NDArray[np.int64] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Exposure received before each image, from the exposure of each and when it was taken.

    Parameters
    ----------
    exposure_e_per_a2
        ``(n,)`` exposure of each image, or one number for all.
    order
        ``(n,)`` something that grows with time: place in the acquisition or seconds.

    Examples
    --------
    >>> prior_exposure([1.0, 2.0, 4.0], np.array([2, 1, 3]))
    array([2., 0., 3.])
    """
    when = np.asarray(order)
    each = np.broadcast_to(np.asarray(exposure_e_per_a2, dtype=np.float64), when.shape)
    if np.unique(when).size != when.size:
        raise InputError("prior_exposure: two images were taken at the same moment")
    rank = np.argsort(when)
    before = np.empty(when.shape)
    before[rank] = np.concatenate([[0.0], np.cumsum(each[rank])[:-1]])
    return before
