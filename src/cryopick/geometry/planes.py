"""`Plane`: a surface ``z = a x + b y + c``, fitted to points by least squares or by consensus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

_TRIALS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """``z = a x + b y + c``, in the unit of its points.

    Examples
    --------
    >>> plane = Plane(a=0.0, b=1.0, c=5.0)
    >>> float(plane.height(3, 2)), round(plane.tilt_deg)
    (7.0, 45)
    """

    a: float
    b: float
    c: float

    def height(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Give ``z`` at ``x, y`` of any shape."""
        return np.asarray(
            self.a * np.asarray(x, dtype=np.float64) + self.b * np.asarray(y) + self.c
        )

    def above(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the signed distances ``(n,)`` of points ``(n, 3)``: positive above the plane."""
        rise = points[:, 2] - self.height(points[:, 0], points[:, 1])
        return rise * np.cos(np.deg2rad(self.tilt_deg))

    @property
    def tilt_deg(self) -> float:
        """Angle between its normal and z."""
        return float(np.rad2deg(np.arctan(np.hypot(self.a, self.b))))

    def moved(self, distance: float) -> Plane:
        """Give the plane shifted along its normal, upwards where positive."""
        shift = distance / float(np.cos(np.deg2rad(self.tilt_deg)))
        return Plane(a=self.a, b=self.b, c=self.c + shift)


def fit_plane(points: NDArray[np.float64]) -> Plane:
    """Fit the plane of least squared distances to points ``(n, 3)``, ``x, y, z``.

    Examples
    --------
    >>> corners = np.array([[0.0, 0, 1], [4, 0, 3], [0, 4, 1], [4, 4, 3]])
    >>> plane = fit_plane(corners)
    >>> round(plane.a, 6), abs(round(plane.b, 6)), round(plane.c, 6)
    (0.5, 0.0, 1.0)
    """
    points = _points(points)
    centre = points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(points - centre, full_matrices=False)
    normal = axes[2]
    # Points on one line leave the plane free to turn about it.
    if sizes[1] <= 1e-9 * max(float(sizes[0]), 1e-300):
        raise InputError("plane: its points lie on one line; give points apart in x and in y")
    if abs(normal[2]) < 1e-3:
        raise InputError("plane: it stands upright; z must be a function of x and y")
    a, b = (float(-normal[i] / normal[2]) for i in (0, 1))
    return Plane(a=a, b=b, c=float(centre[2] - a * centre[0] - b * centre[1]))


def consensus_plane(
    points: NDArray[np.float64],
    *,
    tolerance: float,
    rng: np.random.Generator,
    max_tilt_deg: float = 60.0,
) -> tuple[Plane, NDArray[np.bool_]]:
    """Find the plane that most points lie near, and fit it to those (RANSAC).

    Fischler & Bolles 1981, doi 10.1145/358669.358692.

    Parameters
    ----------
    points
        ``(n, 3)``.
    tolerance
        A point this near to a plane agrees with it.
    rng
        Draws the trials.
    max_tilt_deg
        Steeper planes are not looked at.

    Returns
    -------
    plane, near
        The plane, and which points agree with it, ``(n,)``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.column_stack([rng.uniform(0, 100, (30, 2)), np.full(30, 7.0)])
    >>> points[:8, 2] += rng.uniform(20, 60, 8)
    >>> plane, near = consensus_plane(points, tolerance=1.0, rng=rng)
    >>> round(plane.c, 6), int(near.sum())
    (7.0, 22)
    """
    points = _points(points)
    if not tolerance > 0:
        raise InputError(f"plane: tolerance: expected more than 0, got {tolerance}")
    best: NDArray[np.bool_] | None = None
    for plane in _trials(points, rng, max_tilt_deg):
        near = np.abs(plane.above(points)) <= tolerance
        if best is None or near.sum() > best.sum():
            best = near
    if best is None:
        raise InputError(f"plane: no plane of at most {max_tilt_deg:g} deg through these points")
    # The fit moves the plane a little, and so the points that agree with it.
    plane = fit_plane(points[best])
    for _ in range(3):
        near = np.abs(plane.above(points)) <= tolerance
        if near.sum() < 3 or np.array_equal(near, best):
            break
        try:
            plane = fit_plane(points[near])
        except InputError:  # what is left lies on one line
            break
        best = near
    return plane, best


def _trials(
    points: NDArray[np.float64], rng: np.random.Generator, max_tilt_deg: float
) -> list[Plane]:
    """Planes through three points each, drawn at random."""
    n = len(points)
    # Three different points each, all trials at once.
    drawn = np.stack([rng.integers(0, n - k, _TRIALS) for k in range(3)], axis=1)
    drawn[:, 1] = (drawn[:, 0] + 1 + drawn[:, 1]) % n
    low, high = np.sort(drawn[:, :2], axis=1).T
    third = drawn[:, 2]
    third = third + (third >= low)
    third = third + (third >= high)
    p, q, r = points[drawn[:, 0]], points[drawn[:, 1]], points[third]
    normal = np.cross(q - p, r - p)
    length = np.linalg.norm(normal, axis=1)
    steepest = np.cos(np.deg2rad(max_tilt_deg))
    use = (length > 0) & (np.abs(normal[:, 2]) >= steepest * length)
    planes: list[Plane] = []
    for (nx, ny, nz), point in zip(normal[use].tolist(), p[use].tolist(), strict=True):
        a, b = -nx / nz, -ny / nz
        planes.append(Plane(a=a, b=b, c=point[2] - a * point[0] - b * point[1]))
    return planes


def _points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 3:
        raise InputError(f"plane: expected at least 3 points (n, 3), got {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("plane: its points hold NaN or infinite values")
    return points
