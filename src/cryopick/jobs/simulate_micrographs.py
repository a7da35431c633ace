"""``cryopick simulate micrographs``: realistic micrographs with known truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
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
from cryopick.model import Defocus, Grid, Image, Optics
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param
from cryopick.simulate.detector import NoiseModel
from cryopick.simulate.maps import load_map
from cryopick.simulate.micrographs import (
    MicrographRecipe,
    SimulatedMicrograph,
    simulate_micrograph,
)

CONTAMINATION = "contamination.npz"
# Measured on one core with 300 particles.
_SECONDS_PER_PIXEL = 6e-7
_BYTES_PER_PIXEL = 60
_MAX_PIXELS = 32768


class SimulateMicrographsParams(Params):
    """Parameters of ``simulate micrographs``."""

    maps: list[str] = param(
        ["apoferritin"],
        description="Particles: maps (files) or built-in shapes (apoferritin, betagal, capsid, "
        "channel, filament, proteasome, ribosome, spike); repeat for several",
        flag="--map",
    )
    micrographs: int = param(10, description="How many micrographs", ge=1, le=100_000)
    particles: int = param(
        300, description="Particles per micrograph, shared evenly by all maps", ge=0, le=100_000
    )
    particles_per_um2: float | None = param(
        None, description="Particles per area instead of per micrograph", unit="1/µm²", ge=0
    )
    size_px: tuple[int, int] = param((4096, 4096), description="Width and height", unit="px")
    pixel_size_angstrom: float = param(1.0, description="Pixel size", unit="Å", gt=0, le=100)
    map_pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the maps; overrides their headers", unit="Å", gt=0
    )
    defocus_min_um: float = param(1.0, description="Least underfocus", unit="µm", gt=0, le=20)
    defocus_max_um: float = param(2.5, description="Most underfocus", unit="µm", gt=0, le=20)
    astigmatism_um: float = param(
        0.05, description="Largest difference of the two defoci", unit="µm", ge=0, le=5
    )
    exposure_e_per_a2: float = param(50.0, description="Total exposure", unit="e/Å²", gt=0, le=1000)
    signal_to_noise: float | None = param(
        None,
        description="Variance of the signal over that of the noise, inside particles; what "
        "physics gives where not given",
        gt=0,
    )
    gap_angstrom: float = param(
        10.0, description="Least gap between two particles; negative: they overlap", unit="Å"
    )
    cone_deg: float = param(
        180.0,
        description="Preferred view: the particles' z axis lies within this angle of the beam; "
        "180: all views",
        unit="deg",
        ge=0,
        le=180,
    )
    ice_crystals: int = param(0, description="Lumps of ice per micrograph", ge=0, le=1000)
    carbon_share: float = param(
        0.0, description="Share of the image under a carbon film", ge=0, le=0.9
    )
    voltage_kv: float = param(300.0, description="Acceleration voltage", unit="kV", ge=60, le=1000)
    cs_mm: float = param(2.7, description="Spherical aberration", unit="mm", ge=0, le=10)
    amplitude_contrast: float = param(0.07, description="Amplitude contrast", ge=0, le=1)
    phase_shift_deg: float = param(
        0.0, description="Phase shift of a phase plate", unit="deg", ge=0, le=180, advanced=True
    )
    ice_noise: float = param(
        MicrographRecipe.ice_noise,
        description="Variance of the ice texture over that of the counting noise",
        ge=0,
        le=100,
        advanced=True,
    )
    b_factor_a2: float = param(
        MicrographRecipe.b_factor_a2,
        description="Envelope exp(-B k² / 4)",
        unit="Å²",
        ge=0,
        le=10_000,
        advanced=True,
        flag="--b-factor",
    )
    mtf_at_nyquist: float = param(
        MicrographRecipe.mtf_at_nyquist,
        description="Signal that the detector passes at Nyquist",
        gt=0,
        le=1,
        advanced=True,
    )
    noise: NoiseModel = param(MicrographRecipe.noise, description="Counting noise", advanced=True)
    data_type: Literal["float32", "float16"] = param(
        "float32", description="Type of the pixels written", advanced=True
    )


def plan(params: SimulateMicrographsParams) -> list[Item]:
    """One item per micrograph."""
    check_maps(params.maps, field="--map")
    if not params.maps:
        raise InputError("--map: expected at least one map")
    if not all(64 <= n <= _MAX_PIXELS for n in params.size_px):
        raise InputError(f"--size: expected 64 to {_MAX_PIXELS} px, got {params.size_px}")
    if params.defocus_min_um > params.defocus_max_um:
        raise InputError(
            f"--defocus-min: expected at most --defocus-max {params.defocus_max_um} µm, "
            f"got {params.defocus_min_um}"
        )
    pixels = params.size_px[0] * params.size_px[1]
    cost = Cost(
        memory_bytes=pixels * _BYTES_PER_PIXEL + 2**29, seconds=2 + pixels * _SECONDS_PER_PIXEL
    )
    return [
        Item(id=name, inputs={"name": name}, cost=cost)
        for name in numbered("mic", params.micrographs)
    ]


def work(item: Item, params: SimulateMicrographsParams, worker: Worker) -> None:
    """Simulate one micrograph."""
    rng = np.random.default_rng(worker.seed)
    species = [
        load_map(
            source,
            params.pixel_size_angstrom,
            map_pixel_size_angstrom=params.map_pixel_size_angstrom,
        )
        for source in params.maps
    ]
    recipe = _recipe(params, rng)
    made = simulate_micrograph(
        species, recipe, name=item.inputs["name"], rng=rng, device=worker.device
    )
    write_mrc(
        worker.folder / f"{item.id}.mrc",
        made.image.read(),
        params.pixel_size_angstrom,
        dtype=params.data_type,
    )
    save_picks(made.truth, worker.folder / TRUTH)
    save_picks(made.contamination, worker.folder / CONTAMINATION)
    write_text(worker.folder / FACTS, json.dumps(_facts(recipe, made)))


def collect(folder: Path, items: Sequence[Item], params: SimulateMicrographsParams) -> Outcome:
    """Join the truth, and put all micrographs into one folder."""
    done = done_items(folder, items)
    hand_out(folder, done, into="micrographs", files=["{id}.mrc"])
    truth = joined_truth(folder, done, ndim=2)
    ice = joined_truth(folder, done, ndim=2, file=CONTAMINATION)
    facts = joined_facts(folder, done)
    grid = Grid(shape=params.size_px[::-1], pixel_size_angstrom=params.pixel_size_angstrom)
    _write_list(folder / "micrographs.star", facts, params)
    files = {
        "micrographs": "micrographs.star",
        **write_truth(truth, folder, stem="truth", grid=grid),
    }
    if len(ice):
        files |= write_truth(ice, folder, stem="contamination", grid=grid)
    counts = counts_by_label(truth)
    per_image = _shares(params)
    names = map_names(params.maps)
    asked = {name: n * len(done) for name, n in zip(names, per_image, strict=True)}
    diameter = 200.0 if truth.diameter_angstrom is None else np.median(truth.diameter_angstrom)
    return Outcome(
        summary={
            "micrographs": len(done),
            "particles": len(truth),
            "species": counts,
            "images": facts,
        },
        sentence=f"{len(done):,} {'micrograph' if len(done) == 1 else 'micrographs'} "
        f"with {len(truth):,} particles",
        files=files,
        plots=_plots(folder, done[:1], params),
        warnings=shortfall(asked, counts),
        next_command=f"cryopick pick log {folder}/micrographs/*.mrc "
        f"--diameter-min {0.8 * diameter:.0f} --diameter-max {1.2 * diameter:.0f} -o picks",
    )


def _recipe(params: SimulateMicrographsParams, rng: np.random.Generator) -> MicrographRecipe:
    """The recipe of one micrograph: defocus and astigmatism are drawn."""
    mean = float(rng.uniform(params.defocus_min_um, params.defocus_max_um))
    half = float(rng.uniform(0, params.astigmatism_um)) / 2
    return MicrographRecipe(
        size_px=params.size_px,
        pixel_size_angstrom=params.pixel_size_angstrom,
        particles=_shares(params),
        defocus=Defocus(
            u_um=mean + half,
            v_um=mean - half,
            astigmatism_angle_deg=float(rng.uniform(0, 180)),
            phase_shift_deg=params.phase_shift_deg,
        ),
        optics=_optics(params),
        exposure_e_per_a2=params.exposure_e_per_a2,
        b_factor_a2=params.b_factor_a2,
        signal_to_noise=params.signal_to_noise,
        ice_noise=params.ice_noise,
        gap_angstrom=params.gap_angstrom,
        cone_deg=params.cone_deg,
        ice_crystals=params.ice_crystals,
        carbon_share=params.carbon_share,
        mtf_at_nyquist=params.mtf_at_nyquist,
        noise=params.noise,
    )


def _optics(params: SimulateMicrographsParams) -> Optics:
    return Optics(
        voltage_kv=params.voltage_kv,
        cs_mm=params.cs_mm,
        amplitude_contrast=params.amplitude_contrast,
    )


def _shares(params: SimulateMicrographsParams) -> tuple[int, ...]:
    """Particles of each map in one micrograph."""
    total = params.particles
    if params.particles_per_um2 is not None:
        pixel_um = params.pixel_size_angstrom * 1e-4
        area = params.size_px[0] * params.size_px[1] * pixel_um**2
        total = round(params.particles_per_um2 * area)
    each, rest = divmod(total, len(params.maps))
    return tuple(each + (i < rest) for i in range(len(params.maps)))


def _facts(recipe: MicrographRecipe, made: SimulatedMicrograph) -> dict[str, Any]:
    return {
        "particles": len(made.truth),
        "defocus_u_um": round(recipe.defocus.u_um, 5),
        "defocus_v_um": round(recipe.defocus.v_um, 5),
        "astigmatism_angle_deg": round(recipe.defocus.astigmatism_angle_deg, 3),
        "signal_to_noise": round(made.signal_to_noise, 5),
    }


def _write_list(
    path: Path, facts: Mapping[str, Mapping[str, Any]], params: SimulateMicrographsParams
) -> None:
    """List the micrographs with their true defocus, as RELION does after CTF estimation."""
    write_micrographs(
        path,
        [
            Micrograph(
                path=f"micrographs/{name}.mrc",
                name=name,
                defocus=Defocus(
                    u_um=fact["defocus_u_um"],
                    v_um=fact["defocus_v_um"],
                    astigmatism_angle_deg=fact["astigmatism_angle_deg"],
                    phase_shift_deg=params.phase_shift_deg,
                ),
                optics=_optics(params),
                pixel_size_angstrom=params.pixel_size_angstrom,
            )
            for name, fact in facts.items()
        ],
    )


def _plots(folder: Path, items: Sequence[Item], params: SimulateMicrographsParams) -> list[Plot]:
    plots: list[Plot] = []
    for item in items:
        path = folder / "items" / item.id / f"{item.id}.mrc"
        image = open_image(path, pixel_size_angstrom=params.pixel_size_angstrom)
        if isinstance(image, Image):
            truth = joined_truth(folder, [item], ndim=2)
            plots.append(
                picture(
                    image.read(),
                    truth,
                    grid=image.grid,
                    title="First micrograph",
                    caption=f"{item.id}: {len(truth):,} particles, each in a circle of its size.",
                )
            )
    return plots


JOB = Job(
    name="simulate micrographs",
    title="Make realistic micrographs with known truth",
    params=SimulateMicrographsParams,
    plan=plan,
    work=work,
    collect=collect,
    example="cryopick simulate micrographs --map apoferritin --micrographs 5 -o simulated",
    preload=("torch", "scipy.fft", "scipy.ndimage"),
)
