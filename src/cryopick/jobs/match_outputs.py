"""What ``match`` leaves behind: picks, plots, and files for the programs that go on with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.io.picks.npz import load_picks
from cryopick.jobs.chosen_outputs import collect_chosen
from cryopick.jobs.image_inputs import open_single
from cryopick.jobs.pick_outputs import PICKS
from cryopick.jobs.tomogram_hand_off import write_hand_off
from cryopick.model import Grid, Picks, active, concatenate
from cryopick.pick.matching.template import Template
from cryopick.run.job import Item, Outcome

_SURFACE_SD = 3.0


def collect_match(
    folder: Path,
    items: Sequence[Item],
    *,
    templates: Sequence[Template],
    template_paths: Sequence[Path],
    next_command: str,
) -> Outcome:
    """Join the picks of all tomograms that are done.

    Parameters
    ----------
    folder
        The job folder.
    items
        All items; those without ``picks.npz`` have failed.
    templates, template_paths
        What was searched for, and where it lies.
    next_command
        Suggested next step.
    """
    done = [item for item in items if (folder / "items" / item.id / PICKS).is_file()]
    pixel = {
        item.inputs["name"]: float(item.inputs["tilt_series_pixel_angstrom"])
        for item in done
        if item.inputs["tilt_series_pixel_angstrom"] is not None
    }
    outcome = collect_chosen(
        folder, items, next_command=next_command, tilt_series_pixel_angstrom=pixel
    )
    parts = [load_picks(folder / "items" / item.id / PICKS) for item in done]
    picks = active(concatenate(parts)) if parts else Picks.empty(3)
    files = write_hand_off(
        folder,
        picks,
        tomograms={
            item.inputs["name"]: (Path(item.inputs["path"]), open_grid(item)) for item in done
        },
        tilt_series_pixel_angstrom=pixel,
        templates={
            template.name: (path, _surface_level(template))
            for template, path in zip(templates, template_paths, strict=True)
        },
        diameter_angstrom=min(template.diameter_angstrom for template in templates),
    )
    notes = {item.inputs["name"]: _notes(folder, item) for item in done}
    return replace(
        outcome,
        summary={
            **outcome.summary,
            "tilts": {item.inputs["name"]: item.inputs["tilts"] for item in items},
            "notes": notes,
        },
        files={**outcome.files, **files},
    )


def open_grid(item: Item) -> Grid:
    """Grid of an item's tomogram."""
    return open_single(item.inputs["path"], item.inputs["pixel_size_angstrom"]).grid


def _notes(folder: Path, item: Item) -> list[str]:
    path = folder / "items" / item.id / "notes.json"
    return json.loads(path.read_text("utf-8"))


def _surface_level(template: Template) -> float:
    """Level of a surface that shows the particle, on the template's own scale."""
    inside = template.density[template.mask > 0.5]
    bright = float(np.mean(inside)) >= float(np.median(template.density))
    sd = float(template.density.std())
    return float(np.median(template.density)) + (1 if bright else -1) * _SURFACE_SD * sd / 2
