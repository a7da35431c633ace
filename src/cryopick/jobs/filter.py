"""``cryopick filter``: band-pass, blur or normalise images, volumes and stacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cryopick.errors import InputError
from cryopick.io.images import mrc_canvas, write_mrc
from cryopick.jobs.processed_images import collect_images, open_item, plan_images
from cryopick.model import ImageStack
from cryopick.ops.filters import Band
from cryopick.ops.filters_chain import COPIES, FilterChain, filter_in_memory, filter_streaming
from cryopick.run.job import Item, Job, Outcome, Params, Worker, param

_SECONDS_PER_PIXEL = 2e-7  # measured on one core: a band-pass; local normalisation is twice


class FilterParams(Params):
    """Parameters of ``filter``; those given are applied in this order."""

    images: list[str] = param(description="Images: files, globs, folders or a STAR file")
    low_pass_angstrom: float | None = param(
        None, description="Remove detail finer than this", unit="Å", gt=0
    )
    high_pass_angstrom: float | None = param(
        None, description="Remove detail coarser than this, and the mean", unit="Å", gt=0
    )
    gaussian_angstrom: float | None = param(
        None, description="Blur with a Gaussian of this standard deviation", unit="Å", gt=0
    )
    local_normalise_angstrom: float | None = param(
        None,
        description="Subtract the mean of this neighbourhood and divide by its deviation",
        unit="Å",
        gt=0,
    )
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the images; overrides their headers", unit="Å", gt=0
    )
    output_type: Literal["float32", "float16"] = param(
        "float32", description="Type of the pixels written"
    )
    edge: float = param(
        Band.edge,
        description="Width of the soft edges of low and high-pass, as a fraction of their frequency",
        advanced=True,
        gt=0,
        le=2,
    )
    memory_gb: float = param(
        4.0,
        description="Volumes that need more are done in slabs through temporary files",
        unit="GB",
        advanced=True,
        gt=0,
    )


def plan(params: FilterParams) -> list[Item]:
    """One item per image, volume or stack."""
    if _chain(params).is_empty:
        raise InputError(
            "filter: nothing to do; give --low-pass, --high-pass, --gaussian or --local-normalise"
        )
    return plan_images(
        params.images,
        params.pixel_size_angstrom,
        needs_pixel_size=True,
        copies=COPIES,
        memory_bytes=_limit(params),
        seconds_per_pixel=_SECONDS_PER_PIXEL,
    )


def work(item: Item, params: FilterParams, worker: Worker) -> None:
    """Filter one image, volume or stack."""
    image = open_item(item)
    path, chain = worker.folder / item.inputs["output"], _chain(params)
    if isinstance(image, ImageStack):
        _stack(image, chain, params, path, worker.device)
        return
    size = image.grid.pixel_size_angstrom
    if image.ndim == 3 and math.prod(image.grid.shape) * 4 * COPIES > _limit(params):
        canvas = mrc_canvas(
            path,
            image.grid.shape,
            size,
            origin_angstrom=image.grid.origin_angstrom,
            dtype=params.output_type,
        )
        with canvas as target, np.errstate(over="ignore"):  # the canvas reports what does not fit
            filter_streaming(
                image.data, target, size, chain, memory_bytes=_limit(params), folder=worker.folder
            )
        return
    write_mrc(
        path,
        filter_in_memory(image.read(), size, chain, device=worker.device),
        size,
        origin_angstrom=image.grid.origin_angstrom,
        dtype=params.output_type,
    )


def collect(folder: Path, items: Sequence[Item], params: FilterParams) -> Outcome:
    """List the filtered images."""
    used = {
        name: value
        for name, value in params.model_dump().items()
        if name.endswith(("_pass_angstrom", "gaussian_angstrom", "normalise_angstrom"))
        and value is not None
    }
    return collect_images(
        folder,
        items,
        verb="filtered",
        summary={"filters": used},
        next_command=f"cryopick pick log {folder}/items/*/*.mrc --diameter-min A "
        "--diameter-max A -o picks",
    )


def _chain(params: FilterParams) -> FilterChain:
    low, high = params.low_pass_angstrom, params.high_pass_angstrom
    band = None
    if low is not None or high is not None:
        band = Band(low_pass_angstrom=low, high_pass_angstrom=high, edge=params.edge)
    return FilterChain(
        band=band,
        gaussian_angstrom=params.gaussian_angstrom,
        local_normalise_angstrom=params.local_normalise_angstrom,
    )


def _stack(
    stack: ImageStack, chain: FilterChain, params: FilterParams, path: Path, device: str
) -> None:
    """Filter every image of a stack by itself."""
    size = stack.pixel_size_angstrom
    canvas = mrc_canvas(path, tuple(stack.data.shape), size, dtype=params.output_type, stack=True)
    with canvas as target, np.errstate(over="ignore"):  # the canvas reports what does not fit
        for place in range(len(stack)):
            pixels = np.asarray(stack.data[place], dtype=np.float32)
            target[place] = filter_in_memory(pixels, size, chain, device=device)


def _limit(params: FilterParams) -> int:
    return int(params.memory_gb * 1e9)


JOB = Job(
    name="filter",
    title="Band-pass, blur or locally normalise images and volumes",
    params=FilterParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("images",),
    example="cryopick filter micrographs/*.mrc --low-pass 20 --high-pass 500 -o filtered",
    preload=("torch",),
)
