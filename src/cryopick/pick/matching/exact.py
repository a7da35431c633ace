"""The exact engine: the score of every voxel in every rotation, by FFT.

For each rotation the template is turned, weighted and normalised (`TurnedTemplates`), correlated
with the volume, divided by the local deviation, and compared with the best so far. The volume is
cut into tiles, and the rotations into runs where tiles are few. Neither the number of cores nor
the order of the work changes a bit of the result; another cut changes the rounding of the
transforms only.

Roseman 2003, doi 10.1016/S0304-3991(02)00333-9 (local normalisation by FFT).
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.threads import in_threads
from cryopick.pick.matching.local_deviation import volume_moments
from cryopick.pick.matching.search import Cones, Means, SearchResult
from cryopick.pick.matching.template import Template, TurnedTemplates
from cryopick.pick.matching.tile_results import Checkpoints, TileResult, digest
from cryopick.pick.matching.tile_scores import Scaling, TileCones, TileScores
from cryopick.pick.matching.tiles import Tile, plan_tiles

if TYPE_CHECKING:
    import torch

# All arrays of one tile at their largest, for each voxel of its block.
_BYTES_PER_VOXEL = 64
_BYTES_FOR_CONES = 24
# On a CPU larger blocks leave the caches and gain nothing.
_MOST_VOXELS_CPU = 8_000_000
# Runs at a time that the memory must hold: fixed, so that the cut does not depend on the cores.
_LANES = 4
_SHORTEST_RUN = 64
# Small blocks are transformed together.
_BATCH_VOXELS = 2_000_000
_SAVE_EVERY_S = 25.0
# Over so many voxels a float32 sum of squares is exact enough.
_SUM_VOXELS = 1 << 16


def search_exact(
    volume: NDArray[np.float32],
    template: Template,
    rotations: NDArray[np.float64],
    *,
    weight: NDArray[np.float32] | None,
    region: NDArray[np.bool_] | None = None,
    cones: Cones | None = None,
    means: Means,
) -> SearchResult:
    """Find the best rotation of every voxel.

    Parameters
    ----------
    volume
        ``(z, y, x)``, filtered; may be a memory map. Outside it counts as its mean. Where its
        local deviation is below 0.3 % of that of the whole volume, it counts as flat.
    template
        At the pixel size of the volume.
    rotations
        ``(m, 4)``.
    weight
        Of the template, ``(n, n, n // 2 + 1)``; None: no weight.
    region
        ``(z, y, x)``: the voxels to search; None: all.
    cones
        Allowed directions; None: all.
    means
        Cores, memory, device, checkpoints, progress.

    Returns
    -------
    SearchResult
        With cones, ``tests`` counts at each voxel the rotations allowed there, and ``variance`` is
        the mean over these.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> density = rng.normal(size=(8, 8, 8)).astype(np.float32)
    >>> template = Template(
    ...     density=density, mask=np.ones_like(density), pixel_size_angstrom=10.0, name="blob",
    ...     diameter_angstrom=80.0,
    ... )
    >>> volume = np.zeros((16, 16, 16), np.float32)
    >>> volume[4:12, 4:12, 4:12] = density
    >>> found = search_exact(volume, template, np.eye(4)[:2], weight=None, means=Means())
    >>> np.argwhere(found.score == found.score.max()).tolist(), int(found.rotation[8, 8, 8])
    ([[8, 8, 8]], 0)
    """
    rotations = _check(volume, rotations, region, cones)
    tiles = plan_tiles(
        volume.shape, template.box_px, most_voxels=_most_voxels(means, cones), region=region
    )
    runs = [
        _Run(tile=tile, number=number, first=first, stop=stop)
        for number, tile in enumerate(tiles)
        for first, stop in _spans(len(rotations), len(tiles))
    ]
    search = _Search(
        runs,
        volume=volume,
        template=template,
        rotations=rotations,
        weight=weight,
        region=region,
        cones=cones,
        means=means,
    )
    return search.done()


def _check(
    volume: NDArray[np.float32],
    rotations: NDArray[np.float64],
    region: NDArray[np.bool_] | None,
    cones: Cones | None,
) -> NDArray[np.float64]:
    if volume.ndim != 3 or not volume.size:
        raise InputError(f"search: expected a volume (z, y, x), got shape {volume.shape}")
    rotations = np.asarray(rotations, dtype=np.float64)
    if rotations.ndim != 2 or rotations.shape[1] != 4 or not len(rotations):
        raise InputError(f"search: expected rotations (m, 4), got shape {rotations.shape}")
    for name, given in (("region", region), ("cones", None if cones is None else cones.nearest)):
        if given is not None and given.shape != volume.shape:
            raise InputError(
                f"search: {name} of {given.shape} voxels, but the volume has {volume.shape}"
            )
    return rotations


def _bytes_per_voxel(cones: Cones | None) -> int:
    return _BYTES_PER_VOXEL + (0 if cones is None else _BYTES_FOR_CONES)


def _most_voxels(means: Means, cones: Cones | None) -> int:
    held = means.memory_bytes // _bytes_per_voxel(cones)
    return max(1, min(_MOST_VOXELS_CPU, held // _LANES) if means.device == "cpu" else held)


def _spans(rotations: int, tiles: int) -> list[tuple[int, int]]:
    """Cut the rotations where there are too few tiles to keep several cores busy."""
    count = max(1, min(-(-2 * _LANES // max(tiles, 1)), rotations // _SHORTEST_RUN))
    bounds = [rotations * i // count for i in range(count + 1)]
    return list(pairwise(bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Consecutive rotations on one tile."""

    tile: Tile
    number: int
    first: int
    stop: int

    @property
    def name(self) -> str:
        return f"tile_{self.number:05d}_from_{self.first:07d}"

    @property
    def work(self) -> int:
        return self.tile.block_voxels * (self.stop - self.first)


class _Search:
    """What all runs share, and what they have found."""

    def __init__(
        self,
        runs: list[_Run],
        *,
        volume: NDArray[np.float32],
        template: Template,
        rotations: NDArray[np.float64],
        weight: NDArray[np.float32] | None,
        region: NDArray[np.bool_] | None,
        cones: Cones | None,
        means: Means,
    ) -> None:
        mean, variance = volume_moments(volume)
        if not math.isfinite(variance):
            raise InputError("search: the volume holds NaN or infinite values")
        self.runs, self.work_done, self.work_total = runs, 0, max(1, sum(run.work for run in runs))
        self.volume, self.rotations, self.means = volume, rotations, means
        self.region, self.cones = region, cones
        self.scaling = Scaling(mean=mean, variance=variance)
        self.turned = TurnedTemplates(template, weight, device=means.device)
        self.checkpoints: Checkpoints | None = None
        if means.checkpoints is not None:
            given = [volume, template.density, template.mask, weight, rotations, region]
            given += [] if cones is None else [cones.axis, cones.nearest]
            angle = None if cones is None else cones.half_angle_deg
            key = digest(given, template.spherical_mask, angle, runs)
            self.checkpoints = Checkpoints(folder=means.checkpoints, key=key)
        self.score = np.full(volume.shape, -np.inf, np.float32)
        self.rotation = np.full(volume.shape, -1, np.int32)
        self.lock, self.stopped = threading.Lock(), threading.Event()

    def done(self) -> SearchResult:
        """Do all runs, as many at a time as cores and memory allow."""
        voxels = max((run.tile.block_voxels for run in self.runs), default=1)
        lanes = self.means.memory_bytes // (voxels * _bytes_per_voxel(self.cones))
        cores = min(self.means.cores, max(1, lanes)) if self.means.device == "cpu" else 1
        counted = in_threads(self._run, self.runs, cores=cores)
        self.means.progress(1.0)
        if self.region is not None:
            self.score[~self.region] = 0
            self.rotation[~self.region] = -1
        self.score[self.rotation < 0] = 0
        tests = float(sum(tests for _, tests in counted))
        squares = math.fsum(squares for squares, _ in counted)
        return SearchResult(
            score=self.score,
            rotation=self.rotation,
            variance=squares / tests if tests else 0.0,
            tests=tests,
        )

    def _run(self, run: _Run) -> tuple[float, int]:
        """Do one run; gives its sum of squared scores and its number of tests."""
        if self.stopped.is_set():
            return 0.0, 0
        try:
            return self._searched(run)
        except BaseException:
            # The other threads end after the batch they are in.
            self.stopped.set()
            raise

    def _searched(self, run: _Run) -> tuple[float, int]:
        device = self.means.device
        region = None if self.region is None else self.region[run.tile.place]
        own = self.rotations[run.first : run.stop]
        cones = None
        count = np.full(len(own), math.prod(run.tile.shape) if region is None else region.sum())
        if self.cones is not None:
            cones = TileCones(self.cones, run.tile, searched=region, rotations=own, device=device)
            count = cones.count
        todo = np.flatnonzero(count)
        result = self._begin(run, len(todo))
        best = _Best(result, cones, device=device)
        batch = max(1, _BATCH_VOXELS // run.tile.block_voxels)
        if result.done < len(todo):
            scores = TileScores(
                self.volume, run.tile, turned=self.turned, scaling=self.scaling, searched=region
            )
            saved = time.monotonic()
            for start in range(result.done, len(todo), batch):
                if self.stopped.is_set():
                    return 0.0, 0
                some = todo[start : start + batch]
                for place, values in zip(some, scores.of(own[some]), strict=True):
                    best.add(values, int(place), rotation=run.first + int(place))
                best.done = start + len(some)
                if self.checkpoints and time.monotonic() - saved >= _SAVE_EVERY_S:
                    self.checkpoints.save(run.name, best.result())
                    saved = time.monotonic()
                self._tell(run.work * len(some) // len(todo))
            result = best.result()
            if self.checkpoints:
                self.checkpoints.save(run.name, result)
        self._merge(run.tile, result)
        return math.fsum(result.squares), int(count.sum())

    def _begin(self, run: _Run, rotations: int) -> TileResult:
        """Take up what was kept of a run, or begin it."""
        kept = self.checkpoints.load(run.name) if self.checkpoints else None
        if (
            kept
            and kept.score.shape == run.tile.shape
            and len(kept.squares) == run.stop - run.first
        ):
            self._tell(run.work * kept.done // max(rotations, 1))
            return kept
        return TileResult(
            score=np.full(run.tile.shape, -np.inf, np.float32),
            rotation=np.full(run.tile.shape, -1, np.int32),
            squares=np.zeros(run.stop - run.first),
            done=0,
        )

    def _merge(self, tile: Tile, found: TileResult) -> None:
        with self.lock:
            score, rotation = self.score[tile.place], self.rotation[tile.place]
            better = found.score > score
            better |= (found.score == score) & (found.rotation < rotation) & (found.rotation >= 0)
            score[better] = found.score[better]
            rotation[better] = found.rotation[better]

    def _tell(self, work: int) -> None:
        with self.lock:
            self.work_done += work
            self.means.progress(min(1.0, self.work_done / self.work_total))


class _Best:
    """The running maximum of one run, on the device."""

    def __init__(self, result: TileResult, cones: TileCones | None, *, device: str) -> None:
        import torch

        self._score = torch.from_numpy(result.score).to(device)
        self._rotation = torch.from_numpy(result.rotation).to(device)
        self._squares = torch.from_numpy(result.squares).to(device)
        self._cones, self._on_cpu = cones, device == "cpu"
        self.done = result.done

    def add(self, values: torch.Tensor, place: int, *, rotation: int) -> None:
        """Take the scores of one rotation in; of equal scores the earlier rotation stays."""
        import torch

        forbidden = None if self._cones is None else self._cones.forbidden(place)
        if forbidden is not None:
            values = values.masked_fill(forbidden, 0)
        self._squares[place] = self._sum_of_squares(values.reshape(-1))
        if forbidden is not None:
            values = values.masked_fill_(forbidden, -torch.inf)
        better = values > self._score
        torch.maximum(self._score, values, out=self._score)
        self._rotation.masked_fill_(better, rotation)

    def _sum_of_squares(self, values: torch.Tensor) -> float | torch.Tensor:
        import torch

        if self._on_cpu:
            return sum(float(part @ part) for part in values.split(_SUM_VOXELS))
        # Stays on the device: nobody waits for it.
        return torch.linalg.vector_norm(values, dtype=torch.float64).square()

    def result(self) -> TileResult:
        """What was found so far."""
        return TileResult(
            score=self._score.cpu().numpy(),
            rotation=self._rotation.cpu().numpy(),
            squares=self._squares.cpu().numpy(),
            done=self.done,
        )
