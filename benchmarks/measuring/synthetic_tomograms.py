"""Tomograms of ../shared/tools/synthetic/gen3d.py: made by other code than the project's own.

Blob-shaped targets, decoys of the same size and gold beads, all bright, in noise, behind a wedge of
60 degrees to both sides; 13.8 Å per voxel. ``tomoL`` and ``tomoL_hard`` are 200 x 480 x 480 with
150 targets, ``tomoS`` is 128 x 128 x 128 with 30.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryopick.geometry.rotation import from_matrix
from cryopick.model import Picks
from measuring.command import measure
from measuring.result_file import BENCHMARKS

GENERATOR = BENCHMARKS.parents[1] / "shared" / "tools" / "synthetic" / "gen3d.py"
PIXEL_ANGSTROM = 13.8
BOX_PX = 28
DIAMETER_ANGSTROM = 270.0
NAMES = ("tomoL", "tomoL_hard", "tomoS")
KINDS = ("target", "decoy", "gold")
# Of a bead: twice the standard deviation of its Gaussian (2.5 voxels).
_DIAMETERS_ANGSTROM = (DIAMETER_ANGSTROM, DIAMETER_ANGSTROM, 5.0 * PIXEL_ANGSTROM)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synthetic:
    """One tomogram and its truth; ``others`` are decoys and gold, by label."""

    tomogram: Path
    template: Path
    mask: Path
    targets: Picks
    others: Picks


def make(folder: Path, *, generator: Path = GENERATOR, reuse: bool = False) -> dict[str, Synthetic]:
    """Run the generator in a folder and read what it made; needs ``mrcfile``."""
    data = folder / "data"
    complete = folder / "complete"
    if not (reuse and complete.is_file()):
        complete.unlink(missing_ok=True)
        data.mkdir(parents=True, exist_ok=True)
        measure([sys.executable, generator], cwd=folder)
        complete.touch()
    return {name: read(data, name) for name in NAMES}


def read(data: Path, name: str) -> Synthetic:
    """One tomogram of those in a folder."""
    targets, others = truth_of(np.loadtxt(data / f"{name}_truth.txt", ndmin=2))
    return Synthetic(
        tomogram=data / f"{name}.mrc",
        template=data / "template.mrc",
        mask=data / "mask.mrc",
        targets=targets,
        others=others,
    )


def truth_of(rows: np.ndarray) -> tuple[Picks, Picks]:
    """Targets and others from rows of ``x y z`` (voxels), angles and kind.

    The angles are those of the matrix ``Rz(a) Ry(b) Rz(c)`` that turned the template.
    """
    kind = rows[:, 6].astype(np.int64)
    picks = Picks.of(
        rows[:, :3] * PIXEL_ANGSTROM,
        image="tomogram",
        orientation=from_matrix(matrices(rows[:, 3:6])),
        label=np.array(KINDS)[kind],
        diameter_angstrom=np.array(_DIAMETERS_ANGSTROM)[kind],
    )
    return picks[kind == 0], picks[kind != 0]


def matrices(zyz_deg: np.ndarray) -> np.ndarray:
    """``Rz(a) Ry(b) Rz(c)``, shape ``(n, 3, 3)``.

    Examples
    --------
    >>> matrices(np.array([[90.0, 0.0, 0.0]])).round(9)[0] @ [1, 0, 0]
    array([0., 1., 0.])
    """
    a, b, c = np.deg2rad(zyz_deg).T
    return _about(a, 2) @ _about(b, 1) @ _about(c, 2)


def _about(angle: np.ndarray, axis: int) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    out = np.zeros((len(angle), 3, 3))
    out[:, axis, axis] = 1
    out[:, first, first] = out[:, second, second] = cos
    out[:, first, second], out[:, second, first] = -sin, sin
    return out
