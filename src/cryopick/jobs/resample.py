"""``cryopick resample``: bin or Fourier-crop images, volumes and stacks to another pixel size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cryopick.errors import InputError
from cryopick.io.images import mrc_canvas, write_mrc
from cryopick.jobs.processed_images import collect_images, open_item, plan_images
from cryopick.model import Grid, Image, ImageStack
from cryopick.ops.resample import (
    Method,
    chosen_ratio,
    resample_image,
    resampled_grid,
    whole_factor,
)
from cryopick.ops.stream import stream_fourier_resample, stream_mean_bin
from cryopick.run.job import Item, Job, Outcome, Params, Worker, param

# Working copies in float32 of an image resampled in memory; seconds measured on one core.
_COPIES = 8
_SECONDS_PER_PIXEL = 6e-8


class ResampleParams(Params):
    """Parameters of ``resample``."""

    images: list[str] = param(description="Images: files, globs, folders or a STAR file")
    method: Method = param(
        "fourier",
        description="fourier: crop or pad the transform (any factor, sharp); "
        "mean: average blocks (whole factors)",
    )
    factor: float | None = param(
        None, description="New over old pixel size: 2 halves the size; or give a pixel size", gt=0
    )
    target_pixel_size_angstrom: float | None = param(
        None, description="New pixel size; or give a factor", unit="Å", gt=0
    )
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the images; overrides their headers", unit="Å", gt=0
    )
    output_type: Literal["float32", "float16"] = param(
        "float32", description="Type of the pixels written"
    )
    memory_gb: float = param(
        4.0,
        description="Volumes that need more are done in slabs through temporary files",
        unit="GB",
        advanced=True,
        gt=0,
    )


def plan(params: ResampleParams) -> list[Item]:
    """One item per image, volume or stack."""
    if (params.factor is None) == (params.target_pixel_size_angstrom is None):
        raise InputError("resample: give either --factor or --target-pixel-size")
    if params.method == "mean" and params.factor is not None:
        whole_factor(params.factor)
    return plan_images(
        params.images,
        params.pixel_size_angstrom,
        needs_pixel_size=params.factor is None,
        copies=_COPIES,
        memory_bytes=_limit(params),
        seconds_per_pixel=_SECONDS_PER_PIXEL,
    )


def work(item: Item, params: ResampleParams, worker: Worker) -> None:
    """Resample one image, volume or stack."""
    image = open_item(item)
    path = worker.folder / item.inputs["output"]
    if isinstance(image, ImageStack):
        _stack(image, params, path, worker.device)
        return
    needed = math.prod(image.grid.shape) * 4 * _COPIES
    # A volume is streamed; so is the mean of an image, row by row.
    if needed > _limit(params) and (image.ndim == 3 or params.method == "mean"):
        _streamed(image, params, path, worker)
        return
    result = resample_image(
        image,
        method=params.method,
        factor=params.factor,
        pixel_size_angstrom=params.target_pixel_size_angstrom,
        device=worker.device,
    )
    write_mrc(
        path,
        result.data,
        result.grid.pixel_size_angstrom,
        origin_angstrom=result.grid.origin_angstrom,
        dtype=params.output_type,
    )


def collect(folder: Path, items: Sequence[Item], params: ResampleParams) -> Outcome:
    """List the new images."""
    return collect_images(
        folder,
        items,
        verb="resampled",
        summary={"method": params.method},
        next_command=f"cryopick filter {folder}/items/*/*.mrc --low-pass 20 -o filtered",
    )


def _streamed(image: Image, params: ResampleParams, path: Path, worker: Worker) -> None:
    ratio = _ratio(image.grid.pixel_size_angstrom, params)
    grid = resampled_grid(image.grid, method=params.method, ratio=ratio)
    canvas = mrc_canvas(
        path,
        grid.shape,
        grid.pixel_size_angstrom,
        origin_angstrom=grid.origin_angstrom,
        dtype=params.output_type,
    )
    limit = _limit(params)
    with canvas as target, np.errstate(over="ignore"):  # the canvas reports what does not fit
        if params.method == "mean":
            stream_mean_bin(image.data, target, whole_factor(ratio), memory_bytes=limit)
            return
        stream_fourier_resample(
            image.data,
            target,
            ratio,
            memory_bytes=limit,
            folder=worker.folder,
            device=worker.device,
        )


def _stack(stack: ImageStack, params: ResampleParams, path: Path, device: str) -> None:
    """Resample every image of a stack by itself; a stack has no place in the specimen."""
    ratio = _ratio(stack.pixel_size_angstrom, params)
    old = Grid(shape=tuple(stack.data.shape[1:]), pixel_size_angstrom=stack.pixel_size_angstrom)
    new = resampled_grid(old, method=params.method, ratio=ratio)
    canvas = mrc_canvas(
        path,
        (len(stack), *new.shape),
        new.pixel_size_angstrom,
        dtype=params.output_type,
        stack=True,
    )
    with canvas as target, np.errstate(over="ignore"):  # the canvas reports what does not fit
        for place in range(len(stack)):
            one = Image(data=np.asarray(stack.data[place]), grid=old, name=stack.name)
            result = resample_image(one, method=params.method, factor=ratio, device=device)
            target[place] = result.data


def _ratio(old_angstrom: float, params: ResampleParams) -> float:
    return chosen_ratio(
        old_angstrom,
        factor=params.factor,
        pixel_size_angstrom=params.target_pixel_size_angstrom,
    )


def _limit(params: ResampleParams) -> int:
    return int(params.memory_gb * 1e9)


JOB = Job(
    name="resample",
    title="Bin or Fourier-crop images and volumes to another pixel size",
    params=ResampleParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("images",),
    example="cryopick resample tomograms/*.mrc --target-pixel-size 10 -o binned",
)
