"""`refine_poses`: every candidate to its best orientation and place, between the voxels.

For each starting orientation the best shift is looked up in a correlation of the box. From there
all starts climb the score a few steps, the best two to the top (see `PoseAscent`). Both tops are
then scored exactly and the higher one is taken.

The score of a pose between the voxels is the score of the nearest voxel, with its mask and
standard deviation there, for the template moved by what is left (half a voxel at most along each
axis): still a normalised correlation, 1 at most, and the score map's own value for a whole voxel.

A mask that is no sphere turns with the template. The climb holds it as it was at the start, so the
best pose takes one more step along slopes of exact scores, which costs five times the rest.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import atomic_open
from cryopick.ops.threads import in_threads
from cryopick.pick.matching.local_deviation import volume_moments
from cryopick.pick.matching.pose_ascent import PoseAscent
from cryopick.pick.matching.pose_refiner import PoseRefiner, RefinedPoses
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.template import Template
from cryopick.pick.matching.turned_scores import TurnedScores

# Batches never depend on the machine: a result must not, and a checkpoint fits any number of cores.
_BATCH_VOXELS = 4_000_000
_BATCH = 64


def refine_poses(
    volume: NDArray[np.float32],
    position_px: NDArray[np.float64],
    seeds: NDArray[np.float64],
    *,
    template: Template,
    weight: NDArray[np.float32] | None,
    step_deg: float,
    max_shift_px: float,
    means: Means,
) -> RefinedPoses:
    """Maximise the score of candidates over orientation and place.

    Parameters
    ----------
    volume
        ``(z, y, x)``, filtered; an array or a memory map. Outside it counts as its mean.
    position_px
        ``(n, 3)`` x, y, z of the candidates.
    seeds
        ``(n, s, 4)`` orientations to start from; rows of NaN: fewer than ``s``.
    template, weight
        At the voxel size of the volume; see `TurnedTemplates`.
    step_deg
        Angular step of the search that made the seeds.
    max_shift_px
        Furthest that a candidate may move.
    means
        Cores, device, checkpoints and progress. No result depends on them.

    Returns
    -------
    RefinedPoses
        One pose for each candidate.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z, y, x = np.indices((16, 16, 16)) - 8.0
    >>> blob = np.exp(-((x / 5) ** 2 + (y / 3) ** 2 + (z / 2) ** 2))
    >>> template = Template(
    ...     density=blob.astype(np.float32), mask=np.ones((16, 16, 16), np.float32),
    ...     pixel_size_angstrom=10.0, name="blob", diameter_angstrom=100.0,
    ... )
    >>> volume = np.zeros((24, 24, 24), np.float32)
    >>> volume[5:21, 4:20, 3:19] = blob
    >>> found = refine_poses(
    ...     volume, np.array([[12.0, 12, 12]]), np.array([[[0.999, 0, 0, 0.04]]]),
    ...     template=template, weight=None, step_deg=10, max_shift_px=2, means=Means(),
    ... )
    >>> found.position_px.round(1), found.score.round(2)
    (array([[11., 12., 13.]]), array([1.]))
    """
    position_px, seeds = _checked(volume, position_px, seeds, step_deg, max_shift_px)
    n = len(position_px)
    if n == 0:
        return RefinedPoses(
            position_px=np.empty((0, 3)), orientation=np.empty((0, 4)), score=np.empty(0)
        )
    level, variance = volume_moments(volume)
    scores = TurnedScores(template, weight, device=means.device)
    ascent = PoseAscent(scores, step_deg=step_deg, max_shift_px=max_shift_px)
    refiner = PoseRefiner(volume=volume, level=level, whole_variance=variance, ascent=ascent)
    size = max(1, min(_BATCH, _BATCH_VOXELS // template.box_px**3))
    rows = [slice(i, min(i + size, n)) for i in range(0, n, size)]
    digest = _digest(
        position_px, seeds, template.density, template.mask, weight, volume[len(volume) // 2],
        settings=(volume.shape, step_deg, max_shift_px, level, variance, template.spherical_mask),
    )  # fmt: skip
    lock, done = threading.Lock(), [0]

    def refined(rows: slice) -> RefinedPoses:
        kept = None if means.checkpoints is None else means.checkpoints / _name(digest, rows)
        poses = None if kept is None else _read(kept, rows.stop - rows.start)
        if poses is None:
            poses = refiner.refine(position_px[rows], seeds[rows])
            if kept is not None:
                _write(kept, poses)
        with lock:
            done[0] += rows.stop - rows.start
            means.progress(done[0] / n)
        return poses

    return _joined(in_threads(refined, rows, cores=means.cores))


def _joined(parts: list[RefinedPoses]) -> RefinedPoses:
    return RefinedPoses(
        position_px=np.concatenate([part.position_px for part in parts]),
        orientation=np.concatenate([part.orientation for part in parts]),
        score=np.concatenate([part.score for part in parts]),
    )


def _checked(
    volume: NDArray[np.float32],
    position_px: NDArray[np.float64],
    seeds: NDArray[np.float64],
    step_deg: float,
    max_shift_px: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    position_px = np.asarray(position_px, dtype=np.float64)
    seeds = np.asarray(seeds, dtype=np.float64)
    n = len(position_px)
    if volume.ndim != 3:
        raise InputError(f"refinement: expected a volume (z, y, x), got {volume.ndim} dimensions")
    if position_px.shape != (n, 3) or not np.isfinite(position_px).all():
        raise InputError(
            f"refinement: expected finite positions (n, 3), got {position_px.shape} values"
        )
    if seeds.ndim != 3 or seeds.shape[0] != n or seeds.shape[2] != 4:
        raise InputError(f"refinement: expected {n} x s x 4 seeds, got {seeds.shape}")
    without = np.flatnonzero(~np.any(np.isfinite(seeds).all(axis=-1), axis=1))
    if len(without):
        raise InputError(f"refinement: candidate {without[0]} has no starting orientation")
    if not 0 < step_deg <= 180:
        raise InputError(f"refinement: angular step {step_deg:g}: expected 0 to 180 degrees")
    if not 0 <= max_shift_px < np.inf:
        raise InputError(f"refinement: shift of {max_shift_px:g} voxels: expected 0 or more")
    return position_px, seeds


def _digest(*arrays: NDArray[np.floating] | None, settings: tuple[object, ...]) -> str:
    found = hashlib.sha256(repr(settings).encode())
    for array in arrays:
        found.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _name(digest: str, rows: slice) -> str:
    return f"refined-{digest}-{rows.start}.npz"


def _read(path: Path, n: int) -> RefinedPoses | None:
    if not path.is_file():
        return None
    with np.load(path) as kept:
        poses = RefinedPoses(
            position_px=kept["position_px"], orientation=kept["orientation"], score=kept["score"]
        )
    return poses if len(poses.score) == n else None


def _write(path: Path, poses: RefinedPoses) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, "wb") as file:
        np.savez(
            file,
            position_px=poses.position_px,
            orientation=poses.orientation,
            score=poses.score,
        )
