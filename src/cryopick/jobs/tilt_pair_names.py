"""Which untilted micrograph belongs to which tilted one: by a list, by a name pattern, by order."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.file_patterns import located
from cryopick.io.images.name import referenced_name
from cryopick.io.star import read_star
from cryopick.io.text_file import read_text
from cryopick.jobs.image_inputs import image_paths

# Xmipp's tilted_pairs.xmd; RELION has no such table, so plain words and ours.
_UNTILTED = ("micrograph", "cryopickUntilted", "untilted", "rlnMicrographName")
_TILTED = ("micrographTilted", "cryopickTilted", "tilted", "rlnMicrographNameTilted")
_STAR = (".star", ".star.gz", ".xmd")


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrographPair:
    """An untilted and a tilted micrograph of one field of view, by name and file."""

    untilted: str
    tilted: str
    untilted_path: Path
    tilted_path: Path


def micrograph_pairs(
    untilted: Sequence[str],
    tilted: Sequence[str],
    *,
    listed: str | None,
    untilted_pattern: str | None,
    tilted_pattern: str | None,
) -> list[MicrographPair]:
    """Pair micrographs.

    Parameters
    ----------
    untilted, tilted
        Files, globs, folders or STAR sets; may be empty where ``listed`` names files.
    listed
        A table of two columns: Xmipp's ``tilted_pairs.xmd``, STAR or CSV.
    untilted_pattern, tilted_pattern
        Names with ``*`` for what the two of a pair share: ``*_00`` and ``*_45``.

    Raises
    ------
    InputError
        Where nothing says what belongs together, or a micrograph has two partners or none.
    """
    if listed is not None:
        pairs = _listed(Path(listed), untilted, tilted)
    elif not untilted or not tilted:
        raise InputError(
            "--untilted, --tilted: name the micrographs of both sides, or give --pairs"
        )
    else:
        first, second = image_paths(untilted), image_paths(tilted)
        if untilted_pattern is None and tilted_pattern is None:
            couples = _by_order(first, second)
        else:
            couples = _by_pattern(first, second, untilted_pattern, tilted_pattern)
        pairs = [
            MicrographPair(untilted=u, tilted=t, untilted_path=first[u], tilted_path=second[t])
            for u, t in couples
        ]
    _check_once(pairs)
    return pairs


def _by_order(first: Mapping[str, Path], second: Mapping[str, Path]) -> list[tuple[str, str]]:
    if len(first) != len(second):
        raise InputError(
            f"--untilted names {len(first)} micrographs, --tilted {len(second)}; give --pairs, or "
            "--untilted-pattern and --tilted-pattern"
        )
    return list(zip(first, second, strict=True))


def _by_pattern(
    first: Mapping[str, Path],
    second: Mapping[str, Path],
    untilted_pattern: str | None,
    tilted_pattern: str | None,
) -> list[tuple[str, str]]:
    shared = _shared_parts(first, untilted_pattern, flag="--untilted-pattern")
    partners = _shared_parts(second, tilted_pattern, flag="--tilted-pattern")
    couples = [(shared[part], partners[part]) for part in shared if part in partners]
    if not couples:
        raise InputError(
            f"--untilted-pattern {untilted_pattern}, --tilted-pattern {tilted_pattern}: no two "
            f"names share what * stands for; there are {_some(shared)} and {_some(partners)}"
        )
    return couples


def _shared_parts(names: Mapping[str, Path], pattern: str | None, *, flag: str) -> dict[str, str]:
    """Names by what stands in the place of ``*``."""
    if pattern is None:
        raise InputError(f"{flag}: is missing; both patterns are needed")
    if pattern.count("*") != 1:
        raise InputError(f"{flag} {pattern}: expected one * for what the names of a pair share")
    before, after = pattern.split("*")
    expression = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    found = {m[1]: name for name in names if (m := expression.fullmatch(name)) is not None}
    if not found:
        raise InputError(f"{flag} {pattern}: fits none of the names {_some(names)}")
    return found


def _listed(path: Path, untilted: Sequence[str], tilted: Sequence[str]) -> list[MicrographPair]:
    if not path.is_file():
        raise MissingFileError(path)
    rows = _star_rows(path) if path.name.lower().endswith(_STAR) else _csv_rows(path)
    if not rows:
        raise FormatError(path, "lists no pairs")
    known = [image_paths(given) if given else {} for given in (untilted, tilted)]
    pairs: list[MicrographPair] = []
    for row in rows:
        places = [
            _place(text, path, files, flag)
            for text, files, flag in zip(row, known, ("--untilted", "--tilted"), strict=True)
        ]
        pairs.append(
            MicrographPair(
                untilted=referenced_name(row[0]),
                tilted=referenced_name(row[1]),
                untilted_path=places[0],
                tilted_path=places[1],
            )
        )
    return pairs


def _place(text: str, listed: Path, files: Mapping[str, Path], flag: str) -> Path:
    """The file of a listed name: of those given, else as the list says it."""
    name = referenced_name(text)
    if files:
        if name not in files:
            raise InputError(
                f"{listed}: lists {name}, but {flag} names {_some(files)}; add it or take it "
                "off the list"
            )
        return files[name]
    place = located(text, listed)
    if not place.exists():
        raise MissingFileError(text, f"listed in {listed}; give {flag}, or correct the list")
    return place


def _star_rows(path: Path) -> list[tuple[str, str]]:
    star = read_star(path)
    for untilted in _UNTILTED:
        for tilted in _TILTED:
            table = star.table_with(untilted, tilted)
            if table is not None:
                columns = (table.text(untilted).tolist(), table.text(tilted).tolist())
                return list(zip(*columns, strict=True))
    raise FormatError(
        path,
        "no table of pairs",
        f"expected the columns {_UNTILTED[0]} and {_TILTED[0]}, or untilted and tilted",
    )


def _csv_rows(path: Path) -> list[tuple[str, str]]:
    text = read_text(path)
    head = text.split("\n", 1)[0]
    delimiter = next((mark for mark in ",;\t" if mark in head), None)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    split = (
        list(csv.reader(lines, delimiter=delimiter)) if delimiter else [v.split() for v in lines]
    )
    rows: list[tuple[str, str]] = []
    for number, cells in enumerate(split):
        if len(cells) != 2 or not all(cell.strip() for cell in cells):
            raise FormatError(
                path,
                f"line {number + 1}: {' '.join(cells)[:60]!r} is not a pair",
                "expected two names: untilted, tilted",
            )
        rows.append((cells[0].strip(), cells[1].strip()))
    if rows and (rows[0][0].lower(), rows[0][1].lower()) == ("untilted", "tilted"):
        rows = rows[1:]
    return rows


def _check_once(pairs: Sequence[MicrographPair]) -> None:
    seen: set[str] = set()
    for pair in pairs:
        for name in (pair.untilted, pair.tilted):
            if name in seen:
                raise InputError(
                    f"micrograph {name}: stands in two pairs, or on both sides of one; each "
                    "micrograph has one partner and its own name"
                )
            seen.add(name)


def _some(names: Mapping[str, object]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
