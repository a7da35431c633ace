"""``cryopick candidates``: choose the picks of a finished search again, without searching again.

Of a ``match`` job here; of a ``pick template`` job in `candidates_2d`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import open_image
from cryopick.jobs import candidates_2d
from cryopick.jobs.chosen_outputs import collect_chosen, save_chosen
from cryopick.jobs.image_inputs import image_paths
from cryopick.jobs.pick_outputs import open_for_picking
from cryopick.jobs.tomogram_masks import read_tomogram_mask
from cryopick.model import Image
from cryopick.pick.matching.candidate_settings import DEFAULT_FDR, CandidateSettings
from cryopick.pick.matching.candidates import choose_candidates
from cryopick.pick.matching.pool import Pool, load_pool, pool_from_map
from cryopick.pick.matching.search_facts import SearchFacts, load_facts
from cryopick.pick.merit.peaks import Suppression
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Worker, param
from cryopick.run.record import read_record

POOL = "pool.npz"
FACTS = "search.json"
SCORES = "scores.mrc"
ANGLES = "angles.mrc"
ROTATIONS = "rotations.npz"

# Of a search that kept its maps but no pool: maxima so far above the spread of all scores.
_FLOOR_SD = 3.0
_MOST_CANDIDATES = 20_000
_SECONDS_PER_ITEM = 3.0
_BYTES_PER_ITEM = 300_000_000
# Of the top-hat's map and of the tomogram that is tested for sheets; the latter at full size.
_SECONDS_PER_VOXEL = 1e-7
_BYTES_PER_VOXEL = 30


class CandidateParams(Params):
    """Rules for the choice of picks; the defaults are those of `CandidateSettings`."""

    particle_diameter_angstrom: float | None = param(
        CandidateSettings.particle_diameter_angstrom,
        description="Diameter of the particle; that of the template where not given",
        unit="Å",
        gt=0,
    )
    max_picks: int | None = param(
        CandidateSettings.max_picks, description="Keep only the best so many per tomogram", ge=1
    )
    fdr: float | None = param(
        CandidateSettings.fdr,
        description="Share of the picks that may be background, as the scores themselves tell; "
        f"where no rule is given, the best estimated F1 with at most {DEFAULT_FDR:g}",
        gt=0,
        lt=1,
    )
    false_positives: float | None = param(
        CandidateSettings.false_positives,
        description="Instead: so many false picks per tomogram, were its noise Gaussian",
        gt=0,
    )
    cutoff: float | None = param(
        CandidateSettings.cutoff,
        description="Instead: lowest score that is taken; below 0 counts as 0",
    )
    min_distance_angstrom: float | None = param(
        CandidateSettings.min_distance_angstrom,
        description="Least distance between picks; half the diameter where not given",
        unit="Å",
        ge=0,
    )
    border_angstrom: float | None = param(
        CandidateSettings.border_angstrom,
        description="Picks nearer to a face of the tomogram are dropped; half the diameter less "
        "a voxel where not given",
        unit="Å",
        ge=0,
    )
    tophat: bool = param(
        CandidateSettings.tophat, description="Only sharp peaks of the score map (white top-hat)"
    )
    tophat_connectivity: int = param(
        CandidateSettings.tophat_connectivity,
        description="Neighbours of the top-hat: by faces (1), also edges (2), also corners (3)",
        ge=1,
        le=3,
        advanced=True,
    )
    tophat_bins: int = param(
        CandidateSettings.tophat_bins,
        description="Bins of the histogram that the top-hat's threshold comes from",
        ge=10,
        le=1000,
        advanced=True,
    )
    prominence: float = param(
        CandidateSettings.prominence,
        description="Drop picks that stand out less from neighbouring candidates; 0: none",
        unit="robust sd of the neighbours",
        ge=0,
        advanced=True,
    )
    planarity: float = param(
        CandidateSettings.planarity,
        description="Drop picks whose surroundings look more like a flat sheet than this; 1: none",
        gt=0,
        le=1,
        advanced=True,
    )

    def settings(self) -> CandidateSettings:
        """The same, as the library takes it."""
        names = CandidateSettings.__dataclass_fields__
        return CandidateSettings(**{n: v for n, v in self.model_dump().items() if n in names})


class CandidatesParams(CandidateParams):
    """Parameters of ``candidates``."""

    job: str = param(description="Folder of a match or pick template job")
    tomogram_mask: list[str] = param(
        [],
        description="Volume that is above 0 where picks may be; several: each called like its "
        "tomogram, with or without _mask",
    )
    ignore_mask: bool = param(False, description="Do without the mask of the job, too")
    threshold: float | None = param(None, description="Of pick template: lowest merit taken")
    max_noise_sd: float | None = param(
        None,
        description="Of pick template: drop picks on a background of a larger standard deviation",
        gt=0,
    )
    min_noise_mean: float | None = param(
        None,
        description="Of pick template: drop picks on a background darker than this",
    )
    suppression: Suppression | None = param(
        None,
        description="Of pick template: keep-better, or relion (which needs the maps of each "
        "reference, --keep-maps each)",
    )
    normalise_scores: bool | None = param(
        None, description="Of pick template: take out how background scores change with defocus"
    )
    mask: list[str] = param(
        [],
        description="Of pick template: image that is above 0 where picks may be; several, or a "
        "folder: each called like its micrograph, with or without _mask",
    )


def plan(params: CandidatesParams) -> list[Item]:
    """One item per tomogram that the match job has done, or per few micrographs."""
    params.settings()
    if params.ignore_mask and params.tomogram_mask:
        raise InputError("--ignore-mask and --tomogram-mask: give one of them")
    folder = Path(params.job)
    if not folder.is_dir():
        raise MissingFileError(folder, "give the folder of a match or pick template job")
    record = read_record(folder)
    if record.job == candidates_2d.JOB_NAME:
        return candidates_2d.plan_micrographs(params, record)
    candidates_2d.refuse_options_of_micrographs(params)
    masks = _masks_by_name(params.tomogram_mask)
    items: list[Item] = []
    for done in record.items:
        place = folder / "items" / done.id
        if not (place / FACTS).is_file():
            continue
        facts = load_facts(place / FACTS)
        name = facts.image
        own = None if params.ignore_mask else done.inputs.get("mask")
        mask = _mask_of(name, masks) if masks else own
        items.append(
            Item(
                id=done.id,
                inputs={
                    "name": name,
                    "path": str(done.inputs["path"]),
                    "pixel_size_angstrom": done.inputs.get("pixel_size_angstrom"),
                    "ndim": 3,
                    "search": str(place),
                    "mask": mask,
                },
                cost=_cost(facts, params),
            )
        )
    if not items:
        raise InputError(f"{folder}: no tomogram of this job has been searched; run match first")
    return items


def _cost(facts: SearchFacts, params: CandidatesParams) -> Cost:
    seconds, memory = _SECONDS_PER_ITEM, _BYTES_PER_ITEM
    if params.tophat:
        seconds += _SECONDS_PER_VOXEL * math.prod(facts.score_grid.shape)
    if params.planarity < 1:
        voxels = math.prod(facts.grid.shape)
        seconds += _SECONDS_PER_VOXEL * voxels
        memory += _BYTES_PER_VOXEL * voxels
    return Cost(memory_bytes=memory, seconds=seconds)


def _masks_by_name(given: Sequence[str]) -> dict[str, str]:
    return {name: str(path) for name, path in image_paths(given).items()} if given else {}


def _mask_of(name: str, masks: dict[str, str]) -> str:
    """The only mask, or the one called like the tomogram."""
    found = masks.get(name) or masks.get(f"{name}_mask")
    if found is None and len(masks) == 1:
        (found,) = masks.values()
    if found is None:
        raise InputError(f"--tomogram-mask: none is called {name} or {name}_mask; add it")
    return found


def work(item: Item, params: CandidatesParams, worker: Worker) -> None:
    """Choose the picks of one tomogram, or of a few micrographs."""
    if item.inputs["ndim"] == 2:
        candidates_2d.judge_micrographs(item, worker.folder)
        return
    place = Path(item.inputs["search"])
    facts = load_facts(place / FACTS)
    settings = params.settings()
    pool = load_pool(place / POOL) if (place / POOL).is_file() else _pool_of_maps(place, facts)
    tomogram = open_for_picking(item)
    path = item.inputs["mask"]
    mask = None if path is None else read_tomogram_mask(Path(path), tomogram)
    chosen = choose_candidates(
        pool,
        facts,
        settings,
        mask=mask,
        score_map=_score_map(place, facts) if settings.tophat else None,
        tomogram=tomogram if settings.planarity < 1 else None,
    )
    save_chosen(chosen, tomogram, worker.folder)


def collect(folder: Path, items: Sequence[Item], params: CandidatesParams) -> Outcome:
    """Join the picks of all images."""
    if items and items[0].inputs["ndim"] == 2:
        return candidates_2d.collect_micrographs(folder, items)
    return collect_chosen(folder, items, next_command=_next_command(folder, params))


def _pool_of_maps(place: Path, facts: SearchFacts) -> Pool:
    """Candidates of a search that kept its maps only."""
    template, *others = facts.templates
    if others:
        raise MissingFileError(place / POOL, "maps of several templates are not enough; run match")
    scores = _score_map(place, facts)
    angles = open_image(place / ANGLES)
    if not isinstance(angles, Image) or angles.grid.shape != scores.grid.shape:
        raise FormatError(place / ANGLES, "does not fit the scores", "run match again")
    try:
        with np.load(place / ROTATIONS, allow_pickle=False) as archive:
            rotations = np.asarray(next(iter(archive.values())), dtype=np.float64).reshape(-1, 4)
    except FileNotFoundError as error:
        raise MissingFileError(place / ROTATIONS, "run match again") from error
    except Exception as error:
        raise FormatError(place / ROTATIONS, f"is no list of rotations ({error})") from error
    return pool_from_map(
        scores.data,
        angles.data,
        rotations,
        grid=facts.score_grid,
        floor=_FLOOR_SD * template.sigma,
        min_distance_px=template.diameter_angstrom / 2 / facts.score_grid.pixel_size_angstrom,
        max_candidates=_MOST_CANDIDATES,
    )


def _score_map(place: Path, facts: SearchFacts) -> Image:
    image = open_image(place / SCORES)
    if not isinstance(image, Image) or image.grid.shape != facts.score_grid.shape:
        raise FormatError(place / SCORES, "does not fit the search", "run match again")
    return replace(image, grid=facts.score_grid)


def _next_command(folder: Path, params: CandidatesParams) -> str:
    diameter = params.particle_diameter_angstrom or 200.0
    words = ["cryopick", "compare", str(folder / "picks.star"), "TRUTH", "--tolerance"]
    return shlex.join([*words, f"{diameter / 2:g}", "-o", "compare"])


JOB = Job(
    name="candidates",
    title="Choose the picks of a finished search again, without searching again",
    params=CandidatesParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("job",),
    example="cryopick candidates match --particle-diameter 300 --max-picks 500 -o candidates",
    uses_gpu=False,
    preload=("scipy.spatial",),
)
