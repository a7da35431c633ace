"""``cryopick mask slab``: top and bottom of the ice in tomograms, and the mask between them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import mrc_canvas
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.image_inputs import image_paths, item_id, open_single
from cryopick.jobs.mask_outputs import FACTS
from cryopick.jobs.simulated_images import hand_out
from cryopick.jobs.slab_picture import slab_svg
from cryopick.model import Image, active
from cryopick.ops.slab_mask import (
    Slab,
    VarianceGrid,
    find_slab,
    local_variance,
    simple_slab,
    slab_from_points,
)
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param

PICTURE = "slab.svg"
MASKED = "masked"
# Measured on one core, reading float32 from the cache of the disk, mask written.
_SECONDS_PER_VOXEL = 1.5e-8
_BYTES_PER_VOXEL = 0.5
_BYTES_AT_LEAST = 200_000_000


class MaskSlabParams(Params):
    """Parameters of ``mask slab``."""

    tomograms: list[str] = param(description="Tomograms: files, globs, folders or a STAR file")
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size; overrides the headers", unit="Å", gt=0
    )
    box_size_angstrom: float = param(
        320.0,
        description="Edge of the boxes in which variance is looked at: about as large as what is "
        "in the ice, and smaller than the ice is thick",
        unit="Å",
        gt=0,
    )
    percentile: float = param(
        95.0,
        description="A place has the variance of its boxes at this percentile; for --simple the "
        "boxes above it make the plane",
        gt=0,
        lt=100,
    )
    iterations: int = param(
        3,
        description="Fits of each plane, each time but the first only to points outside of the "
        "last one",
        ge=1,
        le=20,
    )
    offset_angstrom: float = param(
        0.0, description="Move both planes outwards; inwards where negative", unit="Å"
    )
    border_angstrom: float = param(
        0.0, description="Leave this much out along the edges in x and y", unit="Å", ge=0
    )
    simple: bool = param(False, description="One plane and a thickness, not two planes")
    thickness_angstrom: float | None = param(
        None,
        description="Thickness for --simple; half of the tomogram's where not given",
        unit="Å",
        gt=0,
    )
    points: str | None = param(
        None,
        description="Clicked points in place of the variance: sets of 4 (two on the top, two on "
        "the bottom), best 3 sets on slices far apart; any pick file",
    )
    from_dialect: str | None = param(
        None, description="Dialect of the points; recognised where not given", advanced=True
    )
    measure: bool = param(False, description="Only measure the thickness: no mask is written")
    output_masked: bool = param(
        False, description="Also write each tomogram with its mean outside of the mask"
    )


def plan(params: MaskSlabParams) -> list[Item]:
    """One item per tomogram."""
    if params.simple and params.points is not None:
        raise InputError("mask slab: give either --simple or --points")
    if params.thickness_angstrom is not None and not params.simple:
        raise InputError("--thickness: goes with --simple; two planes have the thickness they have")
    if params.measure and params.output_masked:
        raise InputError("mask slab: give either --measure or --output-masked")
    items: list[Item] = []
    for name, path in image_paths(params.tomograms).items():
        image = open_single(path, params.pixel_size_angstrom)
        if image.ndim != 3:
            raise InputError(f"{path}: expected a tomogram, got an image")
        voxels = math.prod(image.grid.shape)
        cost = Cost(
            memory_bytes=int(_BYTES_AT_LEAST + voxels * _BYTES_PER_VOXEL),
            seconds=2 + voxels * _SECONDS_PER_VOXEL * (2 if params.output_masked else 1),
        )
        inputs = {"name": name, "path": str(path)}
        items.append(Item(id=item_id(name), inputs=inputs, cost=cost))
    if params.points is not None:
        for item in items:
            _clicked(params, item, several=len(items) > 1)
    return items


def work(item: Item, params: MaskSlabParams, worker: Worker) -> None:
    """Find the slab of one tomogram and write its mask."""
    image = open_single(item.inputs["path"], params.pixel_size_angstrom)
    shape, pixel = image.grid.shape, image.grid.pixel_size_angstrom
    slab, mean = _slab(image, item, params, worker.seed)
    slab = slab.grown(params.offset_angstrom / pixel)
    if slab.thickness_px(shape) <= 0:
        raise InputError(f"--offset: {params.offset_angstrom:g} Å leave nothing of the slab")
    least, most = slab.range_px(shape)
    facts: dict[str, Any] = {
        "name": item.inputs["name"],
        "thickness_angstrom": round(slab.thickness_px(shape) * pixel, 1),
        "thinnest_angstrom": round(max(least, 0.0) * pixel, 1),
        "thickest_angstrom": round(most * pixel, 1),
        "tilt_of_top_deg": round(slab.top.tilt_deg, 2),
        "tilt_of_bottom_deg": round(slab.bottom.tilt_deg, 2),
        "top_plane_px": [slab.top.a, slab.top.b, slab.top.c],
        "bottom_plane_px": [slab.bottom.a, slab.bottom.b, slab.bottom.c],
        "variance_ratio": round(slab.ratio, 3) if math.isfinite(slab.ratio) else None,
    }
    if not params.measure:
        facts["share_inside"] = _write(image, slab, mean, item, params, worker)
    write_text(worker.folder / PICTURE, slab_svg(image, slab))
    write_text(worker.folder / FACTS, json.dumps(facts, allow_nan=False))


def collect(folder: Path, items: Sequence[Item], params: MaskSlabParams) -> Outcome:
    """Gather masks and thicknesses."""
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    facts = [json.loads((folder / "items" / item.id / FACTS).read_text("utf-8")) for item in done]
    files: dict[str, str] = {}
    for item in done:
        if params.measure:
            continue
        # Both named as the tomogram, by which they are matched with it.
        places = ("masks", "masked") if params.output_masked else ("masks",)
        for place in places:
            out_of = MASKED if place == "masked" else ""
            hand_out(folder, [item], into=place, files=["{id}.mrc"], out_of=out_of)
            files[f"{item.inputs['name']} {place}"] = f"{place}/{item.id}.mrc"
    shown = [f"{one['name']}: {one['thickness_angstrom']:,.0f} Å" for one in facts[:10]]
    more = f", and {len(facts) - 10} more" if len(facts) > 10 else ""
    return Outcome(
        summary={"tomograms": {one["name"]: one for one in facts}},
        sentence="thickness of the ice: " + ", ".join(shown) + more if facts else "nothing done",
        files=files,
        plots=[
            Plot(
                title=f"{item.inputs['name']}: the slab",
                caption="Means of sections in the middle, seen along y and along x; the lines are "
                f"the planes, {one['thickness_angstrom']:,.0f} Å apart.",
                svg=(folder / "items" / item.id / PICTURE).read_text("utf-8"),
            )
            for item, one in zip(done, facts, strict=True)
        ][:20],
        next_command=""
        if params.measure
        else f"cryopick match {params.tomograms[0]} "
        f"--template template.mrc --mask template_mask.mrc --mask-dir {folder / 'masks'} "
        "-o match",
    )


def _slab(image: Image, item: Item, params: MaskSlabParams, seed: int) -> tuple[Slab, float | None]:
    """The slab before the offset, and the mean of the tomogram where it was taken."""
    shape, pixel = image.grid.shape, image.grid.pixel_size_angstrom
    if params.points is not None:
        points = _clicked(params, item, several=len(params.tomograms) > 1)
        return slab_from_points(points, shape), None
    grid: VarianceGrid = local_variance(
        image.data, box_px=max(8, math.ceil(params.box_size_angstrom / pixel))
    )
    if params.simple:
        thickness = params.thickness_angstrom
        px = shape[0] / 2 if thickness is None else thickness / pixel
        slab = simple_slab(grid, thickness_px=px, seed=seed, percentile=params.percentile)
        return slab, grid.mean
    slab = find_slab(
        grid, shape, seed=seed, percentile=params.percentile, iterations=params.iterations
    )
    return slab, grid.mean


def _clicked(params: MaskSlabParams, item: Item, *, several: bool) -> np.ndarray[Any, Any]:
    """Clicked points of one tomogram, in its voxels."""
    image = open_single(item.inputs["path"], params.pixel_size_angstrom)
    name, grid = item.inputs["name"], image.grid
    if several:
        frame = Frame(grids={name: grid}, pixel_size_angstrom=grid.pixel_size_angstrom)
    else:
        frame = Frame(default_grid=grid, image_name=name)
    found = active(read_picks(str(params.points), frame, name=params.from_dialect).picks)
    if found.ndim != 3:
        raise InputError(f"{params.points}: holds 2D points; click in the tomogram")
    mine = found[found.image == name] if several else found
    points = grid.to_px(mine.position_angstrom)
    if len(points) < 8 or len(points) % 4:
        raise InputError(
            f"{params.points}: {len(points)} points of tomogram {name}; expected sets of 4 (two on "
            "the top, two on the bottom), at least 8, better 12"
        )
    return points


def _write(
    image: Image, slab: Slab, mean: float | None, item: Item, params: MaskSlabParams, worker: Worker
) -> float:
    """Write mask and masked tomogram, section by section; gives the share inside."""
    grid = image.grid
    border = round(params.border_angstrom / grid.pixel_size_angstrom)
    count = 0
    about: dict[str, Any] = {"origin_angstrom": grid.origin_angstrom}
    size = grid.pixel_size_angstrom
    path = worker.folder / f"{item.id}.mrc"
    with mrc_canvas(path, grid.shape, size, dtype="int8", **about) as canvas:
        for z in range(grid.shape[0]):
            section = slab.section(z, grid.shape, border_px=border)
            count += int(section.sum())
            canvas[z] = section
    if params.output_masked:
        fill = local_variance(image.data).mean if mean is None else mean
        path = worker.folder / MASKED / f"{item.id}.mrc"
        path.parent.mkdir(exist_ok=True)
        with mrc_canvas(path, grid.shape, size, **about) as canvas:
            for z in range(grid.shape[0]):
                section = slab.section(z, grid.shape, border_px=border)
                pixels = np.asarray(image.data[z], dtype=np.float32)
                canvas[z] = np.where(section, pixels, np.float32(fill))
    return round(count / math.prod(grid.shape), 4)


JOB = Job(
    name="mask slab",
    title="Find top and bottom of the ice in tomograms, and mask what lies between",
    params=MaskSlabParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("tomograms",),
    example="cryopick mask slab tomograms/*.mrc --offset 50 -o slabs",
    uses_gpu=False,
)
