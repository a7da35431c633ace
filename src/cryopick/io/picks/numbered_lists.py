"""Lists of programs that know tomograms, classes and objects by number, not by name.

Dynamo, STOPGAP and the motive lists of the TOM toolbox write tomogram 24 as ``24``. What 24 is
called stands in a second file: Dynamo's table map (``.doc``) or volume list (``.vll``). Beside
``NAME.tbl`` (``.em``, ``.star``) such a map is looked for as ``NAME.doc``, ``NAME.vll`` and
Dynamo's own ``indices_column20.doc``; cryopick writes ``NAME.doc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.images.name import referenced_name
from cryopick.io.picks.dialect import Frame
from cryopick.io.text_file import read_text

# MATLAB programs call the first voxel 1.
FIRST_VOXEL = 1.0
_LONGEST_NAME = 255
_LARGEST = 2.0**53


def read_tomogram_map(path: str | Path) -> dict[str, str]:
    """Read a Dynamo table map ``.doc`` (number, file) or volume list ``.vll`` (one file a line).

    Returns
    -------
    dict
        Image name by number, as text; volumes of a ``.vll`` count from 1, and its lines that
        start with ``*`` or ``>`` are settings of the volume above.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.doc"
    >>> _ = path.write_text("1 TS_01/TS_01_rec.mrc")
    >>> read_tomogram_map(path)
    {'1': 'TS_01_rec'}
    """
    path = Path(path)
    found: dict[str, str] = {}
    for line_number, line in enumerate(read_text(path, max_bytes=16 << 20).splitlines(), start=1):
        text = line.strip()
        if not text or text[0] in "#%*>":
            continue
        if path.suffix.lower() == ".vll":
            number, name = str(len(found) + 1), text
        else:
            number, _, name = text.replace("\t", " ").partition(" ")
            if not number.isdecimal() or not name.strip():
                raise FormatError(path, f"line {line_number}: expected a number and a file")
            number = str(int(number[:15]))
        short = referenced_name(name)
        if not short or len(short) > _LONGEST_NAME:
            raise FormatError(path, f"line {line_number}: '{short[:40]}' is no name of a tomogram")
        if number in found:
            raise FormatError(path, f"line {line_number}: tomogram {number} has two names")
        found[number] = short
    return found


def write_tomogram_map(path: str | Path, files: Mapping[str, str]) -> None:
    """Write a Dynamo table map ``.doc``, or a volume list ``.vll`` whose numbers count from 1.

    Parameters
    ----------
    path
        The suffix tells which.
    files
        File (or name) of each tomogram, by its number as text.
    """
    path = Path(path)
    for number, file in files.items():
        if not number.isdecimal() or not file.strip() or any(mark in file for mark in "\r\n"):
            raise InputError(
                f"{path}: tomogram {number}: expected a number and a file, got {file!r}"
            )
    if path.suffix.lower() != ".vll":
        write_text(path, "".join(f"{number}\t{file}\n" for number, file in files.items()))
        return
    if sorted(files, key=int) != [str(n) for n in range(1, len(files) + 1)]:
        raise InputError(f"{path}: a volume list counts 1, 2, ...; write a .doc for other numbers")
    write_text(path, "".join(f"{files[n]}\n" for n in sorted(files, key=int)))


def map_beside(path: Path) -> Path | None:
    """The map of tomogram names that belongs to a list, if there is one."""
    beside = (
        path.with_suffix(".doc"),
        path.with_suffix(".vll"),
        path.with_name("indices_column20.doc"),
    )
    return next((p for p in beside if p.is_file()), None)


def whole_numbers(values: NDArray[np.float64], *, column: str, path: Path) -> NDArray[np.str_]:
    """Turn numbers such as ``24.000`` into ids such as ``24``."""
    bad = np.flatnonzero(~((values == np.round(values)) & (np.abs(values) < _LARGEST)))
    if bad.size:
        raise FormatError(
            path, f"row {bad[0] + 1}, {column}: {values[bad[0]]:g} is not a whole number"
        )
    return values.astype(np.int64).astype(np.str_)


def image_names(
    number: NDArray[np.str_], *, path: Path, frame: Frame
) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Name the tomograms of a list: by its map, by the frame's name, or by their number.

    Returns
    -------
    names, assumed
        ``(n,)`` image names, and what was assumed.
    """
    different, inverse = np.unique(number, return_inverse=True)
    beside = map_beside(path)
    if beside is not None:
        known = read_tomogram_map(beside)
        missing = [n for n in different.tolist() if n not in known]
        if missing:
            raise FormatError(beside, f"has no tomogram {missing[0]}, which {path.name} refers to")
        names = np.asarray([known[n] for n in different.tolist()], dtype=np.str_)
        return names[inverse] if len(number) else number, (f"tomogram names from {beside.name}",)
    if frame.image_name is not None and len(different) <= 1:
        name = np.full(len(number), frame.image_name, dtype=f"<U{max(len(frame.image_name), 1)}")
        return name, (f"the only tomogram is {frame.image_name}",)
    return number, ("tomograms are called by their number; no map of names lies beside the file",)


def image_numbers(image: NDArray[np.str_], *, path: Path) -> tuple[NDArray[np.int64], list[str]]:
    """Number the tomograms of picks and, where their names are no numbers, write the map.

    Returns
    -------
    numbers, assumed
        ``(n,)`` numbers, and what was assumed.
    """
    beside = path.with_suffix(".doc")
    numbers, names = _numbered(image)
    if names is None and map_beside(path) is None:
        return numbers, []
    texts = [str(n) for n in range(1, len(names) + 1)] if names else np.unique(image).tolist()
    pairs = zip(texts, names or texts, strict=True)
    write_tomogram_map(beside, dict(pairs))
    return numbers, [f"tomograms are numbered; their names are in {beside.name}"]


def numbered(
    texts: NDArray[np.str_] | None, *, n: int, what: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Numbers of classes or objects: as they are where they are numbers, else 1, 2, ... .

    Examples
    --------
    >>> numbered(np.array(["3", "1"]), n=2, what="classes")
    (array([3, 1]), [])
    >>> numbered(np.array(["b", "a", "b"]), n=3, what="classes")
    (array([1, 2, 1]), ['classes are numbered: b is 1, a is 2'])
    """
    if texts is None or not n:
        return np.zeros(n, dtype=np.int64), []
    numbers, names = _numbered(texts)
    if names is None:
        return numbers, []
    shown = ", ".join(f"{name or '(none)'} is {i}" for i, name in enumerate(names[:20], start=1))
    return numbers, [f"{what} are numbered: {shown}"]


def finite_scores(score: NDArray[np.float64] | None, *, n: int) -> NDArray[np.float64]:
    """Scores to write; 0 where a pick has none."""
    return np.zeros(n) if score is None else np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0)


def as_numbers(column: NDArray[Any]) -> NDArray[np.float64] | None:
    """A kept column as numbers; None where another program filled it with something else.

    Examples
    --------
    >>> as_numbers(np.array(["1", "2"])), as_numbers(np.array(["1", "p_2.em"]))
    (array([1., 2.]), None)
    """
    try:
        numbers = np.asarray(column, dtype=np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _numbered(texts: NDArray[np.str_]) -> tuple[NDArray[np.int64], list[str] | None]:
    """Numbers, and the names they stand for in order of first appearance (None: themselves)."""
    different, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    values = [_plain_number(text) for text in different.tolist()]
    if all(value is not None for value in values):
        return np.asarray(values, dtype=np.int64)[inverse], None
    rank = np.argsort(np.argsort(first))
    names = different[np.argsort(first)].tolist()
    if any(c in name for name in names for c in "\n\r"):
        raise InputError("a tomogram, class or object has a name with a line break; rename it")
    return (rank[inverse] + 1).astype(np.int64), names


def _plain_number(text: str) -> int | None:
    """The number a name is, if it stays the same when written as one (``007`` does not)."""
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        return None
    return int(text) if str(int(text)) == text else None
