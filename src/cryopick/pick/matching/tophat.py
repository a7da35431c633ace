"""Keep sharp peaks only: the white top-hat of a score map, and its own threshold.

A top-hat is the map minus its opening (the highest of the lowest in the neighbourhood): it leaves
what is narrower than the neighbourhood and removes plateaus and ridges, as at membranes and beads.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, PixelSource
from cryopick.pick.matching.cut_off import gaussian_cut_off

_SLAB_VOXELS = 16_000_000
# The opening looks two voxels far, so slabs overlap by as much.
_HALO = 2
# A peak may have moved so far in the refinement, to where its candidate lies now.
_REACH_PX = 2
_FEWEST_BINS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpness:
    """The threshold of a top-hat map and the noise behind it.

    Attributes
    ----------
    threshold
        Lowest value of a sharp peak.
    mean, sd
        Of the normal distribution that fits the values of the background.
    """

    threshold: float
    mean: float
    sd: float


def white_tophat(score: NDArray[np.float32], *, connectivity: int = 1) -> NDArray[np.float32]:
    """A map minus its opening by the voxels that touch each voxel.

    Parameters
    ----------
    score
        ``(z, y, x)`` finite values.
    connectivity
        Touching by faces (1), also edges (2), also corners (3).

    Examples
    --------
    >>> score = np.zeros((5, 5, 5), np.float32)
    >>> score[2, 2, 2] = 1.0
    >>> float(white_tophat(score)[2, 2, 2]), float(white_tophat(np.ones_like(score)).max())
    (1.0, 0.0)
    """
    if connectivity not in (1, 2, 3):
        raise InputError(f"--tophat-connectivity {connectivity}: expected 1, 2 or 3")
    eroded = _extreme(score, connectivity, np.minimum)
    return score - _extreme(eroded, connectivity, np.maximum)


def sharp(
    position_angstrom: NDArray[np.float64],
    score: PixelSource,
    grid: Grid,
    *,
    connectivity: int = 1,
    bins: int = 50,
    false_positives: float = 1.0,
) -> tuple[NDArray[np.bool_], Sharpness]:
    """Tell which candidates lie on sharp peaks of a score map.

    Parameters
    ----------
    position_angstrom
        ``(n, 3)``.
    score
        ``(z, y, x)``: an array or a memory map, read slab by slab.
    grid
        Of the map.
    connectivity
        See `white_tophat`.
    bins
        Of the histogram that the threshold comes from.
    false_positives
        Voxels of noise above the threshold, on average.

    Returns
    -------
    sharp, sharpness
        ``(n,)`` mask, and the threshold.
    """
    highest, count = 0.0, np.zeros(bins)
    for _, hat in _slabs(score, connectivity):
        highest = max(highest, float(hat.max()))
    if highest <= 0:
        return np.zeros(len(position_angstrom), bool), Sharpness(threshold=0.0, mean=0.0, sd=0.0)
    edges = np.linspace(0, highest, bins + 1)
    place = np.rint(grid.to_px(position_angstrom)).astype(np.int64)[:, ::-1].reshape(-1, 3)
    peak = np.zeros(len(place))
    for first, hat in _slabs(score, connectivity):
        count += np.histogram(hat[hat > 0], edges)[0]
        _raise_to(peak, hat, place, first)
    found = sharpness(count, edges, false_positives=false_positives)
    return peak > found.threshold, found


def sharpness(
    count: NDArray[np.float64], edges: NDArray[np.float64], *, false_positives: float
) -> Sharpness:
    """Threshold of a top-hat map from the histogram of its values.

    The first two bins, the flat regions, are left out. The background ends where the logarithm of
    the counts stops bending down (and three bins later, for the fit to see the bend); up to there
    it is a normal distribution, whose area is the number of tests.
    """
    centre, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    used = np.flatnonzero(count > 0)
    used = used[used >= 2] if np.sum(used >= 2) >= _FEWEST_BINS else used
    if len(used) == 0:
        return Sharpness(threshold=float(edges[-1]), mean=0.0, sd=0.0)
    log_count = np.log(count[used])
    bend = np.diff(log_count, 2)
    turns = np.flatnonzero((bend[:-1] < 0) & (bend[1:] >= 0))
    last = min(len(used), int(turns[0]) + 1 + 3) if len(turns) else len(used)
    last = max(last, min(len(used), _FEWEST_BINS))
    x, y = centre[used[:last]], log_count[:last]
    mean, sd, tests = _normal(x, y, width=width)
    if not tests > false_positives:
        return Sharpness(threshold=mean, mean=mean, sd=sd)
    cut = gaussian_cut_off(sigma=sd, tests=tests, false_positives=false_positives)
    return Sharpness(threshold=mean + cut, mean=mean, sd=sd)


def _normal(
    x: NDArray[np.float64], log_count: NDArray[np.float64], *, width: float
) -> tuple[float, float, float]:
    """Mean, deviation and number of a normal distribution, from the logarithm of its histogram."""
    weight = np.sqrt(np.exp(log_count - log_count.max()))
    if len(x) >= _FEWEST_BINS:
        bend, slope, level = np.polyfit(x, log_count, 2, w=weight)
        if bend < 0:
            sd, mean = float(np.sqrt(-0.5 / bend)), float(-slope / (2 * bend))
            top = float(level - slope**2 / (4 * bend))
            return mean, sd, float(np.exp(top) * sd * np.sqrt(2 * np.pi) / width)
    # No bend to fit: half a normal distribution of mean 0 with the same spread and number.
    count = np.exp(log_count)
    sd = float(np.sqrt(np.average(x**2, weights=count)))
    return 0.0, sd, 2 * float(count.sum())


def _extreme(
    score: NDArray[np.float32], connectivity: int, of_two: np.ufunc
) -> NDArray[np.float32]:
    """Lowest or highest of each voxel and those that touch it; the outside is left out."""
    result = score.copy()
    for shift in product((-1, 0, 1), repeat=3):
        if 0 < sum(abs(s) for s in shift) <= connectivity:
            here = tuple(
                slice(max(0, -s), n - max(0, s)) for s, n in zip(shift, score.shape, strict=True)
            )
            there = tuple(
                slice(max(0, s), n - max(0, -s)) for s, n in zip(shift, score.shape, strict=True)
            )
            of_two(result[here], score[there], out=result[here])
    return result


def _slabs(score: PixelSource, connectivity: int) -> Generator[tuple[int, NDArray[np.float32]]]:
    """The top-hat of a map, slab by slab, each with its first z."""
    nz, ny, nx = score.shape
    step = max(1, _SLAB_VOXELS // (ny * nx))
    for first in range(0, nz, step):
        last, start = min(nz, first + step), max(0, first - _HALO)
        slab = np.array(score[start : min(nz, last + _HALO)], dtype=np.float32)
        slab[~np.isfinite(slab)] = 0.0
        hat = white_tophat(slab, connectivity=connectivity)
        yield first, hat[first - start : last - start]


def _raise_to(
    peak: NDArray[np.float64], hat: NDArray[np.float32], place: NDArray[np.int64], first: int
) -> None:
    """Raise each candidate's peak to the highest value of this slab within reach."""
    for shift in product(range(-_REACH_PX, _REACH_PX + 1), repeat=3):
        index = place + np.array(shift) - np.array([first, 0, 0])
        inside = np.all((index >= 0) & (index < np.array(hat.shape)), axis=1)
        rows = np.flatnonzero(inside)
        peak[rows] = np.maximum(peak[rows], hat[tuple(index[rows].T)])
