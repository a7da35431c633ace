"""What choosing candidates leaves behind: picks, the verdicts on their scores, and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.io.atomic import write_bytes, write_text
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.jobs.pick_outputs import PICKS, collect_picks
from cryopick.model import Image
from cryopick.pick.matching.candidates import Chosen
from cryopick.pick.matching.plots import estimated_curve_svg, score_histogram_svg, slices_png
from cryopick.run.job import Item, Outcome, Plot

VERDICTS = "verdicts.json"
FIGURES = "figures"
_MOST_FIGURES = 6


def save_chosen(chosen: Chosen, tomogram: Image, folder: Path) -> None:
    """Write the picks of one tomogram, the verdicts on its scores, and the figures.

    `collect_chosen` reads them back.
    """
    save_picks(chosen.picks, folder / PICKS)
    document = {name: verdict.summary() for name, verdict in chosen.verdicts.items()}
    write_text(folder / VERDICTS, json.dumps(document, indent=1, allow_nan=False))
    figures = folder / FIGURES
    figures.mkdir()
    label, score = np.asarray(chosen.picks.label), np.asarray(chosen.picks.score)
    for number, (name, verdict) in enumerate(chosen.verdicts.items()):
        of_it = score[(label == name) & chosen.tested]
        write_text(figures / f"{number}-scores.svg", score_histogram_svg(of_it, verdict))
        curve = estimated_curve_svg(verdict)
        if curve is not None:
            write_text(figures / f"{number}-curve.svg", curve)
    thickness = max(v.template.diameter_angstrom for v in chosen.verdicts.values()) / 2
    write_bytes(
        figures / "slices.png", slices_png(tomogram, chosen.picks, thickness_angstrom=thickness)
    )


def collect_chosen(
    folder: Path,
    items: Sequence[Item],
    *,
    next_command: str,
    tilt_series_pixel_angstrom: Mapping[str, float] | None = None,
) -> Outcome:
    """Join what `save_chosen` wrote for each item."""
    verdicts: dict[str, dict[str, Any]] = {}
    plots: list[Plot] = []
    for item in items:
        place = folder / "items" / item.id
        if not (place / VERDICTS).is_file():
            continue
        name = str(item.inputs["name"])
        verdicts[name] = json.loads((place / VERDICTS).read_text("utf-8"))
        if len(verdicts) <= _MOST_FIGURES:
            plots += _plots(place, name, list(verdicts[name]))
    thresholds = {
        name if len(of_image) == 1 else f"{name}: {template}": float(verdict["cut_off"])
        for name, of_image in verdicts.items()
        for template, verdict in of_image.items()
    }
    outcome = collect_picks(
        folder,
        items,
        thresholds=thresholds,
        next_command=next_command,
        tilt_series_pixel_angstrom=tilt_series_pixel_angstrom,
    )
    notes = [
        f"{name}: {verdict['note']}"
        for name, of_image in verdicts.items()
        for verdict in of_image.values()
        if "note" in verdict
    ]
    summary = {
        **outcome.summary,
        "picks_per_template": _per_template(folder, items),
        "verdicts": verdicts,
    }
    return replace(
        outcome,
        summary=summary,
        plots=[*plots, *outcome.plots],
        warnings=[*notes, *outcome.warnings],
    )


def _plots(place: Path, image: str, templates: Sequence[str]) -> list[Plot]:
    plots: list[Plot] = []
    for number, template in enumerate(templates):
        caption = "Lines: what the fit takes for background and for particles."
        svg = (place / FIGURES / f"{number}-scores.svg").read_text("utf-8")
        plots.append(Plot(title=f"{image}: scores of {template}", caption=caption, svg=svg))
        curve = place / FIGURES / f"{number}-curve.svg"
        if curve.is_file():
            plots.append(
                Plot(
                    title=f"{image}: estimated precision and recall of {template}",
                    caption="Estimated from the scores alone, without any truth.",
                    svg=curve.read_text("utf-8"),
                )
            )
    png = (place / FIGURES / "slices.png").read_bytes()
    return [*plots, Plot(title=f"{image}: slices with picks", png=png)]


def _per_template(folder: Path, items: Sequence[Item]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        path = folder / "items" / item.id / PICKS
        if not path.is_file():
            continue
        picks = load_picks(path)
        label, state = np.asarray(picks.label), np.asarray(picks.state)
        for name in np.unique(label):
            taken = int(np.sum((label == name) & (state != "deleted")))
            counts[str(name)] = counts.get(str(name), 0) + taken
    return counts
