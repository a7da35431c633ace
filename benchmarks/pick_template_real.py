"""Template picking in real micrographs, with references from our own classes, beside RELION.

    python benchmarks/pick_template_real.py [--sets bgal ...] [--scratch DIR] [--data DIR]

For each half of a set: ``pick log`` on it, ``extract particles``, ``classify``, ``select --recentre``;
the class averages that the ranking proposes then are the references for the *other* half, so no
micrograph is picked with anything that was seen in it. RELION gets the same references, and picks blobs for comparison.
No CTF: the images are what is published, 8-bit JPEG already denoised (β-galactosidase) and 16-bit
PNG of 1.5 Å pixels (apoferritin).

F1 within a quarter and half a diameter: ``f1`` of the picks that a user gets, ``best_f1`` at the best
common threshold of the list. ``away_from_edges``: without picks and particles nearer than half a
diameter to an edge, where RELION picks nothing and the experts some. The experts' picks are not complete and share a shift of several Å
(see ``common_shift_angstrom``). The options of the chain, the same for both sets, were chosen while
looking at these images; the ranking's weights were fitted on simulations alone.
Prints a table, and writes results/pick_template_real.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.io.images import open_image
from cryopick.model import Grid, Picks, concatenate
from measuring import own_2d, relion_2d, relion_log
from measuring.command import Measured
from measuring.result_file import SHARED_DATA, write_result
from pick_log_accuracy import SETS, TOLERANCES, ImageSet, score

BOX_PER_DIAMETER, IMAGE_PX = 1.5, 64
CLASSES, ITERATIONS = 10, 15
DETAIL_ANGSTROM = 20.0
# In diameters: the classes' mask, and the furthest move of one iteration; the circle of the picking,
# the least distance of picks, and the border.
MASK_PER_DIAMETER, MOVE_PER_DIAMETER = 1.2, 0.1
CIRCLE_PER_DIAMETER, DISTANCE_PER_DIAMETER, BORDER_PER_DIAMETER = 1.2, 0.6, 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Half:
    """Half of the images of a set."""

    images: Mapping[str, Path]
    grids: Mapping[str, Grid]


def halves(images: ImageSet) -> tuple[Half, Half]:
    """Every second image by name."""
    names = sorted(images.images)
    found: list[Half] = []
    for part in (names[::2], names[1::2]):
        paths = {name: images.images[name] for name in part}
        grids = {
            name: open_image(path, pixel_size_angstrom=images.pixel_angstrom).grid  # type: ignore[union-attr]
            for name, path in paths.items()
        }
        found.append(Half(images=paths, grids=grids))
    return found[0], found[1]


def references_of(half: Half, images: ImageSet, folder: Path) -> tuple[Path, list[Measured]]:
    """Class averages of what ``pick log`` finds: the stack of the good ones."""
    pixel, diameter = images.pixel_angstrom, images.diameter_angstrom
    box = 2 * round(BOX_PER_DIAMETER * diameter / pixel / 2)
    runs = [
        own_2d.pick_log(
            half.images.values(),
            folder / "log",
            diameters_angstrom=images.diameters_angstrom,
            pixel_angstrom=pixel,
        ),
        own_2d.extract(
            folder / "log" / "picks.star",
            half.images.values(),
            folder / "cut",
            box_px=box,
            rescaled_px=min(IMAGE_PX, box),
            options=("--pixel-size", pixel),
        ),
        own_2d.classify(
            folder / "cut" / "particles.star",
            folder / "classes",
            classes=CLASSES,
            iterations=ITERATIONS,
            mask_diameter_angstrom=MASK_PER_DIAMETER * diameter,
            options=(
                "--resolution-limit", DETAIL_ANGSTROM,
                "--offset-range", MOVE_PER_DIAMETER * diameter,
            ),
        ),
    ]  # fmt: skip
    averages = folder / "classes" / "class_averages.star"
    return own_2d.chosen_references(averages, folder / "references"), runs


def measure_set(images: ImageSet, folder: Path) -> dict[str, Any]:
    """All pickers on both halves, scored together."""
    picks: dict[str, list[Picks]] = {}
    runs: dict[str, list[Measured]] = {}

    def keep(title: str, found: Picks, run: Measured | None = None) -> None:
        picks.setdefault(title, []).append(found)
        runs.setdefault(title, []).extend([] if run is None else [run])

    first, second = halves(images)
    for number, (seen, picked) in enumerate(((first, second), (second, first))):
        place = folder / f"half{number}"
        references, making = references_of(seen, images, place)
        runs.setdefault("making of references", []).extend(making)
        run = own_2d.pick_log(
            picked.images.values(),
            place / "log_picked",
            diameters_angstrom=images.diameters_angstrom,
            pixel_angstrom=images.pixel_angstrom,
        )
        keep("log", own_2d.picks_in(place / "log_picked", picked.grids), run)
        run = own_2d.pick_template(
            picked.images.values(),
            place / "template",
            references=references,
            pixel_angstrom=images.pixel_angstrom,
            particle_diameter_angstrom=CIRCLE_PER_DIAMETER * images.diameter_angstrom,
            options=(
                "--min-distance", DISTANCE_PER_DIAMETER * images.diameter_angstrom,
                "--border", BORDER_PER_DIAMETER * images.diameter_angstrom,
            ),
        )  # fmt: skip
        keep("template", own_2d.picks_in(place / "template", picked.grids), run)
        keep("template, whole list", own_2d.long_list(place / "template", picked.grids))
        if relion_2d.is_installed(relion_2d.PICKER):
            for title, found, took in relion(images, picked, references, place / "relion"):
                keep(title, found, took)
    rows: dict[str, Any] = {}
    for title, parts in picks.items():
        found = concatenate(parts)
        rows[title] = score(found, images.truth, images.diameter_angstrom)
        rows[title]["best_f1_per_image"] = per_image(found, images)
        grids = {**first.grids, **second.grids}
        margin = images.diameter_angstrom / 2
        rows[title]["away_from_edges"] = score(
            inside(found, grids, margin),
            inside(images.truth, grids, margin),
            images.diameter_angstrom,
        )
    for title, took in runs.items():
        each = sum(run.cpu_seconds for run in took) / len(images.images)
        rows.setdefault(title, {})["cpu_s_per_image"] = round(each, 2)
    return {"origin": images.origin, "images": len(images.images), "pickers": rows}


def inside(picks: Picks, grids: Mapping[str, Grid], margin_angstrom: float) -> Picks:
    """Picks that lie at least so far from every edge of their image.

    Examples
    --------
    >>> grids = {"a": Grid(shape=(10, 20), pixel_size_angstrom=2.0)}
    >>> picks = Picks.of([[20.0, 10.0], [20.0, 18.0], [3.0, 10.0]], image="a")
    >>> inside(picks, grids, 5.0).position_angstrom
    array([[20., 10.]])
    """
    place = picks.position_angstrom
    extent = np.array([grids[name].extent_angstrom for name in picks.image.tolist()])
    return picks[
        np.minimum(place, extent.reshape(place.shape) - place).min(axis=1) >= margin_angstrom
    ]


def per_image(picks: Picks, images: ImageSet) -> dict[str, list[float | None]]:
    """Best F1 at each of the tolerances, of each image that has a truth."""
    found: dict[str, list[float | None]] = {}
    for name in sorted(set(images.truth.image.tolist())):
        chosen = picks[picks.image == name], images.truth[images.truth.image == name]
        row = score(*chosen, images.diameter_angstrom)
        found[name] = [row[f"at_{share:g}_diameter"]["best_f1"] for share in TOLERANCES]
    return found


def relion(
    images: ImageSet, half: Half, references: Path, folder: Path
) -> Sequence[tuple[str, Picks, Measured]]:
    """RELION's two pickers on the same images, the second with the same references."""
    if not folder.is_dir():
        relion_log.prepare(half.images, images.pixel_angstrom, folder)
    blobs = relion_2d.pick_log(
        folder,
        "mics.star",
        "LoG",
        diameters_angstrom=images.diameters_angstrom,
        pixel_angstrom=images.pixel_angstrom,
    )
    size = open_image(references).pixel_size_angstrom  # type: ignore[union-attr]
    templates = relion_2d.pick_template(
        folder,
        "mics.star",
        "Template",
        references=references,
        references_pixel_angstrom=size,
        pixel_angstrom=images.pixel_angstrom,
        particle_diameter_angstrom=CIRCLE_PER_DIAMETER * images.diameter_angstrom,
        min_distance_angstrom=DISTANCE_PER_DIAMETER * images.diameter_angstrom,
        options=("--invert",),
    )
    return (
        ("RELION log", relion_2d.read_picked(folder / "LoG", half.grids), blobs),
        ("RELION template", relion_2d.read_picked(folder / "Template", half.grids), templates),
    )


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}: {found['origin']}")
    print(
        f"{'':<26}{'picks':>7}{'tol/d':>7}{'prec':>7}{'rec':>7}{'F1':>7}{'best F1':>9}{'CPU s':>8}"
    )
    for title, row in found["pickers"].items():
        for share in TOLERANCES if "picks" in row else ():
            cells = row[f"at_{share:g}_diameter"]
            words = "".join(
                f"{cells[key] or 0:{width}.3f}"
                for key, width in (("precision", 7), ("recall", 7), ("f1", 7), ("best_f1", 9))
            )
            print(f"{title:<26}{row['picks']:7d}{share:>7}{words}{row['cpu_s_per_image']:8.2f}")
    print("away from edges: F1 (best F1)")
    scored = {title: row for title, row in found["pickers"].items() if "picks" in row}
    for title, row in scored.items():
        rows = [row["away_from_edges"][f"at_{share:g}_diameter"] for share in TOLERANCES]
        print(f"{title:<26}" + "; ".join(f"{r['f1']:.3f} ({r['best_f1']:.3f})" for r in rows))
    print("best F1 of each image")
    for title, row in scored.items():
        for image, best in row["best_f1_per_image"].items():
            print(f"{title:<26}{image:<32}{' '.join(f'{value or 0:.3f}' for value in best)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ("apoferritin", "bgal")
    parser.add_argument("--sets", nargs="*", choices=names, default=names)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--scratch", type=Path, help="keep what is made; default: a new folder")
    given = parser.parse_args()
    results: dict[str, Any] = {}
    if relion_2d.is_installed(relion_2d.PICKER):
        results["relion_version"] = relion_log.version()
    else:
        print(f"RELION is left out: {relion_2d.PICKER} is not installed")
    sets: dict[str, Any] = {}
    for name in given.sets:
        with tempfile.TemporaryDirectory() as new:
            folder = Path(new) if given.scratch is None else given.scratch / name
            folder.mkdir(parents=True, exist_ok=True)
            images = SETS[name](given.data, folder)
            if images is not None:
                sets[name] = measure_set(images, folder)
                show(name, sets[name])
    full = set(sets) == set(names) and "relion_version" in results
    write_result("pick_template_real", {**results, "sets": sets}, smaller=not full)


if __name__ == "__main__":
    main()
