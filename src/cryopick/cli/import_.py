"""``cryopick import KIND ...``: bring images, picks and metadata into a project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryopick.cli.common_options import JSON
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json
from cryopick.cli.project_options import (
    NAME,
    PIXEL_SIZE,
    PROJECT,
    chosen_project,
    number,
    positive,
    texts,
)
from cryopick.errors import InputError
from cryopick.model.sets import Acquisition, SetKind, summary_in_words
from cryopick.project.exporting import save_set
from cryopick.project.import_picks import import_picks
from cryopick.project.import_relion import import_relion
from cryopick.project.import_tilts import import_aretomo, import_tilt_series, import_warp
from cryopick.project.importing import Imported, Origin, import_images, import_tilt_pairs
from cryopick.project.store import Project, open_project

Values = dict[str, Any]

FILES = Option(
    name="files",
    flags=("FILES",),
    help="Files, quoted patterns (also with {TS} for the name), or folders. [required]",
    kind="list",
)
FOLDER = Option(name="path", flags=("PATH",), help="File or folder. [required]")
EXCLUDE = Option(
    name="exclude",
    flags=("--exclude",),
    help="Leave out files whose name holds one of these words.",
    kind="list",
)
ORIGIN = Option(
    name="origin",
    flags=("--origin",),
    help="Where the image lies: centre of the specimen, the header's ORIGIN, or x,y,z of the "
    "first pixel. [Å; default: centre]",
)
GROUP = Option(name="group", flags=("--group",), help="Group id.")
IMAGES = Option(
    name="images",
    flags=("--images",),
    help="Set that the picks lie in. [default: the only set of images]",
)
SKIP = Option(
    name="skip_unmatched",
    flags=("--skip-unmatched",),
    help="Leave out picks in images that the set does not hold.",
    kind="switch",
    negatable=False,
)
TILTS = [
    Option(name=name, flags=(flag,), help=f"{words} [degrees]", kind="number")
    for name, flag, words in (
        ("tilt_min", "--tilt-min", "Lowest tilt."),
        ("tilt_max", "--tilt-max", "Highest tilt."),
        ("tilt_step", "--tilt-step", "Step between tilts."),
        ("tilt_axis", "--tilt-axis", "Angle of the tilt axis in the image."),
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of import: what it is called, takes and does."""

    title: str
    options: list[Option]
    run: Callable[[Project, Values], Imported]
    example: str


def command(argv: list[str]) -> int:
    """Import, write the new sets as STAR, and say what came."""
    if not argv or argv[0] in ("--help", "-h"):
        print(overview())
        return 0
    if argv[0] not in KINDS:
        raise InputError(f"import: {argv[0]!r}: use one of {', '.join(KINDS)}")
    kind = KINDS[argv[0]]
    options = [*kind.options, PROJECT, JSON]
    given = parse(f"import {argv[0]}", kind.title, options, argv[1:], example=kind.example)
    if given is None:
        return 0
    for option in kind.options[:1]:
        if not given.get(option.name):
            raise InputError(
                f"{option.flags[0]}: is missing; see: cryopick import {argv[0]} --help"
            )
    with open_project(chosen_project(given)) as project:
        project.back_up_if_due()
        imported = kind.run(project, given)
        saved = [str(save_set(project, dataset.name)) for dataset in imported.datasets]
    _tell(imported, saved, as_json=bool(given.get("json")))
    return 0


def overview() -> str:
    """Help over all kinds."""
    width = max(map(len, KINDS))
    rows = [f"  {name:<{width}}  {kind.title}" for name, kind in KINDS.items()]
    return "\n".join(
        ["Usage: cryopick import KIND ... [OPTIONS]", "", *rows, "",
         "cryopick import KIND --help explains one."]
    )  # fmt: skip


def _tell(imported: Imported, saved: list[str], *, as_json: bool) -> None:
    for line in imported.warnings:
        print(f"cryopick: warning: {line}", file=sys.stderr)
    if as_json:
        sets = [
            {"name": d.name, "kind": d.kind.value, "count": len(d), "images": len(d.members),
             "pixel_size_angstrom": d.pixel_size_angstrom, "box_size_px": d.box_size_px,
             "sentence": summary_in_words(d), "file": file}
            for d, file in zip(imported.datasets, saved, strict=True)
        ]  # fmt: skip
        warnings, assumed = list(imported.warnings), list(imported.assumed)
        print_json({"sets": sets, "assumed": assumed, "warnings": warnings})
        return
    for dataset, file in zip(imported.datasets, saved, strict=True):
        print(f"{dataset.name}: {summary_in_words(dataset)}")
        print(f"  {file}")
    for line in imported.assumed:
        print(f"  {line}")


def _images(kind: SetKind) -> Callable[[Project, Values], Imported]:
    def run(project: Project, values: Values) -> Imported:
        return import_images(
            project,
            texts(values, "files"),
            kind=kind,
            name=values.get("name"),
            pixel_size_angstrom=positive(values, "pixel_size"),
            origin=_origin(values),
            acquisition=_acquisition(values),
            exclude=texts(values, "exclude"),
            group=values.get("group", ""),
        )

    return run


def _tilt_pairs(project: Project, values: Values) -> Imported:
    tilted = texts(values, "tilted")
    if not tilted:
        raise InputError("--tilted: is missing; see: cryopick import tilt-pairs --help")
    return import_tilt_pairs(
        project,
        texts(values, "files"),
        tilted,
        name=values.get("name"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        acquisition=_acquisition(values),
        exclude=texts(values, "exclude"),
    )


def _tilt_series(project: Project, values: Values) -> Imported:
    return import_tilt_series(
        project,
        texts(values, "files"),
        name=values.get("name"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        acquisition=_acquisition(values),
        exclude=texts(values, "exclude"),
    )


def _relion(project: Project, values: Values) -> Imported:
    return import_relion(
        project,
        values["path"],
        name=values.get("name"),
        images=values.get("images"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        skip_unmatched=bool(values.get("skip_unmatched")),
    )


def _aretomo(project: Project, values: Values) -> Imported:
    return import_aretomo(
        project,
        values["path"],
        name=values.get("name"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        exposure_e_per_a2=positive(values, "exposure"),
        origin=_origin(values),
    )


def _warp(project: Project, values: Values) -> Imported:
    return import_warp(
        project,
        texts(values, "files"),
        name=values.get("name"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        origin=_origin(values),
    )


def _picks(project: Project, values: Values) -> Imported:
    return import_picks(
        project,
        texts(values, "files"),
        images=values.get("images"),
        name=values.get("name"),
        dialect=values.get("from_"),
        pixel_size_angstrom=positive(values, "pixel_size"),
        box_size_px=positive(values, "box"),
        group=values.get("group"),
        skip_unmatched=bool(values.get("skip_unmatched")),
    )


def _origin(values: Values) -> Origin:
    text = str(values.get("origin", "centre"))
    # Two comparisons, because they tell the type checker which of the two words it is.
    if text == "centre" or text == "header":  # noqa: PLR1714
        return text
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"--origin: {text!r}: use centre, header, or x,y,z in Å") from None


def _acquisition(values: Values) -> Acquisition | None:
    low, high = number(values, "tilt_min"), number(values, "tilt_max")
    step, axis = positive(values, "tilt_step"), number(values, "tilt_axis")
    if low is None or high is None:
        if any(value is not None for value in (low, high, step, axis)):
            raise InputError("--tilt-min and --tilt-max: give both, or none of the tilt options")
        return None
    return Acquisition(tilt_min_deg=low, tilt_max_deg=high, tilt_step_deg=step, axis_angle_deg=axis)


_NAMED = [NAME, PIXEL_SIZE]
KINDS: dict[str, Kind] = {
    "micrographs": Kind(
        title="Micrographs: one image per file",
        options=[FILES, *_NAMED, ORIGIN, EXCLUDE, GROUP],
        run=_images(SetKind.MICROGRAPHS),
        example="cryopick import micrographs 'mics/*.mrc' --pixel-size 1.35",
    ),
    "tomograms": Kind(
        title="Tomograms: one volume per file",
        options=[FILES, *_NAMED, ORIGIN, EXCLUDE, GROUP, *TILTS],
        run=_images(SetKind.TOMOGRAMS),
        example="cryopick import tomograms 'recs/{TS}_rec.mrc' --tilt-min -60 --tilt-max 60",
    ),
    "volume": Kind(
        title="Maps, templates and masks",
        options=[FILES, *_NAMED, ORIGIN, EXCLUDE, GROUP],
        run=_images(SetKind.VOLUMES),
        example="cryopick import volume ribosome.mrc --name template",
    ),
    "tilt-pairs": Kind(
        title="Pairs of untilted and tilted micrographs",
        options=[
            FILES,
            Option(
                name="tilted",
                flags=("--tilted",),
                help="The tilted images. [required]",
                kind="list",
            ),
            *_NAMED,
            EXCLUDE,
            *TILTS,
        ],
        run=_tilt_pairs,
        example="cryopick import tilt-pairs 'u/*.mrc' --tilted 't/*.mrc'",
    ),
    "tilt-series": Kind(
        title="Tilt series from mdoc, tilt lists, AreTomo or Warp files, or image stacks",
        options=[FILES, *_NAMED, EXCLUDE, *TILTS],
        run=_tilt_series,
        example="cryopick import tilt-series 'frames/*.mdoc'",
    ),
    "relion": Kind(
        title="A RELION STAR file, or the newest sets of a project folder",
        options=[FOLDER, *_NAMED, IMAGES, SKIP],
        run=_relion,
        example="cryopick import relion CtfFind/job003/micrographs_ctf.star",
    ),
    "aretomo": Kind(
        title="An AreTomo3 output folder: tilt series and tomograms",
        options=[
            FOLDER,
            *_NAMED,
            ORIGIN,
            Option(
                name="exposure",
                flags=("--exposure",),
                help="Exposure of each image, where the session did not note it. [e/Å²]",
                kind="number",
            ),
        ],
        run=_aretomo,
        example="cryopick import aretomo aretomo3_out",
    ),
    "warp": Kind(
        title="Warp or WarpTools tilt series: XML files and reconstruction folder",
        options=[FILES, *_NAMED, ORIGIN],
        run=_warp,
        example="cryopick import warp warp_tiltseries",
    ),
    "picks": Kind(
        title="Picks in any dialect",
        options=[
            FILES,
            *_NAMED,
            IMAGES,
            Option(name="from_", flags=("--from",), help="Dialect. [default: recognised]"),
            Option(
                name="box",
                flags=("--box",),
                help="Box in pixels of the picking images. [px; default: what the files say]",
                kind="number",
            ),
            GROUP,
            SKIP,
        ],
        run=_picks,
        example="cryopick import picks 'boxes/*.box' --images micrographs",
    ),
}
"""Word: what it does."""
