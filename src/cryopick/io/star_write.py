"""Writing STAR files: fast, aligned, and without loss.

Numbers are laid out as a matrix of bytes, whole columns at a time. Six decimals are written as
RELION does; values that six decimals would spoil (``1e-9``) keep nine digits. A number that is
not finite is refused: RELION cannot read it, and each dialect has its own way to say *missing*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import atomic_open
from cryopick.io.star_block import Column, StarBlock, StarFile

_ROWS = 1 << 16
# Values this long are rare; they are joined row by row instead of padding every other row.
_LONG = 256
_DECIMALS = 6
_SPECIAL = re.compile(r"[\"'#_\s]|data_|loop_|\Z")
_DIGITS = np.array([list(f"{i:03d}".encode()) for i in range(1000)], dtype=np.uint8)
_SPACE, _ZERO, _MINUS, _POINT, _NEWLINE = b" 0-.\n"

Bytes = NDArray[np.uint8]


def write_star(path: str | Path, blocks: StarFile | Sequence[StarBlock]) -> None:
    """Write blocks to a STAR file, which appears whole or not at all.

    Parameters
    ----------
    path
        The file.
    blocks
        Blocks in their order. Columns may hold text, integers or floats.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from cryopick.io.star import read_star
    >>> from cryopick.io.star_block import star_block
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.star"
    >>> write_star(path, [star_block("", {"rlnTomoName": ["007"], "rlnLCCmax": [1e-9]})])
    >>> read_star(path).blocks[0].text("rlnLCCmax").tolist()
    ['1e-09']
    """
    if isinstance(blocks, StarFile):
        blocks = blocks.blocks
    with atomic_open(path, "wb") as file:
        for i, block in enumerate(blocks):
            _check(block, path)
            file.write(_head(block, first=i == 0))
            for chunk in _table(block, path) if block.loop else _pairs(block, path):
                file.write(chunk)


def format_numbers(values: NDArray[Any], what: str = "numbers") -> Bytes:
    """Numbers as text: ``(n, width)`` bytes, flush right.

    Parameters
    ----------
    values
        ``(n,)`` integers or floats, all finite.
    what
        Name for the message where a value is not finite.
    """
    if values.dtype.kind in "iub":
        if values.dtype == np.uint64 or (values.size and np.abs(values.astype(float)).max() > 9e18):
            return _bytes_of([str(v) for v in values.tolist()])
        return _fixed(values.astype(np.int64), decimals=0)
    numbers = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise InputError(
            f"{what}, row {bad[0] + 1}: {numbers[bad[0]]} is not a finite number and cannot be "
            "written to a STAR file; remove the row or give the value"
        )
    size = np.abs(numbers)
    plain = ((size >= 0.1) & (size < 1e12)) | (size == 0)
    scaled = np.rint(np.where(plain, numbers, 0.0) * 10**_DECIMALS).astype(np.int64)
    laid = _fixed(scaled, decimals=_DECIMALS)
    odd = np.flatnonzero(~plain)
    if odd.size:
        texts = _bytes_of([f"{v:.9g}" for v in numbers[odd].tolist()])
        width = max(laid.shape[1], texts.shape[1])
        laid = _widen(laid, width)
        laid[odd] = _widen(texts, width)
    return laid


def quoted(text: str) -> str:
    """A value as it must stand in a file: in quotes where it is empty or could be misread."""
    if not (_SPECIAL.match(text) or any(c.isspace() for c in text)):
        return text
    folded = re.sub(r"[\r\n]+", " ", text)
    quote = '"' if '"' not in folded else "'"
    if quote in folded:
        raise InputError(f"STAR: {text[:60]!r} holds both kinds of quotes; rename it")
    return f"{quote}{folded}{quote}"


def _check(block: StarBlock, path: str | Path) -> None:
    lengths = {name: len(values) for name, values in block.columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: block {block.name!r}: columns differ in length: {lengths}")
    if not block.loop and any(n != 1 for n in lengths.values()):
        raise InputError(f"{path}: block {block.name!r}: a list of single values needs one each")
    for name in (block.name, *block.columns):
        if any(c.isspace() for c in name):
            raise InputError(f"{path}: {name!r}: a block or column name cannot hold spaces")
    if re.search(r"[\"'\[]", block.name):
        raise InputError(f"{path}: {block.name!r}: a block name cannot hold quotes or [; rename it")
    if "" in block.columns:
        raise InputError(f"{path}: block {block.name!r}: a column name is empty")


def _head(block: StarBlock, *, first: bool) -> bytes:
    lines = [""] if not first else []
    lines += [f"# {comment}" for comment in block.comments]
    lines += ["", f"data_{block.name}", ""]
    if block.loop and block.columns:
        lines.append("loop_")
        lines += [f"_{name} #{i + 1}" for i, name in enumerate(block.columns)]
    return ("\n".join(lines) + "\n").encode()


def _pairs(block: StarBlock, path: str | Path) -> Iterator[bytes]:
    width = max(map(len, block.columns), default=0) + 1
    for name, values in block.columns.items():
        [value] = _texts(values, f"{path}: block {block.name!r}, column {name}")
        yield f"_{name:<{width}} {value}\n".encode()


def _table(block: StarBlock, path: str | Path) -> Iterator[bytes]:
    """Rows of a table, some ten thousand at a time."""
    for start in range(0, len(block), _ROWS):
        part = {name: values[start : start + _ROWS] for name, values in block.columns.items()}
        laid = [
            _lay(values, f"{path}: block {block.name!r}, column {name}")
            for name, values in part.items()
        ]
        matrices = [m for m in laid if not isinstance(m, list)]
        n = len(next(iter(part.values())))
        if len(matrices) == len(laid):
            gap = np.full((n, 1), _SPACE, dtype=np.uint8)
            spaced = [piece for m in matrices for piece in (m, gap)]
            spaced[-1] = np.full((n, 1), _NEWLINE, dtype=np.uint8)
            yield np.concatenate(spaced, axis=1).tobytes()
            continue
        columns = [m if isinstance(m, list) else _rows_of(m) for m in laid]
        rows = (" ".join(row) for row in zip(*columns, strict=True))
        yield ("\n".join(rows) + "\n").encode()


def _lay(values: Column, what: str) -> Bytes | list[str]:
    """One column as a matrix of bytes, or as texts where one of them is long."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return format_numbers(values, what)
    texts = _texts(values, what)
    if max(map(len, texts), default=0) > _LONG:
        return texts
    return _bytes_of(texts, flush_right=False)


def _texts(values: Column, what: str) -> list[str]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return [row.strip() for row in _rows_of(format_numbers(values, what))]
    texts = [str(v) for v in values.tolist()] if isinstance(values, np.ndarray) else [*values]
    joined = "\n".join(texts)
    if "\0" in joined:
        raise InputError(f"{what}: a value holds a zero byte; correct it")
    try:
        joined.encode("utf-8")
    except UnicodeEncodeError as error:
        word = joined[max(0, error.start - 20) : error.end + 20]
        raise InputError(f"{what}: {word!r} is not UTF-8; rename it") from error
    # One look at the whole column spares a look at each value.
    if joined.split() == texts and not re.search(r"^(?:[\"'#_]|data_|loop_)", joined, re.MULTILINE):
        return texts
    return [quoted(text) for text in texts]


def _rows_of(matrix: Bytes) -> list[str]:
    n, width = matrix.shape
    whole = matrix.tobytes()
    return [whole[i * width : (i + 1) * width].decode() for i in range(n)]


def _bytes_of(texts: Sequence[str], *, flush_right: bool = True) -> Bytes:
    joined = "".join(texts)
    raw = list(texts) if joined.isascii() else [t.encode() for t in texts]
    array = np.array(raw, dtype=np.bytes_)
    width = max(array.dtype.itemsize, 1)
    matrix = array.view(np.uint8).reshape(len(array), width).copy()
    if flush_right:
        lengths = np.char.str_len(array)
        for length in np.unique(lengths):
            rows = lengths == length
            matrix[rows] = np.roll(matrix[rows], width - int(length), axis=1)
    matrix[matrix == 0] = _SPACE
    return matrix


def _widen(matrix: Bytes, width: int) -> Bytes:
    n, old = matrix.shape
    if old == width:
        return matrix
    wide = np.full((n, width), _SPACE, dtype=np.uint8)
    wide[:, width - old :] = matrix
    return wide


def _fixed(scaled: NDArray[np.int64], *, decimals: int) -> Bytes:
    """Integers as text with the point ``decimals`` digits from the right, three digits a step."""
    n = len(scaled)
    size = np.abs(scaled)
    digits = max(len(str(int(size.max(initial=0)))), decimals + 1)
    groups = -(-digits // 3)
    raw = np.empty((n, groups * 3), dtype=np.uint8)
    rest = size
    for g in range(groups - 1, -1, -1):
        rest, low = np.divmod(rest, 1000)
        raw[:, 3 * g : 3 * g + 3] = _DIGITS[low]
    raw = raw[:, groups * 3 - digits :]
    whole = digits - decimals
    out = np.full((n, 1 + digits + (1 if decimals else 0)), _SPACE, dtype=np.uint8)
    out[:, 1 : 1 + whole] = raw[:, :whole]
    if decimals:
        out[:, 1 + whole] = _POINT
        out[:, 2 + whole :] = raw[:, whole:]
    # Leading zeros become spaces, but for the one before the point; the sign goes before them.
    lead = np.minimum(np.argmax(raw[:, :whole] != _ZERO, axis=1), whole - 1)
    lead[~(raw[:, :whole] != _ZERO).any(axis=1)] = whole - 1
    for k in range(whole - 1):
        out[lead > k, 1 + k] = _SPACE
    negative = np.flatnonzero(scaled < 0)
    out[negative, lead[negative]] = _MINUS
    return out
