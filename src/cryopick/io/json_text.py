"""JSON from files that nobody vouches for: parsed or refused, fields that name their place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.text_file import read_text

# An empty list is 3 characters of text and 64 bytes of memory.
_MAX_BYTES = 64 * 1024 * 1024


def parse_json(path: Path, text: str, *, line: int | None = None) -> Any:
    """Parse JSON text; anything wrong with it is a `FormatError`.

    Examples
    --------
    >>> parse_json(Path("a.json"), '{"x": [1]}')
    {'x': [1]}
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f"line {line}: " if line is not None else ""
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise FormatError(path, f"{place}not JSON: {what}", "check the file") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object."""
    return as_object(path, parse_json(path, read_text(path, max_bytes=_MAX_BYTES)), "the file")


def as_object(path: Path, value: Any, what: str) -> dict[str, Any]:
    """A JSON object, or a `FormatError` that says what is there instead."""
    if not isinstance(value, dict):
        raise FormatError(
            path, f"{what}: expected an object, got {_shown(value)}", "check the file"
        )
    return cast("dict[str, Any]", value)


def as_list(path: Path, value: Any, what: str) -> list[Any]:
    """A JSON list, or a `FormatError` that says what is there instead."""
    if not isinstance(value, list):
        raise FormatError(path, f"{what}: expected a list, got {_shown(value)}", "check the file")
    return cast("list[Any]", value)


def as_float(path: Path, value: Any, what: str) -> float:
    """A finite JSON number, or a `FormatError` that says what is there instead."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if math.isfinite(result):
            return result
    raise FormatError(path, f"{what}: {_shown(value)} is not a number", "correct the entry")


def as_matrix(path: Path, value: Any, what: str, *, size: int) -> NDArray[np.float64]:
    """A ``size x size`` matrix of finite numbers given as a list of rows."""
    rows = [as_list(path, row, what) for row in as_list(path, value, what)]
    if len(rows) != size or any(len(row) != size for row in rows):
        raise FormatError(path, f"{what}: expected a {size} x {size} matrix", "correct the entry")
    return np.array([[as_float(path, v, what) for v in row] for row in rows])


def _shown(value: Any) -> str:
    return (
        json.dumps(value, default=str)[:40]
        if not isinstance(value, (dict, list))
        else (f"a {'list' if isinstance(value, list) else 'JSON object'}")
    )
