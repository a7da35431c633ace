"""PLY (Stanford polygons): a header that declares elements, then their values as text or binary.

Of the elements, ``vertex`` (``x y z``, and ``nx ny nz`` where there) and ``face`` (the list
``vertex_indices`` or ``vertex_index``) are kept; others are passed over, whatever they hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.meshes.surface import Surface, fan
from cryopick.io.text_rows import split_rows, to_integer, to_number

_END = b"end_header"
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_STRUCT = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d",
}  # fmt: skip
_CORNERS = ("vertex_indices", "vertex_index")
_MAX_ROWS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Property:
    """One value of a row; a list where ``count`` is the type of its length."""

    name: str
    kind: str
    count: str = ""


@dataclass(slots=True, kw_only=True)
class _Element:
    name: str
    rows: int
    properties: list[_Property] = field(default_factory=list[_Property])

    def place_of(self, names: tuple[str, ...]) -> list[int] | None:
        """Columns of some properties; None: not all are there."""
        there = {each.name: column for column, each in enumerate(self.properties)}
        return [there[name] for name in names] if all(n in there for n in names) else None


# A row: one list of numbers per property.
_Row = list[list[float]]


def read_ply(data: bytes, path: Path) -> Surface:
    """Read the bytes of a PLY file.

    Parameters
    ----------
    data
        The whole file.
    path
        For messages.
    """
    order, elements, start = _header(data, path)
    body = data[start:]
    vertex: NDArray[np.float64] | None = None
    normal: NDArray[np.float64] | None = None
    triangle = np.empty((0, 3), np.int64)
    values = _Body(body, order, path)
    for element in elements:
        if element.name == "vertex":
            table = values.table(element)
            xyz, across = element.place_of(("x", "y", "z")), element.place_of(("nx", "ny", "nz"))
            if xyz is None:
                raise FormatError(path, "element vertex has no x, y and z", "write it again")
            vertex = table[:, xyz]
            normal = None if across is None else table[:, across]
        elif element.name == "face":
            triangle = values.triangles(element)
        else:
            values.skip(element)
    if vertex is None:
        raise FormatError(path, "has no element vertex", "check the file")
    return Surface(vertex=vertex, triangle=triangle, normal=normal)


def _header(data: bytes, path: Path) -> tuple[str, list[_Element], int]:
    """Byte order ("" for text), elements, and where their values begin."""
    end = data.find(_END)
    if not data.startswith(b"ply") or end < 0:
        raise FormatError(path, "has no header of PLY", "check the file")
    # The header ends with one line end; the first value may look like another.
    start = end + len(_END)
    start += 2 if data[start : start + 2] == b"\r\n" else 1
    order, elements = None, []
    for number, line in enumerate(data[:end].decode("latin-1").splitlines(), start=1):
        words = line.split()
        if not words or words[0] in ("ply", "comment", "obj_info"):
            continue
        place = f"line {number}"
        if words[0] == "format" and len(words) > 1 and words[1] in _FORMATS:
            order = _FORMATS[words[1]]
        elif words[0] == "element" and len(words) == 3:
            rows = to_integer(words[2], path, place)
            if not 0 <= rows <= _MAX_ROWS:
                raise FormatError(path, f"{place}: {rows} rows of {words[1]}", "check the file")
            elements.append(_Element(name=words[1], rows=rows))
        elif words[0] == "property" and elements:
            elements[-1].properties.append(_property(words, path, place))
        else:
            raise FormatError(path, f"{place}: '{line.strip()[:40]}' is not known", "correct it")
    if order is None:
        raise FormatError(path, "its header names no format", "check the file")
    return order, elements, start


def _property(words: list[str], path: Path, place: str) -> _Property:
    is_list = len(words) == 5 and words[1] == "list"
    kinds = words[2:4] if is_list else words[1:2]
    if not (is_list or len(words) == 3) or any(kind not in _TYPES for kind in kinds):
        raise FormatError(path, f"{place}: '{' '.join(words)[:40]}' is not known", "correct it")
    if not is_list:
        return _Property(name=words[2], kind=_TYPES[kinds[0]])
    if _TYPES[kinds[0]].startswith("f"):
        raise FormatError(path, f"{place}: a list has no length of {kinds[0]}", "correct it")
    return _Property(name=words[4], kind=_TYPES[kinds[1]], count=_TYPES[kinds[0]])


class _Body:
    """The values of all elements, taken in the order of the header."""

    def __init__(self, data: bytes, order: str, path: Path) -> None:
        self._data, self._order, self._path = data, order, path
        self._at = 0
        # Only a text is split into lines.
        self._lines: Iterator[tuple[int, list[str]]] = iter(
            () if order else split_rows(data.decode("latin-1").replace("\r", "\n"), path=path)
        )

    def table(self, element: _Element) -> NDArray[np.float64]:
        """Rows of an element, one number per property (of a list: the first)."""
        if self._order and not any(each.count for each in element.properties):
            return self._plain(element)
        rows = [[value[0] if value else 0.0 for value in row] for row in self._rows(element)]
        return np.array(rows, dtype=np.float64).reshape(element.rows, len(element.properties))

    def triangles(self, element: _Element) -> NDArray[np.int64]:
        """Corners of all faces, cut into triangles."""
        column = next(
            (k for k, each in enumerate(element.properties) if each.name in _CORNERS), None
        )
        if column is None or not element.properties[column].count:
            raise FormatError(self._path, "its faces have no vertex_indices", "write it again")
        quick = self._all_triangles(element, column)
        if quick is not None:
            return quick
        faces = ([int(corner) for corner in row[column]] for row in self._rows(element))
        cut = list(chain.from_iterable(fan(face) for face in faces))
        return np.array(cut, dtype=np.int64).reshape(-1, 3)

    def skip(self, element: _Element) -> None:
        """Pass over an element."""
        if self._order and not any(each.count for each in element.properties):
            self._plain(element)
            return
        for _ in self._rows(element):
            pass

    def _plain(self, element: _Element) -> NDArray[np.float64]:
        kinds = [(f"p{k}", self._order + p.kind) for k, p in enumerate(element.properties)]
        row = np.dtype(kinds)
        found = np.frombuffer(self._take(row.itemsize * element.rows), row)
        columns = [found[name].astype(np.float64) for name, _ in kinds]
        return np.stack(columns, axis=1) if columns else np.empty((element.rows, 0))

    def _all_triangles(self, element: _Element, column: int) -> NDArray[np.int64] | None:
        """The faces at once, where each has three corners and no other list."""
        lists = [each for each in element.properties if each.count]
        if not self._order or len(lists) != 1:
            return None
        kinds: list[tuple[str, str] | tuple[str, str, int]] = []
        for place, each in enumerate(element.properties):
            if each.count:
                kinds += [("count", self._order + each.count)]
                kinds += [(f"p{place}", self._order + each.kind, 3)]
            else:
                kinds.append((f"p{place}", self._order + each.kind))
        row = np.dtype(kinds)
        size = row.itemsize * element.rows
        if len(self._data) - self._at < size:
            return None
        found = np.frombuffer(self._data, row, element.rows, self._at)
        if not (found["count"] == 3).all():
            return None
        self._at += size
        return found[f"p{column}"].astype(np.int64)

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise FormatError(
                self._path, f"ends {size - len(part)} bytes too early", "copy the file again"
            )
        self._at += size
        return part

    def _rows(self, element: _Element) -> Iterator[_Row]:
        for _ in range(element.rows):
            yield self._binary_row(element) if self._order else self._text_row(element)

    def _binary_row(self, element: _Element) -> _Row:
        row: _Row = []
        for each in element.properties:
            count = int(self._numbers(each.count, 1)[0]) if each.count else 1
            if count < 0:
                raise FormatError(self._path, f"a list of {count} in {element.name}", "write again")
            row.append(self._numbers(each.kind, count))
        return row

    def _numbers(self, kind: str, count: int) -> list[float]:
        layout = struct.Struct(f"{self._order}{count}{_STRUCT[kind]}")
        return list(layout.unpack(self._take(layout.size)))

    def _text_row(self, element: _Element) -> _Row:
        line, cells = next(self._lines, (0, []))
        if not line:
            raise FormatError(self._path, f"ends within {element.name}", "copy the file again")
        row: _Row = []
        at = 0
        for each in element.properties:
            count = 1
            if each.count:
                count = to_integer(cells[at], self._path, f"line {line}") if at < len(cells) else 0
                at += 1
            if count < 0 or at + count > len(cells):
                raise FormatError(
                    self._path, f"line {line}: too few numbers for {each.name}", "correct the line"
                )
            row.append(
                [to_number(cell, self._path, f"line {line}") for cell in cells[at : at + count]]
            )
            at += count
        return row
