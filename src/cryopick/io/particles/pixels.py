"""Pixels of particles: read from the stacks that hold them, written as new stacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.images import open_image, write_mrc
from cryopick.model import Particles, PixelSource


def read_particle_images(
    particles: Particles, rows: NDArray[Any] | Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Load the images of particles.

    Parameters
    ----------
    particles
        Where they lie; each stack is opened once.
    rows
        Which of them; default: all.

    Returns
    -------
    ndarray
        ``(n, box, box)`` float32, in the order of ``rows``.
    """
    chosen = np.arange(len(particles))
    if rows is not None:
        chosen = chosen[np.asarray(rows, dtype=np.int64)]
    file, index = particles.file[chosen], particles.index[chosen]
    box = particles.box_px
    images = np.empty((len(chosen), box, box), np.float32)
    for name in dict.fromkeys(file.tolist()):
        place = np.flatnonzero(file == name)
        images[place] = _images(_pixels(name, box, int(index[place].max())), index[place])
    return images


def write_particle_stack(
    path: str | Path,
    images: PixelSource,
    pixel_size_angstrom: float,
    *,
    dtype: Literal["float32", "float16"] = "float32",
) -> None:
    """Write ``(n, box, box)`` images as one ``.mrcs``; it appears whole or not at all."""
    write_mrc(path, images, pixel_size_angstrom, dtype=dtype, stack=True)


def _pixels(name: str, box: int, last: int) -> PixelSource:
    """A stack as ``(n, y, x)``, checked against what its table says of it."""
    stack = open_image(name)
    data = stack.data
    shape = data.shape if len(data.shape) == 3 else (1, *data.shape)
    if len(data.shape) > 3 or tuple(shape[1:]) != (box, box):
        raise FormatError(
            name, f"holds images of {'x'.join(map(str, shape[1:]))} px", f"expected {box}x{box}"
        )
    if last >= shape[0]:
        raise FormatError(name, f"holds {shape[0]} images, but image {last + 1} is listed")
    return data


def _images(data: PixelSource, index: NDArray[np.int64]) -> NDArray[np.float32]:
    if len(data.shape) == 2:
        return np.asarray(data[...], np.float32)[None][index]
    first, last = int(index.min()), int(index.max())
    # One sweep over the part that is wanted, unless that is much more than what is wanted.
    if last - first < 4 * len(index):
        return np.asarray(data[first : last + 1], np.float32)[index - first]
    return np.stack([np.asarray(data[int(i)], np.float32) for i in index])
