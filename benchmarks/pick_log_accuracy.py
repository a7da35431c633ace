"""How well blob picking finds particles, and how fast: cryopick beside RELION in one run.

    python benchmarks/pick_log_accuracy.py [--sets apoferritin ...] [--repeats 3] [--data DIR]

Sets: ``apoferritin``, ten real micrographs (nine with expert picks), and ``bgal``, real micrographs:
the kernel, the rule of the threshold and the least distance were chosen while looking at the scores
of both, so neither is held out; ``simulated``, micrographs with exact truth, and ``tomogram``, a
simulated tomogram: not looked at before the defaults stood, but easier than real images. The first two are skipped where the genuine images
are not beside the checkout, RELION where it is not installed. Every program runs with one thread;
runs of different programs take turns. Accuracy does not differ between repeats; times are medians.
Prints a table, and writes results/pick_log_accuracy.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.evaluate.comparison import compare_picks
from cryopick.io.images import image_name, open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.model import Grid, Picks, concatenate
from measuring import relion_log
from measuring.command import Measured, cryopick
from measuring.result_file import SHARED_DATA, spread, write_result

TOLERANCES = (0.25, 0.5)
KERNELS: dict[str, tuple[str, ...]] = {
    "disc (default)": (),
    "log, relion suppression": ("--kernel", "log", "--suppression", "relion"),
}
FIGURES = ("precision", "recall", "f1", "best_f1", "average_precision")
SEED = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Images with a truth, and what is asked of a picker.

    Attributes
    ----------
    images
        By name.
    truth
        In Å, of those images that have one.
    pixel_angstrom, diameters_angstrom
        As given on the command line.
    origin
        One sentence for the results.
    """

    images: dict[str, Path]
    truth: Picks
    pixel_angstrom: float
    diameters_angstrom: tuple[float, float]
    origin: str

    @property
    def diameter_angstrom(self) -> float:
        return sum(self.diameters_angstrom) / 2

    @property
    def ndim(self) -> int:
        return self.truth.ndim


def truth_of(path: Path, name: str, grid: Grid) -> Picks:
    """Expert picks of one image: a CSV with pixels ``x, y`` from the first one."""
    picks = read_picks(path, Frame(default_grid=grid), name="csv").picks
    plain = Picks.of(picks.position_angstrom, image=name)
    return replace(plain, image=np.full(len(picks), name))


def real_set(
    folder: Path,
    *,
    images: str,
    truth_suffix: tuple[str, str],
    pixel_angstrom: float,
    diameters_angstrom: tuple[float, float],
    origin: str,
) -> ImageSet | None:
    """Genuine images with the CSV of their expert picks; None where they are not here."""
    paths = {image_name(p): p for p in sorted(folder.glob(images))}
    if not paths:
        print(f"skipped: no {images} in {folder.name} beside the checkout")
        return None
    ending, other = truth_suffix
    truths: list[Picks] = []
    for name, path in paths.items():
        listed = path.with_name(path.name.replace(ending, other))
        if listed.is_file() and listed != path:
            grid = open_image(path, pixel_size_angstrom=pixel_angstrom).grid  # type: ignore[union-attr]
            truths.append(truth_of(listed, name, grid))
    return ImageSet(
        images=paths,
        truth=concatenate(truths),
        pixel_angstrom=pixel_angstrom,
        diameters_angstrom=diameters_angstrom,
        origin=origin,
    )


def apoferritin(data: Path, folder: Path) -> ImageSet | None:
    del folder
    return real_set(
        data / "images" / "apoferritin_empiar10146",
        images="*bin_avg.png",
        truth_suffix=("_avg.png", "_picks.csv"),
        pixel_angstrom=1.5,
        diameters_angstrom=(110, 140),
        origin="EMPIAR-10146, 16-bit PNG of 1240 x 1200; expert picks of nine of ten; the defaults were looked at here",
    )


def bgal(data: Path, folder: Path) -> ImageSet | None:
    del folder
    return real_set(
        data / "images" / "bgal_empiar10017",
        images="*_0.jpg",
        truth_suffix=(".jpg", "_picks.csv"),
        pixel_angstrom=1.77,
        diameters_angstrom=(120, 180),
        origin="EMPIAR-10017, denoised 8-bit JPEG of 4096 x 4096; the defaults were looked at here",
    )


def simulated(data: Path, folder: Path) -> ImageSet:
    """Apoferritin in 2048 x 2048 at 1.5 Å, as physics gives it at 50 e/Å²."""
    del data
    out = folder / "simulated"
    cryopick(
        "simulate", "micrographs", "--map", "apoferritin", "--micrographs", 4, "--particles", 150,
        "--size", 2048, 2048, "--pixel-size", 1.5, "--ice-crystals", 2, "--seed", SEED,
        "-o", out,
    )  # fmt: skip
    images = {image_name(p): p for p in sorted((out / "micrographs").glob("*.mrc"))}
    return ImageSet(
        images=images,
        truth=simulated_truth(out, next(iter(images.values()))),
        pixel_angstrom=1.5,
        diameters_angstrom=(110, 140),
        origin=f"cryopick simulate micrographs, apoferritin, two lumps of ice each, seed {SEED}",
    )


def tomogram(data: Path, folder: Path) -> ImageSet:
    """Ribosomes in a tomogram of 256 x 256 x 128 from 41 tilts."""
    del data
    out = folder / "tomogram"
    cryopick(
        "simulate", "tomogram", "--map", "ribosome", "--particles", 40, "--vesicles", 1,
        "--gold-beads", 3, "--size", 256, 256, 128, "--ice", 1000, "--seed", SEED, "-o", out,
    )  # fmt: skip
    images = {image_name(p): p for p in sorted((out / "tomograms").glob("*.mrc"))}
    return ImageSet(
        images=images,
        truth=simulated_truth(out, next(iter(images.values()))),
        pixel_angstrom=10.0,
        diameters_angstrom=(240, 300),
        origin=f"cryopick simulate tomogram, ribosomes, a vesicle, gold, seed {SEED}",
    )


def simulated_truth(out: Path, image: Path) -> Picks:
    grid = open_image(image).grid  # type: ignore[union-attr]
    picks = read_picks(out / "truth.csv", Frame(default_grid=grid), name="csv").picks
    bare = np.array([image_name(name) for name in picks.image.tolist()])
    return Picks.of(picks.position_angstrom, image=bare)


SETS: dict[str, Callable[[Path, Path], ImageSet | None]] = {
    "apoferritin": apoferritin,
    "bgal": bgal,
    "simulated": simulated,
    "tomogram": tomogram,
}


def score(picks: Picks, truth: Picks, diameter_angstrom: float) -> dict[str, Any]:
    """Figures at each tolerance; picks of images without a truth are left out."""
    row: dict[str, Any] = {}
    for share in TOLERANCES:
        result = compare_picks(
            picks, truth, tolerance_angstrom=share * diameter_angstrom, scope="truth", seed=0
        )
        summary = result.summary()
        found = {name: rounded(summary[name]) for name in FIGURES}
        found["f1_interval"] = [rounded(v) for v in summary["intervals"].get("f1") or []]
        found["position_error_angstrom"] = rounded(summary["position_error_angstrom"]["median"], 2)
        row[f"at_{share:g}_diameter"] = found
        row |= {"picks": summary["n_picks"], "truth": summary["n_truth"]}
    shift = common_shift(picks, truth, TOLERANCES[-1] * diameter_angstrom)
    row["common_shift_angstrom"] = [rounded(v, 1) for v in shift.tolist()]
    moved = replace(picks, position_angstrom=picks.position_angstrom - shift)
    without = compare_picks(
        moved, truth, tolerance_angstrom=TOLERANCES[0] * diameter_angstrom, scope="truth", draws=0
    )
    row["f1_without_common_shift"] = rounded(without.overall.f1)
    return row


def common_shift(picks: Picks, truth: Picks, tolerance_angstrom: float) -> NDArray[np.float64]:
    """Median displacement of the matches: a shift that all picks share is a matter of conventions.

    Examples
    --------
    >>> truth = Picks.of([[10.0, 10.0], [90.0, 50.0]], image="a")
    >>> common_shift(Picks.of(truth.position_angstrom + [3, -1], image="a"), truth, 20.0)
    array([ 3., -1.])
    """
    result = compare_picks(
        picks, truth, tolerance_angstrom=tolerance_angstrom, scope="truth", draws=0
    )
    pick, true = result.matches.pick, result.matches.truth
    if not len(pick):
        return np.zeros(picks.ndim)
    apart = result.picks.position_angstrom[pick] - result.truth.position_angstrom[true]
    return np.median(apart, axis=0)


def rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def picked(images: ImageSet, options: Sequence[str], out: Path) -> tuple[Measured, float]:
    """Run ``cryopick pick log``; gives the run and the median seconds of one image."""
    smallest, largest = images.diameters_angstrom
    run = cryopick(
        "pick", "log", *images.images.values(), "--pixel-size", images.pixel_angstrom,
        "--diameter-min", smallest, "--diameter-max", largest, *options,
        "--workers", 1, "-o", out, "--overwrite",
    )  # fmt: skip
    timings = json.loads((out / "job.json").read_text("utf-8"))["timings"]
    return run, float(np.median(list(timings.values())))


def own_picks(images: ImageSet, out: Path) -> Picks:
    path = next(iter(images.images.values()))
    grid = open_image(path, pixel_size_angstrom=images.pixel_angstrom).grid  # type: ignore[union-attr]
    return read_picks(out / "picks.star", Frame(default_grid=grid)).picks


def times(runs: Sequence[Measured], n: int) -> dict[str, Any]:
    return {
        "wall_s_per_image": spread(run.wall_seconds / n for run in runs),
        "cpu_s_per_image": spread(run.cpu_seconds / n for run in runs),
        "peak_rss_mb": spread((run.peak_rss_mb for run in runs), 0),
    }


def measure_set(images: ImageSet, folder: Path, repeats: int) -> dict[str, Any]:
    """All pickers on one set, taking turns."""
    project = None
    if images.ndim == 2 and relion_log.is_installed():
        project = relion_log.prepare(images.images, images.pixel_angstrom, folder / "relion")
    runs: dict[str, list[Measured]] = {}
    items: dict[str, list[float]] = {}
    for _ in range(repeats):
        for number, (name, options) in enumerate(KERNELS.items()):
            run, seconds = picked(images, options, folder / f"out{number}")
            runs.setdefault(name, []).append(run)
            items.setdefault(name, []).append(seconds)
        if project is not None:
            run = relion_log.pick(project, images.diameters_angstrom, images.pixel_angstrom)
            runs.setdefault("RELION", []).append(run)
    rows: dict[str, Any] = {}
    for number, name in enumerate(KERNELS):
        picks = own_picks(images, folder / f"out{number}")
        rows[name] = score(picks, images.truth, images.diameter_angstrom)
        rows[name] |= {"item_s": spread(items[name])}
    if project is not None:
        rows["RELION"] = score(relion_log.read(project), images.truth, images.diameter_angstrom)
    for name, found in runs.items():
        rows[name] |= times(found, len(images.images))
    return {
        "origin": images.origin,
        "images": len(images.images),
        "images_with_truth": len(set(images.truth.image.tolist())),
        "pixel_size_angstrom": images.pixel_angstrom,
        "diameters_angstrom": list(images.diameters_angstrom),
        "pickers": rows,
    }


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}: {found['origin']}; {found['images']} image(s)")
    print(
        f"{'':<26}{'tol/d':>6}{'prec':>7}{'rec':>7}{'F1':>7}{'best F1':>9}{'AP':>7}{'s/image':>9}"
    )
    for picker, row in found["pickers"].items():
        for share in TOLERANCES:
            cells = [row[f"at_{share:g}_diameter"][figure] for figure in FIGURES]
            words = [f"{'-' if cell is None else format(cell, '.3f'):>7}" for cell in cells]
            seconds = row["wall_s_per_image"]["median"]
            print(
                f"{picker:<26}{share:>6}{''.join(words[:3])}{words[3]:>9}{words[4]}{seconds:9.3f}"
            )
        shift, f1 = row["common_shift_angstrom"], row["f1_without_common_shift"]
        print(f"{'':<26}at 0.25 without the shift of {shift} Å that all picks share: F1 {f1}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    if relion_log.is_installed():
        results["relion_version"] = relion_log.version()
    else:
        print(f"skipped: {relion_log.PROGRAM} is not installed")
    sets: dict[str, Any] = {}
    for name in given.sets:
        with tempfile.TemporaryDirectory() as folder:
            images = SETS[name](given.data, Path(folder))
            if images is not None:
                sets[name] = measure_set(images, Path(folder), given.repeats)
                show(name, sets[name])
    write_result("pick_log_accuracy", {**results, "sets": sets}, smaller=set(sets) != set(SETS))


if __name__ == "__main__":
    main()
