"""``cryopick pick log``: blob picking without a template, in micrographs and tomograms."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.npz import save_picks
from cryopick.jobs.image_inputs import image_paths, item_id, open_single
from cryopick.jobs.pick_outputs import PICKS, collect_picks, open_for_picking
from cryopick.model import Grid, Image
from cryopick.pick.log import (
    Contrast,
    Kernel,
    LogResult,
    LogSettings,
    Suppression,
    filtered_pixels,
    pick_log,
)
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Worker, param

# Measured on one core: per pixel of the image as stored, per pixel that is filtered, per item.
_SECONDS_PER_PIXEL = 1.2e-8
_SECONDS_PER_FILTERED_PIXEL = 2e-7
_SECONDS_PER_ITEM = 0.05
_BYTES_PER_PIXEL = 8
_BYTES_PER_FILTERED_PIXEL = 40


class PickLogParams(Params):
    """Parameters of ``pick log``; the defaults are those of `LogSettings`."""

    images: list[str] = param(description="Micrographs or tomograms: files, globs, folders, STAR")
    diameter_min_angstrom: float = param(description="Smallest particle diameter", unit="Å", gt=0)
    diameter_max_angstrom: float = param(description="Largest particle diameter", unit="Å", gt=0)
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size; overrides the files' headers", unit="Å", gt=0
    )
    contrast: Contrast = param(
        LogSettings.contrast, description="Particles darker or brighter than the ice"
    )
    kernel: Kernel = param(
        LogSettings.kernel,
        description="disc: disc against the ring around it, in units of local noise; "
        "log: RELION's Laplacian of Gaussian",
    )
    suppression: Suppression = param(
        LogSettings.suppression,
        description="keep-better: best local maxima, a minimum distance apart; "
        "relion: highest pixel first, blanking a disc of its own size",
    )
    threshold: float | None = param(
        LogSettings.threshold, description="Lowest score; chosen from the scores where not given"
    )
    adjust_threshold_sd: float = param(
        LogSettings.adjust_threshold_sd,
        description="Raise (or lower) the chosen threshold",
        unit="sd of the scores",
    )
    max_picks: int | None = param(
        LogSettings.max_picks, description="Keep only the best so many per image", ge=1
    )
    mask: str | None = param(None, description="Image that is above 0 where to pick")
    min_distance_angstrom: float | None = param(
        LogSettings.min_distance_angstrom,
        description="Least distance between picks; three quarters of the mean diameter where "
        "not given",
        unit="Å",
        gt=0,
        advanced=True,
    )
    upper_threshold_sd: float | None = param(
        LogSettings.upper_threshold_sd,
        description="Scores this far above the mean are contamination",
        unit="sd of the scores",
        gt=0,
        advanced=True,
    )
    max_resolution_angstrom: float | None = param(
        LogSettings.max_resolution_angstrom,
        description="Detail beyond this is ignored; 20 Å, or a sixth of the smallest diameter "
        "if coarser, where not given",
        unit="Å",
        gt=0,
        advanced=True,
    )
    border_angstrom: float | None = param(
        LogSettings.border_angstrom,
        description="Picks nearer to an edge are dropped; half the smallest diameter for relion, "
        "0 for keep-better, where not given",
        unit="Å",
        ge=0,
        advanced=True,
    )
    save_scores: bool = param(
        True, description="Keep each image's score map as scores.mrc", advanced=True
    )


def plan(params: PickLogParams) -> list[Item]:
    """One item per image."""
    settings = _settings(params)
    items: list[Item] = []
    for name, path in image_paths(params.images).items():
        image = open_single(path, params.pixel_size_angstrom)
        items.append(
            Item(
                id=item_id(name),
                inputs={
                    "name": name,
                    "path": str(path),
                    "pixel_size_angstrom": params.pixel_size_angstrom,
                    "ndim": image.ndim,
                },
                cost=_cost(image.grid, settings),
            )
        )
    return items


def work(item: Item, params: PickLogParams, worker: Worker) -> None:
    """Pick one image."""
    image = open_for_picking(item)
    mask = None if params.mask is None else open_image(params.mask)
    if mask is not None and not isinstance(mask, Image):
        raise InputError(f"{params.mask}: is a stack; give one mask")
    found = pick_log(image, _settings(params), mask=mask)
    save_picks(found.picks, worker.folder / PICKS)
    write_text(worker.folder / "threshold.json", json.dumps({"threshold": found.threshold}))
    if params.save_scores:
        _save_scores(image, found, worker.folder)


def collect(folder: Path, items: Sequence[Item], params: PickLogParams) -> Outcome:
    """Join the picks of all images."""
    thresholds: dict[str, float] = {}
    for item in items:
        path = folder / "items" / item.id / "threshold.json"
        if path.is_file():
            thresholds[item.inputs["name"]] = json.loads(path.read_text("utf-8"))["threshold"]
    return collect_picks(
        folder,
        items,
        thresholds=thresholds,
        next_command=_next_command(folder, params),
    )


def _cost(grid: Grid, settings: LogSettings) -> Cost:
    pixels, filtered = math.prod(grid.shape), filtered_pixels(grid, settings)
    return Cost(
        memory_bytes=pixels * _BYTES_PER_PIXEL + filtered * _BYTES_PER_FILTERED_PIXEL,
        seconds=_SECONDS_PER_ITEM
        + pixels * _SECONDS_PER_PIXEL
        + filtered * _SECONDS_PER_FILTERED_PIXEL,
    )


def _next_command(folder: Path, params: PickLogParams) -> str:
    words = ["cryopick", "compare", str(folder / "picks.star"), "TRUTH", "--tolerance"]
    words += [f"{params.diameter_min_angstrom / 4:g}", "--image", *params.images]
    if params.pixel_size_angstrom is not None:
        words += ["--pixel-size", f"{params.pixel_size_angstrom:g}"]
    return shlex.join([*words, "-o", "compare"])


def _settings(params: PickLogParams) -> LogSettings:
    names = LogSettings.__dataclass_fields__
    return LogSettings(**{n: v for n, v in params.model_dump().items() if n in names})


def _save_scores(image: Image, found: LogResult, folder: Path) -> None:
    pixel = found.scores.step_px * image.grid.pixel_size_angstrom
    write_mrc(
        folder / "scores.mrc",
        found.scores.score,
        pixel,
        origin_angstrom=image.grid.origin_angstrom,
        dtype="float16",
    )


JOB = Job(
    name="pick log",
    title="Pick round particles without a template (2D and 3D)",
    params=PickLogParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("images",),
    example="cryopick pick log micrographs/*.mrc --diameter-min 110 --diameter-max 140 -o picks",
    uses_gpu=False,
    preload=("scipy.fft",),
)
