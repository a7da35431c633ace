"""``candidates`` for micrographs: new rules for the candidates that ``pick template`` kept."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ValidationError

from cryopick.errors import FormatError, InputError
from cryopick.jobs.merit_outputs import (
    MICROGRAPHS,
    MicrographFacts,
    check_peak_params,
    collect_merit,
    load_facts,
    peak_rules,
    save_candidates,
)
from cryopick.jobs.micrograph_masks import mask_of, masks_by_name, open_mask
from cryopick.jobs.pick_template_params import PeakParams
from cryopick.model import Image
from cryopick.pick.merit.map_files import load_maps
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pick import picks_from_maps
from cryopick.pick.merit.pool import JudgedPool, judge_pool, load_pool, named_references
from cryopick.run.job import Cost, Item, Outcome
from cryopick.run.record import Record

JOB_NAME = "pick template"
POOL = "pool.npz"

# So many at once: starting an item costs as much as judging a micrograph.
_MICROGRAPHS_PER_ITEM = 25
_SECONDS_PER_MICROGRAPH = 0.02
_SECONDS_PER_MAP = 0.1
_BYTES = 300_000_000

# Options that both kinds of search share, and those of one alone.
_SHARED = ("max_picks", "fdr", "min_distance_angstrom", "border_angstrom")
_OF_THE_JOB = ("job", "ignore_mask", "particle_diameter_angstrom", "cutoff")
_OF_MICROGRAPHS = (
    "threshold", "max_noise_sd", "min_noise_mean", "suppression", "normalise_scores", "mask",
)  # fmt: skip


class GivenRules(Protocol):
    """What is asked of the job's parameters."""

    @property
    def job(self) -> str: ...  # noqa: D102
    @property
    def cutoff(self) -> float | None: ...  # noqa: D102
    @property
    def particle_diameter_angstrom(self) -> float | None: ...  # noqa: D102
    @property
    def ignore_mask(self) -> bool: ...  # noqa: D102
    @property
    def mask(self) -> list[str]: ...  # noqa: D102
    def model_dump(self) -> dict[str, Any]: ...  # noqa: D102


def refuse_options_of_micrographs(params: BaseModel) -> None:
    """Refuse options that only candidates in micrographs have."""
    for name in _OF_MICROGRAPHS:
        if getattr(params, name) not in (None, []):
            raise InputError(f"{_flag(name)}: is for pick template jobs; this is a match job")


def plan_micrographs(params: GivenRules, record: Record) -> list[Item]:
    """One item per few micrographs that the job has done."""
    _refuse_options_of_tomograms(params)
    if params.ignore_mask and params.mask:
        raise InputError("--ignore-mask and --mask: give one of them")
    rules = merged_rules(params, record)
    check_peak_params(rules)
    folder = Path(params.job)
    masks = masks_by_name(params.mask)
    entries: list[dict[str, Any]] = []
    for done in record.items:
        place = folder / "items" / done.id
        if (place / MICROGRAPHS).is_file():
            name = str(done.inputs["name"])
            entries.append(
                {
                    "name": name,
                    "search": str(place.absolute()),
                    "mask": mask_of(name, masks),
                    "own_mask": not params.ignore_mask,
                }
            )
    if not entries:
        raise InputError(f"{folder}: no micrograph of this job has been searched; resume it first")
    each = _SECONDS_PER_MAP if rules.suppression == "relion" else _SECONDS_PER_MICROGRAPH
    items: list[Item] = []
    for first in range(0, len(entries), _MICROGRAPHS_PER_ITEM):
        batch = entries[first : first + _MICROGRAPHS_PER_ITEM]
        items.append(
            Item(
                id=f"micrographs_{first + 1}_to_{first + len(batch)}",
                inputs={
                    "name": f"micrographs {first + 1} to {first + len(batch)}",
                    "ndim": 2,
                    "micrographs": batch,
                    "rules": rules.model_dump(),
                    "particle_diameter_angstrom": params.particle_diameter_angstrom,
                    "inputs_of_job": _inputs_of_job(record),
                },
                cost=Cost(memory_bytes=_BYTES, seconds=0.1 + each * len(batch)),
            )
        )
    return items


def merged_rules(params: GivenRules, record: Record) -> PeakParams:
    """The rules of the job, with those that are given in their place."""
    names = PeakParams.model_fields
    rules = {name: value for name, value in record.params.items() if name in names}
    given = {
        name: value
        for name, value in params.model_dump().items()
        if name in (*_SHARED, *_OF_MICROGRAPHS) and value not in (None, [])
    }
    if params.cutoff is not None:
        if "threshold" in given:
            raise InputError("--cutoff and --threshold: mean the same here; give one of them")
        given["threshold"] = params.cutoff
    # Of two ways to choose the threshold the one that is given now counts.
    if "threshold" in given or "fdr" in given:
        rules |= {"threshold": None, "fdr": None}
    try:
        return PeakParams(**{**rules, **given})
    except ValidationError as error:
        raise FormatError(
            Path(params.job) / "job.json",
            f"its parameters are not those of pick template ({error})",
        ) from error


def judge_micrographs(item: Item, folder: Path) -> None:
    """Judge the candidates of a few micrographs again."""
    params = PeakParams(**item.inputs["rules"])
    rules = peak_rules(params)
    diameter: float | None = item.inputs["particle_diameter_angstrom"]
    judged: list[JudgedPool] = []
    facts: list[MicrographFacts] = []
    for entry in item.inputs["micrographs"]:
        place = Path(entry["search"])
        (known,) = load_facts(place)
        path = _mask_path(entry, known, place)
        mask = None if path is None else open_mask(path, known.grid)
        if diameter is not None:
            known = replace(known, particle_diameter_angstrom=diameter)
        judged.append(_judged(place, known, rules, mask))
        facts.append(replace(known, mask=path))
    save_candidates(folder, judged, facts)


def collect_micrographs(folder: Path, items: Sequence[Item]) -> Outcome:
    """Choose the picks of all micrographs by one threshold."""
    params = PeakParams(**items[0].inputs["rules"])
    command = extract_command(folder / "picks.star", items[0].inputs["inputs_of_job"])
    return collect_merit(folder, items, params, next_command=command)


def extract_command(picks: Path, inputs: Mapping[str, Any]) -> str:
    """The command that cuts out what was picked.

    Parameters
    ----------
    picks
        The STAR file.
    inputs
        Of the job that searched: ``micrographs``, ``pixel_size_angstrom``, ``ctf``.
    """
    words = ["cryopick", "extract", "particles", str(picks), "--micrographs"]
    words += inputs["micrographs"]
    if inputs["pixel_size_angstrom"] is not None:
        words += ["--pixel-size", f"{inputs['pixel_size_angstrom']:g}"]
    if inputs["ctf"] is not None:
        words += ["--ctf", inputs["ctf"]]
    return shlex.join([*words, "-o", "particles"])


def _judged(
    place: Path, known: MicrographFacts, rules: PeakRules, mask: Image | None
) -> JudgedPool:
    diameter = known.particle_diameter_angstrom
    pool = replace(load_pool(place / POOL), particle_diameter_angstrom=diameter)
    found = judge_pool(pool, replace(rules, suppression="keep-better"), mask=mask)
    if rules.suppression == "relion":
        maps = replace(load_maps(place), particle_diameter_angstrom=diameter)
        if len(maps.merit) < len(known.labels):
            raise InputError(
                f"{place}: --suppression relion needs the maps of each reference; run pick "
                "template with --keep-maps each"
            )
        picks = picks_from_maps(maps, rules, name=known.name, mask=mask)
        widths = np.full(len(picks), diameter)
        found = replace(found, picks=replace(picks, diameter_angstrom=widths))
    return replace(found, picks=named_references(found.picks, known.labels))


def _mask_path(entry: Mapping[str, Any], known: MicrographFacts, place: Path) -> str | None:
    if entry["mask"] is not None:
        return str(entry["mask"])
    if known.mask is None or not entry["own_mask"]:
        return None
    inside = place / known.mask
    return str(inside if inside.is_file() else known.mask)


def _refuse_options_of_tomograms(params: GivenRules) -> None:
    shared = {*_SHARED, *_OF_MICROGRAPHS, *_OF_THE_JOB}
    fields = type(params).model_fields if isinstance(params, BaseModel) else {}
    for name, field in fields.items():
        if name in shared:
            continue
        default = field.get_default(call_default_factory=True)
        if getattr(params, name) != default:
            raise InputError(f"{_flag(name)}: is for match jobs; this is a pick template job")


def _inputs_of_job(record: Record) -> dict[str, Any]:
    """Names in the record are relative to where that job was started."""
    start = Path(record.folder_at_start)

    def here(name: str) -> str:
        path = Path(name)
        return name if path.is_absolute() or start == Path.cwd() else str(start / path)

    ctf = record.params.get("ctf")
    return {
        "micrographs": [here(name) for name in record.params["micrographs"]],
        "pixel_size_angstrom": record.params.get("pixel_size_angstrom"),
        "ctf": None if ctf is None else here(ctf),
    }


def _flag(name: str) -> str:
    return "--" + name.removesuffix("_angstrom").replace("_", "-")
