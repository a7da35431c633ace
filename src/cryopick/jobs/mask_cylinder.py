"""``cryopick mask cylinder``: a soft cylinder along z, for filaments and membrane proteins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryopick.jobs.mask_outputs import (
    collect_mask,
    length_px,
    mask_item,
    write_mask,
)
from cryopick.jobs.mask_shape import ShapeMaskParams
from cryopick.ops.masks import cylinder_mask
from cryopick.run.job import Item, Job, Outcome, Worker, param


class MaskCylinderParams(ShapeMaskParams):
    """Parameters of ``mask cylinder``."""

    radius_angstrom: float | None = param(
        None, description="Radius of the cylinder", unit="Å", gt=0
    )
    radius_px: float | None = param(
        None, description="The same in pixels", unit="px", gt=0, flag="--radius-px"
    )
    height_angstrom: float | None = param(
        None, description="Height of the cylinder, along z", unit="Å", gt=0
    )
    height_px: float | None = param(
        None, description="The same in pixels", unit="px", gt=0, flag="--height-px"
    )


def plan(params: MaskCylinderParams) -> list[Item]:
    """One item: the mask, all lengths in pixels."""
    box, pixel = params.box()
    return mask_item(
        box,
        pixel_size_angstrom=pixel,
        radius_px=length_px(
            "radius", params.radius_angstrom, params.radius_px, pixel_size_angstrom=pixel
        ),
        height_px=length_px(
            "height", params.height_angstrom, params.height_px, pixel_size_angstrom=pixel
        ),
        soft_px=params.soft_px(pixel),
    )


def work(item: Item, params: MaskCylinderParams, worker: Worker) -> None:
    """Make the mask."""
    del params  # plan has turned them into pixels
    given = item.inputs
    mask = cylinder_mask(
        given["box_px"],
        radius_px=given["radius_px"],
        height_px=given["height_px"],
        soft_px=given["soft_px"],
    )
    facts = {name: given[name] for name in ("radius_px", "height_px", "soft_px")}
    write_mask(worker.folder, mask, given["pixel_size_angstrom"], facts=facts)


def collect(folder: Path, items: Sequence[Item], params: MaskCylinderParams) -> Outcome:
    """Show the mask."""
    del params
    return collect_mask(folder, items, what="cylinder")


JOB = Job(
    name="mask cylinder",
    title="Make a cylindrical mask along z with a soft edge",
    params=MaskCylinderParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick mask cylinder --box 64 --pixel-size 10 --radius 120 --height 300 -o mask",
    uses_gpu=False,
)
