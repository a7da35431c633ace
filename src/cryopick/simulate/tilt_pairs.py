"""Simulate the picks of a tilt pair: two views of one specimen, with all that pickers get wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Picks

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TiltPairRecipe:
    """How the picks of one tilt pair are made.

    Attributes
    ----------
    size_angstrom
        Extent of both views along ``x, y``.
    particles
        How many lie in the untilted view. The specimen goes on beyond it at the same density, so
        the tilted view shows more of them.
    diameter_angstrom
        Least distance of two particles.
    tilt_deg
        About an axis through the centre of the view.
    axis_untilted_deg, axis_tilted_deg
        Direction of the axis in both views, from x towards y.
    shift_angstrom
        Where the centre of the untilted view is in the tilted one, less that one's own centre.
    scale
        Magnification of the tilted view over that of the untilted one.
    noise_angstrom
        Standard deviation of a picked position, along x and along y.
    height_angstrom
        Standard deviation of a particle's height in the ice.
    missing, false
        Share of the particles of a view that is not picked, and share of its picks that is none.
    """

    size_angstrom: tuple[float, float] = (6000.0, 6000.0)
    particles: int = 200
    diameter_angstrom: float = 180.0
    tilt_deg: float = 45.0
    axis_untilted_deg: float = 85.0
    axis_tilted_deg: float = 88.0
    shift_angstrom: tuple[float, float] = (150.0, -90.0)
    scale: float = 1.0
    noise_angstrom: float = 9.0
    height_angstrom: float = 0.0
    missing: float = 0.2
    false: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedTiltPair:
    """Picks of both views, and which are the same particle.

    Attributes
    ----------
    untilted, tilted
        Picks in a random order each.
    untilted_row, tilted_row
        ``(k,)`` rows of the pairs.
    """

    untilted: Picks
    tilted: Picks
    untilted_row: NDArray[np.int64]
    tilted_row: NDArray[np.int64]


def simulate_tilt_pair(
    recipe: TiltPairRecipe, *, names: tuple[str, str], rng: np.random.Generator
) -> SimulatedTiltPair:
    """Simulate the picks of one tilt pair.

    Parameters
    ----------
    recipe
        Geometry and errors.
    names
        Of the untilted and the tilted micrograph.
    rng
        Source of all randomness.

    Examples
    --------
    >>> made = simulate_tilt_pair(
    ...     TiltPairRecipe(particles=50, missing=0.0, false=0.0),
    ...     names=("u", "t"), rng=np.random.default_rng(1),
    ... )
    >>> len(made.untilted), len(made.tilted) > 50
    (50, True)
    """
    size = np.asarray(recipe.size_angstrom)
    place = _specimen(recipe, rng)
    height = rng.normal(0.0, 1.0, len(place)) * recipe.height_angstrom
    views = (
        place + size / 2,
        _tilted(recipe, place, height) + size / 2 + recipe.shift_angstrom,
    )
    picks: list[Picks] = []
    rows: list[NDArray[np.int64]] = []
    for name, view in zip(names, views, strict=True):
        made, row_of = _picked(recipe, view, name, rng)
        picks.append(made)
        rows.append(row_of)
    both = (rows[0] >= 0) & (rows[1] >= 0)
    return SimulatedTiltPair(
        untilted=picks[0], tilted=picks[1], untilted_row=rows[0][both], tilted_row=rows[1][both]
    )


def _specimen(recipe: TiltPairRecipe, rng: np.random.Generator) -> Floats:
    """Positions about the centre of the view, on a field that no tilted view looks beyond."""
    size = np.asarray(recipe.size_angstrom)
    reach = np.hypot(*size) / np.cos(np.deg2rad(min(recipe.tilt_deg, 80.0)))
    reach += 2 * np.hypot(*recipe.shift_angstrom)
    wanted = recipe.particles
    inside = _scattered(wanted, size, np.zeros((0, 2)), recipe.diameter_angstrom, rng)
    density = wanted / float(np.prod(size))
    around = _scattered(
        int(density * reach**2), np.array([reach, reach]), inside, recipe.diameter_angstrom, rng
    )
    return np.concatenate([inside, around[np.any(np.abs(around) > size / 2, axis=1)]])


def _scattered(
    n: int, size: Floats, taken: Floats, gap_angstrom: float, rng: np.random.Generator
) -> Floats:
    """At most ``n`` positions within ``size``, a gap apart from each other and from those taken."""
    from scipy.spatial import cKDTree

    found = np.zeros((0, 2))
    for _ in range(40):
        if len(found) >= n:
            break
        fresh = rng.uniform(-0.5, 0.5, (2 * n, 2)) * size
        known = np.concatenate([taken, found])
        if len(known):
            fresh = fresh[cKDTree(known).query(fresh)[0] >= gap_angstrom]
        # Of those of one draw that are too close the earlier one stays.
        close = (
            cKDTree(fresh).query_pairs(gap_angstrom, output_type="ndarray") if len(fresh) else []
        )
        drop = np.zeros(len(fresh), dtype=bool)
        for a, b in sorted(map(tuple, np.asarray(close).tolist())):
            if not drop[a]:
                drop[b] = True
        found = np.concatenate([found, fresh[~drop]])
    return found[:n]


def _tilted(recipe: TiltPairRecipe, place: Floats, height: Floats) -> Floats:
    """Positions about the centre after tilting and turning."""
    tilt = np.deg2rad(recipe.tilt_deg)
    along, across = _components(place, recipe.axis_untilted_deg)
    across = across * np.cos(tilt) - height * np.sin(tilt)
    angle = np.deg2rad(recipe.axis_tilted_deg)
    axis, normal = (np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))
    return recipe.scale * (np.outer(along, axis) + np.outer(across, normal))


def _components(place: Floats, axis_deg: float) -> tuple[Floats, Floats]:
    angle = np.deg2rad(axis_deg)
    return (
        place @ np.array([np.cos(angle), np.sin(angle)]),
        place @ np.array([-np.sin(angle), np.cos(angle)]),
    )


def _picked(
    recipe: TiltPairRecipe, view: Floats, name: str, rng: np.random.Generator
) -> tuple[Picks, NDArray[np.int64]]:
    """Picks of a view in random order, and the row of each particle of the specimen; -1: none."""
    size = np.asarray(recipe.size_angstrom)
    seen = np.flatnonzero(np.all((view >= 0) & (view <= size), axis=1))
    seen = seen[rng.random(len(seen)) >= recipe.missing]
    n_false = round(len(seen) * recipe.false / (1 - recipe.false))
    position = np.concatenate(
        [
            view[seen] + rng.normal(0.0, recipe.noise_angstrom, (len(seen), 2)),
            rng.uniform(0.0, 1.0, (n_false, 2)) * size,
        ]
    )
    order = rng.permutation(len(position))
    row_of = np.full(len(view), -1)
    row_of[seen] = np.argsort(order)[: len(seen)]
    picks = (
        Picks.of(
            position[order],
            image=name,
            score=np.concatenate([rng.normal(1.0, 0.2, len(seen)), rng.normal(0.6, 0.2, n_false)])[
                order
            ],
            source="truth",
        )
        if len(position)
        else Picks.empty(2)
    )
    return picks, row_of
