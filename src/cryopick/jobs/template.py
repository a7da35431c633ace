"""``cryopick template``: templates from maps, or from an average of own picks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import image_name, open_image, write_mrc
from cryopick.jobs.image_inputs import item_id
from cryopick.jobs.mask_outputs import FACTS, open_map, sections_svg
from cryopick.jobs.simulated_images import hand_out
from cryopick.jobs.template_params import TemplateParams
from cryopick.jobs.template_picks import averaged_picks, check_picks
from cryopick.jobs.template_views import (
    check_view_options,
    collect_references,
    references_file,
    wanted_views,
    write_references,
)
from cryopick.ops.masks import sphere_mask
from cryopick.ops.template_map import TemplateSettings, good_box, prepare_template
from cryopick.run.job import Cost, Item, Job, Outcome, Plot, Worker

_PIXEL_FLAG = "--input-pixel-size"
_BYTES_PER_VOXEL = 24
_SECONDS_PER_VOXEL = 4e-7
_SECONDS_PER_PARTICLE = 0.1
_SECONDS_PER_VIEW = 0.02


def plan(params: TemplateParams) -> list[Item]:
    """One item per map, or one for all picks."""
    if bool(params.maps) == (params.picks is not None):
        raise InputError("template: give either maps (--map) or picks (--picks with --tomograms)")
    check_view_options(params)
    if params.picks is not None:
        return [_picks_item(params)]
    if params.tomograms or params.tilt_range_deg is not None:
        raise InputError("template: --tomograms and --tilt-range go with --picks, not with maps")
    if params.pixel_size_angstrom is None:
        raise InputError(
            "--pixel-size: is missing; give that of the tomogram to be searched (cryopick info)"
        )
    settings = _settings(params, params.pixel_size_angstrom)
    items: list[Item] = []
    for path in params.maps:
        image = open_map(path, params.input_pixel_size_angstrom, flag=_PIXEL_FLAG)
        _check_finer(image.grid.pixel_size_angstrom, settings, path)
        name, voxels = image_name(path), math.prod(image.grid.shape)
        if any(item.inputs["name"] == name for item in items):
            raise InputError(f"--map: {path}: another map is called {name} too; rename one")
        cost = Cost(
            memory_bytes=50_000_000 + voxels * _BYTES_PER_VOXEL,
            seconds=0.5 + voxels * _SECONDS_PER_VOXEL + wanted_views(params) * _SECONDS_PER_VIEW,
        )
        inputs = {"name": name, "path": path}
        if params.project:
            inputs["references"] = references_file(name, len(params.maps))
        items.append(Item(id=item_id(name), inputs=inputs, cost=cost))
    return items


def work(item: Item, params: TemplateParams, worker: Worker) -> None:
    """Make one template and its mask."""
    extra: dict[str, Any] = {}
    if params.picks is not None:
        volume, pixel, extra = averaged_picks(params, box_px=item.inputs["box_px"])
    else:
        image = open_map(item.inputs["path"], params.input_pixel_size_angstrom, flag=_PIXEL_FLAG)
        volume, pixel = image.read(), image.grid.pixel_size_angstrom
    settings = _settings(params, params.pixel_size_angstrom or pixel)
    template, facts = prepare_template(volume, pixel, settings)
    diameter = params.particle_diameter_angstrom or facts.diameter_angstrom
    mask, mask_facts = _mask(diameter, facts.box_px, facts.pixel_size_angstrom, params.mask_margin)
    name, size = item.inputs["name"], facts.pixel_size_angstrom
    write_mrc(worker.folder / f"{name}.mrc", template, size)
    write_mrc(worker.folder / f"{name}_mask.mrc", mask, size)
    warnings = [*extra.pop("warnings", []), *facts.warnings, *mask_facts.pop("warnings")]
    document = {
        **asdict(facts), "input_pixel_size_angstrom": pixel, **mask_facts, **extra,
        "warnings": warnings,
    }  # fmt: skip
    if params.project:
        path = worker.folder / item.inputs["references"]
        document |= write_references(template, facts, params, path)
    write_text(worker.folder / FACTS, json.dumps(document, allow_nan=False))


def collect(folder: Path, items: Sequence[Item], params: TemplateParams) -> Outcome:
    """Give the templates their places, and show them."""
    if params.project:
        return collect_references(folder, items)
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    facts: dict[str, dict[str, Any]] = {}
    files: dict[str, str] = {}
    warnings: list[str] = []
    plots: list[Plot] = []
    for item in done:
        name = item.inputs["name"]
        hand_out(folder, [item], into=".", files=[f"{name}.mrc", f"{name}_mask.mrc"])
        files |= {name: f"{name}.mrc", f"{name}_mask": f"{name}_mask.mrc"}
        found = json.loads((folder / "items" / item.id / FACTS).read_text("utf-8"))
        warnings += [f"{name}: {line}" for line in found.pop("warnings")]
        facts[name] = found
        plots.append(_picture(folder, name, found))
    word = "template" if len(done) == 1 else "templates"
    first = done[0].inputs["name"] if done else "NAME"
    widths = ", ".join(f"{one['diameter_angstrom']:.0f}" for one in facts.values())
    return Outcome(
        summary={"templates": facts},
        sentence=f"{len(done)} {word} made, particle diameter {widths} Å"
        if done
        else "no template was made",
        files=files,
        plots=plots,
        warnings=warnings,
        next_command=f"cryopick match tomogram.mrc --template {folder / first}.mrc "
        f"--mask {folder / first}_mask.mrc -o match",
    )


def _settings(params: TemplateParams, pixel: float) -> TemplateSettings:
    box, diameter = params.box_px, params.particle_diameter_angstrom
    if box is None and diameter is not None:
        box = good_box(1.5 * diameter / pixel)
    return TemplateSettings(
        pixel_size_angstrom=pixel,
        box_px=box,
        low_pass_angstrom=params.low_pass_angstrom,
        center=params.center,
        mirror=params.mirror,
        invert=params.invert,
        contrast=params.contrast,
    )


def _check_finer(pixel: float, settings: TemplateSettings, path: str) -> None:
    """The refusal of `prepare_template`, before any work is done."""
    wanted = settings.pixel_size_angstrom
    if wanted < pixel * (1 - 1e-3):
        raise InputError(
            f"--pixel-size: {wanted:g} Å is finer than the {pixel:g} Å of {path}, which holds no "
            f"such detail; give a finer map, or search a tomogram binned to at least {pixel:g} Å"
        )


def _picks_item(params: TemplateParams) -> Item:
    found = check_picks(params)
    if params.pixel_size_angstrom is not None:
        settings = _settings(params, params.pixel_size_angstrom)
        _check_finer(found.pixel_size_angstrom, settings, "the tomograms")
    ratio = (params.pixel_size_angstrom or found.pixel_size_angstrom) / found.pixel_size_angstrom
    if params.box_px is not None:
        box = good_box(params.box_px * ratio)
    else:
        diameter = params.particle_diameter_angstrom or found.diameter_angstrom
        if diameter is None:
            raise InputError("--box: is missing; give it, or --particle-diameter")
        box = good_box(1.5 * diameter / found.pixel_size_angstrom)
    cost = Cost(
        memory_bytes=50_000_000 + 200 * box**3,
        seconds=1 + found.count * _SECONDS_PER_PARTICLE * (box / 48) ** 3,
    )
    # A label may hold anything; a file's name may not.
    name = item_id(params.label or "average")
    inputs: dict[str, Any] = {"name": name, "box_px": box}
    if params.project:
        inputs["references"] = references_file(name)
    return Item(id="average", inputs=inputs, cost=cost)


def _mask(
    diameter: float, box: int, pixel: float, margin: float
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """A ball around the particle that fits the box, with an edge of three deviations."""
    wanted = diameter / 2 / pixel * (1 + margin)
    soft = max(1.0, 0.03 * diameter / pixel)
    radius = min(wanted, box / 2 - 1 - 3 * soft)
    warnings: list[str] = []
    if radius < wanted - 0.5:
        soft = min(soft, 1.0)
        radius = max(1.0, min(wanted, box / 2 - 1 - 3 * soft))
    if radius < wanted - 0.5:
        warnings.append(
            f"the mask has a radius of {radius * pixel:.0f} Å, as the box holds no more; "
            f"{wanted * pixel:.0f} Å were wanted: give a larger box"
        )
    facts = {
        "mask_radius_px": radius,
        "mask_radius_angstrom": radius * pixel,
        "mask_soft_px": soft,
        "warnings": warnings,
    }
    return sphere_mask(box, radius_px=radius, soft_px=soft), facts


def _picture(folder: Path, name: str, facts: dict[str, Any]) -> Plot:
    image = open_image(folder / f"{name}.mrc")
    return Plot(
        title=f"{name}: template",
        caption=f"Sections through the centre and projections; {facts['box_px']} px of "
        f"{facts['pixel_size_angstrom']:g} Å, particle {facts['diameter_angstrom']:.0f} Å wide, "
        f"{facts['contrast'] if facts['contrast'] != 'cannot tell' else 'of unclear contrast'}.",
        svg=sections_svg(np.asarray(image.data[...], dtype=np.float32), projections=True),
    )


JOB = Job(
    name="template",
    title="Make templates from maps, or from an average of own picks",
    params=TemplateParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick template --map ribosome.mrc --pixel-size 10 --contrast dark --center -o T",
    uses_gpu=False,
)
