"""Structured arrays in numpy's ``.npy`` form: the header is checked before anything is read."""

from __future__ import annotations

import tokenize
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cryopick.errors import FormatError

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 20


def read_structured(path: Path) -> NDArray[Any]:
    """Read a one-dimensional structured array; nothing is unpickled.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.npy")
    ...     np.save(file, np.array([(1, 0.5)], dtype=[("uid", "<u8"), ("x", "<f4")]))
    ...     read_structured(file)["x"]
    array([0.5], dtype=float32)
    """
    if path.is_dir():
        raise FormatError(path, "is a folder", "name a file in it")
    with path.open("rb") as file:
        start = file.read(6)
        if start[1:] == b"CSDAT":
            raise FormatError(
                path,
                "is in cryoSPARC's compressed CSDAT form",
                "export it from cryoSPARC (Export output), or save it with cryosparc-tools as numpy",
            )
        if start != MAGIC:
            raise FormatError(path, "does not begin as a numpy file", "is it a cryoSPARC .cs file?")
        file.seek(0)
        shape, kind = _header(path, file)
        if len(shape) != 1 or kind.names is None or kind.hasobject or kind.itemsize < 1:
            raise FormatError(
                path, f"holds {_short(kind)} of shape {shape}, not a table", "check the file"
            )
        there = path.stat().st_size - file.tell()
        needed = shape[0] * kind.itemsize
        if shape[0] < 0 or there < needed:
            raise FormatError(
                path, f"{shape[0]} rows need {needed} bytes, {there} are there", "copy it again"
            )
        return np.frombuffer(file.read(needed), dtype=kind, count=shape[0])


def _header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if reader is None:
            raise FormatError(path, f"numpy file of version {version}", "expected 1.0 or 2.0")
        with warnings.catch_warnings():
            # cryoSPARC 2 wrote with Python 2; numpy reads such headers and says so.
            warnings.simplefilter("ignore", UserWarning)
            shape, _, kind = reader(file, max_header_size=_MAX_HEADER)
    except FormatError:
        raise
    # The header is a Python literal, which numpy parses: a damaged one can raise any of these.
    except (ValueError, TypeError, SyntaxError, KeyError, tokenize.TokenError, RecursionError,
            MemoryError, OverflowError, EOFError, UnicodeError, IndexError) as error:  # fmt: skip
        raise FormatError(
            path, f"damaged numpy header: {str(error)[:80]}", "copy it again"
        ) from None
    return shape, kind


def _short(kind: np.dtype[Any]) -> str:
    return str(kind)[:60]
