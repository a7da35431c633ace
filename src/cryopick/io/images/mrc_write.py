"""Writing MRC files: whole arrays, or a canvas that is filled piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import atomic_path
from cryopick.io.images.cast import check_cast
from cryopick.io.images.mrc_header import HEADER_BYTES, MrcHeader, origin_label, pack_header
from cryopick.model import PixelSource

MODES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6, "float16": 12}


def write_mrc(
    path: str | Path,
    data: PixelSource,
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
    labels: Sequence[str] = (),
) -> None:
    """Write an image, a volume or a stack as an MRC file, section by section.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    data
        ``(y, x)``, ``(z, y, x)``, or with ``stack`` ``(n, y, x)`` or ``(n, z, y, x)``.
    pixel_size_angstrom
        Edge of a pixel.
    origin_angstrom
        Grid origin ``x, y(, z)``, kept in a label; default: zero.
    dtype
        ``int8``, ``int16``, ``uint16``, ``float16`` or ``float32``. Integers are rounded; values
        that do not fit are an `InputError`.
    stack
        Whether the first axis counts images.
    labels
        Further text labels, up to nine of 80 ASCII characters.

    Examples
    --------
    >>> import tempfile
    >>> from cryopick.io.images import open_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_mrc(f"{folder}/a.mrc", np.ones((4, 6)), 1.35, origin_angstrom=(2.0, 2.0))
    ...     grid = open_image(f"{folder}/a.mrc").grid
    >>> grid.shape, grid.pixel_size_angstrom, grid.origin_angstrom
    ((4, 6), 1.35, (2.0, 2.0))
    """
    path = Path(path)
    shape = tuple(int(n) for n in data.shape)
    header = _header(path, shape, pixel_size_angstrom, origin_angstrom, dtype, stack, labels)
    kind = np.dtype(dtype).newbyteorder("<")
    running = _Statistics()
    with atomic_path(path) as part, part.open("wb") as file:
        file.write(pack_header(header))
        for section in _sections(data):
            pixels = check_cast(np.asarray(section), np.dtype(dtype), path)
            running.add(pixels)
            file.write(np.ascontiguousarray(pixels, dtype=kind).tobytes())
        file.seek(0)
        file.write(pack_header(running.into(header)))


@contextmanager
def mrc_canvas(
    path: str | Path,
    shape: tuple[int, ...],
    pixel_size_angstrom: float,
    *,
    origin_angstrom: Sequence[float] = (),
    dtype: str = "float32",
    stack: bool = False,
    labels: Sequence[str] = (),
) -> Generator[NDArray[Any]]:
    """Give a writable memory map of the pixels of a new MRC file; it appears when all is written.

    For results larger than memory: fill it in any order. The arguments are those of `write_mrc`.
    """
    path = Path(path)
    header = _header(path, shape, pixel_size_angstrom, origin_angstrom, dtype, stack, labels)
    kind = np.dtype(dtype).newbyteorder("<")
    with atomic_path(path) as part:
        pixels = np.memmap(part, dtype=kind, mode="w+", offset=HEADER_BYTES, shape=shape)
        yield pixels
        pixels.flush()
        running = _Statistics()
        for section in _sections(pixels):
            if kind.kind == "f" and np.any(np.isinf(section)):
                raise InputError(f"{path}: pixels do not fit {dtype}; write float32")
            running.add(np.asarray(section))
        del pixels
        with part.open("r+b") as file:
            file.write(pack_header(running.into(header)))


def _header(
    path: Path,
    shape: tuple[int, ...],
    pixel_size_angstrom: float,
    origin_angstrom: Sequence[float],
    dtype: str,
    stack: bool,  # noqa: FBT001 - passed on
    labels: Sequence[str],
) -> MrcHeader:
    if dtype not in MODES:
        raise InputError(f"{path}: dtype {dtype}: MRC holds {', '.join(MODES)}")
    if len(shape) not in ((3, 4) if stack else (2, 3)) or min(shape) < 1:
        raise InputError(f"{path}: cannot write an array of shape {shape} as MRC")
    if not (np.isfinite(pixel_size_angstrom) and pixel_size_angstrom > 0):
        raise InputError(f"{path}: expected a pixel size above 0 Å, got {pixel_size_angstrom}")
    origin = tuple(float(v) for v in origin_angstrom) or (0.0, 0.0, 0.0)
    if not all(np.isfinite(origin)) or len(origin) not in (2, 3):
        raise InputError(f"{path}: expected an origin of 2 or 3 finite numbers, got {origin}")
    width, height = (shape[len(shape) - 1], shape[len(shape) - 2])
    depth = shape[len(shape) - 3] if len(shape) > 2 else 1
    sections = depth * (shape[0] if len(shape) == 4 else 1)
    # In a stack of images each section stands alone: mz is 1.
    sampling = (width, height, 1 if stack and len(shape) == 3 else depth)
    group = 401 if len(shape) == 4 else (0 if stack or len(shape) == 2 else 1)
    cell = tuple(float(np.float32(n * pixel_size_angstrom)) for n in sampling)
    return MrcHeader(
        size_px=(width, height, sections),
        mode=MODES[dtype],
        sampling=sampling,
        cell_angstrom=(cell[0], cell[1], cell[2]),
        space_group=group,
        labels=(origin_label(origin), *labels[:9]),
    )


def _sections(data: PixelSource) -> Generator[Any]:
    """The 2D sections of an array, in file order."""
    if len(data.shape) == 2:
        yield data[...]
        return
    for i in range(data.shape[0]):
        if len(data.shape) == 3:
            yield data[i]
        else:
            yield from _sections(data[i])


class _Statistics:
    """Minimum, maximum, mean and deviation of pixels that pass by."""

    def __init__(self) -> None:
        self.n, self.total, self.squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, pixels: NDArray[Any]) -> None:
        """Count one section."""
        values = pixels.astype(np.float64)
        self.n += values.size
        self.total += float(values.sum())
        self.squares += float(np.square(values).sum())
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    def into(self, header: MrcHeader) -> MrcHeader:
        """The header with these statistics."""
        from dataclasses import replace

        mean = self.total / self.n
        deviation = float(np.sqrt(max(self.squares / self.n - mean * mean, 0.0)))
        return replace(header, statistics=(self.low, self.high, mean, deviation))
