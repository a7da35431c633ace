"""``cryopick convert IN OUT``: picks from any dialect to any other."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryopick.cli.commands import OWN
from cryopick.cli.common_options import JSON
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json
from cryopick.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cryopick.io.picks.dialect import Dialect, Frame, PickFile
    from cryopick.model import Picks

# More picks than this outside their images mean a wrong pixel size or image, not stray picks.
_MOST_OUTSIDE = 0.5

# What is meant by a suffix that several dialects write.
_USUAL = {".csv": "csv", ".box": "eman-box", ".mod": "imod-model"}

# Columns that name the image file itself.
_FILE_COLUMNS = {"rlnMicrographName", "rlnImageName"}

_ARGUMENTS = "Arguments"
_FROM_IMAGE = "Images of IN"
_TO_IMAGE = "Images of OUT, where they are not those of IN"
OPTIONS = [
    Option(
        name="source",
        flags=("IN",),
        help="Picks to read: a file, or a folder of one file per image. [required]",
        group=_ARGUMENTS,
    ),
    Option(
        name="target",
        flags=("OUT",),
        help="Picks to write: a file, or a folder (NAME/) for one file per image. [required]",
        group=_ARGUMENTS,
    ),
    Option(name="reader", flags=("--from",), help="Dialect of IN. [default: recognised]"),
    Option(name="writer", flags=("--to",), help="Dialect of OUT. [default: by its suffix]"),
    Option(
        name="image",
        flags=("--image",),
        help="Images that the coordinates of IN count pixels of: files, globs, folders.",
        kind="list",
        group=_FROM_IMAGE,
    ),
    Option(
        name="pixel_size",
        flags=("--pixel-size",),
        help="Pixel size of these images; overrides their headers. [Å; > 0]",
        kind="number",
        group=_FROM_IMAGE,
    ),
    Option(
        name="tilt_series_pixel",
        flags=("--tilt-series-pixel",),
        help="Pixel size of the unbinned tilt series. [Å; > 0]",
        kind="number",
        group=_FROM_IMAGE,
    ),
    Option(
        name="image_name",
        flags=("--image-name",),
        help="Image of picks that do not name theirs. [default: the name of IN]",
        group=_FROM_IMAGE,
    ),
    Option(
        name="box_size",
        flags=("--box-size",),
        help="Box edge, for dialects of boxes. [px of the images of OUT; > 0]",
        kind="number",
        group=_TO_IMAGE,
    ),
    Option(
        name="to_image",
        flags=("--to-image",),
        help="Images that the coordinates of OUT shall count pixels of (another binning).",
        kind="list",
        group=_TO_IMAGE,
    ),
    Option(
        name="to_pixel_size",
        flags=("--to-pixel-size",),
        help="Pixel size of these images. [Å; > 0]",
        kind="number",
        group=_TO_IMAGE,
    ),
    Option(
        name="outside",
        flags=("--keep-outside",),
        help="Write OUT even if most picks lie outside their images.",
        kind="switch",
        negatable=False,
    ),
    Option(
        name="list",
        flags=("--list",),
        help="List the dialects and their conventions.",
        kind="switch",
        negatable=False,
    ),
    JSON,
]


def command(argv: list[str]) -> int:
    """Convert, and say what was assumed."""
    given = parse(
        "convert",
        OWN["convert"][1],
        OPTIONS,
        argv,
        example="cryopick convert picks.star picks.mod --image tomogram.mrc",
        groups=(_ARGUMENTS, "Parameters", _FROM_IMAGE, _TO_IMAGE, "Common"),
    )
    if given is None:
        return 0
    if given.get("list"):
        return _list_dialects(json=bool(given.get("json")))
    for name, flag in (("source", "IN"), ("target", "OUT")):
        if not given.get(name):
            raise InputError(f"{flag}: is missing; see: cryopick convert --help")
    result = convert(given)
    if given.get("json"):
        print_json(result)
        return 0
    print(f"{result['picks']:,} picks of {result['images']:,} image(s): "
          f"{result['from']} -> {result['to']}, {given['target']}")  # fmt: skip
    for line in result["assumed"]:
        print(f"  assumed: {line}")
    for line in result["warnings"]:
        print(f"warning: {line}", file=sys.stderr)
    return 0


def convert(given: dict[str, Any]) -> dict[str, Any]:
    """Read, check against the images, write; gives what ``--json`` prints."""
    import numpy as np

    from cryopick.io.picks.registry import dialect
    from cryopick.model import active

    source, target = Path(given["source"]), given["target"]
    frame = _frame(given)
    found, reader = _read(source, frame, given.get("reader"))
    picks = active(found.picks)
    writer = dialect(given["writer"]) if given.get("writer") else _by_suffix(target, picks.ndim)
    out_frame = _target_frame(given, frame, found.box_size_px)
    if given.get("to_image") or given.get("to_pixel_size") is not None:
        picks = _without_files(picks)
    outside = _outside(picks, out_frame)
    share = float(np.mean(outside)) if len(picks) else 0.0
    warnings = list(found.warnings)
    if share > _MOST_OUTSIDE and not given.get("outside"):
        raise InputError(
            f"{source}: {int(outside.sum()):,} of {len(picks):,} picks lie outside their images; "
            "check --image and --pixel-size, or give --keep-outside"
        )
    if share:
        warnings.append(f"{int(outside.sum()):,} picks lie outside their images")
    assumed = _write(picks, target, out_frame, writer)
    return {
        "picks": len(picks),
        "images": len(np.unique(picks.image)),
        "from": reader,
        "to": writer.name,
        "outside": int(outside.sum()),
        "assumed": list(dict.fromkeys([*found.assumed, *assumed])),
        "warnings": warnings,
    }


def _read(source: Path, frame: Frame, name: str | None) -> tuple[PickFile, str]:
    """Read a file, or all pick files of a folder; gives the dialect's name too."""
    from cryopick.io.picks.dialect import PickFile
    from cryopick.io.picks.registry import read_picks, recognise
    from cryopick.model import concatenate

    chosen = name or (found.name if (found := recognise(source)) else None)
    if not source.is_dir() or (chosen is not None and name is None):
        return read_picks(source, frame, name=chosen), chosen or "?"
    files = [p for p in sorted(source.iterdir()) if p.is_file()]
    names = {p: name or (d.name if (d := recognise(p)) else None) for p in files}
    parts = [read_picks(p, frame, name=n) for p, n in names.items() if n is not None]
    if not parts:
        raise InputError(f"{source}: no pick files in this folder; name a file")
    whole = PickFile(
        picks=concatenate([part.picks for part in parts]),
        box_size_px=parts[0].box_size_px,
        assumed=tuple(dict.fromkeys(line for part in parts for line in part.assumed)),
        warnings=tuple(dict.fromkeys(line for part in parts for line in part.warnings)),
    )
    return whole, "/".join(dict.fromkeys(n for n in names.values() if n))


def _write(picks: Picks, target: str, frame: Frame, writer: Dialect) -> tuple[str, ...]:
    """Write one file, or one per image into a folder."""
    import numpy as np

    from cryopick.io.picks.registry import write_picks

    folder = Path(target)
    if writer.name.endswith("-project") or not (target.endswith("/") or folder.is_dir()):
        return write_picks(picks, folder, frame, name=writer.name)
    folder.mkdir(parents=True, exist_ok=True)
    assumed: list[str] = []
    for name in np.unique(picks.image).tolist():
        path = folder / f"{name}{writer.suffixes[0]}"
        assumed += write_picks(picks[picks.image == name], path, frame, name=writer.name)
    return tuple(assumed)


def _frame(given: dict[str, Any]) -> Frame:
    from cryopick.io.picks.dialect import Frame
    from cryopick.jobs.image_inputs import image_grids, only_grid

    pixel = _length(given, "pixel_size", "--pixel-size")
    grids = image_grids(given.get("image") or (), pixel)
    only = next(iter(grids)) if len(grids) == 1 else None
    return Frame(
        grids=grids,
        default_grid=only_grid(grids),
        pixel_size_angstrom=pixel,
        tilt_series_pixel_angstrom=_length(given, "tilt_series_pixel", "--tilt-series-pixel"),
        box_size_px=_length(given, "box_size", "--box-size"),
        image_name=given.get("image_name") or only,
    )


def _target_frame(given: dict[str, Any], frame: Frame, box_size_px: float | None) -> Frame:
    """The frame of IN, with the box size it brought, or that of the images of OUT."""
    from cryopick.jobs.image_inputs import image_grids, image_paths, only_grid

    same = not given.get("to_image") and given.get("to_pixel_size") is None
    if frame.box_size_px is None and same:
        frame = replace(frame, box_size_px=box_size_px)
    if same:
        return frame
    pixel = _length(given, "to_pixel_size", "--to-pixel-size")
    inputs = given.get("to_image") or ()
    paths = image_paths(inputs) if inputs else {}
    grids = image_grids(inputs, pixel)
    return replace(
        frame,
        grids=grids,
        default_grid=only_grid(grids),
        pixel_size_angstrom=pixel,
        files={name: str(path) for name, path in paths.items()},
    )


def _without_files(picks: Picks) -> Picks:
    """Forget the files of IN's images: the coordinates will count pixels of others."""
    kept = {n: v for n, v in picks.extra.items() if n not in _FILE_COLUMNS}
    return replace(picks, extra=kept)


def _length(given: dict[str, Any], name: str, flag: str) -> float | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{flag} {text}: expected a number") from None
    if not 0 < value < float("inf"):
        raise InputError(f"{flag} {text}: expected a number above 0")
    return value


def _by_suffix(target: str, ndim: int) -> Dialect:
    """The first dialect that writes this suffix and this many dimensions."""
    from cryopick.io.picks.registry import dialect, dialects

    name = target.lower()
    if name.endswith(".star"):
        return dialect("relion" if ndim == 2 else "relion5")
    usual = next((d for suffix, d in _USUAL.items() if name.endswith(suffix)), None)
    if usual is not None:
        return dialect(usual)
    fitting = [
        d
        for d in dialects().values()
        if d.write is not None and ndim in d.dimensions and name.endswith(d.suffixes)
    ]
    if len(fitting) != 1:
        names = ", ".join(d.name for d in fitting) or "a dialect of cryopick convert --list"
        raise InputError(f"{target}: its suffix does not tell the dialect; give --to: {names}")
    return fitting[0]


def _outside(picks: Picks, frame: Frame) -> NDArray[np.bool_]:
    import numpy as np

    outside = np.zeros(len(picks), dtype=bool)
    for name in np.unique(picks.image).tolist():
        grid = frame.known_grid(name)
        rows = picks.image == name
        if grid is None:
            continue
        if grid.ndim != picks.ndim:
            raise InputError(
                f"image {name}: is {grid.ndim}D, its picks are {picks.ndim}D; check --image"
            )
        outside[rows] = ~grid.contains(picks.position_angstrom[rows])
    return outside


def _list_dialects(*, json: bool) -> int:
    from cryopick.io.picks.registry import dialects

    known = sorted(dialects().values(), key=lambda d: d.name)
    if json:
        shown = ("name", "title", "suffixes", "dimensions", "origin", "unit", "euler")
        rows = [{n: getattr(d, n) for n in shown} | {"writes": d.write is not None} for d in known]
        print_json({"dialects": rows})
        return 0
    for d in known:
        marks = "/".join(f"{n}D" for n in d.dimensions) + ("" if d.write else ", read")
        print(f"{d.name:<22} {marks:<10} {d.title}")
        print(f"{'':<33} {d.unit}; {d.origin}")
        if d.euler:
            print(f"{'':<33} {d.euler}")
    return 0
