"""All dialects by name; `read_picks` and `write_picks` over them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.model import Picks, active

HEAD_BYTES = 65536

# One module per dialect (or per family of dialects that share their syntax); each has DIALECTS.
MODULES: tuple[str, ...] = (
    "copick",
    "copick_project",
    "cryolo",
    "cryosparc",
    "csv",
    "deepfinder",
    "dynamo",
    "em_motive_list",
    "eman_box",
    "eman_json",
    "imod_model",
    "imod_text",
    "npz",
    "points",
    "portal_ndjson",
    "pytom_coordinates",
    "pytom_match_pick",
    "pytom_xml",
    "relion",
    "relion_coordinates",
    "relion_subtomo",
    "relion_tomo",
    "shrec",
    "stopgap",
    "tardis",
    "tomotwin",
    "topaz",
    "warp_star",
    "xmipp",
)


@cache
def dialects() -> dict[str, Dialect]:
    """Every dialect by its name, in the order in which they are asked to recognise a file."""
    found: dict[str, Dialect] = {}
    for module in MODULES:
        for dialect in import_module(f"cryopick.io.picks.{module}").DIALECTS:
            found[dialect.name] = dialect
    return found


def dialect(name: str) -> Dialect:
    """The dialect of that name."""
    known = dialects()
    if name not in known:
        raise InputError(f"dialect {name}: unknown; use one of {', '.join(known)}")
    return known[name]


def recognise(path: str | Path) -> Dialect | None:
    """The dialect that is surest of a file; None where none is."""
    path = Path(path)
    if not path.exists():
        raise MissingFileError(path)
    head = b"" if path.is_dir() else _head(path)
    ranked = [(d.sniff(path, head), -place, d) for place, d in enumerate(dialects().values())]
    best = max(ranked, key=lambda entry: entry[:2], default=(0, 0, None))
    return best[2] if best[0] > 0 else None


def read_picks(
    path: str | Path, frame: Frame | None = None, *, name: str | None = None
) -> PickFile:
    """Read picks from a file in the named dialect, or in the one that recognises it.

    Parameters
    ----------
    path
        The file (a folder for dialects that are folders).
    frame
        The images that the coordinates refer to.
    name
        Dialect; default: the one that recognises the file.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFileError(path)
    chosen = recognise(path) if name is None else dialect(name)
    if chosen is None:
        raise FormatError(path, "not a pick file of a known dialect", "name it with --from")
    return chosen.read(path, frame or Frame())


def write_picks(
    picks: Picks, path: str | Path, frame: Frame | None = None, *, name: str
) -> tuple[str, ...]:
    """Write the active picks to a file in the named dialect; returns what was assumed."""
    chosen = dialect(name)
    if chosen.write is None:
        raise InputError(f"dialect {name}: can be read, not written")
    if picks.ndim not in chosen.dimensions:
        raise InputError(
            f"dialect {name}: holds {' or '.join(f'{d}D' for d in chosen.dimensions)} picks, "
            f"got {picks.ndim}D picks"
        )
    return chosen.write(active(picks), Path(path), frame or Frame())


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
