"""``cryopick extract particles``: cut boxes around picks, ready for classification."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import InputError
from cryopick.extract.particles import extract_particles
from cryopick.extract.settings import ExtractSettings
from cryopick.jobs.extract_inputs import (
    PickSet,
    ctf_of_micrographs,
    optics_of_micrographs,
    read_pick_set,
)
from cryopick.jobs.extract_outputs import collect_particles, save_extracted
from cryopick.jobs.extract_params import ExtractParams, ctf_of, settings_of
from cryopick.jobs.image_inputs import item_id, open_single
from cryopick.jobs.micrograph_ctf import MicrographCtf
from cryopick.model import Defocus, Grid, Optics, active
from cryopick.run.job import Cost, Item, Job, Outcome, Worker

# Measured on one core: seconds per micrograph and per pixel of what each step works on.
_SECONDS_PER_ITEM = 0.05
_SECONDS_PER_PIXEL = 4e-9
_SECONDS_PER_RESAMPLED_PIXEL = 5e-8
_SECONDS_PER_BOX_PIXEL = 4e-9
_SECONDS_PER_IMAGE_PIXEL = 2.5e-8
_SECONDS_PER_SPECTRUM_PIXEL = 1.5e-8
# Copies of a micrograph that are in memory at once.
_BYTES_PER_PIXEL = 6
_BYTES_PER_SPECTRUM_PIXEL = 40
_BASE_BYTES = 150_000_000
# Pixel sizes that differ by less are one.
_SAME = 1e-4


def plan(params: ExtractParams) -> list[Item]:
    """One item per micrograph that has picks. The picks are read, so that wrong ones stop here."""
    found = read_pick_set(params)
    counts = _counts(found)
    if not counts:
        raise InputError(_nothing(params, found))
    diameter = found.diameter_angstrom
    settings = {
        name: settings_of(params, found.grids[name], diameter_angstrom=diameter) for name in counts
    }
    _check_one_size(settings, found.grids)
    ctfs = ctf_of_micrographs(params, list(counts), found)
    known = bool(ctfs) or (found.particles is not None and found.particles.defocus is not None)
    if ctf_of(params) != "none" and not known:
        flag = "--phase-flip" if params.phase_flip else "--premultiply-ctf"
        raise InputError(f"{flag}: the CTF of the micrographs is needed; give --ctf")
    optics = {} if found.particles is not None else optics_of_micrographs(params)
    return [
        Item(
            id=item_id(name),
            inputs={
                "name": name,
                "path": str(found.files[name]),
                "settings": asdict(settings[name]),
                **_imaging(ctfs.get(name), optics.get(name)),
            },
            cost=_cost(settings[name], math.prod(found.grids[name].shape), count),
        )
        for name, count in counts.items()
    ]


def work(item: Item, params: ExtractParams, worker: Worker) -> None:
    """Cut the particles of one micrograph."""
    found = read_pick_set(params)
    rows = np.flatnonzero(found.picks.image == item.inputs["name"])
    given = None if found.particles is None else found.particles[rows]
    optics, defocus = item.inputs["optics"], item.inputs["defocus"]
    optics = None if optics is None else Optics(**optics)
    defocus = None if defocus is None else Defocus(**defocus)
    if given is not None and defocus is None:
        optics, defocus = given.optics_of(0), given.defocus
    extracted = extract_particles(
        open_single(item.inputs["path"], params.pixel_size_angstrom),
        found.picks[rows],
        settings=ExtractSettings(**item.inputs["settings"]),
        optics=optics,
        defocus=defocus,
        shift_angstrom=None if given is None or params.reset_offsets else given.shift_angstrom,
        seed=worker.seed,
    )
    half = None if given is None or given.half is None else given.half[extracted.row]
    save_extracted(
        extracted,
        worker.folder,
        stack=f"{item.id}.mrcs",
        optics=optics,
        half=half,
        dtype="float16" if params.float16 else "float32",
    )


def collect(folder: Path, items: Sequence[Item], params: ExtractParams) -> Outcome:
    """Join the particles of all micrographs."""
    found = read_pick_set(params)
    return collect_particles(
        folder,
        items,
        grids=found.grids,
        dark=(params.contrast == "dark") != params.invert,
        ctf=ctf_of(params),
        warnings=[*found.warnings, *_doubts(params, found, items)],
    )


def _counts(found: PickSet) -> dict[str, int]:
    """Picks to extract of each micrograph that has any, in the order of the micrographs."""
    names, counts = np.unique(active(found.picks).image, return_counts=True)
    known = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return {name: known[name] for name in found.files if name in known}


def _nothing(params: ExtractParams, found: PickSet) -> str:
    """Why there is nothing to do."""
    picks = active(found.picks)
    if len(found.picks) and not len(picks):
        return f"{params.picks}: all {len(found.picks):,} picks are left out; lower --min-score"
    if not len(picks):
        return f"{params.picks}: holds no picks"
    named = ", ".join(np.unique(picks.image)[:3].tolist())
    return (
        f"{params.picks}: no picks in the micrographs {', '.join(list(found.files)[:3])}; it names "
        f"{named}. Picks and micrographs are matched by name"
    )


def _check_one_size(settings: Mapping[str, ExtractSettings], grids: Mapping[str, Grid]) -> None:
    """Images of one set have one edge and one pixel size."""
    edges = {each.final_px for each in settings.values()}
    sizes = {
        name: grids[name].pixel_size_angstrom * each.downsampling for name, each in settings.items()
    }
    low, high = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if len(edges) > 1 or sizes[high] > sizes[low] * (1 + _SAME):
        raise InputError(
            f"--micrographs: images of {low} would have {settings[low].final_px} px of "
            f"{sizes[low]:g} Å, those of {high} {settings[high].final_px} px of {sizes[high]:g} Å; "
            "give --box-angstrom with --rescale and sizes that fit both, or extract them apart"
        )


def _imaging(ctf: MicrographCtf | None, optics: Optics | None) -> dict[str, Any]:
    """What is known of one micrograph, as JSON types."""
    if ctf is not None:
        return {"optics": asdict(ctf.optics), "defocus": asdict(ctf.defocus)}
    return {"optics": None if optics is None else asdict(optics), "defocus": None}


def _cost(settings: ExtractSettings, pixels: int, count: int) -> Cost:
    """What one micrograph takes."""
    xmipp = settings.order == "xmipp"
    spectrum = 0
    if settings.ctf != "none" and not xmipp:
        spectrum = settings.ctf_box**2
    elif settings.centring == "subpixel":
        spectrum = settings.box_px**2
    image = settings.final_px**2
    seconds = _SECONDS_PER_ITEM + pixels * _SECONDS_PER_PIXEL
    seconds += count * (
        settings.box_px**2 * _SECONDS_PER_BOX_PIXEL
        + image * _SECONDS_PER_IMAGE_PIXEL
        + spectrum * _SECONDS_PER_SPECTRUM_PIXEL
    )
    if xmipp:
        seconds += pixels * _SECONDS_PER_RESAMPLED_PIXEL
    whole = pixels if xmipp and settings.ctf != "none" else 0
    memory = _BASE_BYTES + pixels * (2 * _BYTES_PER_PIXEL if xmipp else _BYTES_PER_PIXEL)
    memory += 4 * count * image
    memory += _BYTES_PER_SPECTRUM_PIXEL * (whole + 32 * max(settings.box_px**2, spectrum))
    return Cost(memory_bytes=int(memory), seconds=seconds + whole * _SECONDS_PER_SPECTRUM_PIXEL)


def _doubts(params: ExtractParams, found: PickSet, items: Sequence[Item]) -> list[str]:
    """What a user should know of the choices made."""
    lines: list[str] = []
    picks = active(found.picks)
    strangers = int(np.count_nonzero(~np.isin(picks.image, list(found.files))))
    if strangers:
        lines.append(f"{strangers:,} picks left out: they are in micrographs that were not given")
    if params.contrast == "bright" and params.invert:
        lines.append("the particles come out dark; programs expect them bright: give --no-invert")
    if found.particles is None and any(item.inputs["optics"] is None for item in items):
        usual = Optics()
        lines.append(
            "voltage, spherical aberration and amplitude contrast are not known: particles.star "
            f"says {usual.voltage_kv:g} kV, {usual.cs_mm:g} mm and {usual.amplitude_contrast:g}; "
            "give --ctf, or the micrographs as a STAR file"
        )
    settings = ExtractSettings(**items[0].inputs["settings"])
    if settings.final_px % 2:
        lines.append(f"images of {settings.final_px} px: RELION takes even sizes only")
    return lines


JOB = Job(
    name="extract particles",
    title="Cut out particles, rescaled and normalised, ready for 2D classes",
    params=ExtractParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("picks",),
    example="cryopick extract particles picks/picks.star --micrographs micrographs/*.mrc "
    "--box 256 --rescale 64 -o particles",
    uses_gpu=False,
)
