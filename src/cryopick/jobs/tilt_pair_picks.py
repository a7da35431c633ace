"""Picks of the micrographs of tilt pairs: one file for all, or one file per micrograph."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from cryopick.errors import InputError
from cryopick.io.file_patterns import expand
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialects, read_picks, recognise
from cryopick.model import Grid, Picks, concatenate
from cryopick.project.matching import matched_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePicks:
    """Picks of one side of all pairs, by the name of the micrograph.

    Attributes
    ----------
    picks
        An entry for each micrograph that has picks, deleted ones included, in the file's order.
    warnings
        One sentence each.
    """

    picks: Mapping[str, Picks]
    warnings: tuple[str, ...] = ()


def side_picks(
    given: str, grids: Mapping[str, Grid], *, others: Collection[str], dialect: str | None
) -> SidePicks:
    """Read the picks of one side.

    Parameters
    ----------
    given
        A file in any dialect, or a folder or pattern of files (one per micrograph). Picks of other
        micrographs in it are left alone: the two sides may share a folder or a file.
    grids
        Grids of the micrographs of this side, by name.
    others
        Names of the micrographs of the other side: ``mic1_T`` is not ``mic1`` with a word behind.
    dialect
        Of all files; recognised where not given.

    Raises
    ------
    InputError
        Where none of the micrographs has picks.
    """
    both = tuple(dict.fromkeys([*grids, *others]))
    paths = _paths(given, grids, both, dialect)
    stamps = tuple((str(path), *_stamp(path)) for path in paths)
    return _read(given, stamps, tuple(grids.items()), both, dialect)


@lru_cache(maxsize=8)
def _read(
    given: str,
    files: tuple[tuple[str, int, int], ...],
    grids: tuple[tuple[str, Grid], ...],
    both: tuple[str, ...],
    dialect: str | None,
) -> SidePicks:
    known = dict(grids)
    parts: dict[str, list[Picks]] = {}
    warnings: dict[str, None] = {}
    strangers: dict[str, None] = {}
    for text, *_ in files:
        path = Path(text)
        named = _own_micrograph(path, both)
        if named is None and len(known) == 1:
            named = next(iter(known))
        frame = Frame(
            grids=known,
            # Files of other micrographs are read, too, and then left alone.
            default_grid=next(iter(known.values())),
            image_name=named,
        )
        found = read_picks(path, frame, name=dialect)
        if found.picks.ndim != 2:
            raise InputError(f"{path}: holds 3D picks; tilt pairs are of micrographs")
        warnings.update(dict.fromkeys(f"{path.name}: {line}" for line in found.warnings))
        for name in dict.fromkeys(found.picks.image.tolist()):
            own = matched_name(image_name(name), both)
            if own not in known:
                strangers[name] = None
                continue
            mine = found.picks[found.picks.image == name]
            parts.setdefault(own, []).append(replace(mine, image=np.full(len(mine), own)))
    if not parts:
        names = ", ".join(list(strangers)[:3]) or "none"
        raise InputError(
            f"{given}: no picks of the micrographs {', '.join(list(known)[:3])}; it names {names}. "
            "Picks and micrographs are matched by name"
        )
    picks = {name: concatenate(found) for name, found in parts.items()}
    return SidePicks(picks=picks, warnings=tuple(warnings))


def _own_micrograph(path: Path, both: tuple[str, ...]) -> str | None:
    """The micrograph that a file of picks is called after."""
    name = image_name(path)
    return matched_name(name, both) or matched_name(Path(name).stem, both)


def _paths(
    given: str, grids: Mapping[str, Grid], both: tuple[str, ...], dialect: str | None
) -> Sequence[Path]:
    path = Path(given)
    if path.is_file() or (path.is_dir() and (dialect is not None or recognise(path) is not None)):
        return [path]
    suffixes = tuple({suffix for entry in dialects().values() for suffix in entry.suffixes})
    found = [file.path for file in expand([given], suffixes=suffixes)]
    # A folder holds the files of the other side, and others still: not all of them are picks.
    own = [file for file in found if _own_micrograph(file, both) in grids]
    if not own:
        raise InputError(
            f"{given}: no file is called after one of the micrographs {', '.join(list(grids)[:3])}"
        )
    return own


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written anew."""
    facts = os.stat(path)  # noqa: PTH116 - one call for both
    return facts.st_mtime_ns, facts.st_size
