"""What every picking job leaves behind: ``picks.star``, the discarded picks, plots, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.image_inputs import open_single
from cryopick.jobs.plots.axis import axis_over
from cryopick.jobs.plots.histogram import histogram_svg
from cryopick.jobs.plots.panel import WIDTH_PX, dots, frame, line, panels_over
from cryopick.jobs.plots.picture import scored_picture_svg, view_of
from cryopick.jobs.plots.svg import BLUE, drawing, written
from cryopick.model import Image, Picks, SetKind, active, concatenate, deleted
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

PICKS = "picks.npz"


def open_for_picking(item: Item) -> Image:
    """Open the image of an item as one image (a stack is not searched)."""
    return open_single(item.inputs["path"], item.inputs["pixel_size_angstrom"])


def collect_picks(
    folder: Path,
    items: Sequence[Item],
    *,
    thresholds: Mapping[str, float],
    next_command: str,
    tilt_series_pixel_angstrom: Mapping[str, float] | None = None,
) -> Outcome:
    """Join the picks of all items that are done, and write them down.

    Parameters
    ----------
    folder
        The job folder.
    items
        All items; those without ``picks.npz`` have failed.
    thresholds
        Threshold of each image, by name.
    next_command
        Suggested next step.
    tilt_series_pixel_angstrom
        Of the unbinned tilt images behind each tomogram, where known.
    """
    done = [i for i in items if (folder / "items" / i.id / PICKS).is_file()]
    parts = {i.inputs["name"]: load_picks(folder / "items" / i.id / PICKS) for i in done}
    frame = Frame(
        grids={i.inputs["name"]: open_for_picking(i).grid for i in done},
        files={i.inputs["name"]: i.inputs["path"] for i in done},
        tilt_series_pixels_angstrom=tilt_series_pixel_angstrom or {},
    )
    return outcome_of_picks(
        folder,
        parts,
        frame=frame,
        ndim=int(items[0].inputs["ndim"]) if items else 2,
        first=open_for_picking(done[0]) if done else None,
        thresholds=thresholds,
        next_command=next_command,
    )


def outcome_of_picks(
    folder: Path,
    parts: Mapping[str, Picks],
    *,
    frame: Frame,
    ndim: int,
    first: Image | None,
    thresholds: Mapping[str, float],
    next_command: str,
) -> Outcome:
    """Write down the picks of all images that are done, and say what they are.

    Parameters
    ----------
    folder
        The job folder.
    parts
        Picks by image, deleted ones included.
    frame
        Grids and files of the images.
    ndim
        2 for micrographs, 3 for tomograms.
    first
        The first image, which is shown with its picks; None: none is done.
    thresholds, next_command
        As for `collect_picks`.
    """
    picks = concatenate(list(parts.values())) if parts else Picks.empty(ndim)
    files = _write_stars(picks, folder, frame)
    counts = {name: len(active(p)) for name, p in parts.items()}
    taken, dropped = active(picks), deleted(picks)
    reasons = np.asarray(dropped.reason) if len(dropped) else np.zeros(0, dtype=str)
    kind = SetKind.MICROGRAPHS if ndim == 2 else SetKind.TOMOGRAMS
    summary: dict[str, Any] = {
        "picks": len(taken),
        "images": len(parts),
        "picks_per_image": counts,
        "discarded": {
            str(r): int(n) for r, n in zip(*np.unique(reasons, return_counts=True), strict=True)
        },
        "thresholds": dict(thresholds),
    }
    plots = [_histogram(picks, thresholds)]
    if len(counts) > 1:
        plots.append(_per_image(counts))
    if first is not None:
        plots.append(_overlay(first, next(iter(parts.values()))))
    empty = [name for name, n in counts.items() if n == 0]
    warnings = (
        [f"no picks in {', '.join(empty[:5])}" + (", ..." if len(empty) > 5 else "")]
        if empty
        else []
    )
    return Outcome(
        summary=summary,
        sentence=f"{counted(len(taken), SetKind.PICKS)} from {counted(len(parts), kind)}",
        files=files,
        plots=plots,
        warnings=warnings,
        next_command=next_command,
    )


def _write_stars(picks: Picks, folder: Path, frame: Frame) -> dict[str, str]:
    name = "relion" if picks.ndim == 2 else "relion5"
    write_picks(picks, folder / "picks.star", frame, name=name)
    files = {"picks": "picks.star"}
    dropped = deleted(picks)
    if len(dropped):
        shown = replace(dropped, state=np.full(len(dropped), "auto"))
        write_picks(shown, folder / "discarded.star", frame, name=name)
        files["discarded"] = "discarded.star"
    return files


def _histogram(picks: Picks, thresholds: Mapping[str, float]) -> Plot:
    score = np.zeros(len(picks)) if picks.score is None else picks.score
    taken = np.ones(len(picks), bool) if picks.state is None else picks.state != "deleted"
    svg = histogram_svg(
        {"picks": score[taken], "discarded": score[~taken]},
        x_name="score",
        y_name="candidates",
        lines=_threshold_line(list(thresholds.values())),
    )
    return Plot(title="Scores", svg=svg)


def _threshold_line(thresholds: Sequence[float]) -> dict[str, float]:
    if not thresholds:
        return {}
    median = float(np.median(thresholds))
    what = "threshold" if len(set(thresholds)) == 1 else "median threshold"
    return {f"{what} {written(median)}": median}


def _per_image(counts: Mapping[str, int]) -> Plot:
    order, found = list(range(1, len(counts) + 1)), list(counts.values())
    x = axis_over(order, "image, in order", whole=True, most_ticks=10)
    y = axis_over(found, "picks", low=0, high=1.05 * max([1, *found]), whole=True)
    (panel,), height_px = panels_over(x, [y], height_px=180)
    names = [f"{name}: {n:,}" for name, n in counts.items()]
    parts = [
        frame(panel),
        line(panel, order, found, colour=BLUE),
        dots(panel, order, found, colour=BLUE, names=names),
    ]
    return Plot(title="Picks per image", svg=drawing(parts, width_px=WIDTH_PX, height_px=height_px))


def _overlay(image: Image, picks: Picks) -> Plot:
    """Show the first image (the middle slab of a tomogram) with its picks, coloured by score."""
    plane, near = _slab(image, active(picks))
    place_px = image.grid.to_px(near.position_angstrom) if len(near) else np.zeros((0, 2))
    known = near.diameter_angstrom is not None
    size_angstrom = near.diameter_angstrom if known else np.full(len(near), np.nan)
    svg = scored_picture_svg(
        view_of(plane, longest_px=500, cut_percent=1),
        place_px,
        np.asarray(size_angstrom) / image.grid.pixel_size_angstrom,
        near.score,
    )
    caption = f"{image.name}: {len(near):,} picks shown, bright circles score higher."
    return Plot(title="First image", caption=caption, svg=svg)


def _slab(image: Image, picks: Picks) -> tuple[NDArray[np.float32], Picks]:
    if image.ndim == 2:
        return image.read(), picks
    middle, half = image.grid.shape[0] // 2, 5
    slab = np.asarray(image.data[max(0, middle - half) : middle + half + 1], dtype=np.float32)
    z = image.grid.to_px(picks.position_angstrom)[:, 2] if len(picks) else np.zeros(0)
    return slab.mean(0), picks[np.abs(z - middle) <= half] if len(picks) else picks
