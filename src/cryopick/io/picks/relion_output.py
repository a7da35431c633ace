"""What the RELION-like dialects share when they write: names, labels, groups, extra columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.images.name import referenced_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.placing import groups_of
from cryopick.io.picks.relion_columns import DIAMETER, GROUP, LABEL, MISSING, STATE, Floats, Texts
from cryopick.io.star_block import StarBlock, star_block
from cryopick.model import Picks

_NUMBERS = re.compile(r"[1-9]\d{0,8}")
_COLUMN = re.compile(r"[A-Za-z][\w.:/-]*")


def or_missing(values: Floats | None, n: int) -> Floats:
    """Values with RELION's -999 where there are none."""
    if values is None:
        return np.full(n, MISSING)
    return np.where(np.isfinite(values), values, MISSING)


def full_names(
    picks: Picks, column: str, frame: Frame | None = None, *, suffix: str = ".mrc"
) -> Texts:
    """The file of each pick's image.

    That of the frame; else the one that a pick came with, where it still fits the image; else the
    name and a suffix.
    """
    files = frame.files if frame else {}
    names = [f"{name}{suffix}" for name in picks.image.tolist()]
    kept = picks.extra.get(column)
    if kept is not None and kept.dtype.kind == "U":
        known = {text: referenced_name(text) for text in set(kept.tolist())}
        triples = zip(kept.tolist(), picks.image.tolist(), names, strict=True)
        names = [text if known[text] == image else name for text, image, name in triples]
    if files:
        pairs = zip(picks.image.tolist(), names, strict=True)
        names = [files.get(image, name) for image, name in pairs]
    return np.array(names, dtype=np.str_)


def class_columns(picks: Picks) -> dict[str, NDArray[Any]]:
    """Label, group, state and diameter as columns; RELION's own ones where they can hold them."""
    n = len(picks)
    columns: dict[str, NDArray[Any]] = {}
    absent = int(MISSING) if picks.score is None else 0
    if picks.label is None:
        columns["rlnClassNumber"] = np.full(n, absent)
    else:
        texts = picks.label.tolist()
        if all(text == "" or _NUMBERS.fullmatch(text) for text in texts):
            columns["rlnClassNumber"] = np.array([int(t) if t else absent for t in texts], np.int64)
        else:
            order = {text: i + 1 for i, text in enumerate(sorted(set(texts)))}
            columns["rlnClassNumber"] = np.array([order[t] for t in texts], dtype=np.int64)
            columns[LABEL] = picks.label
    if picks.group is not None:
        if all(_NUMBERS.fullmatch(text) for text in picks.group.tolist()):
            columns["rlnHelicalTubeID"] = picks.group.astype(np.int64)
        else:
            columns[GROUP] = picks.group
    if picks.state is not None and np.any(picks.state != "auto"):
        columns[STATE] = picks.state
    if picks.diameter_angstrom is not None:
        columns[DIAMETER] = or_missing(picks.diameter_angstrom, n)
    return columns


def extra_columns(
    picks: Picks, written: Mapping[str, Any], dropped: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Further columns that a STAR table can hold and that nothing written contradicts."""
    columns: dict[str, NDArray[Any]] = {}
    for name, values in picks.extra.items():
        if name in written or name in dropped or not _COLUMN.fullmatch(name) or values.ndim != 1:
            continue
        columns[name] = or_missing(values, len(picks)) if values.dtype.kind == "f" else values
    return columns


def unwritable_extras(picks: Picks) -> tuple[str, ...]:
    """One sentence where extra columns cannot be written."""
    bad = [n for n, v in picks.extra.items() if not _COLUMN.fullmatch(n) or v.ndim != 1]
    return (f"columns not written, as STAR cannot hold them: {', '.join(bad)}",) if bad else ()


def optics_block(groups: Texts, columns: Mapping[str, Floats]) -> StarBlock:
    """One row per optics group, with the value of its first pick in each column."""
    first = {name: rows[0] for name, rows in groups_of(groups).items()} or {"1": None}
    table: dict[str, Any] = {
        "rlnOpticsGroup": np.array([*first]),
        "rlnOpticsGroupName": np.array([f"opticsGroup{name}" for name in first]),
    }
    for name, values in columns.items():
        if None not in first.values():
            table[name] = np.array([values[row] for row in first.values()])
    return star_block("optics", table)


def optics_groups(picks: Picks) -> Texts:
    """Optics group of each pick: as it came, else ``1``."""
    kept = picks.extra.get("rlnOpticsGroup")
    if kept is not None and all(_NUMBERS.fullmatch(str(v)) for v in set(kept.tolist())):
        return kept.astype(np.str_)
    return np.full(len(picks), "1")
