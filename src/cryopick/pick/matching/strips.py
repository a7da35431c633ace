"""Strips of a tomogram across the tilt axis, within which one defocus per tilt will do.

A tilted specimen reaches through many depths: at 60° tilt the defocus changes by 0.87 µm per µm
across the axis. Where the sign of that change is known, each strip gets the weight of its middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Grid
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.search import SearchResult

# Defocus may be off by this much at the rim of a strip: at 20 Å and 300 kV a quarter of a radian.
_TOLERANCE_ANGSTROM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Voxels from ``start`` to ``stop`` along x.

    ``place_angstrom`` is the middle, ``(x, z)`` from the centre of the tomogram; None where one
    weight serves the whole tomogram.
    """

    start: int
    stop: int
    place_angstrom: tuple[float, float] | None


def strips_along_x(grid: Grid, imaging: Imaging) -> list[Strip]:
    """Cut a grid into equal strips, or leave it whole where the defocus gradient is not known.

    Examples
    --------
    >>> grid = Grid(shape=(8, 8, 500), pixel_size_angstrom=10.0)
    >>> strips_along_x(grid, Imaging())
    [Strip(start=0, stop=500, place_angstrom=None)]
    """
    nx = grid.shape[2]
    if imaging.handedness == 0 or not imaging.use_ctf:
        return [Strip(start=0, stop=nx, place_angstrom=None)]
    steepest = max(abs(math.sin(math.radians(angle))) for angle in imaging.wedge_deg)
    widest = 2 * _TOLERANCE_ANGSTROM / max(steepest, 1e-3)
    count = max(1, math.ceil(nx * grid.pixel_size_angstrom / widest))
    edges = np.rint(np.linspace(0, nx, count + 1)).astype(int)
    return [
        Strip(
            start=int(start),
            stop=int(stop),
            place_angstrom=(((start + stop - 1) / 2 - nx // 2) * grid.pixel_size_angstrom, 0.0),
        )
        for start, stop in pairwise(edges)
    ]


def strip_of(strips: list[Strip], x_px: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the strip that each x lies in (the outer ones reach on for ever)."""
    inner = [strip.start - 0.5 for strip in strips[1:]]
    return np.searchsorted(np.asarray(inner), x_px, side="right").astype(np.int64)


def within(
    strip: Strip, shape: tuple[int, ...], region: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """The part of a region that lies in a strip."""
    if strip.start == 0 and strip.stop == shape[2]:
        return region
    inside = np.zeros(shape, dtype=bool)
    part = slice(strip.start, strip.stop)
    inside[:, :, part] = True if region is None else region[:, :, part]
    return inside


def joined_results(results: list[SearchResult]) -> SearchResult:
    """The results of searches of separate regions as one."""
    if len(results) == 1:
        return results[0]
    score = np.array(results[0].score)
    rotation = np.array(results[0].rotation)
    for result in results[1:]:
        found = np.asarray(result.rotation) >= 0
        score[found] = np.asarray(result.score)[found]
        rotation[found] = np.asarray(result.rotation)[found]
    tests = sum(result.tests for result in results)
    variance = sum(result.variance * result.tests for result in results) / max(tests, 1.0)
    return SearchResult(score=score, rotation=rotation, variance=variance, tests=tests)
