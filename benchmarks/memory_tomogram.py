"""Memory and time of picking, binning and filtering one large tomogram.

    python benchmarks/memory_tomogram.py [--shape 464 960 928] [--repeats 1] [--skip pick ...]

The volume (1.6 GB of float32) is noise with dark balls at known places; it is made in a temporary
folder and removed. Every command runs with one worker and one thread. Prints, and writes
results/memory_tomogram.json.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.evaluate.comparison import compare_picks
from cryopick.io.images.mrc_write import mrc_canvas
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Picks
from measuring.command import Measured, cryopick
from measuring.result_file import spread, write_result

SHAPE = (464, 960, 928)
PIXEL_ANGSTROM = 10.0
DIAMETER_ANGSTROM = 250.0
BALLS = 400
CONTRAST = 0.5  # of the noise's standard deviation, per voxel

COMMANDS: dict[str, tuple[object, ...]] = {
    "pick log": ("pick", "log", "--diameter-min", 225, "--diameter-max", 275),
    "resample mean 2": ("resample", "--method", "mean", "--factor", 2),
    "resample fourier 2": ("resample", "--method", "fourier", "--factor", 2),
    "filter low-pass": ("filter", "--low-pass", 60, "--high-pass", 2000),
    "filter gaussian": ("filter", "--gaussian", 20),
}


def ball_centres(shape: tuple[int, ...], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Voxels ``(n, 3)``, z y x, at least 1.4 diameters apart and half a diameter from the faces."""
    radius = math.ceil(DIAMETER_ANGSTROM / PIXEL_ANGSTROM / 2)
    apart = 1.4 * 2 * radius
    found = np.empty((0, 3), dtype=np.int64)
    for _ in range(200 * n):
        if len(found) == n:
            break
        at = rng.integers(radius + 1, np.asarray(shape) - radius - 1)
        if not len(found) or np.min(np.linalg.norm(found - at, axis=1)) >= apart:
            found = np.vstack([found, at])
    return found


def write_volume(
    path: Path, shape: tuple[int, ...], centres: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Write noise of standard deviation 1 with dark balls, a slab of it in memory at a time."""
    radius = DIAMETER_ANGSTROM / PIXEL_ANGSTROM / 2
    reach = math.ceil(radius)
    z, y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1]
    ball = (z**2 + y**2 + x**2 <= radius**2).astype(np.float32) * np.float32(CONTRAST)
    with mrc_canvas(path, shape, PIXEL_ANGSTROM) as canvas:
        for section in canvas:
            section[...] = rng.standard_normal(section.shape, dtype=np.float32)
        for centre in centres:
            inside = tuple(slice(c - reach, c + reach + 1) for c in centre)
            canvas[inside] -= ball


def as_truth(centres: NDArray[np.int64], name: str) -> Picks:
    return Picks.of(centres[:, ::-1] * PIXEL_ANGSTROM, image=name)


def accuracy(folder: Path, grid: Grid, truth: Picks) -> dict[str, float | None]:
    """What of the balls was found, within a quarter of a diameter."""
    picks = read_picks(folder / "picks.star", Frame(default_grid=grid)).picks
    result = compare_picks(picks, truth, tolerance_angstrom=DIAMETER_ANGSTROM / 4, draws=0)
    summary = result.summary()
    return {
        name: None if summary[name] is None else round(summary[name], 4)
        for name in ("precision", "recall", "f1")
    }


def figures_of(runs: list[Measured], item_seconds: list[float], bytes_: int) -> dict[str, object]:
    return {
        "seconds": spread((run.wall_seconds for run in runs), 1),
        "cpu_seconds": spread((run.cpu_seconds for run in runs), 1),
        "item_seconds": spread(item_seconds, 1),
        "peak_rss_gb": spread((run.peak_rss_mb * 1.048576e-3 for run in runs), 2),
        "peak_private_gb": spread((run.peak_private_mb * 1.048576e-3 for run in runs), 2),
        "peak_private_over_volume": round(
            max(run.peak_private_mb for run in runs) * 1.048576e6 / bytes_, 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=list(SHAPE), metavar=("Z", "Y", "X"))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(COMMANDS), default=list(COMMANDS))
    given = parser.parse_args()
    shape = tuple(given.shape)
    rng = np.random.default_rng(0)
    share = math.prod(shape) / math.prod(SHAPE)
    centres = ball_centres(shape, max(1, round(BALLS * share)), rng)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        tomogram = Path(folder) / "tomogram.mrc"
        write_volume(tomogram, shape, centres, rng)
        grid = Grid(shape=shape, pixel_size_angstrom=PIXEL_ANGSTROM)
        for name in given.only:
            out = Path(folder) / "out"
            runs, seconds = [], []
            for _ in range(given.repeats):
                runs.append(
                    cryopick(*COMMANDS[name], tomogram, "--workers", 1, "-o", out, "--overwrite")
                )
                record = json.loads((out / "job.json").read_text("utf-8"))
                seconds += record["timings"].values()
            row = figures_of(runs, seconds, math.prod(shape) * 4)
            if name == "pick log":
                row |= accuracy(out, grid, as_truth(centres, "tomogram"))
            results[name] = row
            print(
                f"{name:<20} {row['seconds']['median']:6.1f} s  "  # type: ignore[index]
                f"private {row['peak_private_gb']['median']:5.2f} GB  "  # type: ignore[index]
                f"resident {row['peak_rss_gb']['median']:5.2f} GB",  # type: ignore[index]
                flush=True,
            )
    figures = {
        "shape_zyx": list(shape),
        "volume_gb": round(math.prod(shape) * 4 / 1e9, 2),
        "balls": len(centres),
        "commands": results,
    }
    full = shape == SHAPE and set(given.only) == set(COMMANDS)
    write_result("memory_tomogram", figures, smaller=not full)


if __name__ == "__main__":
    main()
