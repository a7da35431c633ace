"""`Grid`: where the pixels of an image lie in the specimen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Shape, pixel size and origin of a 2D or 3D image.

    The *specimen frame* is measured in Å along x, y(, z). Its zero is the centre of the first
    pixel of the unbinned image. A `Grid` places one image of that specimen in this frame, so the
    same Å position is valid in every binning of the image.

    Attributes
    ----------
    shape
        Array shape: ``(y, x)`` or ``(z, y, x)``.
    pixel_size_angstrom
        Edge of a pixel or voxel in Å.
    origin_angstrom
        Position of the centre of pixel 0 in the specimen frame, ``(x, y)`` or ``(x, y, z)``.
        Zero for an unbinned or Fourier-cropped image, ``(b - 1) / 2`` old pixels after mean
        binning by ``b``.

    Examples
    --------
    >>> grid = Grid(shape=(100, 200), pixel_size_angstrom=2.0)
    >>> grid.to_angstrom([[10, 20]])
    array([[20., 40.]])
    >>> grid.binned_by_mean(4).origin_angstrom
    (3.0, 3.0)
    """

    shape: tuple[int, ...]
    pixel_size_angstrom: float
    origin_angstrom: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise InputError(f"Grid: expected a shape of 2 or 3 positive lengths, got {self.shape}")
        size = float(self.pixel_size_angstrom)
        if not (np.isfinite(size) and size > 0):
            raise InputError(
                f"Grid: expected a pixel size above 0 Å, got {self.pixel_size_angstrom}; "
                "give --pixel-size"
            )
        origin = tuple(float(v) for v in self.origin_angstrom) or (0.0,) * len(shape)
        if len(origin) != len(shape):
            raise InputError(
                f"Grid: expected {len(shape)} origin values (x, y, ...), got {len(origin)}"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "pixel_size_angstrom", size)
        object.__setattr__(self, "origin_angstrom", origin)

    @property
    def ndim(self) -> int:
        """2 for a micrograph, 3 for a tomogram."""
        return len(self.shape)

    @property
    def size_px(self) -> tuple[int, ...]:
        """Number of pixels along ``x, y(, z)``: the shape reversed."""
        return self.shape[::-1]

    @property
    def extent_angstrom(self) -> tuple[float, ...]:
        """Edge lengths along ``x, y(, z)`` in Å."""
        return tuple(n * self.pixel_size_angstrom for n in self.size_px)

    def to_angstrom(self, position_px: ArrayLike) -> NDArray[np.float64]:
        """Turn pixel positions ``(n, d)`` of this image into specimen positions in Å."""
        position = np.asarray(position_px, dtype=np.float64)
        return position * self.pixel_size_angstrom + np.asarray(self.origin_angstrom)

    def to_px(self, position_angstrom: ArrayLike) -> NDArray[np.float64]:
        """Turn specimen positions ``(n, d)`` in Å into pixel positions of this image."""
        position = np.asarray(position_angstrom, dtype=np.float64)
        return (position - np.asarray(self.origin_angstrom)) / self.pixel_size_angstrom

    def contains(self, position_angstrom: ArrayLike) -> NDArray[np.bool_]:
        """Tell which positions fall on a pixel of this image (half a pixel of rim included)."""
        px = self.to_px(position_angstrom)
        return np.all((px >= -0.5) & (px <= np.asarray(self.size_px) - 0.5), axis=-1)

    def binned_by_mean(self, factor: int) -> Grid:
        """Grid after averaging blocks of ``factor`` pixels; a last partial block is dropped."""
        shift = (factor - 1) / 2 * self.pixel_size_angstrom
        return Grid(
            shape=tuple(n // factor for n in self.shape),
            pixel_size_angstrom=self.pixel_size_angstrom * factor,
            origin_angstrom=tuple(v + shift for v in self.origin_angstrom),
        )

    def resampled(self, shape: tuple[int, ...], pixel_size_angstrom: float) -> Grid:
        """Grid after Fourier cropping or padding: pixel 0 keeps its centre."""
        return Grid(
            shape=shape,
            pixel_size_angstrom=pixel_size_angstrom,
            origin_angstrom=self.origin_angstrom,
        )

    def cropped(self, start: tuple[int, ...], shape: tuple[int, ...]) -> Grid:
        """Grid of the block of ``shape`` that starts at array index ``start`` (``zyx`` order)."""
        offset = np.asarray(start[::-1], dtype=np.float64) * self.pixel_size_angstrom
        return Grid(
            shape=shape,
            pixel_size_angstrom=self.pixel_size_angstrom,
            origin_angstrom=tuple(np.asarray(self.origin_angstrom) + offset),
        )
