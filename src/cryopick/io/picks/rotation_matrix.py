"""Rotation matrices from files: checked to be rotations before they become quaternions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.rotation import from_matrix

# Files carry 3 or more digits; a scale of 1 % or a mirror is not rounding.
_TOLERANCE = 5e-3


def quaternions_of(matrix: NDArray[np.float64], *, path: Path, what: str) -> NDArray[np.float64]:
    """Turn ``(n, 3, 3)`` matrices into ``(n, 4)`` unit quaternions ``w, x, y, z``.

    Examples
    --------
    >>> quaternions_of(np.eye(3)[None], path=Path("a.json"), what="matrix")
    array([[1., 0., 0., 0.]])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(matrix @ np.swapaxes(matrix, -1, -2) - np.eye(3)).max(axis=(-1, -2))
    wrong = ~(error < _TOLERANCE)
    wrong[~wrong] = np.linalg.det(matrix[~wrong]) < 0
    if np.any(wrong):
        raise FormatError(
            path,
            f"{what} of point {int(np.argmax(wrong)) + 1} is no rotation (scaled or mirrored)",
            "correct the matrix",
        )
    # The nearest rotation: what rounding in the file left over is taken off.
    left, _, right = np.linalg.svd(matrix)
    return from_matrix(left @ right)
