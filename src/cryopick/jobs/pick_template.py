"""``cryopick pick template``: particles in micrographs, by RELION's figure of merit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import InputError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.candidates_2d import POOL, extract_command
from cryopick.jobs.image_inputs import image_paths, item_id, open_single
from cryopick.jobs.merit_outputs import (
    MicrographFacts,
    check_peak_params,
    collect_merit,
    peak_rules,
    save_candidates,
)
from cryopick.jobs.micrograph_ctf import MicrographCtf, micrograph_ctfs
from cryopick.jobs.micrograph_masks import (
    clean_mask,
    mask_of,
    mask_without_margins,
    masks_by_name,
    open_mask,
)
from cryopick.jobs.pick_outputs import open_for_picking
from cryopick.jobs.pick_references import GAUSS, PickReferences, cached_references
from cryopick.jobs.pick_template_params import PickTemplateParams
from cryopick.model import Defocus, Image, Optics
from cryopick.pick.merit.map_files import save_maps
from cryopick.pick.merit.maps import best_of_references, in_half_precision
from cryopick.pick.merit.masked_references import detected_diameter_angstrom
from cryopick.pick.merit.pick import merit_maps, picks_from_maps
from cryopick.pick.merit.pool import (
    judge_pool,
    named_references,
    pool_from_maps,
    save_pool,
)
from cryopick.pick.merit.settings import MeritSettings
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

MASK = "mask.mrc"

# Measured on one core: reading and preparing a micrograph; correlating it with a bank; comparing
# one place with one turned reference; and what the exact engine takes to filter one reference in
# an image as large as the micrograph.
_SECONDS = 0.12
_SECONDS_PER_PIXEL = 7e-9
_SECONDS_PER_PLACE = 6e-7
_SECONDS_PER_TEST = {"bank": 2.5e-9, "auto": 2.5e-9, "exact": 1.2e-8}
_SECONDS_PER_FILTERED_PIXEL = 2.6e-8
_BYTES_PER_PIXEL = {"bank": 12, "auto": 12, "exact": 32}
_BYTES_PER_WORKING_PIXEL = 2000
_BYTES = 400_000_000


def plan(params: PickTemplateParams) -> list[Item]:
    """One item per micrograph."""
    check_peak_params(params)
    _settings(params)
    paths = image_paths(params.micrographs)
    ctfs = micrograph_ctfs(params.ctf, list(paths))
    if params.normalise_scores and not ctfs:
        raise InputError("--normalise-scores: needs the defocus of each micrograph; give --ctf")
    masks = masks_by_name(params.mask)
    items: list[Item] = []
    found: PickReferences | None = None
    for name, path in paths.items():
        ctf = ctfs.get(name)
        image = open_single(path, _pixel_size(path, params, ctf))
        if image.ndim != 2:
            raise InputError(f"{path}: is a volume; pick template searches micrographs")
        if found is None:
            found = _references(params, image)
            _diameter(found, params)  # refuses references that do not tell it
        items.append(
            Item(
                id=item_id(name),
                inputs={
                    "name": name,
                    "path": str(path),
                    "pixel_size_angstrom": _pixel_size(path, params, ctf),
                    "ndim": 2,
                    "ctf": None if ctf is None else asdict(ctf),
                    "mask": mask_of(name, masks),
                },
                cost=_cost(image, found, params),
            )
        )
    return items


def work(item: Item, params: PickTemplateParams, worker: Worker) -> None:
    """Compare one micrograph with the references, and list its candidates."""
    image = open_for_picking(item)
    # Read once: a compressed file is unpacked, another type of pixels converted, but once.
    image = replace(image, data=image.read())
    found = _references(params, image)
    for line in found.warnings:
        warnings.warn(line, stacklevel=2)
    ctf = _ctf_of(item)
    relion = params.suppression == "relion"
    mask, mask_file = _mask(item, params, image, found, worker.folder)
    # The mask judges candidates only, here as in `candidates`: filling what it leaves out with
    # noise would make edges, beside which picks are found that are none.
    maps = merit_maps(
        image,
        found.references,
        _settings(params, ctf=ctf is not None),
        optics=None if ctf is None else ctf.optics,
        defocus=None if ctf is None else ctf.defocus,
        per_reference=relion or params.keep_maps == "each",
        device=worker.device,
        cores=worker.cores,
    )
    # What is kept on disk decides, so that `candidates` finds the same picks again.
    maps = in_half_precision(maps)
    pool = pool_from_maps(best_of_references(maps), image)
    save_pool(pool, worker.folder / POOL)
    if params.keep_maps != "none":
        save_maps(maps, worker.folder)
    rules = peak_rules(params)
    judged = judge_pool(pool, replace(rules, suppression="keep-better"), mask=mask)
    if relion:
        picks = picks_from_maps(maps, rules, name=image.name, mask=mask)
        diameter = np.full(len(picks), maps.particle_diameter_angstrom)
        judged = replace(judged, picks=replace(picks, diameter_angstrom=diameter))
    judged = replace(judged, picks=named_references(judged.picks, found.names))
    facts = MicrographFacts(
        name=image.name,
        path=item.inputs["path"],
        pixel_size_angstrom=item.inputs["pixel_size_angstrom"],
        shape=image.grid.shape,
        grid_pixel_angstrom=image.grid.pixel_size_angstrom,
        origin_angstrom=image.grid.origin_angstrom,
        location=pool.location,
        scale=pool.scale,
        defocus_um=None if ctf is None else ctf.defocus.mean_um,
        particle_diameter_angstrom=pool.particle_diameter_angstrom,
        box_angstrom=pool.box_angstrom,
        labels=found.names,
        mask=mask_file,
    )
    save_candidates(worker.folder, [judged], [facts])


def collect(folder: Path, items: Sequence[Item], params: PickTemplateParams) -> Outcome:
    """Choose the picks of all micrographs."""
    command = extract_command(folder / "picks.star", params.model_dump())
    return collect_merit(folder, items, params, next_command=command)


def _settings(params: PickTemplateParams, *, ctf: bool | None = None) -> MeritSettings:
    names = MeritSettings.__dataclass_fields__
    given = {n: v for n, v in params.model_dump().items() if n in names and n != "ctf"}
    use = "none" if not (params.ctf if ctf is None else ctf) else params.ctf_use
    return MeritSettings(**given, ctf="after first peak" if use == "after-first-peak" else use)


def _references(params: PickTemplateParams, image: Image) -> PickReferences:
    return cached_references(
        params.references,
        params.pixel_size_references_angstrom,
        params.particle_diameter_angstrom if params.references == GAUSS else None,
        params.gauss_peak,
        angstrom_per_px=image.grid.pixel_size_angstrom,
    )


def _pixel_size(path: Path, params: PickTemplateParams, ctf: MicrographCtf | None) -> float | None:
    """As given; else, where the header is silent, as the table of the CTF says."""
    if params.pixel_size_angstrom is not None or ctf is None or ctf.pixel_size_angstrom is None:
        return params.pixel_size_angstrom
    image = open_image(path)
    return None if image.facts["pixel_size_known"] else ctf.pixel_size_angstrom


def _ctf_of(item: Item) -> MicrographCtf | None:
    found: dict[str, Any] | None = item.inputs["ctf"]
    if found is None:
        return None
    return MicrographCtf(
        optics=Optics(**found["optics"]),
        defocus=Defocus(**found["defocus"]),
        pixel_size_angstrom=found["pixel_size_angstrom"],
    )


def _mask(
    item: Item, params: PickTemplateParams, image: Image, found: PickReferences, folder: Path
) -> tuple[Image | None, str | None]:
    """The mask, and its file: one that was found here is kept for `candidates`."""
    path = item.inputs["mask"]
    own = None if path is None else open_mask(path, image.grid)
    if params.reject_contamination:
        mask = clean_mask(image, _diameter(found, params), own)
    else:
        mask = mask_without_margins(image, own)
    if mask is None:
        return own, path
    write_mrc(folder / MASK, mask.read(), mask.grid.pixel_size_angstrom, dtype="int8")
    return mask, MASK


def _diameter(found: PickReferences, params: PickTemplateParams) -> float:
    known = params.particle_diameter_angstrom or found.references.particle_diameter_angstrom
    return known or detected_diameter_angstrom(found.references)


def _cost(image: Image, found: PickReferences, params: PickTemplateParams) -> Cost:
    pixels = math.prod(image.grid.shape)
    pixel = image.grid.pixel_size_angstrom
    low_pass = params.low_pass_angstrom or 2 * pixel
    step = max(1.0, low_pass / 2 / pixel) if params.shrink == 0 else 1 / params.shrink
    if params.shrink > 1:
        step = max(image.grid.shape) / params.shrink
    working = pixels / max(step, 1.0) ** 2
    settings = _settings(params)
    tests = len(found.references) * (1 if found.references.round else settings.angles)
    memory = (
        _BYTES + _BYTES_PER_PIXEL[params.engine] * pixels + int(_BYTES_PER_WORKING_PIXEL * working)
    )
    seconds = _SECONDS + pixels * _SECONDS_PER_PIXEL
    seconds += working * (_SECONDS_PER_PLACE + tests * _SECONDS_PER_TEST[params.engine])
    if params.engine == "exact":
        seconds += len(found.references) * pixels * _SECONDS_PER_FILTERED_PIXEL
    return Cost(memory_bytes=memory, seconds=seconds)


JOB = Job(
    name="pick template",
    title="Pick particles in micrographs by references (2D)",
    params=PickTemplateParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("micrographs",),
    example="cryopick pick template mics/*.mrc --references class_averages.star "
    "--ctf micrographs_ctf.star --particle-diameter 180 -o picks",
    preload=("torch", "numpy.fft", "numpy.ma", "numpy.random", "cryopick.io.images.mrc"),
)
