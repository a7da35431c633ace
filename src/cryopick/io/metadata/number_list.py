"""Plain text lists of numbers: dose or defocus per tilt, and tables of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import split_rows, to_number


def read_number_rows(path: str | Path, *, separator: str | None = None) -> list[list[float]]:
    """Read rows of numbers; empty lines and lines that start with ``#`` are left out.

    Parameters
    ----------
    path
        The file.
    separator
        Between the numbers; default: white space.

    Returns
    -------
    list
        One list of numbers per row; rows may differ in length.
    """
    rows = [
        [to_number(word, path, f"line {line}") for word in words]
        for line, words in split_rows(read_text(path), separator, path=Path(path))
    ]
    if not rows:
        raise FormatError(path, "holds no numbers")
    return rows


def read_number_table(path: str | Path, *, separator: str | None = None) -> NDArray[np.float64]:
    """Read rows of numbers that are all of one length, ``(rows, columns)``."""
    rows = read_number_rows(path, separator=separator)
    width = len(rows[0])
    for place, row in enumerate(rows, start=1):
        if len(row) != width:
            raise FormatError(path, f"row {place}: expected {width} numbers, got {len(row)}")
    return np.asarray(rows, dtype=np.float64)


def read_number_list(
    path: str | Path, *, what: str, column: int | None = None
) -> NDArray[np.float64]:
    """Read one number per line: dose in e/Å², defocus in µm, tilts in degrees.

    Parameters
    ----------
    path
        The file.
    what
        What the numbers are, for messages.
    column
        Which column of a file with several, counted from 0. Default: the file must have one.
    """
    table = read_number_table(path)
    if column is None:
        if table.shape[1] != 1:
            raise FormatError(
                path,
                f"expected one number of {what} per line, got {table.shape[1]} columns",
                "name the column",
            )
        column = 0
    if not 0 <= column < table.shape[1]:
        raise InputError(
            f"{path}: {what}: column {column} asked for, the file has {table.shape[1]} "
            "(counted from 0)"
        )
    return np.ascontiguousarray(table[:, column])


def read_doses(path: str | Path, *, column: int | None = None) -> NDArray[np.float64]:
    """Read the accumulated exposure of each tilt image in e/Å²."""
    dose = read_number_list(path, what="dose", column=column)
    if dose.min() < 0:
        raise FormatError(path, f"dose: {dose.min():g} e/Å² is below 0")
    return dose


def read_defocus_um(path: str | Path, *, column: int | None = None) -> NDArray[np.float64]:
    """Read the defocus of each tilt image in µm; positive is underfocus.

    Values above 100 are refused: they are nm or Å.
    """
    defocus = read_number_list(path, what="defocus", column=column)
    largest = float(np.abs(defocus).max())
    if largest > 100:
        raise FormatError(
            path, f"defocus: {largest:g} µm is not possible", "divide nm by 1000, Å by 10000"
        )
    return defocus


def write_number_list(path: str | Path, values: ArrayLike, *, decimals: int) -> None:
    """Write one number per line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dose.txt"
    >>> write_number_list(path, [0, 3.25], decimals=2)
    >>> read_doses(path)
    array([0.  , 3.25])
    """
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or not np.isfinite(column).all():
        raise InputError(f"{path}: expected a list of finite numbers, got shape {column.shape}")
    write_text(path, "".join(f"{value:.{decimals}f}\n" for value in column))
