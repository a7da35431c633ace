"""A tomogram of 960 x 928 x 464: the whole ``cryopick match``, and what was forecast of it.

    python benchmarks/match_large.py [--shape 464 928 960] [--angular-step 7] [--device auto]

The volume (1.65 GB of float32, 10 Å) is noise with ribosomes at known places behind a wedge of 60
degrees; it is made in slabs in the scratch folder. The command runs with all cores of the machine
and the memory of ``--memory``. ``peak_private`` is what all its processes hold together, sampled;
``peak_rss`` the largest process with the pages of mapped files. Forecast and reality are compared
as the larger over the smaller. On a GPU (``--device cuda:0``) name the exact engine as well:
``--engines auto exact``. Prints, and writes results/match_large.json (with the device in its name
where it is not the CPU).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.model import Grid, Picks
from cryopick.simulate.maps import load_map
from measuring import own_match
from measuring.result_file import write_result
from measuring.species import write_templates
from measuring.tomogram_truth import rated
from measuring.wedge_tomogram import write_tomogram

SHAPE = (464, 928, 960)
PIXEL_ANGSTROM = 10.0
PARTICLES = 500
SIGNAL_TO_NOISE = 0.05
STEP_DEG = 7.0


def make_data(folder: Path, shape: tuple[int, ...], *, reuse: bool) -> tuple[Path, Picks]:
    """The tomogram, its truth, and the templates beside it."""
    path, truth = folder / "large.mrc", folder / "truth.npz"
    if not (reuse and truth.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        truth.unlink(missing_ok=True)
        species = load_map("ribosome", PIXEL_ANGSTROM)
        grid = Grid(shape=shape, pixel_size_angstrom=PIXEL_ANGSTROM)
        share = grid.shape[0] * grid.shape[1] * grid.shape[2] / (SHAPE[0] * SHAPE[1] * SHAPE[2])
        picks = write_tomogram(
            path,
            species.density,
            grid=grid,
            n=max(3, round(PARTICLES * share)),
            signal_to_noise=SIGNAL_TO_NOISE,
            seed=0,
        )
        write_templates(species, folder)
        save_picks(picks, truth)
    return path, load_picks(truth)


def ratio(first: float, second: float) -> float:
    """The larger over the smaller.

    Examples
    --------
    >>> ratio(2.0, 3.0), ratio(3.0, 2.0)
    (1.5, 1.5)
    """
    return round(max(first, second) / min(first, second), 2)


def measured(words: list[object], tomogram: Path, truth: Picks, out: Path) -> dict[str, Any]:
    """Forecast, run, compare, score."""
    said = own_match.forecast(words, out)
    run = own_match.match(words, out)
    diameter = load_map("ribosome", PIXEL_ANGSTROM).diameter_angstrom
    found = rated(own_match.picks_in(out, tomogram), truth, tolerance_angstrom=diameter / 4)
    peak_bytes = run.peak_private_mb * 2**20
    return {
        "wall_s": round(run.wall_seconds, 1),
        "cpu_s": round(run.cpu_seconds, 1),
        "peak_private_gb": round(peak_bytes / 1e9, 2),
        "peak_rss_gb": round(run.peak_rss_mb * 2**20 / 1e9, 2),
        "forecast_s": round(said["seconds"], 1),
        "forecast_gb": round(said["memory_bytes"] / 1e9, 2),
        "forecast_time_off_by": ratio(said["seconds"], run.wall_seconds),
        "forecast_memory_off_by": ratio(said["memory_bytes"], peak_bytes),
        "accuracy": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=list(SHAPE), metavar=("Z", "Y", "X"))
    parser.add_argument("--angular-step", type=float, default=STEP_DEG)
    parser.add_argument("--engines", nargs="*", default=["auto"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", type=float, default=16.0, help="GB given to the command")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "match_bench")
    parser.add_argument("--reuse", action="store_true", help="take a tomogram that is there")
    given = parser.parse_args()
    shape = tuple(given.shape)
    folder = given.scratch / f"large_{shape[2]}"
    tomogram, truth = make_data(folder, shape, reuse=given.reuse)
    engines: dict[str, Any] = {}
    for engine in given.engines:
        words = own_match.words_for(
            tomogram, folder / "template_dark.mrc", folder / "mask.mrc", "--tilts=-60,60",
            "--engine", engine, "--device", given.device, "--memory", given.memory,
            step_deg=given.angular_step,
        )  # fmt: skip
        engines[engine] = measured(words, tomogram, truth, folder / f"match_{engine}")
        print(f"{engine}: {engines[engine]}", flush=True)
    figures = {
        "shape_zyx": list(shape),
        "angular_step_deg": given.angular_step,
        "device": given.device,
        "memory_given_gb": given.memory,
        "particles": len(truth),
        "engines": engines,
    }
    full = shape == SHAPE and given.angular_step <= STEP_DEG and "auto" in engines
    name = "match_large" if given.device == "cpu" else "match_large_gpu"
    write_result(name, figures, smaller=not full)


if __name__ == "__main__":
    main()
