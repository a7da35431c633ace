"""Random picks, the images they may lie in, and the comparison after a round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from cryopick.geometry.rotation import random_rotations
from cryopick.io.picks.dialect import Frame, PickFile
from cryopick.io.picks.registry import dialect, read_picks, write_picks
from cryopick.model import Grid, Picks

SHAPES = {
    (2, "even"): (480, 640),
    (2, "odd"): (481, 643),
    (3, "even"): (120, 240, 320),
    (3, "odd"): (121, 243, 325),
}
BINNINGS = (1, 2, 4)


def grid_of(ndim: int, parity: str, binning: int) -> Grid:
    """An image of even or odd size, and its mean-binned versions."""
    whole = Grid(shape=SHAPES[ndim, parity], pixel_size_angstrom=1.35)
    return whole if binning == 1 else whole.binned_by_mean(binning)


def random_picks(
    grid: Grid,
    *,
    n: int = 40,
    images: Sequence[str] = ("TS_007",),
    seed: int = 5,
    labels: int | Sequence[str] = 3,
    groups: int = 4,
) -> Picks:
    """Picks anywhere in one or several images, with every column a dialect may keep."""
    names = [f"{1 + i}" for i in range(labels)] if isinstance(labels, int) else list(labels)
    rng = np.random.default_rng(seed)
    px = rng.uniform(0, np.asarray(grid.size_px) - 1, (n, grid.ndim))
    rotation = random_rotations(n, rng=rng)
    if grid.ndim == 2:
        half = rng.uniform(-np.pi / 2, np.pi / 2, n)
        zero = np.zeros(n)
        rotation = np.stack([np.cos(half), zero, zero, np.sin(half)], axis=1)
    return Picks(
        position_angstrom=grid.to_angstrom(px),
        image=np.array([images[i % len(images)] for i in range(n)]),
        orientation=rotation,
        score=rng.normal(size=n),
        label=np.array([names[i % len(names)] for i in range(n)]),
        group=np.array([f"{1 + i % groups}" for i in range(n)]),
        diameter_angstrom=rng.uniform(80, 120, n),
    )


def round_trip(name: str, picks: Picks, grid: Grid, folder: Path) -> tuple[PickFile, Frame]:
    """Write picks in a dialect and read them back."""
    chosen = dialect(name)
    suffix = chosen.suffixes[0] if chosen.suffixes else ""
    path = folder / f"TS_007{suffix}"
    frame = Frame(default_grid=grid, box_size_px=37)
    write_picks(picks, path, frame, name=name)
    return read_picks(path, replace(frame, box_size_px=None), name=name), frame


def some_picks(n: int, images: Sequence[str], *, seed: int = 0) -> Picks:
    """A few picks in tomograms, of two species in three groups."""
    grid = grid_of(3, "even", 1)
    species = ("ribosome", "tric")
    return random_picks(grid, n=n, images=images, seed=seed, labels=species, groups=3)


def check_round_trip(
    name: str,
    *,
    ndim: int,
    parity: str,
    binning: int,
    folder: Path,
    images: Sequence[str] = ("TS_007",),
    labels: int | Sequence[str] = 3,
    groups: int = 4,
) -> tuple[Picks, Picks]:
    """Positions to 1e-3 px, angles to 1e-3 degrees, and every column the dialect says it keeps.

    Gives the picks in and out, in one order.
    """
    grid = grid_of(ndim, parity, binning)
    picks = random_picks(grid, images=images, labels=labels, groups=groups)
    found, _ = round_trip(name, picks, grid, folder)
    keeps = dialect(name).keeps
    assert len(found.picks) == len(picks)
    # A folder of one file per object orders its picks by object.
    back, picks = in_order(found.picks), in_order(picks)
    error = back.position_angstrom - picks.position_angstrom
    assert np.abs(error).max() / grid.pixel_size_angstrom < 1e-3
    if "orientation" in keeps:
        assert back.orientation is not None
        assert largest_angle_deg(back.orientation, picks.orientation) < 1e-3
    else:
        assert back.orientation is None
    if "score" in keeps:
        np.testing.assert_allclose(back.score, picks.score, rtol=1e-6, atol=1e-6)
    for column in {"label", "group", "image"} & keeps:
        np.testing.assert_array_equal(getattr(back, column), getattr(picks, column), err_msg=column)
    if "diameter_angstrom" in keeps:
        np.testing.assert_allclose(back.diameter_angstrom, picks.diameter_angstrom, atol=1e-3)
    return picks, back


def largest_angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle between rotations; by the vector part, which is exact for small ones."""
    first, second = (Rotation.from_quat(q[:, [1, 2, 3, 0]]) for q in (a, b))
    return float(np.degrees((first.inv() * second).magnitude().max(initial=0.0)))


def in_order(picks: Picks) -> Picks:
    """Picks by their x; positions are all different."""
    return picks[by_place(picks)]


def by_place(picks: Picks) -> np.ndarray:
    """Indices that sort picks by their x, rounded so that decimals cut off do not matter."""
    return np.argsort(np.round(picks.position_angstrom[:, 0], 2), kind="stable")
