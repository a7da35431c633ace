"""``cryopick match``: template matching in tomograms."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import atomic_open, write_text
from cryopick.io.images import write_mrc
from cryopick.io.tomogram_sources.source import TomogramSource
from cryopick.jobs.chosen_outputs import save_chosen
from cryopick.jobs.image_inputs import item_id, open_single
from cryopick.jobs.match_cones import cones_of
from cryopick.jobs.match_conflicts import check_options, check_source
from cryopick.jobs.match_cost import item_cost, searched_fraction
from cryopick.jobs.match_inputs import (
    imaging_of,
    load_templates,
    mask_is_ball,
    mask_path,
    own_rotations,
    ranges_of,
    region_of,
    settings_of,
    tomogram_sources,
)
from cryopick.jobs.match_outputs import collect_match
from cryopick.jobs.match_params import MatchParams
from cryopick.jobs.tomogram_masks import read_tomogram_mask
from cryopick.model import Image, concatenate, delete
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.candidates import Chosen, choose_candidates
from cryopick.pick.matching.match_tomogram import TomogramMatch, match_tomogram
from cryopick.pick.matching.pool import save_pool
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.search_facts import save_facts
from cryopick.pick.matching.template import Template
from cryopick.run.job import Item, Job, Outcome, Worker

POOL = "pool.npz"
SEARCH = "search.json"
SCORES = "scores.mrc"
ANGLES = "angles.mrc"
TEMPLATES = "templates.mrc"
ROTATIONS = "rotations.npz"
_SLIGHTLY = 0.05


def plan(params: MatchParams) -> list[Item]:
    """One item per tomogram."""
    check_options(params)
    settings = settings_of(params)
    candidate_settings(params)
    templates = load_templates(params)
    rotations = own_rotations(params)
    items: list[Item] = []
    sources = tomogram_sources(params)
    for source in sources:
        image = open_single(source.path, source.pixel_size_angstrom)
        if image.ndim != 3:
            raise InputError(f"{source.path}: is an image; match searches tomograms")
        check_source(source, image, params)
        imaging = imaging_of(source, params)
        mask = mask_path(source, params)
        items.append(
            Item(
                id=item_id(source.name),
                inputs={
                    "name": source.name,
                    "path": str(source.path),
                    "pixel_size_angstrom": source.pixel_size_angstrom,
                    "ndim": 3,
                    "mask": None if mask is None else str(mask),
                    "tilts": _tilt_facts(source),
                    "tilt_series_pixel_angstrom": source.tilt_series_pixel_angstrom,
                    "warnings": list(source.warnings),
                },
                cost=item_cost(
                    image,
                    templates,
                    settings=settings,
                    imaging=imaging,
                    items=len(sources),
                    searched=searched_fraction(image, mask, ranges_of(params)),
                    rotations=None if rotations is None else len(rotations),
                ),
            )
        )
    return items


def work(item: Item, params: MatchParams, worker: Worker) -> None:
    """Search one tomogram."""
    import warnings

    source = _source(item.inputs["name"], params)
    image = open_single(source.path, source.pixel_size_angstrom)
    image = _renamed(image, source.name)
    where = mask_path(source, params)
    mask = None if where is None else read_tomogram_mask(where, image)
    templates = load_templates(params)
    for line in [*source.warnings, *_doubts(image, templates)]:
        warnings.warn(line, stacklevel=2)
    with tempfile.TemporaryDirectory(dir=worker.folder) as scratch:
        found = match_tomogram(
            image,
            templates,
            imaging=imaging_of(source, params),
            settings=settings_of(params),
            means=Means(
                cores=worker.cores,
                memory_bytes=worker.memory_bytes,
                device=worker.device,
                checkpoints=worker.checkpoints,
                progress=worker.progress,
            ),
            scratch=Path(scratch),
            region=region_of(image, mask, params),
            cones=cones_of(source, image, templates, params),
            rotations=own_rotations(params),
            seed=worker.seed,
        )
    settings = candidate_settings(params)
    score_map = Image(data=found.score, grid=found.facts.score_grid, name=source.name)
    chosen = choose_candidates(
        found.pool,
        found.facts,
        settings,
        mask=mask,
        score_map=score_map,
        tomogram=image,
    )
    save_chosen(_with_strays(chosen, found, settings), image, worker.folder)
    _save(found, worker.folder, half=params.half_precision)


def _with_strays(chosen: Chosen, found: TomogramMatch, settings: CandidateSettings) -> Chosen:
    """Keep candidates that left their cones, as deleted picks."""
    from dataclasses import replace

    n = len(found.outside_cone)
    if n == 0:
        return chosen
    plain = replace(settings, tophat=False, planarity=1.0)
    strays = choose_candidates(found.outside_cone, found.facts, plain).picks
    strays = delete(strays, np.ones(n, dtype=bool), reason="outside cone")
    return replace(
        chosen,
        picks=concatenate([chosen.picks, strays]),
        tested=np.concatenate([chosen.tested, np.zeros(n, dtype=bool)]),
    )


def collect(folder: Path, items: Sequence[Item], params: MatchParams) -> Outcome:
    """Join the picks of all tomograms and hand them to the programs that go on with them."""
    words = ["cryopick", "candidates", str(folder), "--fdr", "0.01", "-o", "candidates"]
    return collect_match(
        folder,
        items,
        templates=load_templates(params),
        template_paths=[Path(path) for path in params.templates],
        next_command=shlex.join(words),
    )


def candidate_settings(params: MatchParams) -> CandidateSettings:
    """The rules for candidates among the parameters."""
    names = CandidateSettings.__dataclass_fields__
    given = {name: value for name, value in params.model_dump().items() if name in names}
    return CandidateSettings(**given)


@lru_cache(maxsize=2)
def _sources(words: str) -> dict[str, TomogramSource]:
    """Sources by name, read once per process: a batch may have hundreds."""
    params = MatchParams.model_validate_json(words)
    return {source.name: source for source in tomogram_sources(params)}


def _source(name: str, params: MatchParams) -> TomogramSource:
    sources = _sources(params.model_dump_json())
    if name not in sources:
        raise InputError(f"tomogram {name}: is no longer among the inputs")
    return sources[name]


def _tilt_facts(source: TomogramSource) -> dict[str, Any]:
    """What the dry run and the record say about the tilts."""
    tilts = source.tilts
    if tilts is None:
        return {"wedge_deg": source.wedge_deg and list(source.wedge_deg)}
    facts: dict[str, Any] = {
        "tilts": len(tilts),
        "from_deg": float(tilts.tilt_deg.min()),
        "to_deg": float(tilts.tilt_deg.max()),
    }
    if tilts.exposure_e_per_a2 is not None:
        facts["exposure_e_per_a2"] = float(tilts.exposure_e_per_a2.max())
    if tilts.defocus_u_um is not None:
        facts["defocus_um"] = round(float(np.mean(tilts.defocus_u_um)), 3)
    return facts


def _renamed(image: Image, name: str) -> Image:
    from dataclasses import replace

    return image if image.name == name else replace(image, name=name)


def _doubts(image: Image, templates: Sequence[Template]) -> list[str]:
    """What looks wrong about templates, masks and tomogram."""
    from cryopick.ops.template_map import contrast_and_pixel_warnings

    lines: list[str] = []
    pixel = image.grid.pixel_size_angstrom
    for template in templates:
        if template.spherical_mask and not mask_is_ball(template.mask):
            lines.append(
                f"the mask of {template.name} is not a ball, but it does not turn with the "
                "template; give --non-spherical-mask"
            )
        # A template of quite another voxel size is meant to be resampled; one that is slightly off
        # is a mistake.
        ratio = template.pixel_size_angstrom / pixel
        said = template.pixel_size_angstrom if abs(ratio - 1) < _SLIGHTLY else pixel
        lines += contrast_and_pixel_warnings(
            template.density, said, image.data, pixel, diameter_angstrom=template.diameter_angstrom
        )
    return lines


def _save(found: TomogramMatch, folder: Path, *, half: bool) -> None:
    save_pool(found.pool, folder / POOL)
    save_facts(found.facts, folder / SEARCH)
    grid = found.facts.score_grid
    kind = "float16" if half else "float32"
    maps: dict[str, tuple[NDArray[Any], str]] = {
        SCORES: (found.score, kind),
        ANGLES: (found.rotation, "float32"),
    }
    if found.template is not None:
        maps[TEMPLATES] = (found.template, "int16")
    for name, (values, dtype) in maps.items():
        write_mrc(
            folder / name,
            values,
            grid.pixel_size_angstrom,
            origin_angstrom=grid.origin_angstrom,
            dtype=dtype,
        )
    # One list after the other; `counts` tells where each template's begins.
    with atomic_open(folder / ROTATIONS, "wb") as file:
        np.savez(
            file,
            rotations=np.concatenate(list(found.rotations)),
            counts=np.array([len(each) for each in found.rotations]),
        )
    write_text(folder / "notes.json", json.dumps(list(found.sentences), indent=1))


JOB = Job(
    name="match",
    title="Find a known particle in tomograms, with its orientations",
    params=MatchParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("tomograms",),
    example="cryopick match TS_*.mrc --template ribosome.mrc --particle-diameter 300 "
    "--tilts tilts/{TS}.tlt -o matched",
    preload=("torch", "scipy.fft", "scipy.ndimage", "scipy.spatial"),
)
