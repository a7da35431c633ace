"""`Image`: pixels, in memory or on disk, with the `Grid` that places them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model.grid import Grid


@runtime_checkable
class PixelSource(Protocol):
    """What an `Image` needs of its data: an array, a memory map, or anything sliced like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels as stored."""
        ...

    def __getitem__(self, index: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """A micrograph or a tomogram.

    Attributes
    ----------
    data
        ``(y, x)`` or ``(z, y, x)``; sliced lazily where it lies on disk. A stack of images is
        not an `Image`: see `ImageStack`.
    grid
        Places the pixels in the specimen.
    name
        The name by which picks refer to this image: its file name without folders and suffix.
    path
        The file it came from, if any.
    facts
        What the file said of itself beyond the pixels (labels, origin, mode), for display.
    warnings
        What was odd about the file, one line each.
    """

    data: PixelSource
    grid: Grid
    name: str
    path: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.data.shape) != self.grid.shape:
            raise InputError(
                f"Image {self.name}: expected data of shape {self.grid.shape}, "
                f"got {tuple(self.data.shape)}"
            )

    @property
    def ndim(self) -> int:
        """2 for a micrograph, 3 for a tomogram."""
        return self.grid.ndim

    def read(self) -> NDArray[np.float32]:
        """Load all pixels as float32."""
        return np.asarray(self.data[...], dtype=np.float32)

    def plane(self, axis: str, index: int) -> NDArray[np.float32]:
        """Load one plane of a volume, perpendicular to ``axis`` (``"x"``, ``"y"`` or ``"z"``)."""
        if self.ndim != 3 or axis not in ("x", "y", "z"):
            raise InputError(f"Image {self.name}: expected axis x, y or z of a volume, got {axis}")
        place = ("z", "y", "x").index(axis)
        if not 0 <= index < self.grid.shape[place]:
            raise InputError(
                f"Image {self.name}: expected {axis} from 0 to {self.grid.shape[place] - 1}, "
                f"got {index}"
            )
        selection: list[slice | int] = [slice(None)] * 3
        selection[place] = index
        return np.asarray(self.data[tuple(selection)], dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageStack:
    """``n`` images of one shape: particles, class averages, tilt images.

    Attributes
    ----------
    data
        ``(n, y, x)`` or ``(n, z, y, x)``.
    pixel_size_angstrom
        Pixel size of every image.
    """

    data: PixelSource
    pixel_size_angstrom: float
    name: str
    path: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.data.shape[0]
