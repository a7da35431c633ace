"""Scores of candidates with a known truth, and pools and searches around them."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from cryopick.model import Grid
from cryopick.pick.matching.pool import Pool
from cryopick.pick.matching.search_facts import SearchFacts, TemplateFacts

GRID = Grid(shape=(200, 300, 300), pixel_size_angstrom=10.0)
NOISES = ("gaussian", "gumbel", "exponential", "uneven")


def noise_scores(kind, n, rng, *, trials=2000):
    """Highest of many trials of noise, in units of its deviation."""
    if kind == "gumbel":
        return 4 + rng.gumbel(0, 0.3, n)
    if kind == "exponential":
        return 4 + rng.exponential(0.25, n)
    highest = norm.isf(-np.expm1(np.log(rng.random(n)) / trials))
    # Uneven noise: louder in some places of the tomogram than in others.
    return highest * rng.normal(1, 0.06, n) if kind == "uneven" else highest


def labelled_scores(kind, *, background, particles, mean, rng, sd=0.8):
    """Scores ``(n,)`` and which of them are particles."""
    noise = noise_scores(kind, background, rng)
    signal = rng.normal(mean, sd, particles)
    return np.r_[noise, signal], np.r_[np.zeros(background, bool), np.ones(particles, bool)]


def places(n, rng, *, apart=150.0, grid=GRID, margin=300.0):
    """``(n, 3)`` random positions, none nearer to another than ``apart``."""
    size = np.array(grid.extent_angstrom)
    kept = np.zeros((0, 3))
    while len(kept) < n:
        trial = rng.uniform(margin, size - margin)
        if len(kept) == 0 or np.linalg.norm(kept - trial, axis=1).min() >= apart:
            kept = np.vstack([kept, trial])
    return kept


def pool_of(score, position, *, template=0, refined=True):
    """A pool with these scores; nothing was taken off for the background."""
    n = len(score)
    score = np.asarray(score, dtype=float)
    return Pool(
        position_angstrom=np.asarray(position, dtype=float).reshape(n, 3),
        orientation=np.tile([1.0, 0, 0, 0], (n, 1)),
        score=score if refined else np.full(n, np.nan),
        map_score=score - 0.1,
        background=np.zeros(n),
        template=np.full(n, template),
    )


def template_facts(name="ribosome", *, diameter_angstrom=300.0, sigma=1.0, tests=1e9):
    """Statistics of a search in units of sigma."""
    return TemplateFacts(
        name=name, diameter_angstrom=diameter_angstrom, symmetry="C1", sigma=sigma, tests=tests
    )


def facts_of(*templates, grid=GRID, image="TS_1"):
    """A search for these templates."""
    return SearchFacts(
        image=image,
        grid=grid,
        score_grid=grid,
        angular_step_deg=10.0,
        engine="exact",
        templates=templates or (template_facts(),),
    )
