"""Resample and filter volumes larger than memory, slab by slab.

Sources are read and targets written by slicing along z or y; working arrays stay under a limit
in bytes. Transforms of whole volumes go through a temporary file of the volume's own size.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import PixelSource
from cryopick.ops.filters import Band, deviations, gaussian
from cryopick.ops.fourier import fourier_resample, plan_axis
from cryopick.ops.resample import mean_bin

# Working copies that a step keeps of its slab at once, measured; in float32 pixels.
_COPIES_BIN, _COPIES_FOURIER, _COPIES_FILTER = 6, 10, 8


def stream_mean_bin(source: PixelSource, target: Any, factor: int, *, memory_bytes: int) -> None:
    """Average blocks of a volume into ``target``, some layers of blocks at a time."""
    plane = math.prod(source.shape[1:]) * 4 * _COPIES_BIN
    layers = _slab(memory_bytes, plane * factor, target.shape[0])
    for start in range(0, target.shape[0], layers):
        stop = min(start + layers, target.shape[0])
        target[start:stop] = mean_bin(np.asarray(source[start * factor : stop * factor]), factor)


def stream_fourier_resample(
    source: PixelSource,
    target: Any,
    ratio: float,
    *,
    memory_bytes: int,
    folder: Path,
    device: str = "cpu",
) -> None:
    """Crop or pad the transform of a volume: x and y per slab, then z per block of rows.

    Parameters
    ----------
    source, target
        ``(z, y, x)``; the target has the shape that `plan_axis` gives for each axis.
    ratio
        New pixel size over old.
    memory_bytes
        Limit of the working arrays.
    folder
        Where the temporary file goes.
    """
    nz, ny, nx = source.shape
    my, mx = (plan_axis(n, ratio).new_px for n in (ny, nx))
    larger = max(ny, my) * max(nx, mx) * 4 * _COPIES_FOURIER
    slab = _slab(memory_bytes, larger, nz)
    with _scratch(folder, (nz, my, mx), np.float32) as middle:
        for start in range(0, nz, slab):
            planes = np.asarray(source[start : start + slab], dtype=np.float32)
            middle[start : start + slab] = fourier_resample(
                planes, ratio, axes=(1, 2), device=device
            )
        plan = plan_axis(nz, ratio)
        longest = max(plan.padded_px, plan.transformed_px)
        rows = _slab(memory_bytes, longest * mx * 4 * _COPIES_FOURIER, my)
        for start in range(0, my, rows):
            block = np.array(middle[:, start : start + rows])
            target[:, start : start + rows] = fourier_resample(
                block, ratio, axes=(0,), device=device
            )


def stream_gaussian(
    source: PixelSource,
    target: Any,
    pixel_size_angstrom: float,
    *,
    sigma_angstrom: float,
    memory_bytes: int,
    folder: Path,
) -> None:
    """Blur a volume: x and y per slab, then z per block of rows, however wide the Gaussian."""
    nz, ny, nx = source.shape
    sigma = sigma_angstrom
    slab = _slab(memory_bytes, ny * nx * 4 * _COPIES_FILTER, nz)
    rows = _slab(memory_bytes, nz * nx * 4 * _COPIES_FILTER, ny)
    with _scratch(folder, (nz, ny, nx), np.float32) as middle:
        for start in range(0, nz, slab):
            planes = np.asarray(source[start : start + slab], dtype=np.float32)
            middle[start : start + slab] = gaussian(
                planes, pixel_size_angstrom, sigma_angstrom=sigma, axes=(1, 2)
            )
        for start in range(0, ny, rows):
            block = np.array(middle[:, start : start + rows])
            target[:, start : start + rows] = gaussian(
                block, pixel_size_angstrom, sigma_angstrom=sigma, axes=(0,)
            )


def stream_local_normalise(
    source: PixelSource,
    target: Any,
    pixel_size_angstrom: float,
    *,
    window_angstrom: float,
    memory_bytes: int,
    folder: Path,
) -> None:
    """Normalise a volume locally, through temporary files for the mean and the variance."""
    nz, ny, nx = source.shape
    slab = _slab(memory_bytes, ny * nx * 4 * _COPIES_FILTER, nz)
    slabs = [slice(start, min(start + slab, nz)) for start in range(0, nz, slab)]

    def blur(here: PixelSource, there: Any) -> None:
        stream_gaussian(
            here,
            there,
            pixel_size_angstrom,
            sigma_angstrom=window_angstrom / 2,
            memory_bytes=memory_bytes,
            folder=folder,
        )

    shape = (nz, ny, nx)
    with _scratch(folder, shape, np.float32) as mean, _scratch(folder, shape, np.float32) as square:
        blur(source, mean)
        for part in slabs:
            square[part] = np.square(np.asarray(source[part], dtype=np.float32) - mean[part])
        # In place: the blur has read all of the squares before it writes its first block.
        blur(square, square)
        for part in slabs:
            pixels = np.asarray(source[part], dtype=np.float32)
            target[part] = deviations(pixels, np.asarray(mean[part]), np.asarray(square[part]))


def stream_band_pass(
    source: PixelSource,
    target: Any,
    pixel_size_angstrom: float,
    band: Band,
    *,
    memory_bytes: int,
    folder: Path,
) -> None:
    """Band-pass a volume: transform planes, weigh columns along z, transform planes back."""
    nz, ny, nx = source.shape
    slab = _slab(memory_bytes, ny * nx * 4 * _COPIES_FOURIER, nz)
    half = nx // 2 + 1
    with _scratch(folder, (nz, ny, half), np.complex64) as spectrum:
        for start in range(0, nz, slab):
            planes = np.asarray(source[start : start + slab], dtype=np.float32)
            spectrum[start : start + slab] = _fft().rfft2(planes)
        rows = _slab(memory_bytes, nz * half * 8 * _COPIES_FOURIER, ny)
        for start in range(0, ny, rows):
            stop = min(start + rows, ny)
            columns = _fft().fft(np.array(spectrum[:, start:stop]), axis=0)
            columns *= _block_weight((nz, ny, nx), pixel_size_angstrom, band, slice(start, stop))
            spectrum[:, start:stop] = _fft().ifft(columns, axis=0, overwrite_x=True)
        for start in range(0, nz, slab):
            planes = np.array(spectrum[start : start + slab])
            target[start : start + slab] = _fft().irfft2(planes, s=(ny, nx), overwrite_x=True)


def _block_weight(
    shape: tuple[int, ...], pixel_size_angstrom: float, band: Band, rows: slice
) -> NDArray[np.float32]:
    z = np.fft.fftfreq(shape[0], pixel_size_angstrom).astype(np.float32)[:, None, None]
    y = np.fft.fftfreq(shape[1], pixel_size_angstrom).astype(np.float32)[rows][None, :, None]
    x = np.fft.rfftfreq(shape[2], pixel_size_angstrom).astype(np.float32)[None, None, :]
    return band.weight(np.sqrt(z * z + y * y + x * x), np.cos, np.float32(np.pi), np.clip)


def _slab(memory_bytes: int, bytes_each: int, n: int) -> int:
    """How many of ``n`` planes, or rows, fit into memory at once."""
    fitting = memory_bytes // bytes_each
    if fitting >= n:
        return n
    if fitting < 1:
        raise InputError(
            f"memory limit of {memory_bytes / 2**20:.0f} MiB: one step needs "
            f"{bytes_each / 2**20:.0f} MiB; raise the limit"
        )
    return fitting


@contextmanager
def _scratch(folder: Path, shape: tuple[int, ...], dtype: Any) -> Generator[NDArray[Any]]:
    """A memory map over a temporary file that vanishes afterwards."""
    with tempfile.TemporaryFile(prefix="cryopick-", dir=folder) as file:
        yield np.memmap(file, dtype=dtype, mode="w+", shape=shape)


def _fft() -> Any:
    import scipy.fft

    return scipy.fft
