"""What ``extract pairs`` leaves: two sets of particles of equal rows, and how they were made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.particles import read_particle_images, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.jobs.extract_outputs import COLUMNS, DROPPED, FACTS, KEPT, STACKS, write_discarded
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.pairs_fit_outputs import SIDES
from cryopick.jobs.simulated_images import hand_out
from cryopick.model import Grid, Optics, Particles, Picks, SetKind, concatenate
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

LOST = "lost.json"
_SHOWN = 30


def stack_name(item_id: str, side: str) -> str:
    """File of the images of one side of a pair of micrographs."""
    return f"{item_id}_{side}.mrcs"


def collect_particle_pairs(
    folder: Path,
    items: Sequence[Item],
    *,
    from_other: bool,
    are_dark: bool,
    warnings: Sequence[str],
) -> Outcome:
    """Join the particles of all pairs of micrographs that are done.

    Parameters
    ----------
    folder
        The job folder.
    items
        All items; those without results have failed.
    from_other
        Cut from other micrographs than those that were picked.
    are_dark
        Particles come out darker than the ice.
    warnings
        Sentences to hand on.
    """
    done = [item for item in items if (folder / "items" / item.id / LOST).is_file()]
    files: dict[str, str] = {}
    sets: dict[str, Particles] = {}
    reasons: dict[str, dict[str, int]] = {}
    for side in SIDES:
        frame = _frame(done, side)
        joined = _joined(folder, done, side, are_dark=are_dark)
        if joined is not None:
            sets[side] = joined
            write_particles(folder / f"particles_{side}.star", joined, frame)
            files[f"particles_{side}"] = f"particles_{side}.star"
        parts = [load_picks(folder / "items" / i.id / side / DROPPED) for i in done]
        dropped = concatenate([Picks.empty(2), *parts])
        reasons[side] = _counts(dropped)
        if len(dropped):
            write_discarded(dropped, folder / f"discarded_{side}.star", frame)
            files[f"discarded_{side}"] = f"discarded_{side}.star"
    lost = sum(
        json.loads((folder / "items" / i.id / LOST).read_text("utf-8"))["without_partner"]
        for i in done
    )
    lines = list(warnings)
    if lost:
        lines.append(f"{lost} picks left out: the files of pairs hold no partner for them")
    if not sets:
        lines.append("no pairs: a box of each leaves its micrograph; give --border fill")
    n = len(sets["untilted"]) if sets else 0
    method = method_in_words(done, n, from_other=from_other)
    return Outcome(
        summary={
            "pairs": n,
            "micrograph_pairs": len(done),
            "discarded": reasons,
            "without_partner": lost,
            "phase_flipped": {side: _is_flipped(done, side) for side in SIDES},
            "pixel_size_angstrom": {s: each.pixel_size_angstrom for s, each in sets.items()},
            "box_px": sets["untilted"].box_px if sets else None,
            "method": method,
        },
        sentence=f"{n:,} particle pair{'' if n == 1 else 's'} from "
        f"{counted(len(done), SetKind.TILT_PAIRS)}",
        files=files,
        plots=_plots(sets, method) if sets else [],
        warnings=lines,
        next_command=_next_command(folder, n) if sets else "",
    )


def method_in_words(items: Sequence[Item], n: int, *, from_other: bool) -> str:
    """How the pairs were made, for a report or a paper."""
    if not items:
        return "Nothing was extracted."
    facts = items[0].inputs["untilted"]
    settings = facts["settings"]
    source = "other micrographs than those picked" if from_other else "the micrographs picked"
    words = (
        f"{n:,} particle pairs were cut from {source} in boxes of {settings['image_px']} px "
        f"({facts['pixel_size_angstrom'] * settings['downsampling']:.4g} Å/px)"
    )
    if settings["downsampling"] != 1:
        words += f", down-sampled by {settings['downsampling']:g}"
    flipped = [side for side in SIDES if _is_flipped(items, side)]
    if flipped:
        whose = "both sides" if len(flipped) == 2 else f"the {flipped[0]} side only"
        words += f"; phases of {whose} were flipped"
    if settings["dust_sd"] is not None:
        words += f"; pixels beyond {settings['dust_sd']:g} sd were replaced"
    if settings["invert"]:
        words += "; contrast was inverted"
    if settings["normalise"] != "none":
        words += f"; normalised by {settings['normalise']}"
    return words + "."


def _is_flipped(items: Sequence[Item], side: str) -> bool:
    return any(item.inputs[side]["settings"]["ctf"] == "phase-flip" for item in items)


def _frame(items: Sequence[Item], side: str) -> Frame:
    facts = [item.inputs[side] for item in items]
    return Frame(
        grids={
            each["name"]: Grid(
                shape=tuple(each["size_px"][::-1]),
                pixel_size_angstrom=each["pixel_size_angstrom"],
            )
            for each in facts
        },
        files={each["name"]: each["path"] for each in facts},
    )


def _joined(folder: Path, items: Sequence[Item], side: str, *, are_dark: bool) -> Particles | None:
    """All particles of one side, in the order of the items; None where there are none."""
    facts = {item.id: _facts(folder, item, side) for item in items}
    full = [item for item in items if facts[item.id]["particles"]]
    if not full:
        return None
    hand_out(folder, full, into=STACKS, files=[stack_name("{id}", side)], out_of=side)
    columns = [_columns(folder, item, side) for item in full]
    counts = [facts[item.id]["particles"] for item in full]
    optics = [_optics(facts[item.id]) for item in full]
    groups = list(dict.fromkeys(optics))
    shift = np.concatenate([part["shift_angstrom"] for part in columns])
    has_defocus = all("defocus" in part for part in columns)
    first = facts[full[0].id]
    place = _shown(folder)
    return Particles(
        picks=concatenate([load_picks(folder / "items" / i.id / side / KEPT) for i in full]),
        file=np.repeat([str(place / STACKS / stack_name(item.id, side)) for item in full], counts),
        index=np.concatenate([np.arange(n) for n in counts]),
        pixel_size_angstrom=first["pixel_size_angstrom"],
        box_px=first["box_px"],
        optics=tuple(groups),
        optics_group=np.repeat([groups.index(each) for each in optics], counts),
        defocus=np.concatenate([part["defocus"] for part in columns]) if has_defocus else None,
        shift_angstrom=shift if shift.any() else None,
        micrograph_pixel_angstrom=np.repeat(
            [item.inputs[side]["pixel_size_angstrom"] for item in full], counts
        ),
        phase_flipped=_is_flipped(items, side),
        dark=are_dark,
    )


def _shown(folder: Path) -> Path:
    """The job folder as STAR files name it: from where the command runs, if it lies below."""
    folder, here = folder.absolute(), Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _facts(folder: Path, item: Item, side: str) -> dict[str, Any]:
    return json.loads((folder / "items" / item.id / side / FACTS).read_text("utf-8"))


def _columns(folder: Path, item: Item, side: str) -> dict[str, NDArray[Any]]:
    with np.load(folder / "items" / item.id / side / COLUMNS) as stored:
        return dict(stored)


def _optics(facts: Mapping[str, Any]) -> Optics:
    return Optics() if facts["optics"] is None else Optics(**facts["optics"])


def _counts(dropped: Picks) -> dict[str, int]:
    if dropped.reason is None:
        return {}
    names, counts = np.unique(dropped.reason, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _plots(sets: Mapping[str, Particles], method: str) -> list[Plot]:
    """Some pairs: an untilted particle and, to its right, the same one tilted."""
    n = len(sets["untilted"])
    rows = np.sort(np.random.default_rng(0).permutation(n)[:_SHOWN])
    both = [read_particle_images(sets[side], rows) for side in SIDES]
    images = np.stack(both, axis=1).reshape(-1, *both[0].shape[1:])
    return [
        Plot(
            title="Particle pairs",
            caption=f"{len(rows)} of {n:,} pairs, drawn at random: untilted, and to its right "
            f"tilted. {method}",
            png=gallery_png(images, columns=12, tile_px=72),
        )
    ]


def _next_command(folder: Path, n: int) -> str:
    words = ["cryopick", "classify", str(folder / "particles_untilted.star")]
    if n < 500:
        words += ["--classes", str(max(1, n // 10))]
    return shlex.join([*words, "-o", "classes"])
