"""``cryopick extract pairs``: cut both views of every particle of tilt pairs, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.combine.tilt_defocus import defocus_offset_um, defocus_rows
from cryopick.combine.tilt_geometry import TiltGeometry
from cryopick.combine.tilt_orientation import tilted_orientation
from cryopick.errors import InputError
from cryopick.extract.particles import ExtractedParticles, extract_particles
from cryopick.extract.settings import ExtractSettings
from cryopick.geometry.euler import quaternion_from_psi_deg, relion_from_quaternion
from cryopick.io.atomic import write_text
from cryopick.jobs.extract_outputs import save_extracted
from cryopick.jobs.extract_pairs_inputs import (
    fitted_pairs,
    geometry_of,
    pair_files,
    shared_axis_deg,
)
from cryopick.jobs.extract_pairs_outputs import LOST, collect_particle_pairs, stack_name
from cryopick.jobs.extract_pairs_params import (
    ExtractPairsParams,
    Side,
    check_ctf,
    settings_of,
)
from cryopick.jobs.image_inputs import item_id, open_single
from cryopick.jobs.micrograph_ctf import MicrographCtf, micrograph_ctfs
from cryopick.jobs.pair_particles import joined_by_id, paired_rows
from cryopick.jobs.pairs_fit_outputs import SIDES
from cryopick.jobs.pairs_linked import PAIR_ID
from cryopick.model import Defocus, Image, Optics, PickPairs, Picks
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

# Measured on one core: both micrographs are filtered whole; and per pixel of a box.
_SECONDS_PER_ITEM = 0.2
_SECONDS_PER_PIXEL = 1.5e-7
_SECONDS_PER_BOX_PIXEL = 3e-8
_BYTES_PER_PIXEL = 40
_BASE_BYTES = 150_000_000
_SAME = 1e-4


def plan(params: ExtractPairsParams) -> list[Item]:
    """One item per pair of micrographs that has pairs of picks."""
    check_ctf(params)
    settings = {side: settings_of(params, has_ctf=_has_ctf(params, side)) for side in SIDES}
    fitted = fitted_pairs(params.pairs)
    files = pair_files(params, fitted)
    counts = {name: int(np.count_nonzero(fitted.untilted.image == name)) for name in files}
    chosen = [name for name, count in counts.items() if count]
    if not chosen:
        raise InputError(f"{params.pairs}: holds no pairs of picks to extract")
    sides: dict[str, list[dict[str, Any]]] = {}
    for place, (side, ctf) in enumerate(
        zip(SIDES, (params.ctf_untilted, params.ctf_tilted), strict=True)
    ):
        names = [fitted.facts[name][side]["name"] for name in chosen]
        ctfs = micrograph_ctfs(ctf, names)
        sides[side] = [
            _side_inputs(own, files[name][place], params, settings[side], ctfs.get(own))
            for name, own in zip(chosen, names, strict=True)
        ]
        _check_one_size(side, sides[side])
    axis = shared_axis_deg(fitted.facts)
    return [
        Item(
            id=item_id(name),
            inputs={
                "name": name,
                "geometry": geometry_of(fitted.facts[name], axis),
                "untilted": untilted,
                "tilted": tilted,
            },
            cost=_cost(settings["untilted"], untilted, tilted, count=counts[name]),
        )
        for name, untilted, tilted in zip(chosen, sides["untilted"], sides["tilted"], strict=True)
    ]


def work(item: Item, params: ExtractPairsParams, worker: Worker) -> None:
    """Cut the particles of one pair of micrographs."""
    fitted = fitted_pairs(params.pairs)
    linked, lost = joined_by_id(
        fitted.untilted[fitted.untilted.image == item.inputs["untilted"]["name"]],
        fitted.tilted[fitted.tilted.image == item.inputs["tilted"]["name"]],
        column=PAIR_ID,
    )
    geometry = item.inputs["geometry"]
    if geometry is not None:
        linked = _with_angles(linked, TiltGeometry(**geometry))
    found = {
        side: _extracted(item, side, picks, params, seed=worker.seed)
        for side, picks in zip(SIDES, (linked.untilted, linked.tilted), strict=True)
    }
    pair = paired_rows(
        found["untilted"],
        found["tilted"],
        untilted_picks=linked.untilted,
        tilted_picks=linked.tilted,
    )
    for side, extracted in zip(SIDES, pair, strict=True):
        (worker.folder / side).mkdir()
        optics = item.inputs[side]["optics"]
        save_extracted(
            extracted,
            worker.folder / side,
            stack=stack_name(item.id, side),
            optics=None if optics is None else Optics(**optics),
            half=None,
            dtype="float16" if params.float16 else "float32",
        )
    write_text(worker.folder / LOST, json.dumps({"without_partner": lost}))


def collect(folder: Path, items: Sequence[Item], params: ExtractPairsParams) -> Outcome:
    """Join the particles of all pairs of micrographs."""
    fitted = fitted_pairs(params.pairs)
    warnings: list[str] = []
    left = [name for name in fitted.facts if name not in {i.inputs["name"] for i in items}]
    if left:
        some = ", ".join(left[:3]) + (", ..." if len(left) > 3 else "")
        warnings.append(
            f"{len(left)} pairs of micrographs left out, without picks or files: {some}"
        )
    has_tilt = all(item.inputs["geometry"] is not None for item in items)
    if has_tilt and fitted.untilted.orientation is None:
        warnings.append(
            "in-plane angles of the untilted particles are not known: add rlnAnglePsi of their "
            "classification to rlnAngleRot of the tilted ones"
        )
    if params.ctf_tilted is not None and params.defocus_gradient == "none":
        warnings.append(_neglected(items))
    return collect_particle_pairs(
        folder,
        items,
        from_other=bool(params.untilted or params.tilted),
        are_dark=params.invert is False,
        warnings=warnings,
    )


def _side_inputs(
    name: str,
    path: Path,
    params: ExtractPairsParams,
    settings: ExtractSettings,
    ctf: MicrographCtf | None,
) -> dict[str, Any]:
    """What ``work`` needs of one micrograph; only its header is read."""
    grid = open_single(path, params.pixel_size_angstrom).grid
    return {
        "name": name,
        "path": str(path),
        "size_px": list(grid.size_px),
        "pixel_size_angstrom": grid.pixel_size_angstrom,
        "settings": asdict(settings),
        "optics": None if ctf is None else asdict(ctf.optics),
        "defocus": None if ctf is None else asdict(ctf.defocus),
    }


def _has_ctf(params: ExtractPairsParams, side: Side) -> bool:
    return (params.ctf_untilted if side == "untilted" else params.ctf_tilted) is not None


def _with_angles(linked: PickPairs, geometry: TiltGeometry) -> PickPairs:
    """Give the tilted picks the angles of a conical tilt reconstruction."""
    known = linked.untilted.orientation
    in_plane = np.tile([1.0, 0, 0, 0], (len(linked), 1)) if known is None else known
    rot, tilt, psi = relion_from_quaternion(tilted_orientation(in_plane, geometry)).T
    tilted = linked.tilted
    return PickPairs(
        untilted=linked.untilted,
        tilted=replace(
            tilted,
            orientation=quaternion_from_psi_deg(psi),
            extra={**tilted.extra, "rlnAngleRot": rot, "rlnAngleTilt": tilt},
        ),
    )


def _extracted(
    item: Item, side: Side, picks: Picks, params: ExtractPairsParams, *, seed: int
) -> ExtractedParticles:
    facts = item.inputs[side]
    image = open_single(facts["path"], params.pixel_size_angstrom)
    whole = None if facts["defocus"] is None else Defocus(**facts["defocus"])
    defocus: Defocus | NDArray[np.float64] | None = whole
    if side == "tilted" and whole is not None and params.defocus_gradient != "none":
        defocus = defocus_rows(whole, _offsets(item, image, picks, params))
    return extract_particles(
        image,
        picks,
        settings=ExtractSettings(**facts["settings"]),
        optics=None if facts["optics"] is None else Optics(**facts["optics"]),
        defocus=defocus,
        seed=seed,
    )


def _offsets(
    item: Item, image: Image, picks: Picks, params: ExtractPairsParams
) -> NDArray[np.float64]:
    """Defocus of the tilted particles beyond that of their micrograph."""
    if item.inputs["geometry"] is None:
        raise InputError(
            f"{item.inputs['tilted']['name']}: --defocus-gradient {params.defocus_gradient}: its "
            "tilt is not known; at least three pairs are needed"
        )
    middle = (np.asarray(image.grid.size_px) - 1) / 2
    return defocus_offset_um(
        picks.position_angstrom,
        geometry=TiltGeometry(**item.inputs["geometry"]),
        centre_angstrom=image.grid.to_angstrom(middle),
        gradient=params.defocus_gradient,
    )


def _check_one_size(side: str, facts: Sequence[Mapping[str, Any]]) -> None:
    """Images of one set have one pixel size."""
    ordered = sorted(facts, key=lambda each: each["pixel_size_angstrom"])
    low, high = ordered[0], ordered[-1]
    if high["pixel_size_angstrom"] > low["pixel_size_angstrom"] * (1 + _SAME):
        raise InputError(
            f"{side} micrographs: {low['name']} has pixels of {low['pixel_size_angstrom']:g} Å, "
            f"{high['name']} of {high['pixel_size_angstrom']:g} Å; extract them apart, or give "
            "--pixel-size"
        )


def _neglected(items: Sequence[Item]) -> str:
    """How far off one defocus for a tilted micrograph is at its edge."""
    worst = 0.0
    for item in items:
        if item.inputs["geometry"] is None:
            continue
        facts = item.inputs["tilted"]
        reach = max(facts["size_px"]) / 2 * facts["pixel_size_angstrom"]
        worst = max(worst, reach * math.tan(math.radians(item.inputs["geometry"]["tilt_deg"])))
    return (
        f"one defocus for each tilted micrograph: particles at its edge are up to {worst * 1e-4:.2g} "
        "µm off; give --defocus-gradient where the side on which the defocus grows is known"
    )


def _cost(
    settings: ExtractSettings, untilted: Mapping[str, Any], tilted: Mapping[str, Any], *, count: int
) -> Cost:
    areas = [math.prod(facts["size_px"]) for facts in (untilted, tilted)]
    box = settings.ctf_box**2 if settings.ctf != "none" else settings.box_px**2
    return Cost(
        memory_bytes=_BASE_BYTES + max(areas) * _BYTES_PER_PIXEL + 8 * count * settings.image_px**2,
        seconds=_SECONDS_PER_ITEM
        + sum(areas) * _SECONDS_PER_PIXEL
        + 2 * count * box * _SECONDS_PER_BOX_PIXEL,
    )


JOB = Job(
    name="extract pairs",
    title="Cut out both views of every particle of tilt pairs, row by row",
    params=ExtractPairsParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("pairs",),
    example="cryopick extract pairs pairs --box 128 --invert --ctf-untilted u_ctf.star "
    "--ctf-tilted t_ctf.star --phase-flip -o particle_pairs",
    uses_gpu=False,
)
