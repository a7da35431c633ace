"""``cryopick mask tight``: a soft mask that follows the density of a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cryopick.jobs.mask_outputs import collect_mask, open_map, write_mask
from cryopick.ops.filters import Band, band_pass
from cryopick.ops.masks import map_threshold, tight_mask
from cryopick.ops.particle_extent import contrast_of
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Worker, param

_BYTES_PER_VOXEL = 40
_SECONDS_PER_VOXEL = 1e-6


class MaskTightParams(Params):
    """Parameters of ``mask tight``."""

    map: str = param(description="Map that the mask follows")
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the map; overrides its header", unit="Å", gt=0
    )
    threshold: Literal["auto"] | float = param(
        "auto",
        description="Lowest density that counts, bright or, of a dark map, its depth below the "
        "background; auto: what parts particle from background best",
    )
    extend_angstrom: float | None = param(
        None, description="Growth beyond the threshold; 3 px where not given", unit="Å", ge=0
    )
    soft_edge_angstrom: float | None = param(
        None,
        description="Width of the raised-cosine edge; 6 px where not given",
        unit="Å",
        ge=0,
    )
    low_pass_angstrom: float | None = param(
        None, description="Low-pass the map before the threshold", unit="Å", gt=0
    )


def plan(params: MaskTightParams) -> list[Item]:
    """One item: the mask of the map."""
    image = open_map(params.map, params.pixel_size_angstrom)
    voxels = math.prod(image.grid.shape)
    cost = Cost(
        memory_bytes=50_000_000 + voxels * _BYTES_PER_VOXEL,
        seconds=1 + voxels * _SECONDS_PER_VOXEL,
    )
    return [Item(id="mask", inputs={"path": params.map}, cost=cost)]


def work(item: Item, params: MaskTightParams, worker: Worker) -> None:
    """Make the mask."""
    image = open_map(item.inputs["path"], params.pixel_size_angstrom)
    pixel = image.grid.pixel_size_angstrom
    volume = image.read()
    if contrast_of(volume) == "dark":
        volume = -volume
    if params.low_pass_angstrom is not None:
        band = Band(low_pass_angstrom=params.low_pass_angstrom)
        volume = band_pass(volume, pixel, band, device=worker.device)
    level = map_threshold(volume) if params.threshold == "auto" else params.threshold
    extend, soft = params.extend_angstrom, params.soft_edge_angstrom
    lengths = {
        "extend_px": 3.0 if extend is None else extend / pixel,
        "soft_px": 6.0 if soft is None else soft / pixel,
    }
    mask = tight_mask(volume, threshold=level, **lengths)
    write_mask(worker.folder, mask, pixel, facts={"threshold": level, **lengths})


def collect(folder: Path, items: Sequence[Item], params: MaskTightParams) -> Outcome:
    """Show the mask."""
    del params
    return collect_mask(folder, items, what="tight")


JOB = Job(
    name="mask tight",
    title="Make a soft mask that follows a map",
    params=MaskTightParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick mask tight --map map.mrc --threshold auto --extend 15 --soft-edge 30 -o mask",
)
