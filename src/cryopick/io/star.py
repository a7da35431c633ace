"""STAR syntax: all data blocks of a file as columns of text, typed only when asked.

What RELION and its relatives write: blocks ``data_NAME`` that hold a table (``loop_``) or single
values, white space between values, ``"..."`` or ``'...'`` around values with spaces, ``#`` for
comments. Block names, the order of columns, columns nobody knows and the text of every value
survive a round trip: the tomogram ``1e5`` stays ``1e5``.

Parsing splits a table in pieces of some thousand rows at once where they hold no quotes and no
comments, which is nearly always; line by line otherwise.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.star_block import Column, StarBlock, StarFile
from cryopick.io.star_column import Chunk, TextColumn, as_text

# A row ends with this token while a table is split; it cannot occur in a text file.
_END = b"\x00"
# Rows split at once: few enough to stay in the processor's cache.
_PIECE = 1 << 17
# Text compresses 5 to 20 times; what grows more is no STAR file.
_GZIP_FLOOR = 32 << 20
_GZIP_RATIO = 50

_HEADER = re.compile(rb"[ \t]*data_([^\s\"'\[]*)[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_LOOP = re.compile(rb"[ \t]*loop_[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_NAME_LINE = re.compile(rb"\n[ \t]*_")
_OPENS_QUOTE = re.compile(r"(?:\A|\s)[\"'#]")
_OPENS_QUOTE_BYTES = re.compile(rb"(?:\A|\s)[\"'#]")
_TOKEN = re.compile(r"\S+")


def read_star(path: str | Path) -> StarFile:
    """Read all blocks of a STAR file (``.gz`` too).

    Parameters
    ----------
    path
        The file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = _unzip(data, path)
    return parse_star(data, path)


def parse_star(data: bytes | str, path: str | Path = "STAR") -> StarFile:
    """Parse the content of a STAR file; ``path`` is for messages."""
    path = Path(path)
    data = data.encode() if isinstance(data, str) else data
    if b"\x00" in data:
        raise FormatError(path, "holds zero bytes", "this is not a STAR file")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    headers = list(_headers(data))
    if not headers:
        raise FormatError(path, "no data_ block", "this is not a STAR file")
    cut = _strip_tail(data, 0, headers[0].start())
    if data[:cut].strip():
        raise FormatError(path, "line 1: text before the first data_ block")
    blocks: list[StarBlock] = []
    comments = _comments(data[cut : headers[0].start()])
    for i, header in enumerate(headers):
        stop = headers[i + 1].start() if i + 1 < len(headers) else len(data)
        end = _strip_tail(data, header.end(), stop)
        parts = list(_parts(data, header.end(), end, path))
        name = as_text(header[1])
        blocks += [
            StarBlock(name=name, columns=columns, loop=loop, comments=comments, path=path)
            for columns, loop in parts or [({}, False)]
        ]
        comments = _comments(data[end:stop])
    return StarFile(blocks=tuple(blocks), path=path)


def head_of_star(path: Path, head: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the blocks and of the columns in the first bytes of a file, for sniffing."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(31).decompress(head, 1 << 16)
        except zlib.error:
            return frozenset(), frozenset()
    if b"data_" not in head or b"\x00" in head or not path.name:
        return frozenset(), frozenset()
    head = head.replace(b"\r", b"\n")
    columns = re.findall(rb"^[ \t]*_(\S+)", head, re.MULTILINE)
    blocks = frozenset(as_text(m[1]) for m in _headers(head))
    return blocks, frozenset(map(as_text, columns))


def tokens_of(line: str) -> list[str]:
    """Values of one line: quotes taken off, a comment at its end dropped."""
    if not _OPENS_QUOTE.search(line):
        return line.split()
    tokens: list[str] = []
    position = 0
    unclosed = ""  # a quote found without its partner has none further on either
    while match := _TOKEN.search(line, position):
        first = line[match.start()]
        if first == "#":
            break
        if first in "\"'" and first not in unclosed:
            close = _closing(line, first, match.start() + 1)
            if close >= 0:
                tokens.append(line[match.start() + 1 : close])
                position = close + 1
                continue
            unclosed += first
        tokens.append(match[0])
        position = match.end()
    return tokens


def _closing(line: str, quote: str, position: int) -> int:
    """Place of the quote that ends a value: the next one before white space or the end."""
    close = line.find(quote, position)
    while close >= 0 and close + 1 < len(line) and not line[close + 1].isspace():
        close = line.find(quote, close + 1)
    return close


def _unzip(data: bytes, path: Path) -> bytes:
    limit = _GZIP_FLOOR + _GZIP_RATIO * len(data)
    engine = zlib.decompressobj(31)
    try:
        plain = engine.decompress(data, limit)
    except zlib.error as error:
        raise FormatError(path, f"damaged gzip data ({error})") from error
    if engine.unconsumed_tail or len(plain) >= limit:
        raise FormatError(path, f"unpacks to more than {limit >> 20} MiB", "unpack it by hand")
    if not engine.eof:
        raise FormatError(path, "gzip data end too early", "copy the file again")
    return plain


def _headers(data: bytes) -> Iterator[re.Match[bytes]]:
    """Lines that hold nothing but ``data_NAME``."""
    return _lines_with(data, b"data_", _HEADER, 0, len(data))


def _lines_with(
    data: bytes, word: bytes, line: re.Pattern[bytes], start: int, end: int
) -> Iterator[re.Match[bytes]]:
    """Lines that match a pattern; found by a word of it, as a plain search is ten times faster."""
    place = data.find(word, start, end)
    while place >= 0:
        begin = data.rfind(b"\n", 0, place) + 1
        if begin >= start and not data[begin:place].strip() and (m := line.match(data, begin, end)):
            yield m
        place = data.find(word, place + 1, end)


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _strip_tail(data: bytes, start: int, stop: int) -> int:
    """End of the content between two places: without the blank lines and comments at its end."""
    while stop > start:
        newline = data.rfind(b"\n", start, stop)
        begin = max(newline + 1, start)
        line = data[begin:stop].strip()
        if line and not line.startswith(b"#"):
            return stop
        stop = newline if newline >= start else start
    return start


def _comments(data: bytes) -> tuple[str, ...]:
    lines = (line.strip() for line in as_text(data).split("\n"))
    return tuple(line[1:].strip() for line in lines if line.startswith("#"))


def _parts(
    data: bytes, start: int, end: int, path: Path
) -> Iterator[tuple[dict[str, Column], bool]]:
    """Tables and lists of single values of one block, one after the other."""
    pairs: dict[str, Column] = {}
    position = start
    while position < end:
        newline = data.find(b"\n", position, end)
        stop = end if newline < 0 else newline
        tokens = tokens_of(as_text(data[position:stop]))
        if tokens and tokens[0] == "loop_":
            if pairs:
                yield pairs, False
                pairs = {}
            names, body = _loop_names(data, stop, end, path)
            position = _end_of_rows(data, body, end)
            yield _table(names, data, body, position, path), True
            continue
        if tokens:
            if not tokens[0].startswith("_") or len(tokens[0]) == 1:
                problem = f"line {_line(data, position)}: expected a column name, got "
                raise FormatError(path, f"{problem}{tokens[0][:60]!r}")
            _new_name(tokens[0][1:], pairs, path, _line(data, position))
            pairs[tokens[0][1:]] = [" ".join(tokens[1:])]
        position = stop + 1
    if pairs:
        yield pairs, False


def _new_name(name: str, known: Mapping[str, Any], path: Path, line: int) -> None:
    if name in known:
        raise FormatError(path, f"line {line}: column {name[:60]} is there twice", "rename one")


def _loop_names(data: bytes, position: int, end: int, path: Path) -> tuple[list[str], int]:
    """Column names of a table, and where its rows begin."""
    names: dict[str, None] = {}
    while position < end:
        start = position + 1
        newline = data.find(b"\n", start, end)
        stop = end if newline < 0 else newline
        line = data[start:stop].strip()
        if line and not line.startswith(b"#"):
            if not line.startswith(b"_"):
                break
            name = as_text(line.split(None, 1)[0][1:])
            _new_name(name, names, path, _line(data, start))
            names[name] = None
        position = stop
    return list(names), min(position + 1, end)


def _end_of_rows(data: bytes, start: int, end: int) -> int:
    """Where the rows of a table end: at the end of its block, or at the next item in it."""
    loop = next(_lines_with(data, b"loop_", _LOOP, start, end), None)
    if loop:
        end = loop.start()
    # One pattern is faster than plain searches for a name after a line's end, a space and a tab.
    match = _NAME_LINE.search(data, max(start - 1, 0), end)
    return match.start() + 1 if match else end


def _table(names: list[str], data: bytes, start: int, end: int, path: Path) -> dict[str, Column]:
    """Rows of a table, piece by piece."""
    if not names and data[start:end].strip():
        raise FormatError(path, f"line {_line(data, start)}: values, but no column names")
    chunks: list[list[Chunk]] = [[] for _ in names]
    while names and start < end:
        stop = data.rfind(b"\n", start, min(start + _PIECE, end)) + 1
        if stop <= start:  # a row longer than a piece
            newline = data.find(b"\n", start, end)
            stop = end if newline < 0 else newline + 1
        piece = data[start:stop]
        columns = _split(piece, len(names)) or _rows(piece, len(names), path, data, start)
        for chunk, column in zip(chunks, columns, strict=True):
            chunk.append(column)
        start = stop
    return {name: TextColumn(chunk) for name, chunk in zip(names, chunks, strict=True)}


def _split(piece: bytes, n: int) -> list[Chunk] | None:
    """Columns of whole rows, all at once; None where they need a closer look."""
    if (b'"' in piece or b"'" in piece or b"#" in piece) and _OPENS_QUOTE_BYTES.search(piece):
        return None
    piece = piece if piece.endswith(b"\n") else piece + b"\n"
    tokens = piece.replace(b"\n", b" \x00 ").split()
    ends = tokens[n :: n + 1]
    if len(tokens) % (n + 1) or ends.count(_END) != len(ends):
        return None
    newline = np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == ord("\n"))
    longest = int(np.diff(newline, prepend=-1).max())
    columns = [tokens[i :: n + 1] for i in range(n)]
    # Fixed width is small and fast, unless one huge value sets the width.
    if longest * len(newline) > 8 * len(piece) + (1 << 16):
        return [*columns]
    return [np.array(column, dtype=np.bytes_) for column in columns]


def _rows(piece: bytes, n: int, path: Path, data: bytes, start: int) -> list[Chunk]:
    """Columns of whole rows, line by line."""
    rows: list[list[str]] = []
    # Bytes above 127 must survive and must not count as white space: both hold for surrogates.
    for offset, line in enumerate(piece.decode("ascii", "surrogateescape").split("\n")):
        row = tokens_of(line)
        if row and len(row) != n:
            raise FormatError(
                path,
                f"line {_line(data, start) + offset}: {len(row)} values, but {n} columns",
                "the row is cut or a value with spaces lacks quotes",
            )
        if row:
            rows.append(row)
    columns = [
        [value.encode("ascii", "surrogateescape") for value in column]
        for column in zip(*rows, strict=True)
    ]
    return [*columns] if columns else [[] for _ in range(n)]
