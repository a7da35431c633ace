"""``cryopick simulate tomogram``: realistic tomograms, and their tilt series, with known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_tomograms import TomogramEntry, write_tomograms
from cryopick.io.picks.npz import save_picks
from cryopick.jobs.simulated_images import (
    FACTS,
    TRUTH,
    check_maps,
    counts_by_label,
    done_items,
    hand_out,
    joined_facts,
    joined_truth,
    map_names,
    numbered,
    picture,
    shortfall,
    write_truth,
)
from cryopick.jobs.simulated_tilts import TILT_FILES, write_tilt_files
from cryopick.model import Defocus, Grid, Image, Optics, Picks
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param
from cryopick.simulate.maps import SpeciesMap, load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import SimulatedTomogram, simulate_tomogram

GOLD = "gold.npz"
# Measured on one core: per voxel, and per voxel and tilt.
_SECONDS_PER_VOXEL = 1e-7
_SECONDS_PER_VOXEL_TILT = 8e-9
_BYTES_PER_VOXEL = 30
_MAX_VOXELS = 2**31


class SimulateTomogramParams(Params):
    """Parameters of ``simulate tomogram``."""

    maps: list[str] = param(
        ["ribosome"],
        description="Particles that float freely: maps (files) or built-in shapes (apoferritin, "
        "betagal, capsid, channel, filament, proteasome, ribosome, spike); repeat for several",
        flag="--map",
    )
    tomograms: int = param(1, description="How many tomograms", ge=1, le=10_000)
    particles: int = param(60, description="Particles of each map", ge=0, le=100_000)
    membrane_maps: list[str] = param(
        [],
        description="Particles that sit on membranes, their z axis along the outward normal",
        flag="--membrane-map",
    )
    membrane_particles: int = param(40, description="Particles of each membrane map", ge=0)
    vesicles: int = param(2, description="Closed membranes", ge=0, le=1000)
    sheets: int = param(0, description="Open membranes that cross the tomogram", ge=0, le=20)
    filaments: int = param(0, description="Filaments", ge=0, le=1000)
    filament_map: str = param("filament", description="One segment of a filament, along z")
    filament_rise_angstrom: float | None = param(
        None, description="Length of a segment; needed for a map from a file", unit="Å", gt=0
    )
    filament_length_angstrom: float = param(
        2000.0, description="Length of a filament", unit="Å", gt=0
    )
    gold_beads: int = param(6, description="Gold fiducials", ge=0, le=1000)
    gold_diameter_angstrom: float = param(
        100.0, description="Their diameter", unit="Å", gt=0, le=500
    )
    size_px: tuple[int, int, int] = param(
        (400, 400, 180), description="Width, height and thickness (x y z)", unit="px"
    )
    pixel_size_angstrom: float = param(10.0, description="Voxel size", unit="Å", gt=0, le=100)
    map_pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the maps; overrides their headers", unit="Å", gt=0
    )
    ice_angstrom: float = param(1500.0, description="Thickness of the ice", unit="Å", gt=0)
    gap_angstrom: float = param(
        10.0, description="Least gap between two particles; negative: they overlap", unit="Å"
    )
    tilt_min_deg: float = param(-60.0, description="Lowest tilt", unit="deg", ge=-80, le=80)
    tilt_max_deg: float = param(60.0, description="Highest tilt", unit="deg", ge=-80, le=80)
    tilt_step_deg: float = param(3.0, description="Tilt increment", unit="deg", gt=0, le=80)
    exposure_e_per_a2: float = param(
        120.0, description="Total exposure", unit="e/Å²", gt=0, le=1000
    )
    defocus_um: float = param(3.0, description="Underfocus", unit="µm", gt=0, le=20)
    signal_to_noise: float | None = param(
        None,
        description="Variance of the signal over that of the noise, inside particles of the "
        "untilted image; what physics gives where not given",
        gt=0,
    )
    alignment_error_angstrom: float = param(
        TiltRecipe.alignment_error_angstrom,
        description="Shifts that alignment did not find (standard deviation)",
        unit="Å",
        ge=0,
    )
    voltage_kv: float = param(300.0, description="Acceleration voltage", unit="kV", ge=60, le=1000)
    cs_mm: float = param(2.7, description="Spherical aberration", unit="mm", ge=0, le=10)
    amplitude_contrast: float = param(0.07, description="Amplitude contrast", ge=0, le=1)
    astigmatism_um: float = param(
        0.0, description="Difference of the two defoci", unit="µm", ge=0, le=5, advanced=True
    )
    defocus_jitter_um: float = param(
        TiltRecipe.defocus_jitter_um,
        description="Change of defocus from tilt to tilt (standard deviation)",
        unit="µm",
        ge=0,
        le=2,
        advanced=True,
    )
    handedness: Literal[-1, 1] = param(
        TiltRecipe.handedness,
        description="Sign with which defocus grows with the height of a point (rlnTomoHand)",
        advanced=True,
    )
    texture: float = param(
        SpecimenRecipe.texture,
        description="Crowd of small molecules: standard deviation in densities of protein",
        ge=0,
        le=2,
        advanced=True,
    )
    b_factor_a2: float = param(
        TiltRecipe.b_factor_a2,
        description="Envelope exp(-B k² / 4)",
        unit="Å²",
        ge=0,
        le=100_000,
        advanced=True,
        flag="--b-factor",
    )


def plan(params: SimulateTomogramParams) -> list[Item]:
    """One item per tomogram."""
    check_maps(list(dict.fromkeys(_all_maps(params))), field="--map")
    if not all(n >= 8 for n in params.size_px) or math.prod(params.size_px) > _MAX_VOXELS:
        raise InputError(
            f"--size: expected x y z of at least 8 px and 2 GVoxel in all, got {params.size_px}"
        )
    if params.tilt_min_deg > params.tilt_max_deg:
        raise InputError(
            f"--tilt-min: expected at most --tilt-max {params.tilt_max_deg} deg, "
            f"got {params.tilt_min_deg}"
        )
    if params.membrane_maps and not params.vesicles + params.sheets:
        raise InputError("--membrane-map: there are no membranes; give --vesicles or --sheets")
    tilts = int((params.tilt_max_deg - params.tilt_min_deg) / params.tilt_step_deg) + 1
    voxels = math.prod(params.size_px)
    cost = Cost(
        memory_bytes=voxels * _BYTES_PER_VOXEL + 2**29,
        seconds=1 + voxels * (_SECONDS_PER_VOXEL + tilts * _SECONDS_PER_VOXEL_TILT),
    )
    return [
        Item(id=name, inputs={"name": name}, cost=cost)
        for name in numbered("tomo", params.tomograms)
    ]


def work(item: Item, params: SimulateTomogramParams, worker: Worker) -> None:
    """Simulate one tomogram."""
    made = simulate_tomogram(
        _species(params),
        _specimen_recipe(params),
        _tilt_recipe(params),
        name=item.inputs["name"],
        rng=np.random.default_rng(worker.seed),
        device=worker.device,
    )
    write_mrc(worker.folder / f"{item.id}.mrc", made.image.read(), params.pixel_size_angstrom)
    save_picks(made.truth, worker.folder / TRUTH)
    save_picks(made.gold, worker.folder / GOLD)
    tilts = worker.folder / "tilts"
    tilts.mkdir(exist_ok=True)
    write_tilt_files(tilts, item.id, made.recorded)
    write_text(worker.folder / FACTS, json.dumps(_facts(made)))


def collect(folder: Path, items: Sequence[Item], params: SimulateTomogramParams) -> Outcome:
    """Join the truth, and put tomograms and tilt series into one folder each."""
    done = done_items(folder, items)
    hand_out(folder, done, into="tomograms", files=["{id}.mrc"])
    hand_out(folder, done, into="tilts", files=TILT_FILES, out_of="tilts")
    truth = joined_truth(folder, done, ndim=3)
    gold = joined_truth(folder, done, ndim=3, file=GOLD)
    grid = Grid(shape=params.size_px[::-1], pixel_size_angstrom=params.pixel_size_angstrom)
    _write_list(folder / "tomograms.star", done, params)
    files = {
        "tomograms": "tomograms.star",
        "tilt_series": "tilts",
        **write_truth(truth, folder, stem="truth", grid=grid),
    }
    if len(gold):
        files |= write_truth(gold, folder, stem="gold", grid=grid)
    counts = counts_by_label(truth)
    facts = joined_facts(folder, done)
    first = f"{folder}/tomograms/{done[0].id}.mrc" if done else f"{folder}/tomograms/*.mrc"
    return Outcome(
        summary={
            "tomograms": len(done),
            "particles": len(truth),
            "species": counts,
            "gold_beads": len(gold),
            "images": facts,
        },
        sentence=f"{len(done):,} {'tomogram' if len(done) == 1 else 'tomograms'} "
        f"with {len(truth):,} particles",
        files=files,
        plots=_plots(folder, done[:1], params),
        warnings=[
            *shortfall(_asked(params, len(done)), counts | {"gold beads": len(gold)}),
            *_lost(params, facts),
        ],
        next_command=f"cryopick info {first}",
    )


def _all_maps(params: SimulateTomogramParams) -> list[str]:
    filament = [params.filament_map] if params.filaments else []
    return [*params.maps, *params.membrane_maps, *filament]


def _counts(params: SimulateTomogramParams) -> tuple[list[str], list[int], list[int]]:
    """Distinct maps, and how many of each float freely and sit on membranes."""
    sources = list(dict.fromkeys(_all_maps(params)))
    free = [params.particles if s in params.maps else 0 for s in sources]
    bound = [params.membrane_particles if s in params.membrane_maps else 0 for s in sources]
    return sources, free, bound


def _asked(params: SimulateTomogramParams, tomograms: int) -> dict[str, int]:
    sources, free, bound = _counts(params)
    each = {name: a + b for name, a, b in zip(map_names(sources), free, bound, strict=True)} | {
        "gold beads": params.gold_beads
    }
    return {name: n * tomograms for name, n in each.items()}


def _lost(params: SimulateTomogramParams, facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Membranes and filaments that found no room, by tomogram."""
    asked = {"membranes": params.vesicles + params.sheets, "filaments": params.filaments}
    return [
        f"{name}: only {len(fact[what])} of {n} {what} found room"
        for name, fact in facts.items()
        for what, n in asked.items()
        if len(fact[what]) < n
    ]


def _species(params: SimulateTomogramParams) -> list[SpeciesMap]:
    sources, _, _ = _counts(params)
    return [
        load_map(
            source,
            params.pixel_size_angstrom,
            map_pixel_size_angstrom=params.map_pixel_size_angstrom,
            rise_angstrom=params.filament_rise_angstrom
            if params.filaments and source == params.filament_map
            else None,
        )
        for source in sources
    ]


def _specimen_recipe(params: SimulateTomogramParams) -> SpecimenRecipe:
    _, free, bound = _counts(params)
    return SpecimenRecipe(
        size_px=params.size_px,
        pixel_size_angstrom=params.pixel_size_angstrom,
        ice_angstrom=params.ice_angstrom,
        particles=tuple(free),
        on_membranes=tuple(bound),
        filaments=params.filaments,
        filament_length_angstrom=params.filament_length_angstrom,
        vesicles=params.vesicles,
        sheets=params.sheets,
        gold_beads=params.gold_beads,
        gold_diameter_angstrom=params.gold_diameter_angstrom,
        gap_angstrom=params.gap_angstrom,
        texture=params.texture,
    )


def _tilt_recipe(params: SimulateTomogramParams) -> TiltRecipe:
    half = params.astigmatism_um / 2
    return TiltRecipe(
        tilt_min_deg=params.tilt_min_deg,
        tilt_max_deg=params.tilt_max_deg,
        tilt_step_deg=params.tilt_step_deg,
        exposure_e_per_a2=params.exposure_e_per_a2,
        defocus=Defocus(u_um=params.defocus_um + half, v_um=params.defocus_um - half),
        optics=_optics(params),
        defocus_jitter_um=params.defocus_jitter_um,
        handedness=params.handedness,
        alignment_error_angstrom=params.alignment_error_angstrom,
        signal_to_noise=params.signal_to_noise,
        b_factor_a2=params.b_factor_a2,
    )


def _write_list(path: Path, items: Sequence[Item], params: SimulateTomogramParams) -> None:
    """List the tomograms as RELION 5 does."""
    width, height, depth = params.size_px
    write_tomograms(
        path,
        [
            TomogramEntry(
                name=item.inputs["name"],
                tilt_series_file=f"tilts/{item.id}.star",
                tilt_series_pixel_angstrom=params.pixel_size_angstrom,
                size_px=(width, height, depth),
                binning=1.0,
                handedness=params.handedness,
                optics=_optics(params),
                reconstructions={"rlnTomoReconstructedTomogram": f"tomograms/{item.id}.mrc"},
            )
            for item in items
        ],
    )


def _optics(params: SimulateTomogramParams) -> Optics:
    return Optics(
        voltage_kv=params.voltage_kv,
        cs_mm=params.cs_mm,
        amplitude_contrast=params.amplitude_contrast,
    )


def _filaments(truth: Picks) -> set[str]:
    if truth.group is None:
        return set()
    return {str(g) for g in np.unique(truth.group) if str(g).startswith("filament")}


def _facts(made: SimulatedTomogram) -> dict[str, Any]:
    snr = made.recorded.signal_to_noise
    return {
        "particles": len(made.truth),
        "gold_beads": len(made.gold),
        "membranes": list(made.membranes),
        "filaments": sorted(_filaments(made.truth)),
        "tilts": len(made.recorded.tilts),
        "signal_to_noise": None if math.isnan(snr) else round(snr, 5),
        "misalignment_angstrom": made.recorded.misalignment_angstrom.round(3).tolist(),
    }


def _plots(folder: Path, items: Sequence[Item], params: SimulateTomogramParams) -> list[Plot]:
    plots: list[Plot] = []
    for item in items:
        path = folder / "items" / item.id / f"{item.id}.mrc"
        image = open_image(path, pixel_size_angstrom=params.pixel_size_angstrom)
        if not isinstance(image, Image):
            continue
        middle = image.grid.shape[0] // 2
        slab = slice(max(0, middle - 2), middle + 3)
        truth = joined_truth(folder, [item], ndim=3)
        height = image.grid.to_px(truth.position_angstrom)[:, 2]
        near = truth[np.abs(height - middle) <= 5]
        plots.append(
            picture(
                np.asarray(image.data[slab], dtype=np.float32).mean(axis=0),
                near,
                grid=image.grid,
                title="First tomogram",
                caption=f"{item.id}: mean of the 5 middle slices, and the {len(near):,} particles "
                "whose centres lie within 5 slices of the middle.",
            )
        )
    return plots


JOB = Job(
    name="simulate tomogram",
    title="Make a realistic tomogram with known truth",
    params=SimulateTomogramParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick simulate tomogram --map ribosome --particles 80 --vesicles 3 -o simulated",
    preload=("scipy.fft", "scipy.sparse"),
)
