"""``cryopick mask ellipsoid``: a soft ellipsoid with axes along x, y and z."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryopick.errors import InputError
from cryopick.jobs.mask_outputs import (
    collect_mask,
    length_px,
    mask_item,
    write_mask,
)
from cryopick.jobs.mask_shape import ShapeMaskParams
from cryopick.ops.masks import ellipsoid_mask
from cryopick.run.job import Item, Job, Outcome, Worker, param


class MaskEllipsoidParams(ShapeMaskParams):
    """Parameters of ``mask ellipsoid``."""

    radii_angstrom: tuple[float, float, float] | None = param(
        None, description="Radii along x, y and z", unit="Å"
    )
    radii_px: tuple[float, float, float] | None = param(
        None, description="The same in pixels", unit="px", flag="--radii-px"
    )


def plan(params: MaskEllipsoidParams) -> list[Item]:
    """One item: the mask, all lengths in pixels."""
    box, pixel = params.box()
    return mask_item(
        box,
        pixel_size_angstrom=pixel,
        radii_px=_radii_px(params, pixel),
        soft_px=params.soft_px(pixel),
    )


def work(item: Item, params: MaskEllipsoidParams, worker: Worker) -> None:
    """Make the mask."""
    del params  # plan has turned them into pixels
    given = item.inputs
    mask = ellipsoid_mask(
        given["box_px"], radii_px=_three(given["radii_px"]), soft_px=given["soft_px"]
    )
    facts = {name: given[name] for name in ("radii_px", "soft_px")}
    write_mask(worker.folder, mask, given["pixel_size_angstrom"], facts=facts)


def collect(folder: Path, items: Sequence[Item], params: MaskEllipsoidParams) -> Outcome:
    """Show the mask."""
    del params
    return collect_mask(folder, items, what="ellipsoid")


def _radii_px(params: MaskEllipsoidParams, pixel: float | None) -> list[float]:
    if params.radii_angstrom is None and params.radii_px is None:
        raise InputError("--radii: is missing; give three radii in Å, or in px with --radii-px")
    in_angstrom = params.radii_angstrom or (None, None, None)
    in_px = params.radii_px or (None, None, None)
    return [
        length_px("radii", angstrom, px, pixel_size_angstrom=pixel)
        for angstrom, px in zip(in_angstrom, in_px, strict=True)
    ]


def _three(radii: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = radii
    return x, y, z


JOB = Job(
    name="mask ellipsoid",
    title="Make an ellipsoidal mask with a soft edge",
    params=MaskEllipsoidParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick mask ellipsoid --box 64 --radii-px 20 16 12 -o mask",
    uses_gpu=False,
)
