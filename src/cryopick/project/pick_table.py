"""Picks in the project's table: rows one by one for edits, `Picks` in bulk for the science."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Picks
from cryopick.model.sets import Dataset, SetKind
from cryopick.project.edits import PickRow, Scalar
from cryopick.project.store import Project

_COLUMNS = (
    "id, image, x, y, z, qw, qx, qy, qz, score, label, source, state, reason, group_id, "
    "diameter_angstrom, extra, rev"
)
_UPSERT = (
    f"INSERT INTO picks (set_name, {_COLUMNS}) VALUES ({', '.join('?' * 19)}) "  # noqa: S608  # constants
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:])
)
_INSERT = f"INSERT INTO picks (set_name, {_COLUMNS}) VALUES ({', '.join('?' * 19)})"  # noqa: S608  # constants


def new_ids(number: int) -> list[str]:
    """Fresh pick ids: UUID version 7 as 32 hexadecimal digits, rising in the order they are made.

    Rising ids are appended to the index of the table, which random ones would scatter over it.
    """
    count = np.arange(number, dtype=np.uint64)
    # 12 bits of counter, carried over into the milliseconds: RFC 9562, section 6.2, method 3.
    milliseconds = np.uint64(time.time_ns() // 1_000_000) + count // np.uint64(4096)
    words = np.empty((number, 2), dtype=">u8")
    words[:, 0] = milliseconds << np.uint64(16) | np.uint64(0x7000) | count % np.uint64(4096)
    random = np.frombuffer(os.urandom(8 * number), dtype=np.uint64)
    words[:, 1] = random >> np.uint64(2) | np.uint64(1 << 63)
    text = words.tobytes().hex()
    return [text[i : i + 32] for i in range(0, 32 * number, 32)]


def insert_picks(project: Project, dataset: Dataset, picks: Picks) -> Dataset:
    """Keep a set of picks with all its rows in one transaction; returns it with its counts.

    The members of the set are the images; every pick must lie in one of them.
    """
    if dataset.kind is not SetKind.PICKS or dataset.ndim != picks.ndim:
        raise InputError(
            f"set {dataset.name}: expected {dataset.ndim}D picks, got {picks.ndim}D picks"
        )
    numbers = _counts(picks, dataset)
    dataset = replace(
        dataset,
        members=tuple(replace(m, count=numbers.get(m.name, 0)) for m in dataset.members),
    )
    with project.transaction() as connection:
        project.put(dataset)
        connection.executemany(_INSERT, _records(dataset.name, picks))
    return dataset


def read_picks_of(project: Project, set_name: str, image: str | None = None) -> Picks:
    """The picks of a set, deleted ones included, in the order they came; or those of one image.

    The ids are in the column ``id`` of `Picks.extra`.
    """
    ndim = project.get(set_name).ndim
    return picks_from_records(_select(project, set_name, image), ndim)


def rows_of_image(project: Project, set_name: str, image: str) -> list[PickRow]:
    """The picks of one image, one by one, for an editing client."""
    return [row_from_record(record) for record in _select(project, set_name, image)]


def rows_by_id(
    connection: sqlite3.Connection, set_name: str, ids: Iterable[str]
) -> dict[str, PickRow]:
    """The picks of those ids that exist in a set."""
    found: dict[str, PickRow] = {}
    for id_ in dict.fromkeys(ids):
        record = connection.execute(
            f"SELECT {_COLUMNS} FROM picks WHERE id = ? AND set_name = ?",  # noqa: S608  # constants
            (id_, set_name),
        ).fetchone()
        if record is not None:
            found[id_] = row_from_record(record)
    return found


def write_row(
    connection: sqlite3.Connection, set_name: str, *, before: PickRow | None, after: PickRow | None
) -> None:
    """Bring one pick from its former to its new form, and the count of its image with it."""
    if after is None and before is not None:
        connection.execute("DELETE FROM picks WHERE id = ?", (before.id,))
    elif after is not None:
        connection.execute(_UPSERT, (set_name, *record_from_row(after)))
    for row, step in ((before, -1), (after, 1)):
        if row is not None and row.state != "deleted":
            connection.execute(
                "UPDATE members SET count = count + ? WHERE set_name = ? AND name = ?",
                (step, set_name, row.image),
            )


def record_from_row(row: PickRow) -> tuple[Any, ...]:
    """The table's columns of a pick."""
    x, y, *z = row.position_angstrom
    return (
        row.id,
        row.image,
        x,
        y,
        z[0] if z else None,
        *(row.orientation or (None,) * 4),
        row.score,
        row.label,
        row.source,
        row.state,
        row.reason,
        row.group,
        row.diameter_angstrom,
        json.dumps(dict(row.extra)) if row.extra else "{}",
        row.rev,
    )


def row_from_record(record: Sequence[Any]) -> PickRow:
    """A pick from the table's columns."""
    z, turn = record[4], record[5:9]
    return PickRow(
        id=record[0],
        image=record[1],
        position_angstrom=(record[2], record[3]) if z is None else (record[2], record[3], z),
        orientation=None if turn[0] is None else tuple(turn),
        score=record[9],
        label=record[10],
        source=record[11],
        state=record[12],
        reason=record[13],
        group=record[14],
        diameter_angstrom=record[15],
        extra=json.loads(record[16]),
        rev=record[17],
    )


def picks_from_records(records: Sequence[Sequence[Any]], ndim: int) -> Picks:
    """Columns from rows; a column that no row fills is not known."""
    if not records:
        return replace(Picks.empty(ndim), extra={"id": np.zeros(0, dtype="<U32")})
    columns = list(zip(*records, strict=True))
    known: dict[str, Any] = {
        name: np.array(columns[place], dtype=np.str_)
        for name, place in (("label", 10), ("source", 11), ("reason", 13), ("group", 14))
        if any(columns[place])
    }
    turns = np.array(columns[5:9], dtype=np.float64).T  # None becomes NaN
    if not np.isnan(turns[:, 0]).all():
        turns[np.isnan(turns[:, 0])] = (1.0, 0.0, 0.0, 0.0)
        known["orientation"] = turns
    for name, place in (("score", 9), ("diameter_angstrom", 15)):
        values = np.array(columns[place], dtype=np.float64)
        if not np.isnan(values).all():
            known[name] = values
    return Picks(
        position_angstrom=np.array(columns[2 : 2 + ndim], dtype=np.float64).T,
        image=np.array(columns[1], dtype=np.str_),
        state=np.array(columns[12], dtype=np.str_),
        extra={"id": np.array(columns[0], dtype=np.str_), **_extra_columns(columns[16])},
        **known,
    )


def _select(project: Project, set_name: str, image: str | None) -> list[tuple[Any, ...]]:
    where, values = "set_name = ?", [set_name]
    if image is not None:
        where, values = f"{where} AND image = ?", [set_name, image]
    return project.rows(f"SELECT {_COLUMNS} FROM picks WHERE {where} ORDER BY rowid", values)  # noqa: S608  # constants


def _counts(picks: Picks, dataset: Dataset) -> dict[str, int]:
    """How many picks that are not deleted lie in each image; an unknown image is an error."""
    known = {member.name for member in dataset.members}
    names = np.unique(picks.image)
    strange = [str(name) for name in names if str(name) not in known]
    if strange:
        raise InputError(
            f"set {dataset.name}: picks name {len(strange)} images that it does not hold: "
            f"{', '.join(strange[:3])}"
        )
    alive = picks.image if picks.state is None else picks.image[picks.state != "deleted"]
    found, numbers = np.unique(alive, return_counts=True)
    return {str(name): int(n) for name, n in zip(found, numbers, strict=True)}


def _records(set_name: str, picks: Picks) -> Generator[tuple[Any, ...]]:
    """The table's columns, pick by pick."""
    n = len(picks)
    if not np.isfinite(picks.position_angstrom).all():
        raise InputError(f"set {set_name}: expected finite coordinates, got NaN or infinity")
    nothing = [None] * n
    z = picks.position_angstrom[:, 2].tolist() if picks.ndim == 3 else nothing
    turns = picks.orientation.T.tolist() if picks.orientation is not None else [nothing] * 4
    yield from zip(
        [set_name] * n,
        new_ids(n),  # new ones always: a pick copied into a second set is another pick
        picks.image.tolist(),
        picks.position_angstrom[:, 0].tolist(),
        picks.position_angstrom[:, 1].tolist(),
        z,
        *turns,
        _numbers(picks.score, n),
        _texts(picks.label, n),
        _texts(picks.source, n),
        _texts(picks.state, n, "auto"),
        _texts(picks.reason, n),
        _texts(picks.group, n),
        _numbers(picks.diameter_angstrom, n),
        _extras(picks),
        [0] * n,
        strict=True,
    )


def _texts(column: NDArray[np.str_] | None, n: int, missing: str = "") -> list[str]:
    return [missing] * n if column is None else column.tolist()


def _numbers(column: NDArray[np.float64] | None, n: int) -> list[float | None]:
    """NaN is stored as NULL."""
    if column is None:
        return [None] * n
    return [value if value == value else None for value in column.tolist()]  # noqa: PLR0124  # NaN


def _extras(picks: Picks) -> list[str]:
    names = [name for name in picks.extra if name != "id"]
    if not names:
        return ["{}"] * len(picks)
    columns = [_plain(picks.extra[name]) for name in names]
    return [json.dumps(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _plain(column: NDArray[Any]) -> list[Scalar]:
    """Values as JSON has them: no NaN, and text for whatever is neither number nor text."""
    if column.dtype.kind == "f":
        return [value if np.isfinite(value) else None for value in column.tolist()]
    return column.tolist() if column.dtype.kind in "biuU" else column.astype(np.str_).tolist()


def _extra_columns(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Extra columns back from JSON: numbers where all values are numbers, texts otherwise."""
    if all(text == "{}" for text in texts):
        return {}
    rows: list[Mapping[str, Scalar]] = [json.loads(text) for text in texts]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _extra_column([row.get(name) for row in rows]) for name in names}


def _extra_column(values: list[Scalar]) -> NDArray[Any]:
    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known) and len(known) == len(values):
        return np.array(values, dtype=np.bool_)
    if all(isinstance(value, int) for value in known) and len(known) == len(values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, (int, float)) for value in known):
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)
