"""``cryopick demo``: from images to classes and to oriented picks, in 2D and 3D, in minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from cryopick.io.atomic import write_text
from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.jobs.registry import load_job
from cryopick.model import Image
from cryopick.run import Progress, run_job
from cryopick.run.folder import JobFolder
from cryopick.run.report import figure_html, page_html, section_html

REPORT = "report.html"
HANDED_ON = "handed_on"

PIXEL_2D_ANGSTROM = 2.0
PIXEL_3D_ANGSTROM = 10.0


_PICTURE_LAST = ("pick log", "match")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One job of the demonstration.

    Attributes
    ----------
    name
        Folder inside the demonstration.
    job
        Words of the job's command.
    heading
        For the report.
    params
        Parameters; paths are relative to the demonstration's folder where they begin with ``@``.
    """

    name: str
    job: str
    heading: str
    params: Mapping[str, Any]


STAGES = (
    Stage(
        name="micrographs",
        job="simulate micrographs",
        heading="Micrographs with known truth",
        params={
            "maps": ["apoferritin"],
            "micrographs": 4,
            "particles": 150,
            "size_px": (1536, 1536),
            "pixel_size_angstrom": PIXEL_2D_ANGSTROM,
            "ice_crystals": 2,
            "carbon_share": 0.1,
        },
    ),
    Stage(
        name="picks",
        job="pick log",
        heading="Picks in the micrographs",
        params={
            "images": ["@micrographs/micrographs/*.mrc"],
            "diameter_min_angstrom": 110.0,
            "diameter_max_angstrom": 150.0,
        },
    ),
    Stage(
        name="score",
        job="compare",
        heading="How good they are",
        params={
            "picks": "@picks/picks.star",
            "truth": "@micrographs/truth.csv",
            "tolerance_angstrom": 30.0,
            "pixel_size_angstrom": PIXEL_2D_ANGSTROM,
        },
    ),
    Stage(
        name="particles",
        job="extract particles",
        heading="Cut out",
        params={
            "picks": "@picks/picks.star",
            "micrographs": ["@micrographs/micrographs/*.mrc"],
            "ctf": "@micrographs/micrographs.star",
            "box_px": 96,
            "rescale_px": 48,
        },
    ),
    Stage(
        name="classes",
        job="classify",
        heading="2D classes",
        params={
            "particles": "@particles/particles.star",
            "classes": 6,
            "mask_diameter_angstrom": 150.0,
            "iterations": 12,
        },
    ),
    Stage(
        name="tomogram",
        job="simulate tomogram",
        heading="A tomogram with known truth",
        params={
            "maps": ["ribosome"],
            "particles": 40,
            "vesicles": 1,
            "size_px": (320, 320, 120),
            "pixel_size_angstrom": PIXEL_3D_ANGSTROM,
            "ice_angstrom": 1000.0,
        },
    ),
    Stage(
        name="picks_3d",
        job="pick log",
        heading="Picks in the tomogram",
        params={
            "images": ["@tomogram/tomograms/*.mrc"],
            "diameter_min_angstrom": 220.0,
            "diameter_max_angstrom": 300.0,
        },
    ),
    Stage(
        name="score_3d",
        job="compare",
        heading="How good they are in 3D",
        params={
            "picks": "@picks_3d/picks.star",
            "truth": "@tomogram/truth.csv",
            "tolerance_angstrom": 75.0,
            "image": ["@tomogram/tomograms/*.mrc"],
        },
    ),
    Stage(
        name="template",
        job="template",
        heading="A template from a map",
        params={
            "maps": ["ribosome"],
            "pixel_size_angstrom": PIXEL_3D_ANGSTROM,
            "contrast": "dark",
        },
    ),
    Stage(
        name="matches",
        job="match",
        heading="Found by the template, with orientations",
        params={
            "tomograms": ["@tomogram/tomograms/*.mrc"],
            "templates": ["@template/ribosome.mrc"],
            "masks": ["@template/ribosome_mask.mrc"],
            "tilts": "@tomogram/tilts/tomo_01.tlt",
            "dose": "@tomogram/tilts/tomo_01_exposure.txt",
            "defocus": "@tomogram/tilts/tomo_01_defocus.txt",
            "ctf_model": "phase-flip",
            "angular_step_deg": 14.0,
        },
    ),
    Stage(
        name="score_matches",
        job="compare",
        heading="How good these are",
        params={
            "picks": "@matches/picks.star",
            "truth": "@tomogram/truth.csv",
            "tolerance_angstrom": 75.0,
            "image": ["@tomogram/tomograms/*.mrc"],
        },
    ),
)


def run_demo(
    folder: str | Path,
    *,
    stages: Sequence[Stage] = STAGES,
    overwrite: bool = False,
    on_stage: Callable[[Stage], Callable[[Progress], None] | None] | None = None,
) -> Path:
    """Run every stage into a folder of its own and write one report over all of them.

    Parameters
    ----------
    folder
        Made if need be.
    stages
        What to do, in order.
    overwrite
        Repeat stages that an earlier demonstration left there.
    on_stage
        Told each stage before it starts; what it returns is told the stage's progress.

    Returns
    -------
    Path
        The report.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        job = load_job(stage.job)
        show = on_stage(stage) if on_stage else None
        params = job.params(**{name: _placed(v, root) for name, v in stage.params.items()})
        run_job(job, params, root / stage.name, overwrite=overwrite, on_progress=show)
    handed = _hand_on(root)
    page = root / REPORT
    write_text(page, _page(root, stages, handed))
    return page


def _placed(value: Any, root: Path) -> Any:
    """Put paths that begin with ``@`` into the demonstration's folder."""
    if isinstance(value, list):
        return [_placed(v, root) for v in value]  # pyright: ignore[reportUnknownVariableType] - of any job's parameter
    if isinstance(value, str) and value.startswith("@"):
        return str(root / value[1:])
    return value


def _hand_on(root: Path) -> list[tuple[str, str]]:
    """Write the tomogram's picks for other programs; gives (file, whose)."""
    target = root / HANDED_ON
    target.mkdir(exist_ok=True)
    tomogram = next((root / "tomogram" / "tomograms").glob("*.mrc"))
    image = open_image(tomogram, kind="volume")
    if not isinstance(image, Image):
        return []
    frame = Frame(grids={image.name: image.grid}, default_grid=image.grid, box_size_px=40)
    picks = read_picks(root / "matches" / "picks.star", frame).picks
    written: list[tuple[str, str]] = []
    for name, file, whose in (
        ("imod-model", f"{image.name}.mod", "IMOD (3dmod)"),
        ("dynamo-table", f"{image.name}.tbl", "Dynamo, ArtiaX"),
        ("pytom-xml", f"{image.name}.xml", "PyTom"),
        ("csv", f"{image.name}.csv", "a spreadsheet"),
    ):
        write_picks(picks, target / file, frame, name=name)
        written.append((f"{HANDED_ON}/{file}", whose))
    return written


def _page(root: Path, stages: Sequence[Stage], handed: list[tuple[str, str]]) -> str:
    sections = [
        '<header><p class="job">cryopick demo</p><h1>From images to classes and oriented picks</h1>'
        '<p class="facts"><span>Simulated images, so the truth is known.</span></p></header>'
    ]
    for stage in stages:
        summary = JobFolder(root / stage.name).summary()
        link = f'<a href="{stage.name}/report.html">full report</a>'
        body = f"<p>{escape(str(summary.get('sentence', '')))}. {link}</p>"
        sections.append(section_html(f"{stage.heading} (cryopick {stage.job})", body))
        shown = list(summary.get("plots", []))
        # The last figure of a picking job is the picture; otherwise the first tells most.
        chosen = shown[-1:] if stage.job in _PICTURE_LAST else shown[:1]
        sections += [figure_html(root / stage.name, plot) for plot in chosen]
    rows = "".join(
        f'<li><a href="{escape(file)}"><code>{escape(file)}</code></a> for {escape(whose)}</li>'
        for file, whose in handed
    )
    sections.append(section_html("The same picks for other programs", f"<ul>{rows}</ul>"))
    return page_html("cryopick demo", sections)
