"""What a search over rotations and places is given, and what it finds: shared by all engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cones:
    """Allowed directions of the template's z axis, for each voxel.

    Attributes
    ----------
    axis
        ``(n, 3)`` unit vectors x, y, z.
    nearest
        ``(z, y, x)`` int32: which axis rules a voxel; -1: the voxel is not searched.
    half_angle_deg
        Largest angle between the template's z axis and the voxel's axis.
    """

    axis: NDArray[np.float64]
    nearest: NDArray[np.int32]
    half_angle_deg: float

    def allowed(self, rotations: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rotations ``(m, 4)`` each axis allows: ``(n, m)``."""
        towards = rotate(rotations, [0.0, 0.0, 1.0])
        return self.axis @ towards.T >= np.cos(np.deg2rad(self.half_angle_deg)) - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a search may use, and whom it tells how far it is.

    Attributes
    ----------
    cores
        Threads at a time; each is a single-threaded torch.
    memory_bytes
        For the search's own arrays, beside the volume.
    device
        Torch device.
    checkpoints
        Folder for what is done so far, at most half a minute of work apart; None: not kept. What
        is found does not depend on it.
    progress
        Called with the fraction done.
    """

    cores: int = 1
    memory_bytes: int = 4 * 2**30
    device: str = "cpu"
    checkpoints: Path | None = None
    progress: Callable[[float], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """The best rotation of every voxel.

    Attributes
    ----------
    score
        ``(z, y, x)`` float32: the highest score over all rotations; 0 where not searched.
    rotation
        ``(z, y, x)`` int32: index of that rotation; the lowest of equals; -1 where not searched.
    variance
        Mean of the squared score over all voxels searched and all rotations.
    tests
        Voxels searched times rotations.
    """

    score: NDArray[np.float32]
    rotation: NDArray[np.int32]
    variance: float
    tests: float

    def __post_init__(self) -> None:
        if self.score.shape != self.rotation.shape:
            raise InputError(
                f"search result: scores of {self.score.shape} and rotations of "
                f"{self.rotation.shape} do not agree"
            )

    @property
    def sigma(self) -> float:
        """Standard deviation of the score of one voxel in one rotation."""
        return float(np.sqrt(self.variance))
