"""What ``pairs fit`` leaves: two linked STAR files, ``pairs.json``, both views side by side."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from cryopick.combine.tilt_geometry import common_axis_deg
from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.json_text import read_json_object
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.image_inputs import open_single
from cryopick.jobs.pairs_picture import pair_svg
from cryopick.model import Grid, PickPairs, Picks, SetKind, concatenate
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

FACTS = "pair.json"
PAIRS = "pairs.json"
SIDES = ("untilted", "tilted")
LINKED = {side: f"{side}.npz" for side in SIDES}
LEFT = {side: f"{side}_left.npz" for side in SIDES}
STARS = {side: f"pairs_{side}.star" for side in SIDES}
REASON = "cryopickReason"

_BOX_PER_DIAMETER = 1.5
_SHOWN_PAIRS = 2
_FEW_PAIRS = 10
# Of one session of the microscope: its tilt axis stays, and its tilts are alike.
_AXIS_APART_DEG = 10.0
_TILT_APART_DEG = 5.0


def collect_pairs(
    folder: Path,
    items: Sequence[Item],
    *,
    pixel_size_angstrom: float | None,
    warnings: Sequence[str],
) -> Outcome:
    """Join the linked picks of all pairs that are done.

    Parameters
    ----------
    folder
        The job folder.
    items
        All items; those without ``pair.json`` have failed.
    pixel_size_angstrom
        As the user gave it.
    warnings
        Sentences to hand on.
    """
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    facts = [json.loads((folder / "items" / i.id / FACTS).read_text("utf-8")) for i in done]
    frame = pairs_frame(facts)
    files: dict[str, str] = {}
    for side in SIDES:
        parts = [load_picks(folder / "items" / item.id / LINKED[side]) for item in done]
        picks = concatenate([Picks.empty(2), *parts])
        write_picks(picks, folder / STARS[side], frame, name="relion")
        files[f"pairs_{side}"] = STARS[side]
        left = [load_picks(folder / "items" / item.id / LEFT[side]) for item in done]
        if any(map(len, left)):
            _write_left(concatenate(left), folder / f"discarded_{side}.star", frame)
            files[f"discarded_{side}"] = f"discarded_{side}.star"
    write_text(folder / PAIRS, json.dumps({"pairs": facts}, indent=1, allow_nan=False))
    files["geometry"] = PAIRS
    total = sum(each["pairs"] for each in facts)
    return Outcome(
        summary=_summary(facts),
        sentence=f"{counted(total, SetKind.PICK_PAIRS)} from {counted(len(done), SetKind.TILT_PAIRS)}"
        + _tilt_in_words(facts),
        files=files,
        plots=_plots(folder, done, facts, pixel_size_angstrom),
        warnings=[*warnings, *_set_warnings(facts)],
        next_command=_next_command(folder, facts),
    )


def load_linked(folder: Path, item_id: str) -> PickPairs:
    """Linked picks of one pair of micrographs of a ``pairs fit`` folder."""
    place = folder / "items" / item_id
    return PickPairs(
        untilted=load_picks(place / LINKED["untilted"]), tilted=load_picks(place / LINKED["tilted"])
    )


def pairs_frame(facts: Sequence[Mapping[str, Any]]) -> Frame:
    """Grids and files of the micrographs of all pairs."""
    micrographs = [each[side] for each in facts for side in SIDES]
    return Frame(
        grids={
            m["name"]: Grid(
                shape=tuple(m["size_px"][::-1]), pixel_size_angstrom=m["pixel_size_angstrom"]
            )
            for m in micrographs
        },
        files={m["name"]: m["path"] for m in micrographs},
    )


def _write_left(left: Picks, path: Path, frame: Frame) -> None:
    """Write picks without a partner, each with its reason."""
    reason = np.full(len(left), "") if left.reason is None else left.reason
    shown = replace(left, state=np.full(len(left), "auto"), extra={**left.extra, REASON: reason})
    write_picks(shown, path, frame, name="relion")


def _summary(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fitted = [each["fit"] for each in facts if each["fit"] is not None]
    return {
        "pairs": sum(each["pairs"] for each in facts),
        "predicted": sum(each["predicted"] for each in facts),
        "micrograph_pairs": len(facts),
        "without_partner": {
            side: sum(each[f"{side}_without_partner"] for each in facts) for side in SIDES
        },
        "tilt_deg": {
            each["untilted"]["name"]: None if each["fit"] is None else each["fit"]["tilt_deg"]
            for each in facts
        },
        "axis_deg": None
        if not fitted
        else {side: common_axis_deg([fit[f"axis_{side}_deg"] for fit in fitted]) for side in SIDES},
        "rms_residual_angstrom": None
        if not fitted
        else float(np.median([fit["rms_residual_angstrom"] for fit in fitted])),
    }


def _tilt_in_words(facts: Sequence[Mapping[str, Any]]) -> str:
    tilts = [each["fit"]["tilt_deg"] for each in facts if each["fit"] is not None]
    if not tilts:
        return ""
    if len(tilts) == 1:
        return f", tilt {tilts[0]:.1f} degrees"
    return f", tilts {min(tilts):.1f} to {max(tilts):.1f} degrees"


def _set_warnings(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warnings of the pairs, and pairs that differ from the others."""
    lines = [f"{each['untilted']['name']}: {line}" for each in facts for line in each["warnings"]]
    lines += [
        f"{each['untilted']['name']}: {each['pairs']} pairs only"
        for each in facts
        if each["pairs"] < _FEW_PAIRS
    ]
    fitted = [each for each in facts if each["fit"] is not None]
    if len(fitted) < 3:
        return lines
    axis = common_axis_deg([each["fit"]["axis_tilted_deg"] for each in fitted])
    tilt = float(np.median([each["fit"]["tilt_deg"] for each in fitted]))
    for each in fitted:
        fit, name = each["fit"], each["untilted"]["name"]
        apart = abs((fit["axis_tilted_deg"] - axis + 90) % 180 - 90)
        if apart > _AXIS_APART_DEG:
            lines.append(f"{name}: its tilt axis is {apart:.0f} degrees off that of the others")
        if abs(fit["tilt_deg"] - tilt) > _TILT_APART_DEG:
            lines.append(f"{name}: tilt {fit['tilt_deg']:.1f} degrees, the others {tilt:.1f}")
    return lines


def _plots(
    folder: Path,
    items: Sequence[Item],
    facts: Sequence[Mapping[str, Any]],
    pixel_size_angstrom: float | None,
) -> list[Plot]:
    """The first pair, and the one with the largest residuals."""
    shown = list(range(min(len(items), 1)))
    residual = [each["fit"]["rms_residual_angstrom"] if each["fit"] else -1.0 for each in facts]
    if len(items) > 1:
        worst = int(np.argmax(residual))
        shown.append(worst if worst != 0 else 1)
    plots: list[Plot] = []
    for row in shown[:_SHOWN_PAIRS]:
        views = [open_single(facts[row][side]["path"], pixel_size_angstrom) for side in SIDES]
        left = [load_picks(folder / "items" / items[row].id / LEFT[side]) for side in SIDES]
        plots.append(
            Plot(
                title=f"{facts[row]['untilted']['name']} and {facts[row]['tilted']['name']}",
                caption="Pairs in colour, picks without a partner in grey; yellow: what the "
                "untilted view shows; cyan: from where the fit puts a partner to its pick, "
                "5 times as long.",
                svg=pair_svg(
                    views, load_linked(folder, items[row].id), left=left, fit=facts[row]["fit"]
                ),
            )
        )
    return plots


def _next_command(folder: Path, facts: Sequence[Mapping[str, Any]]) -> str:
    """Cut the pairs out; the box follows from the diameter, which must be known for that."""
    sizes = [each["diameter_angstrom"] for each in facts if each["diameter_angstrom"]]
    if not sizes or not sum(each["pairs"] for each in facts):
        return ""
    pixel = facts[0]["untilted"]["pixel_size_angstrom"]
    box = max(2, 2 * round(_BOX_PER_DIAMETER * max(sizes) / pixel / 2))
    words = ["cryopick", "extract", "pairs", str(folder), "--box", str(box), "--invert"]
    return shlex.join([*words, "-o", "particle_pairs"])


def read_pairs(path: str | Path) -> tuple[Path, list[dict[str, Any]]]:
    """Folder and geometry of a finished ``pairs fit``.

    Parameters
    ----------
    path
        The job folder, or its ``pairs.json``.
    """
    place = Path(path)
    folder = place.parent if place.name == PAIRS else place
    if not (folder / PAIRS).is_file():
        raise InputError(f"{path}: no {PAIRS} in it; give the folder that pairs fit wrote")
    document = read_json_object(folder / PAIRS)
    pairs = document.get("pairs")
    if not isinstance(pairs, list):
        raise FormatError(folder / PAIRS, "holds no list of pairs", "run pairs fit again")
    return folder, cast("list[dict[str, Any]]", pairs)
