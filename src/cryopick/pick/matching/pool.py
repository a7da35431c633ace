"""`Pool`: every candidate that a search kept, before anything is decided about it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.atomic import atomic_open
from cryopick.model import Grid, PixelSource
from cryopick.ops.peaks import local_maxima, refine_peaks
from cryopick.ops.suppression import keep_better

_COLUMNS = {
    "position_angstrom": (np.float64, (3,)),
    "orientation": (np.float64, (4,)),
    "score": (np.float64, ()),
    "map_score": (np.float64, ()),
    "background": (np.float64, ()),
    "template": (np.int64, ()),
}
_SLAB_VOXELS = 32_000_000
_LARGEST_BYTES = 2**31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Local maxima of a search in one tomogram, refined or not.

    Attributes
    ----------
    position_angstrom
        ``(n, 3)`` float64 x, y, z in the specimen frame.
    orientation
        ``(n, 4)`` unit quaternions, template -> image.
    score
        ``(n,)`` score after refinement; NaN where the candidate was not refined.
    map_score
        ``(n,)`` score of the searched map at the maximum, before the background is taken off.
    background
        ``(n,)`` what the noise template scores there, minus its mean over the tomogram; 0 where
        there was no noise template. `final_score` takes it off.
    template
        ``(n,)`` index of the template.
    """

    position_angstrom: NDArray[np.float64]
    orientation: NDArray[np.float64]
    score: NDArray[np.float64]
    map_score: NDArray[np.float64]
    background: NDArray[np.float64]
    template: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.position_angstrom)
        for name, (kind, tail) in _COLUMNS.items():
            column = np.asarray(getattr(self, name), dtype=kind)
            if column.shape != (n, *tail):
                raise InputError(
                    f"Pool: expected column {name} of shape {(n, *tail)}, got {column.shape}"
                )
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.position_angstrom)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Pool:
        return Pool(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @property
    def refined(self) -> NDArray[np.bool_]:
        """Which candidates were refined."""
        return np.isfinite(self.score)

    @property
    def final_score(self) -> NDArray[np.float64]:
        """Refined score (that of the map where not refined) less the background."""
        return np.where(self.refined, self.score, self.map_score) - self.background

    @staticmethod
    def joined(parts: list[Pool]) -> Pool:
        """All candidates of several pools, one after the other.

        Examples
        --------
        >>> len(Pool.joined([]))
        0
        """
        columns: dict[str, Any] = {
            name: np.concatenate([np.zeros((0, *tail), kind), *(getattr(p, name) for p in parts)])
            for name, (kind, tail) in _COLUMNS.items()
        }
        return Pool(**columns)


def pool_from_map(
    score: PixelSource,
    rotation_index: PixelSource,
    rotations: NDArray[np.float64],
    *,
    grid: Grid,
    floor: float,
    min_distance_px: float,
    max_candidates: int,
    region: NDArray[np.bool_] | None = None,
    template: int = 0,
) -> Pool:
    """Take the local maxima of a score map, best first, none too near to a better one.

    Parameters
    ----------
    score
        ``(z, y, x)``: an array or a memory map, read slab by slab. What is not finite counts as
        not searched.
    rotation_index
        ``(z, y, x)``: which of ``rotations`` gave the score; below 0: not searched.
    rotations
        ``(m, 4)`` unit quaternions.
    grid
        Places the maps in the specimen.
    floor
        Only scores above it are candidates.
    min_distance_px
        Between candidates.
    max_candidates
        Keep only the best so many.
    region
        ``(z, y, x)``: only voxels that are true.
    template
        Index that all candidates get.

    Returns
    -------
    Pool
        Not refined, best first; positions between voxels by parabolas along the axes.

    Examples
    --------
    >>> score = np.zeros((8, 8, 8), np.float32)
    >>> score[4, 3, 2], score[4, 3, 3] = 0.5, 0.25
    >>> pool = pool_from_map(
    ...     score, np.zeros_like(score), np.array([[1.0, 0, 0, 0]]), floor=0.1,
    ...     grid=Grid(shape=(8, 8, 8), pixel_size_angstrom=10.0), min_distance_px=2,
    ...     max_candidates=5,
    ... )
    >>> pool.position_angstrom.round(1)
    array([[21.7, 30. , 40. ]])
    """
    if not np.isfinite(floor):
        raise InputError(f"floor of the scores {floor:g}: expected a finite number")
    index, position, height = _maxima(score, floor=floor, region=region)
    rows = _best_apart(position, height, distance=min_distance_px, most=max_candidates)
    index, position, height = index[rows], position[rows], height[rows]
    which = _values_at(rotation_index, index).astype(np.int64)
    if len(which) and which.max() >= len(rotations):
        raise InputError(
            f"rotation {which.max()} in the map of rotations: the list has only {len(rotations)}"
        )
    known = which >= 0
    n = int(known.sum())
    return Pool(
        position_angstrom=grid.to_angstrom(position[known][:, ::-1]).reshape(n, 3),
        orientation=rotations[which[known]].reshape(n, 4),
        score=np.full(n, np.nan),
        map_score=height[known],
        background=np.zeros(n),
        template=np.full(n, template),
    )


def _maxima(
    score: PixelSource, *, floor: float, region: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Index, sub-voxel place (both z, y, x) and score of every local maximum above the floor."""
    nz, ny, nx = score.shape
    step = max(1, _SLAB_VOXELS // (ny * nx))
    found: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    for first in range(0, nz, step):
        last, start = min(nz, first + step), max(0, first - 1)
        shift = np.array([start, 0, 0])
        slab = np.array(score[start : min(nz, last + 1)], dtype=np.float32)
        slab[~np.isfinite(slab)] = floor
        index = local_maxima(slab)
        z = index[:, 0] + start
        keep = (z >= first) & (z < last) & (slab[tuple(index.T)] > floor)
        index = index[keep]
        if region is not None:
            index = index[region[tuple((index + shift).T)]]
        height = slab[tuple(index.T)].astype(np.float64)
        # Rounded, as the last bits depend on where the slab begins.
        offset = np.round(refine_peaks(slab, index) - index, 6)
        index = index + shift
        found.append((index, index + offset, height))
    index, position, height = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return index, position, height


def _best_apart(
    position: NDArray[np.float64], height: NDArray[np.float64], *, distance: float, most: int
) -> NDArray[np.int64]:
    """Rows of the best candidates that are far enough apart, best first."""
    order = np.lexsort((*position.T[::-1], -height))
    share = min(len(order), 4 * most)
    while True:
        # Who stays among the best depends on none of the worse ones, so a prefix will do.
        top = order[:share]
        kept = top[keep_better(position[top], height[top], distance=distance)]
        if len(kept) >= most or share == len(order):
            return kept[:most]
        share = min(len(order), 4 * share)


def _values_at(source: PixelSource, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at array indices ``(n, 3)``, read plane by plane."""
    values = np.zeros(len(index), dtype=np.float64)
    for z in np.unique(index[:, 0]):
        rows = np.flatnonzero(index[:, 0] == z)
        plane = np.asarray(source[int(z)])
        values[rows] = plane[index[rows, 1], index[rows, 2]]
    return values


def save_pool(pool: Pool, path: str | Path) -> None:
    """Write a pool as a NumPy archive."""
    with atomic_open(path, "wb") as file:
        np.savez(file, **{name: getattr(pool, name) for name in _COLUMNS})


def load_pool(path: str | Path) -> Pool:
    """Read what `save_pool` wrote."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_BYTES:
                raise FormatError(path, "more than 2 GiB of candidates", "run match again")
        with np.load(path, allow_pickle=False) as archive:
            return Pool(**{name: archive[name] for name in _COLUMNS})
    except FormatError:
        raise
    # A damaged archive fails in zlib, zipfile, numpy or in Pool, each with its own exception.
    except Exception as error:
        raise FormatError(
            path, f"not a whole archive of candidates ({error})", "run match again"
        ) from error
