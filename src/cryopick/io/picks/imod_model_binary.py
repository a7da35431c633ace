"""The binary model file of IMOD: what of it holds points, read and written.

After https://bio3d.colorado.edu/imod/doc/binspec.html: an 8-byte id and a 232-byte header, then
chunks with a 4-letter name, all big-endian. ``OBJT``, ``CONT`` and ``MESH`` have no length of
their own, every other chunk does. Each length is checked against what is left of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.atomic import write_bytes

ID = b"IMODV1.2"
END = b"IEOF"
MAX_MODEL_BYTES = 256 * 1024 * 1024

_HEADER = struct.Struct(">128s4iI4i6f5ifii3f")
_OBJECT = struct.Struct(">64s64siIii3fi8Bii")
_CONTOUR = struct.Struct(">iIii")
_MESH = struct.Struct(">iiIhh")
_SLICER = struct.Struct(">i6f32s")
_MINX = struct.Struct(">18f")

# Model flags: 3dmod has stored image origins, so that MINX can be used.
_HAS_ORIGINS = 1 << 14
# What programs other than 3dmod set: z from -0.5, not written by 3dmod yet, several clip planes,
# material as bytes.
_NEW_MODEL_FLAGS = 0x3E00
_OPEN, _SCATTERED = 1 << 3, 1 << 9
_NANOMETRE = -9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImodContour:
    """Points of one contour.

    Attributes
    ----------
    point
        ``(n, 3)`` x, y, z in model coordinates.
    radius_px
        ``(n,)`` sphere radius of each point, NaN where it is the object's; None: all are.
    """

    point: NDArray[np.float64]
    radius_px: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImodObject:
    """One object.

    Attributes
    ----------
    name
        Up to 63 bytes.
    contours
        In their order.
    radius_px
        Radius of the spheres it is drawn with; 0: none.
    """

    name: str
    contours: tuple[ImodContour, ...]
    radius_px: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImodModel:
    """A model: objects, and views of the slicer window.

    Attributes
    ----------
    objects
        In their order.
    slicer
        ``(m, 6)``: angles about x, y, z in degrees, then the centre x, y, z.
    size_px
        Size of the image it was drawn on: x, y, z.
    pixel_size_nm
        Pixel size where the header has one in nm; else 0.
    shift_px
        ``(3,)`` to add to points of a model that was drawn on a part of an image.
    """

    objects: tuple[ImodObject, ...]
    slicer: NDArray[np.float64]
    size_px: tuple[int, int, int] = (0, 0, 0)
    pixel_size_nm: float = 0.0
    shift_px: tuple[float, float, float] = (0.0, 0.0, 0.0)


class _Reader:
    """A cursor over the file that cannot run past its end."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data, self.path, self.place = data, path, 0

    def take(self, n: int, what: str) -> bytes:
        if not 0 <= n <= len(self.data) - self.place:
            raise FormatError(
                self.path,
                f"byte {self.place}, {what}: {n} bytes expected, "
                f"{len(self.data) - self.place} are left",
                "the file is damaged; copy it again",
            )
        self.place += n
        return self.data[self.place - n : self.place]

    def unpack(self, layout: struct.Struct, what: str) -> tuple[object, ...]:
        return layout.unpack(self.take(layout.size, what))

    def integers(self, layout: struct.Struct, what: str) -> list[int]:
        return [v for v in self.unpack(layout, what) if isinstance(v, int)]

    def floats(self, n: int, what: str) -> NDArray[np.float64]:
        return _floats(self.take(4 * n if n >= 0 else -1, what))


def _floats(data: bytes) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # a signalling NaN; the caller looks for NaN
        return np.frombuffer(data, dtype=">f4").astype(np.float64)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An object while its chunks are read."""

    name: str
    expected: int
    radius_px: float
    contours: list[ImodContour]


def read_imod_model(path: str | Path) -> ImodModel:
    """Read objects, contours, point sizes, slicer views and the image reference of a model."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise FormatError(path, f"{size} bytes are too many for a model")
    reader = _Reader(path.read_bytes(), path)
    if reader.take(8, "id") != ID:
        raise FormatError(path, "does not start with IMODV1.2: not an IMOD model")
    header = _HEADER.unpack(reader.take(_HEADER.size, "header"))
    drafts: list[_Draft] = []
    slicer: list[tuple[float, ...]] = []
    shift = (0.0, 0.0, 0.0)
    while (chunk := reader.take(4, "chunk name")) != END:
        if chunk == b"OBJT":
            drafts.append(_object(reader))
        elif chunk == b"CONT":
            _contour(reader, drafts)
        elif chunk == b"MESH":
            vertices, indices = reader.integers(_MESH, "MESH")[:2]
            reader.take(12 * vertices, "MESH vertices")
            reader.take(4 * indices, "MESH indices")
        else:
            data = _chunk(reader, chunk)
            if chunk == b"SIZE":
                _sizes(data, drafts, path)
            elif chunk == b"SLAN" and len(data) == _SLICER.size:
                slicer.append(_SLICER.unpack(data)[1:7])
            elif chunk == b"MINX" and len(data) == _MINX.size and header[5] & _HAS_ORIGINS:
                shift = _image_shift(_MINX.unpack(data))
    _check_counts(drafts, header[4], path)
    return ImodModel(
        objects=tuple(
            ImodObject(name=d.name, contours=tuple(d.contours), radius_px=d.radius_px)
            for d in drafts
        ),
        slicer=np.asarray(slicer, dtype=np.float64).reshape(-1, 6),
        size_px=(header[1], header[2], header[3]),
        pixel_size_nm=header[21] if header[22] == _NANOMETRE and header[21] > 0 else 0.0,
        shift_px=shift,
    )


def _object(reader: _Reader) -> _Draft:
    values = _OBJECT.unpack(reader.take(_OBJECT.size, "OBJT"))
    name = values[0].split(b"\0")[0].decode("utf-8", errors="replace").strip()
    return _Draft(name=name, expected=values[2], radius_px=float(max(values[9], 0)), contours=[])


def _contour(reader: _Reader, drafts: list[_Draft]) -> None:
    n = reader.integers(_CONTOUR, "CONT")[0]
    point = reader.floats(3 * n, "CONT points").reshape(-1, 3)
    if not drafts:
        raise FormatError(reader.path, f"byte {reader.place}: CONT before the first OBJT")
    if not np.isfinite(point).all():
        raise FormatError(reader.path, f"byte {reader.place}, CONT: a point is not finite")
    drafts[-1].contours.append(ImodContour(point=point))


def _chunk(reader: _Reader, name: bytes) -> bytes:
    if not all(32 <= byte < 127 for byte in name):
        raise FormatError(reader.path, f"byte {reader.place - 4}: no chunk is called {name!r}")
    (length,) = struct.unpack(">i", reader.take(4, "chunk length"))
    return reader.take(length, name.decode("ascii"))


def _sizes(data: bytes, drafts: list[_Draft], path: Path) -> None:
    """Radii of the points of the contour just read; negative means the object's radius."""
    if not drafts or not drafts[-1].contours:
        raise FormatError(path, "SIZE before the first CONT")
    contour = drafts[-1].contours[-1]
    if len(data) != 4 * len(contour.point):
        raise FormatError(
            path, f"SIZE: {len(data)} bytes for a contour of {len(contour.point)} points"
        )
    radius = _floats(data)
    radius[~(radius >= 0) | ~np.isfinite(radius)] = np.nan
    drafts[-1].contours[-1] = ImodContour(point=contour.point, radius_px=radius)


def _image_shift(minx: tuple[float, ...]) -> tuple[float, float, float]:
    """From model to full image: (origin of the full image - start of the loaded part) / scale."""
    old, scale, current = np.asarray(minx[3:6]), np.asarray(minx[9:12]), np.asarray(minx[12:15])
    with np.errstate(all="ignore"):
        shift = (old - current) / scale
    if not (np.isfinite(shift).all() and np.abs(shift).max() < 1e6):
        return 0.0, 0.0, 0.0
    x, y, z = (float(v) for v in shift)
    return x, y, z


def _check_counts(drafts: list[_Draft], expected: int, path: Path) -> None:
    if len(drafts) != expected:
        raise FormatError(path, f"the header says {expected} objects, the file has {len(drafts)}")
    for place, draft in enumerate(drafts, start=1):
        if len(draft.contours) != draft.expected:
            raise FormatError(
                path,
                f"object {place} says {draft.expected} contours, the file has "
                f"{len(draft.contours)}",
            )


def write_imod_model(path: str | Path, model: ImodModel) -> None:
    """Write a model of scattered points.

    No image reference is written: IMOD then takes the points as they are, whatever origin the
    header of the image has.
    """
    parts = [ID, _header(model)]
    for number, item in enumerate(model.objects, start=1):
        name = item.name.encode()
        if len(name) > 63 or b"\0" in name:
            raise InputError(
                f"{path}: object {number}: '{item.name[:30]}...' is longer than 63 bytes; shorten it"
            )
        parts.append(b"OBJT" + _object_bytes(name, item))
        for contour in item.contours:
            parts.append(b"CONT" + _CONTOUR.pack(len(contour.point), 0, 0, 0))
            parts.append(contour.point.astype(">f4").tobytes())
            if contour.radius_px is not None:
                radius = np.nan_to_num(contour.radius_px, nan=-1.0).astype(">f4").tobytes()
                parts.append(b"SIZE" + struct.pack(">i", len(radius)) + radius)
    views = [_SLICER.pack(1, *row, b"") for row in model.slicer]
    parts += [b"SLAN" + struct.pack(">i", len(view)) + view for view in views]
    write_bytes(path, b"".join([*parts, END]))


def _header(model: ImodModel) -> bytes:
    return _HEADER.pack(
        b"cryopick",
        *model.size_px,
        len(model.objects),
        _NEW_MODEL_FLAGS,
        *(1, 1, 0, 255),  # draw, mouse mode, black and white level
        *(0.0, 0.0, 0.0, 1.0, 1.0, 1.0),  # offsets and scales
        *(0, 0, -1, 3, 128),  # current object, contour, point; resolution, threshold
        model.pixel_size_nm,
        _NANOMETRE if model.pixel_size_nm else 0,
        0,
        *(0.0, 0.0, 0.0),
    )


def _object_bytes(name: bytes, item: ImodObject) -> bytes:
    return _OBJECT.pack(
        name,
        b"",
        len(item.contours),
        _OPEN | _SCATTERED,
        *(0, 1),  # axis, draw mode
        *(0.0, 1.0, 0.0),  # green
        round(item.radius_px),
        *(1, 3, 1, 1, 0, 0, 0, 0),  # symbol none, size 3, line widths 1
        *(0, 0),  # meshes, surfaces
    )
