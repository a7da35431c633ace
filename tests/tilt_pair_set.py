"""A small set of simulated tilt pairs on disk: blobs in noise, and their picks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.model import Grid, Picks, concatenate
from cryopick.simulate.tilt_pairs import (
    SimulatedTiltPair,
    TiltPairRecipe,
    simulate_tilt_pair,
)

PIXEL = 8.0
SIZE = 320
DIAMETER = 180.0
TILTS = (45.0, 47.0)


@dataclass(frozen=True)
class TiltPairSet:
    """Where it lies, and the truth about it."""

    folder: Path
    truth: tuple[SimulatedTiltPair, ...]

    @property
    def grid(self) -> Grid:
        return Grid(shape=(SIZE, SIZE), pixel_size_angstrom=PIXEL)

    def micrographs(self, side: str) -> list[str]:
        return [str(self.folder / f"mic{k}_{side}.mrc") for k in range(len(self.truth))]

    def picks(self, side: str) -> str:
        return str(self.folder / f"{side}.star")


def make_tilt_pairs(folder: Path, *, paired: bool = False, n: int = 2) -> TiltPairSet:
    """Write micrographs ``micK_u.mrc`` and ``micK_t.mrc``, and picks ``u.star`` and ``t.star``.

    With ``paired`` the picks are those of the true pairs alone, row by row.
    """
    folder.mkdir(exist_ok=True)
    grid = Grid(shape=(SIZE, SIZE), pixel_size_angstrom=PIXEL)
    made = [_pair(folder, k, grid) for k in range(n)]
    for side, place in (("u", 0), ("t", 1)):
        parts = [_side(pair, place, paired=paired) for pair in made]
        write_picks(
            concatenate(parts), folder / f"{side}.star", Frame(default_grid=grid), name="relion"
        )
    return TiltPairSet(folder=folder, truth=tuple(made))


def _side(pair: SimulatedTiltPair, place: int, *, paired: bool) -> Picks:
    picks = (pair.untilted, pair.tilted)[place]
    return picks[(pair.untilted_row, pair.tilted_row)[place]] if paired else picks


def _pair(folder: Path, k: int, grid: Grid) -> SimulatedTiltPair:
    rng = np.random.default_rng(k)
    recipe = TiltPairRecipe(
        size_angstrom=((SIZE - 1) * PIXEL, (SIZE - 1) * PIXEL),
        particles=45,
        diameter_angstrom=DIAMETER,
        tilt_deg=TILTS[k % 2],
        axis_untilted_deg=88.0 + 3 * k,
        axis_tilted_deg=91.0 + 3 * k,
        shift_angstrom=(30.0, -40.0),
        noise_angstrom=4.0,
    )
    pair = simulate_tilt_pair(recipe, names=(f"mic{k}_u", f"mic{k}_t"), rng=rng)
    for picks in (pair.untilted, pair.tilted):
        write_mrc(folder / f"{picks.image[0]}.mrc", _blobs(picks, grid, rng), PIXEL)
    return pair


def _blobs(picks: Picks, grid: Grid, rng: np.random.Generator) -> np.ndarray:
    image = rng.normal(0, 1, grid.shape).astype(np.float32)
    y, x = np.mgrid[: grid.shape[0], : grid.shape[1]]
    for a, b in grid.to_px(picks.position_angstrom):
        image -= 4 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 5**2)).astype(np.float32)
    return image
