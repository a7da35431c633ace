"""RELION's own programs for micrographs: picking, extraction, 2D classification.

Needs the Debian package ``relion`` (3.1.3, CPU). Every function runs one program with one thread in
a folder that holds the micrographs and their STAR, and tells what it took.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks, concatenate
from measuring.command import Measured, measure
from measuring.micrograph_truth import with_names

PICKER, EXTRACTOR, CLASSIFIER = "relion_autopick", "relion_preprocess", "relion_refine"
SUFFIX = "_autopick.star"


def is_installed(*programs: str) -> bool:
    """Whether RELION's programs (all of this module where none is named) can be run."""
    return all(shutil.which(name) for name in programs or (PICKER, EXTRACTOR, CLASSIFIER))


def pick_log(
    folder: Path,
    star: str,
    out: str,
    *,
    diameters_angstrom: tuple[float, float],
    pixel_angstrom: float,
) -> Measured:
    """Pick blobs, with the options of RELION's interface."""
    smallest, largest = diameters_angstrom
    _remove(folder / out)
    words = [
        PICKER, "--i", star, "--odir", f"{out}/", "--pickname", "autopick", "--LoG",
        "--LoG_diam_min", smallest, "--LoG_diam_max", largest, "--shrink", 0, "--lowpass", 20,
        "--LoG_adjust_threshold", 0, "--angpix", pixel_angstrom,
    ]  # fmt: skip
    return measure(words, cwd=folder)


def pick_template(
    folder: Path,
    star: str,
    out: str,
    *,
    references: Path,
    references_pixel_angstrom: float,
    pixel_angstrom: float,
    particle_diameter_angstrom: float,
    min_distance_angstrom: float,
    threshold: float = 0.0,
    options: Sequence[object] = ("--invert", "--ctf"),
) -> Measured:
    """Pick with templates every 5 degrees, at its quickest: shrunk to the low-pass of 20 Å."""
    _remove(folder / out)
    words = [
        PICKER, "--i", star, "--odir", f"{out}/", "--pickname", "autopick",
        "--ref", references, "--angpix_ref", references_pixel_angstrom, *options, "--ang", 5,
        "--shrink", 0, "--lowpass", 20, "--particle_diameter", particle_diameter_angstrom,
        "--threshold", threshold, "--min_distance", min_distance_angstrom,
        "--angpix", pixel_angstrom,
    ]  # fmt: skip
    return measure(words, cwd=folder)


def read_picked(folder: Path, grids: Mapping[str, Grid]) -> Picks:
    """What it picked, in Å; a micrograph without a file has no picks."""
    found: list[Picks] = []
    for name, grid in grids.items():
        for path in folder.rglob(f"{name}{SUFFIX}"):
            picks = read_picks(path, Frame(default_grid=grid)).picks
            found.append(with_names(picks, name))
    return concatenate(found) if found else Picks.empty(2)


def read_merit_maps(folder: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Figure of merit and psi (degrees) of each reference, ``(K, y, x)``, as it saved them."""
    stem = f"{name}_autopick_ref"
    maps = [
        np.stack([_pixels(path) for path in sorted(folder.rglob(f"{stem}*_{kind}.spi"))])
        for kind in ("bestCCF", "bestPSI")
    ]
    return maps[0], maps[1]


def write_coordinates(folder: Path, picks: Picks, grids: Mapping[str, Grid]) -> None:
    """One list of coordinates per micrograph, as extraction wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, grid in grids.items():
        frame = Frame(default_grid=grid)
        write_picks(
            picks[picks.image == name], folder / f"{name}{SUFFIX}", frame, name="relion"
        )  # fmt: skip


def extract(
    folder: Path, star: str, coordinates: str, out: str, *, box_px: int, rescaled_px: int
) -> Measured:
    """Cut boxes, shrink them, make their background mean 0 and deviation 1, make matter bright."""
    _remove(folder / out)
    words = [
        EXTRACTOR, "--i", star, "--coord_dir", f"{coordinates}/", "--coord_suffix", SUFFIX,
        "--part_star", f"{out}/particles.star", "--part_dir", f"{out}/", "--extract",
        "--extract_size", box_px, "--scale", rescaled_px, "--norm",
        "--bg_radius", background_radius_px(rescaled_px), "--white_dust", -1, "--black_dust", -1,
        "--invert_contrast",
    ]  # fmt: skip
    return measure(words, cwd=folder)


def background_radius_px(box_px: int) -> int:
    """What RELION's interface asks for: three quarters of the half box.

    Examples
    --------
    >>> background_radius_px(64)
    24
    """
    return round(0.75 * box_px / 2)


def classify(
    folder: Path,
    star: str,
    out: str,
    *,
    classes: int,
    iterations: int,
    mask_diameter_angstrom: float,
    options: Sequence[object] = ("--ctf",),
) -> Measured:
    """2D classes with the options of RELION's interface and one thread; minutes per iteration."""
    _remove(folder / out)
    (folder / out).mkdir()
    words = [
        CLASSIFIER, "--i", star, "--o", f"{out}/run", "--dont_combine_weights_via_disc",
        "--preread_images", "--pool", 30, "--pad", 2, *options, "--iter", iterations,
        "--tau2_fudge", 2, "--particle_diameter", mask_diameter_angstrom, "--K", classes,
        "--flatten_solvent", "--zero_mask", "--oversampling", 1, "--psi_step", 12,
        "--offset_range", 5, "--offset_step", 2, "--norm", "--scale", "--j", 1,
        "--random_seed", 1,
    ]  # fmt: skip
    return measure(words, cwd=folder)


def last_data_star(folder: Path) -> Path:
    """``run_itNNN_data.star`` of the last iteration."""
    found = sorted(folder.glob("run_it*_data.star"))
    if not found:
        raise FileNotFoundError(f"{folder}: no run_itNNN_data.star")
    return found[-1]


def classes_of(path: Path) -> dict[str, str]:
    """Class of each particle by its image, ``000001@Extract/mic0.mrcs``."""
    block = read_star(path).get("particles")
    if block is None:
        raise ValueError(f"{path}: no data_particles")
    images, labels = block.text("rlnImageName"), block.text("rlnClassNumber")
    return dict(zip(images.tolist(), labels.tolist(), strict=True))


def _pixels(path: Path) -> NDArray[np.float32]:
    image = open_image(path, pixel_size_angstrom=1.0)
    return np.asarray(image.read(), dtype=np.float32)  # type: ignore[union-attr]


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
