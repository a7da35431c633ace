"""``cryopick compare``: score picks against the truth."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.evaluate.comparison import Comparison, Scope, compare_picks
from cryopick.evaluate.curve import Curve
from cryopick.evaluate.image_names import with_common_names
from cryopick.evaluate.matches import Matching
from cryopick.evaluate.plots import f1_svg, histogram_svg, precision_recall_svg
from cryopick.geometry.symmetry import point_group
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.image_inputs import image_grids, only_grid
from cryopick.model import Picks, active
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param

RESULT = "result.json"
TABLES = {"per_image": "per_image.csv", "curve": "curve.csv", "matches": "matches.csv"}


class CompareParams(Params):
    """Parameters of ``compare``."""

    picks: str = param(description="Picks to score, in any dialect")
    truth: str = param(description="The true positions, in any dialect")
    tolerance_angstrom: float = param(description="Largest distance of a match", unit="Å", gt=0)
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the images that both files count pixels of", unit="Å", gt=0
    )
    truth_pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size for the truth, where it is another one",
        unit="Å",
        gt=0,
        advanced=True,
    )
    image: list[str] = param(
        [],
        description="The picked images (files, globs, folders, STAR): their sizes and pixel sizes "
        "place picks of dialects that need them",
    )
    symmetry: str = param("C1", description="Point group of the particle, for orientation errors")
    matching: Matching = param(
        "optimal",
        description="optimal: as many one-to-one matches as possible, then the shortest; "
        "greedy: the best score chooses first",
    )
    scope: Scope = param(
        "all",
        description="all: picks of images that the truth does not name are false; "
        "truth: they are left out",
    )
    bootstrap: int = param(
        1000, description="Draws of the images for 95 % intervals; 0: none", ge=0, le=100_000
    )
    seed: int = param(0, description="Seed of the draws", ge=0, advanced=True)
    from_dialect: str | None = param(
        None, description="Dialect of the picks; recognised where not given", advanced=True
    )
    truth_dialect: str | None = param(
        None, description="Dialect of the truth; recognised where not given", advanced=True
    )


def plan(params: CompareParams) -> list[Item]:
    """One item: both files. They are read here too, so that wrong ones stop the job at once."""
    point_group(params.symmetry)
    picks, truth, _ = _load(params)
    if picks.ndim != truth.ndim:
        raise InputError(
            f"{params.picks}: holds {picks.ndim}D picks, {params.truth} {truth.ndim}D ones"
        )
    with_common_names(active(picks), active(truth))
    n = len(picks) + len(truth)
    return [
        Item(
            id="comparison",
            inputs={"path": params.picks, "truth": params.truth},
            cost=Cost(
                memory_bytes=50_000_000 + n * 2_000,
                seconds=1 + n * (1e-4 + params.bootstrap * 1e-7),
            ),
        )
    ]


def work(item: Item, params: CompareParams, worker: Worker) -> None:
    """Compare, and write the figures and the tables behind them."""
    del item  # all it says is in the parameters
    picks, truth, notes = _load(params)
    result = compare_picks(
        picks,
        truth,
        tolerance_angstrom=params.tolerance_angstrom,
        matching=params.matching,
        symmetry=params.symmetry,
        scope=params.scope,
        draws=params.bootstrap,
        seed=params.seed,
    )
    summary: dict[str, Any] = {
        "tolerance_angstrom": params.tolerance_angstrom,
        "matching": params.matching,
        "symmetry": params.symmetry,
        **result.summary(),
    }
    # Notes of the two files are often the same sentence.
    document = {"summary": summary, "warnings": list(dict.fromkeys([*notes, *result.warnings]))}
    write_text(worker.folder / RESULT, json.dumps(document, indent=1, allow_nan=False))
    write_text(worker.folder / TABLES["per_image"], _per_image_csv(summary["per_image"]))
    write_text(worker.folder / TABLES["matches"], _matches_csv(result))
    if result.curve is not None:
        write_text(worker.folder / TABLES["curve"], _curve_csv(result.curve))


def collect(folder: Path, items: Sequence[Item], params: CompareParams) -> Outcome:
    """Read the figures back, draw them, and say the result in words."""
    del params  # what was asked is in the result
    done = [folder / "items" / item.id for item in items]
    done = [place for place in done if (place / RESULT).is_file()]
    if not done:
        return Outcome(summary={}, sentence="nothing was compared")
    place = done[0]
    document = json.loads((place / RESULT).read_text("utf-8"))
    files: dict[str, str] = {}
    for what, name in TABLES.items():
        if (place / name).is_file():
            shutil.copyfile(place / name, folder / name)
            files[what] = name
    return Outcome(
        summary=document["summary"],
        sentence=_sentence(document["summary"]),
        files=files,
        plots=_plots(place, document["summary"]),
        warnings=document["warnings"],
    )


def _load(params: CompareParams) -> tuple[Picks, Picks, list[str]]:
    """Both sets, and what the readers warned of."""
    grids = image_grids(params.image, params.pixel_size_angstrom)
    sets: list[Picks] = []
    notes: list[str] = []
    truth_pixel = params.truth_pixel_size_angstrom or params.pixel_size_angstrom
    for path, name, pixel in (
        (params.picks, params.from_dialect, params.pixel_size_angstrom),
        (params.truth, params.truth_dialect, truth_pixel),
    ):
        frame = Frame(
            grids=grids,
            default_grid=only_grid(grids),
            pixel_size_angstrom=pixel,
        )
        found = read_picks(Path(path), frame, name=name)
        sets.append(found.picks)
        notes += [f"{Path(path).name}: {warning}" for warning in found.warnings]
    return sets[0], sets[1], notes


def _sentence(summary: Mapping[str, Any]) -> str:
    """The result in words."""
    counts = (
        f"{summary['n_matched']:,} of {summary['n_picks']:,} picks match "
        f"{summary['n_truth']:,} true particles in {summary['n_images']:,} image(s)"
    )
    if summary["f1"] is None:
        return f"no picks and no true particles to compare: {counts}"
    words = (
        f"F1 {summary['f1']:.3f} (precision {_figure(summary['precision'])}, "
        f"recall {_figure(summary['recall'])}) within {summary['tolerance_angstrom']:g} Å: {counts}"
    )
    if summary["best_f1"] is not None and summary["best_threshold"] is not None:
        words += f"; best F1 {summary['best_f1']:.3f} at score {summary['best_threshold']:.4g}"
    return words


def _figure(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _plots(place: Path, summary: Mapping[str, Any]) -> list[Plot]:
    plots: list[Plot] = []
    if summary["n_truth"] and (place / TABLES["curve"]).is_file():
        columns = _columns(place / TABLES["curve"])
        curve = Curve(
            threshold=columns["threshold"],
            n_kept=columns["n_kept"],
            n_matched=columns["n_matched"],
            n_truth=float(summary["n_truth"]),
        )
        if len(curve.threshold):
            plots += [
                Plot(title="Precision and recall", svg=precision_recall_svg(curve)),
                Plot(title="F1 at every threshold", svg=f1_svg(curve)),
            ]
    columns = _columns(place / TABLES["matches"])
    for column, title, name in (
        ("distance_angstrom", "Position error", "distance in Å"),
        ("angle_deg", "Orientation error", "angle in degrees"),
    ):
        values = columns.get(column, np.zeros(0))
        if np.isfinite(values).any():
            plots.append(Plot(title=title, svg=histogram_svg(values, name=name)))
    return plots


def _per_image_csv(per_image: Mapping[str, Mapping[str, Any]]) -> str:
    names = ["n_picks", "n_truth", "n_matched", "precision", "recall", "f1", "duplicate_rate"]
    rows = ([image, *(counts[n] for n in names)] for image, counts in per_image.items())
    return _csv(["image", *names], rows)


def _curve_csv(curve: Curve) -> str:
    columns = (
        curve.threshold, curve.n_kept, curve.n_matched, curve.precision, curve.recall, curve.f1,
    )  # fmt: skip
    names = ["threshold", "n_kept", "n_matched", "precision", "recall", "f1"]
    return _csv(names, zip(*(c.tolist() for c in columns), strict=True))


def _matches_csv(result: Comparison) -> str:
    """One row per match, with the positions of both, so that errors can be looked at."""
    m = result.matches
    axes = ("x", "y", "z")[: result.picks.ndim]
    header = ["image", "distance_angstrom", "angle_deg"]
    header += [f"{who}_{axis}_angstrom" for who in ("pick", "truth") for axis in axes]
    angle = np.full(len(m), np.nan) if m.angle_deg is None else m.angle_deg
    columns: list[NDArray[Any]] = [result.picks.image[m.pick], m.distance_angstrom, angle]
    columns += list(result.picks.position_angstrom[m.pick].T)
    columns += list(result.truth.position_angstrom[m.truth].T)
    return _csv(header, zip(*(c.tolist() for c in columns), strict=True))


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value


def _columns(path: Path) -> dict[str, NDArray[np.float64]]:
    """Number columns of one of our own tables; an empty cell is NaN."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "image"]
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


JOB = Job(
    name="compare",
    title="Score picks against the truth",
    params=CompareParams,
    plan=plan,
    work=work,
    collect=collect,
    arguments=("picks", "truth"),
    example="cryopick compare picks.star truth.star --tolerance 50 -o compare",
    preload=("scipy.spatial",),
)
