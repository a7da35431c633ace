"""Rows and numbers in text: split with bounds, numbers that name their place when they are none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError

# As an object of Python a cell costs some 50 bytes, however short it is in the file.
_MAX_CELLS = 16_000_000
_MAX_LINE = 1 << 20


def split_rows(
    text: str, separator: str | None = None, *, path: Path = Path()
) -> list[tuple[int, list[str]]]:
    r"""Split text into ``(line number, cells)``; empty lines and ``#`` comments are left out.

    Lines end with ``\n``, as `read_text` gives them; cells at white space, or at ``separator``.

    Examples
    --------
    >>> split_rows("# x y")
    []
    >>> split_rows("1 2")
    [(1, ['1', '2'])]
    """
    rows: list[tuple[int, list[str]]] = []
    total = 0
    for line, content in enumerate(text.split("\n"), start=1):
        stripped = content.strip()
        if stripped and not stripped.startswith("#"):
            if len(content) > _MAX_LINE:
                raise FormatError(path, f"line {line}: {len(content)} characters", "check the file")
            source = content if separator == "\t" else stripped
            rows.append((line, [cell.strip() for cell in source.split(separator)]))
            total += len(rows[-1][1])
            if total > _MAX_CELLS:
                raise FormatError(path, f"has more than {_MAX_CELLS} values", "split the file")
    return rows


def as_number(text: str) -> float | None:
    """The finite number a cell holds; None where it holds none."""
    try:
        # Python reads 1_0 as ten; no pick file means that.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def to_number(token: str, path: str | Path, place: str) -> float:
    """Turn one word into a finite number, or tell its place.

    >>> to_number("-1.5e1", "a.tlt", "line 1")
    -15.0
    """
    value = as_number(token)
    if value is None:
        raise FormatError(path, f"{place}: '{token[:40]}' is not a number", "correct the line")
    return value


def to_integer(token: str, path: str | Path, place: str) -> int:
    """Turn one word into an integer (``3`` or ``3.0``), or tell its place."""
    value = to_number(token, path, place)
    if value != round(value) or abs(value) > 2**53:
        raise FormatError(path, f"{place}: '{token[:40]}' is not a whole number", "correct it")
    return int(value)


def number(path: Path, text: str, *, line: int, column: str) -> float:
    """The finite number a cell holds, or a `FormatError` that names line, column and value."""
    value = as_number(text)
    if value is None:
        raise FormatError(
            path, f"line {line}, column {column}: {text[:40]!r} is not a number", "correct the row"
        )
    return value


def number_table(
    path: Path, rows: Sequence[tuple[int, list[str]]], columns: Sequence[str]
) -> NDArray[np.float64]:
    """Turn the first cells of each row into an ``(n, len(columns))`` array of finite numbers."""
    width = len(columns)
    table = np.empty((len(rows), width))
    for place, (line, cells) in enumerate(rows):
        if len(cells) < width:
            raise FormatError(
                path,
                f"line {line}: {len(cells)} columns, expected at least {width} "
                f"({' '.join(columns)})",
                "correct the row",
            )
        for column, name in enumerate(columns):
            table[place, column] = number(path, cells[column], line=line, column=name)
    return table


def looks_numeric(
    head: bytes, *, at_least: int, at_most: int, separator: str | None = None
) -> bool:
    """Tell whether the first rows of a file are all numbers, in a given number of columns.

    A last line that the head may have cut off is not judged.
    """
    if b"\x00" in head:
        return False
    whole = head[: head.rfind(b"\n") + 1] or head
    text = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8", errors="replace")
    rows = split_rows(text, separator)[:20]
    return bool(rows) and all(
        at_least <= len(cells) <= at_most and all(as_number(c) is not None for c in cells)
        for _, cells in rows
    )
