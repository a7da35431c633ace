"""Built-in particles: assemblies of pseudo-residues that need no download.

Each shape is a cloud of points, one for about every amino acid, that fills a few ellipsoids and is
repeated by a point group. It resembles what its name says in size, symmetry and outline, not in
detail. The symmetry axes lie as in `cryopick.geometry.symmetry`; z is the main axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import to_matrix
from cryopick.geometry.symmetry import point_group

# Native sampling of the rendered points; the Gaussians hold nothing beyond its Nyquist frequency.
NATIVE_PIXEL_ANGSTROM = 2.0
_SPACING_ANGSTROM = 5.5
_SIGMA_ANGSTROM = 3.0


@dataclass(frozen=True, slots=True)
class Lobe:
    """An ellipsoid filled with pseudo-residues, in Å; ``axis`` turns its z axis, ``hole`` empties it.

    Attributes
    ----------
    centre, radii
        ``x, y, z`` each.
    hole
        Distance from the z axis of the particle within which nothing is put.
    weight
        Relative density.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    hole: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One built-in particle.

    Attributes
    ----------
    name, title
        As given on the command line, and in words.
    symmetry
        Point group.
    lobes
        Of the asymmetric unit.
    rise_angstrom
        Length of one segment along z, for filaments; 0 for particles.
    """

    name: str
    title: str
    symmetry: str
    lobes: Sequence[Lobe]
    rise_angstrom: float = 0.0


_ALL = (
    Shape(
        name="ribosome",
        title="two unequal lobes with stalks, 270 Å",
        symmetry="C1",
        lobes=(
            Lobe((0, 0, -32), (104, 92, 74)),
            Lobe((18, 8, 78), (96, 52, 42), weight=1.1),
            Lobe((-106, 44, -22), (20, 20, 44), weight=0.9),
            Lobe((82, -84, 18), (30, 20, 20)),
            Lobe((-30, 10, 118), (28, 24, 18), weight=0.9),
        ),
    ),
    Shape(
        name="proteasome",
        title="barrel of four rings, D7, 150 Å",
        symmetry="D7",
        lobes=(
            Lobe((38, 6, 18), (19, 21, 19), hole=22),
            Lobe((35, -4, 55), (19, 20, 19), hole=16, weight=0.9),
        ),
    ),
    Shape(
        name="apoferritin",
        title="hollow ball, O, 130 Å",
        symmetry="O",
        lobes=(Lobe((44, 24, 12), (13, 15, 22)), Lobe((50, 8, 30), (8, 9, 10), weight=0.8)),
    ),
    Shape(
        name="betagal",
        title="flat tetramer, D2, 180 Å",
        symmetry="D2",
        lobes=(
            Lobe((37, 26, 14), (40, 32, 28)),
            Lobe((76, 8, -8), (16, 20, 18)),
            Lobe((22, 50, 20), (18, 14, 18), weight=0.9),
        ),
    ),
    Shape(
        name="capsid",
        title="icosahedral shell, I, 300 Å",
        symmetry="I",
        lobes=(
            Lobe((18, 12, 128), (22, 26, 16)),
            Lobe((46, 22, 118), (20, 18, 16)),
            Lobe((10, 6, 143), (9, 9, 9), weight=0.9),
        ),
    ),
    Shape(
        name="spike",
        title="trimer on a stalk along z, C3, 190 Å",
        symmetry="C3",
        lobes=(
            Lobe((24, 4, 48), (27, 24, 42)),
            Lobe((44, -14, 66), (17, 17, 17), weight=0.9),
            Lobe((8, 0, -36), (9, 9, 56)),
        ),
    ),
    Shape(
        name="channel",
        title="membrane channel along z, C4, 130 Å",
        symmetry="C4",
        lobes=(
            Lobe((22, 0, -12), (17, 17, 32), hole=7),
            Lobe((32, 10, 38), (28, 24, 18), hole=7),
        ),
    ),
    Shape(
        name="filament",
        title="segment of a two-stranded filament along z, C2",
        symmetry="C2",
        lobes=(
            Lobe((15, 0, -14), (17, 19, 14)),
            Lobe((13, 9, 14), (15, 17, 14), weight=0.9),
        ),
        rise_angstrom=55.0,
    ),
)

SHAPES: Mapping[str, Shape] = {shape.name: shape for shape in _ALL}


def shape_points(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points ``(n, 3)`` ``x, y, z`` in Å about the centre, and their weights, of a built-in shape.

    Examples
    --------
    >>> points, weights = shape_points("apoferritin")
    >>> bool(abs(points.mean(axis=0)).max() < 1e-9)  # symmetry puts the centre at zero
    True
    """
    if name not in SHAPES:
        raise InputError(f"shape {name}: not built in; use one of {', '.join(SHAPES)}")
    shape = SHAPES[name]
    # The name is the seed: a shape is the same everywhere and always.
    rng = np.random.default_rng(list(name.encode()))
    parts = [_fill(lobe, rng) for lobe in shape.lobes]
    unit = np.concatenate([points for points, _ in parts])
    weight = np.concatenate([weights for _, weights in parts])
    matrices = to_matrix(point_group(shape.symmetry))
    points = np.concatenate([unit @ matrix.T for matrix in matrices])
    weights = np.tile(weight, len(matrices))
    if shape.symmetry == "C1":
        points = points - np.average(points, axis=0, weights=weights)
    return points, weights


def shape_volume(name: str) -> NDArray[np.float32]:
    """Density of a built-in shape ``(n, n, n)`` at `NATIVE_PIXEL_ANGSTROM`, centre ``n // 2``.

    The weights are spread over the voxels around each point and blurred by a Gaussian of 3 Å.
    """
    from scipy.ndimage import gaussian_filter

    points, weights = shape_points(name)
    reach = float(np.linalg.norm(points, axis=1).max()) + 4 * _SIGMA_ANGSTROM
    box = 2 * (int(np.ceil(reach / NATIVE_PIXEL_ANGSTROM)) + 2)
    place = points[:, ::-1] / NATIVE_PIXEL_ANGSTROM + box // 2
    base = np.floor(place).astype(np.int64)
    part = place - base
    volume = np.zeros(box**3)
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, part, 1 - part), axis=1)
        index = np.ravel_multi_index(tuple((base + corner).T), (box, box, box))
        volume += np.bincount(index, weights=share * weights, minlength=box**3)
    density = volume.reshape(box, box, box).astype(np.float32)
    return gaussian_filter(density, _SIGMA_ANGSTROM / NATIVE_PIXEL_ANGSTROM, mode="constant")


def _fill(lobe: Lobe, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on a jittered lattice inside an ellipsoid, with uneven weights."""
    radii = np.asarray(lobe.radii)
    axes = [np.arange(-r, r + _SPACING_ANGSTROM, _SPACING_ANGSTROM) for r in radii]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points + rng.uniform(-1.5, 1.5, points.shape)
    points = points[np.sum((points / radii) ** 2, axis=1) <= 1] + np.asarray(lobe.centre)
    points = points[np.hypot(points[:, 0], points[:, 1]) >= lobe.hole]
    # Domains: density varies over some 25 Å, as it does between folded parts and clefts.
    wave = rng.normal(size=(40, 3)) / 8.0
    phase = rng.uniform(0, 2 * np.pi, 40)
    domains = np.cos(points @ wave.T + phase).sum(axis=1) / np.sqrt(20)
    weights = lobe.weight * np.clip(1 + 0.35 * domains, 0.2, 2) * rng.uniform(0.7, 1.3, len(points))
    return points, weights
