"""``cryopick mask sphere``: a soft ball in a box."""

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
from cryopick.ops.masks import sphere_mask
from cryopick.run.job import Item, Job, Outcome, Worker, param


class MaskSphereParams(ShapeMaskParams):
    """Parameters of ``mask sphere``."""

    radius_angstrom: float | None = param(None, description="Radius of the sphere", unit="Å", gt=0)
    radius_px: float | None = param(
        None, description="The same in pixels", unit="px", gt=0, flag="--radius-px"
    )


def plan(params: MaskSphereParams) -> list[Item]:
    """One item: the mask, all lengths in pixels."""
    box, pixel = params.box()
    return mask_item(
        box,
        pixel_size_angstrom=pixel,
        radius_px=length_px(
            "radius", params.radius_angstrom, params.radius_px, pixel_size_angstrom=pixel
        ),
        soft_px=params.soft_px(pixel),
    )


def work(item: Item, params: MaskSphereParams, worker: Worker) -> None:
    """Make the mask."""
    del params  # plan has turned them into pixels
    given = item.inputs
    mask = sphere_mask(given["box_px"], radius_px=given["radius_px"], soft_px=given["soft_px"])
    facts = {name: given[name] for name in ("radius_px", "soft_px")}
    write_mask(worker.folder, mask, given["pixel_size_angstrom"], facts=facts)


def collect(folder: Path, items: Sequence[Item], params: MaskSphereParams) -> Outcome:
    """Show the mask."""
    del params
    return collect_mask(folder, items, what="sphere")


JOB = Job(
    name="mask sphere",
    title="Make a spherical mask with a soft edge",
    params=MaskSphereParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick mask sphere --box 64 --radius-px 20 --soft-edge-px 2 -o mask",
    uses_gpu=False,
)
